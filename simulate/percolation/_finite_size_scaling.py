"""Data collapse: curves of several sizes as one function of a scaled distance from the threshold [@Stauffer1994]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, ShapeError
from .data_collapse import Curves, fit_collapse
from .inputs import sweeps_of
from .sweep_result import CURVES, WRAPPING, Sweep

if TYPE_CHECKING:
    import xarray as xr

NAMES = ("threshold", "one_over_nu", "kappa")
LARGEST_EXPONENT = 10.0
LARGEST_WINDOW = 100.0


def finite_size_scaling(
    sweeps: Sequence[Sweep],
    quantity: str = "largest",
    *,
    guess: tuple[float, float, float],
    fixed: Sequence[str] = (),
    window: float = 0.5,
    degree: int = 7,
    points: int = 41,
) -> xr.Dataset:
    """Collapse the curves of several sizes: y L^{-kappa} = f((p - p_c) L^{1/nu}) [@Stauffer1994].

    p_c, 1/nu and kappa are fitted; f is a polynomial, eliminated by linear least squares. Errors are from a jackknife
    over the batches of runs, since points of one sweep share their runs, and are enlarged by the root of `misfit`
    (chi squared per degree of freedom) where it exceeds 1.

    Parameters
    ----------
    sweeps : sequence of Sweep
        Sweeps of one lattice at two sizes or more.
    quantity : str
        A curve ("largest" with kappa = -beta/nu, "mean_size" with gamma/nu) or a wrapping probability (kappa = 0,
        kept).
    guess : (float, float, float)
        (p_c, 1/nu, kappa), where the fit starts. It fixes which p are used: those with |p - p_c| L^{1/nu} <= `window`.
    fixed : sequence of str
        Parameters, among "threshold", "one_over_nu" and "kappa", that stay at their guess. Fix the threshold of a curve
        whose corrections to scaling are larger than its errors, and take it from `estimate_threshold`.
    window : float
        Half-width of the range of the scaled distance (p - p_c) L^{1/nu}.
    degree : int
        Degree of the polynomial, 1 to 15.
    points : int
        Number of p per size, >= 5.

    Returns
    -------
    xarray.Dataset
        The collapsed points `x`, `y` and their `p` over (size, point), the `master` curve there, `misfit`, and
        `threshold`, `one_over_nu`, `kappa`, each with `_stderr`.

    Raises
    ------
    EstimateError
        Where the fit does not converge.
    EmptyDataError
        For fewer than two sweeps.
    UnknownNameError
        For a quantity that was not measured, or an unknown name in `fixed`.
    ArgumentError
        For single runs, mixed lattices or repeated sizes, or numbers outside their range.

    Examples
    --------
    >>> from idealscore.simulate.percolation import sweep
    >>> sweeps = [sweep("square", "bond", L, 200, quantities=("wrapping",)) for L in (8, 16)]
    >>> fit = finite_size_scaling(sweeps, "wrapping_horizontal", guess=(0.5, 0.75, 0.0), degree=5)
    >>> bool(abs(fit.threshold - 0.5) < 0.05), dict(fit.sizes)
    (True, {'size': 2, 'point': 41})
    """
    import xarray as xr

    fixed = [check.choice("fixed", name, NAMES) for name in check.items("fixed", fixed)]
    listed = sweeps_of(sweeps, 2)
    check.choice("quantity", quantity, (*CURVES, *WRAPPING))
    guess = _checked_guess(guess, 1.0 if listed[0].density is None else math.inf)
    degree, points = check.integer("degree", degree, 1, 15), check.integer("points", points, 5)
    window = check.real("window", window, 1e-6, LARGEST_WINDOW)
    kept = {*fixed, "kappa"} if quantity.startswith("wrapping") else {*fixed}
    free = [name not in kept for name in NAMES]
    curves = [Curves.of(sweep, quantity, guess, window, points) for sweep in listed]
    best = fit_collapse(curves, guess, degree, free)
    n_groups = min(curve.n_batches for curve in curves)
    left_out = np.array([
        fit_collapse([curve.without(b) for curve in curves], tuple(best.parameters), degree, free).parameters
        for b in range(n_groups)
    ])  # fmt: skip
    errors = np.sqrt((n_groups - 1) / n_groups * ((left_out - left_out.mean(0)) ** 2).sum(0))
    errors *= max(1.0, best.misfit) ** 0.5
    x, y = best.collapsed(curves)
    data = {
        "x": (("size", "point"), x),
        "y": (("size", "point"), y),
        "p": (("size", "point"), np.array([curve.p for curve in curves])),
        "master": (("size", "point"), best.master(x)),
        "misfit": best.misfit,
        **{name: value for name, value in zip(NAMES, best.parameters, strict=True)},
        **{f"{name}_stderr": error for name, error in zip(NAMES, errors, strict=True)},
    }
    sizes = [float(sweep.size[0]) for sweep in listed]
    return xr.Dataset(data, {"size": sizes}, {**listed[0].attributes, "quantity": quantity, "lattice": listed[0].name})


def _checked_guess(guess: Sequence[float], most: float) -> tuple[float, float, float]:
    """(threshold, 1/nu, kappa) within what a collapse can start from, the threshold below `most`."""
    found = check.finite("guess", check.float_array("guess", guess))
    if found.shape != (3,):
        raise ShapeError("guess", f"has shape {found.shape}", "pass three numbers: threshold, 1/nu and kappa")
    threshold, inverse, kappa = found.tolist()
    if not (0 < threshold < most and 0 < inverse <= LARGEST_EXPONENT and abs(kappa) <= LARGEST_EXPONENT):
        problem = f"is threshold {threshold:g}, 1/nu {inverse:g}, kappa {kappa:g}"
        remedy = f"pass 0 < threshold < {most:g}, 0 < 1/nu <= {LARGEST_EXPONENT:g} and |kappa| <= {LARGEST_EXPONENT:g}"
        raise ArgumentError("guess", problem, remedy)
    return threshold, inverse, kappa
