r"""From sweeps to a threshold and to exponents, with errors that come from the scatter of independent runs.

In two dimensions the wrapping probability at p_c is known (`theory.percolation.wrapping`), so that one size gives an
estimate: the p at which R(p) = R_inf, whose distance from p_c falls as L^{-2-1/nu} = L^{-11/4} [@Newman2001]. Where
R_inf is not known, the curves R_L(p) of two sizes cross near p_c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, EmptyDataError, EstimateError
from ...theory.percolation.wrapping import wrapping_probabilities
from ._canonical_kernels import wrapping
from .canonical_average import largest_mean
from .result import Sweep

if TYPE_CHECKING:
    import xarray as xr

EVENTS = ("horizontal", "either", "both")
DRIFT = 2 + 3 / 4  # exponent of the finite-size shift of the wrapping estimate in two dimensions


@dataclass(frozen=True)
class ThresholdEstimate:
    """A measured threshold: `stderr` is statistical, `systematic` bounds the shift from the finite size.

    `by_size` holds (size, value, stderr) of each size, `chi2` and `freedom` the quality of the common fit.
    """

    value: float
    stderr: float
    systematic: float
    event: str
    by_size: tuple[tuple[float, float, float], ...]
    chi2: float = 0.0
    freedom: int = 0

    def __str__(self) -> str:
        return f"{self.value:.6f} ± {self.stderr:.1g} (statistical) ± {self.systematic:.1g} (finite size)"


def _reached(sweep: Sweep, p: float, event: str) -> tuple[float, float]:
    """Wrapping probability at p and its standard error."""
    means, binomial = sweep._means(p)
    average, square = wrapping(sweep.wraps, sweep.n_total, means, binomial)[0, EVENTS.index(event)]
    return average, float(np.sqrt(max(square - average**2, 0.0) / max(sweep.n_runs - 1, 1)))


def _range(sweep: Sweep) -> tuple[float, float]:
    """The interval of p (or eta) in which the runs wrapped."""
    first = np.where(sweep.wraps < 0, sweep.n_total, sweep.wraps)
    low, high = np.quantile(first, [0.0, 1.0]) / (sweep.density or sweep.n_total)
    if sweep.density is not None:
        high = min(high, largest_mean(sweep.n_total) / sweep.density)
        return max(low, 0.0), high
    return max(low - 0.05, 0.0), min(high + 0.05, 1.0)


def _crossing(sweep: Sweep, target: float, event: str) -> tuple[float, float]:
    """Where R(p) = target, and its standard error stderr(R) / |dR/dp|."""
    from scipy.optimize import root_scalar

    low, high = _range(sweep)
    if not _reached(sweep, low, event)[0] < target < _reached(sweep, high, event)[0]:
        raise EstimateError(f"the wrapping probability of size {sweep.size[0]} does not cross {target:.4g}")
    p = float(root_scalar(lambda x: _reached(sweep, x, event)[0] - target, bracket=(low, high), xtol=1e-12).root)
    return p, _reached(sweep, p, event)[1] / wrapping_slope(sweep, p, event)


def wrapping_slope(sweep: Sweep, p: float, event: str = "horizontal") -> float:
    """dR/dp at p, by a central difference much narrower than the transition."""
    step = 0.02 * p / sweep.size[0] ** 0.75
    above, below = _reached(sweep, p + step, event)[0], _reached(sweep, p - step, event)[0]
    return (above - below) / (2 * step)


def _checked(sweeps: Sweep | Sequence[Sweep], least: int) -> list[Sweep]:
    listed = [sweeps] if isinstance(sweeps, Sweep) else list(sweeps)
    if len(listed) < least or not all(isinstance(sweep, Sweep) for sweep in listed):
        raise EmptyDataError("sweeps", f"holds {len(listed)} sweep(s)", f"pass at least {least}")
    if len({(sweep.name, sweep.kind) for sweep in listed}) > 1:
        raise ArgumentError("sweeps", "are of different lattices or kinds", "pass one lattice at several sizes")
    if len({sweep.size[0] for sweep in listed}) < len(listed):
        raise ArgumentError("sweeps", "repeat a size", "pass one sweep per size")
    if any(sweep.n_runs < 2 for sweep in listed):
        raise ArgumentError("n_runs", "is 1", "an error needs at least two runs per size")
    return sorted(listed, key=lambda sweep: sweep.size[0])


def estimate_threshold(sweeps: Sweep | Sequence[Sweep], event: str = "horizontal") -> ThresholdEstimate:
    """The threshold from where wrapping probabilities cross.

    Two dimensions: each size gives the p at which R(p) is its exact critical value on that torus; the weighted mean is
    returned. Otherwise: the crossing of R between neighbouring sizes, the largest pair counting. `systematic` is the
    shift a L^{-11/4} at the largest size, a being the shift between R(p) = R_inf of this event and the mean over
    events (two dimensions, one size), or the difference between the last two estimates (several sizes).

    Raises ArgumentError for open boxes, single runs, mixed lattices or repeated sizes; EstimateError where the curves
    do not cross, or where the sizes disagree beyond chance (p < 1e-6), with the estimate riding along.

    >>> from idealscore.simulate.percolation import sweep
    >>> estimate = estimate_threshold(sweep("square", "bond", 16, 2000, quantities=("wrapping",)))
    >>> abs(estimate.value - 0.5) < 4 * estimate.stderr + estimate.systematic
    True
    """
    event = check.choice("event", event, EVENTS)
    listed = _checked(sweeps, 1)
    if any(not sweep.wraps.shape[1] for sweep in listed):
        raise ArgumentError("sweeps", "hold no wrapping", "sweep with periodic=True and quantities including wrapping")
    if all(sweep.modulus is not None for sweep in listed):
        return _from_exact_values(listed, event)
    if len(listed) < 2:
        raise ArgumentError("sweeps", "is one size without a known critical wrapping", "pass at least two sizes")
    return _from_crossings(listed, event)


def _from_exact_values(sweeps: list[Sweep], event: str) -> ThresholdEstimate:
    from scipy.stats import chi2 as chi2_distribution

    rows = []
    for sweep in sweeps:
        exact = wrapping_probabilities(sweep.modulus or 1j)
        rows.append((float(sweep.size[0]), *_crossing(sweep, getattr(exact, event), event)))
    sizes, values, errors = np.array(rows).T
    largest, exact = sweeps[-1], wrapping_probabilities(sweeps[-1].modulus or 1j)
    spread = [_crossing(largest, getattr(exact, e), e)[0] for e in EVENTS]
    systematic = float(np.std(spread)) / 2
    shifts = systematic * (sizes[-1] / sizes) ** DRIFT
    weights = 1 / (errors**2 + shifts**2)
    value = float(weights @ values / weights.sum())
    chi2 = float(weights @ (values - value) ** 2)
    stderr = float(np.sqrt((weights**2 * errors**2).sum()) / weights.sum())
    estimate = ThresholdEstimate(value, stderr, systematic, event, tuple(rows), chi2, len(rows) - 1)
    if len(rows) > 1 and chi2_distribution.sf(chi2, len(rows) - 1) < 1e-6:
        raise EstimateError(f"the sizes disagree beyond chance (chi2 = {chi2:.1f} for {len(rows) - 1})", estimate)
    return estimate


def _from_crossings(sweeps: list[Sweep], event: str) -> ThresholdEstimate:
    from scipy.optimize import root_scalar

    rows = []
    for small, large in pairwise(sweeps):
        low = max(_range(small)[0], _range(large)[0])
        high = min(_range(small)[1], _range(large)[1])
        grid = np.linspace(low, high, 400)

        def difference(p: float, small: Sweep = small, large: Sweep = large) -> float:
            return _reached(large, p, event)[0] - _reached(small, p, event)[0]

        gap = np.array([difference(p) for p in grid])
        steep = np.array([_reached(small, p, event)[0] for p in grid])
        inside = np.flatnonzero((gap[:-1] < 0) & (gap[1:] >= 0) & (steep[:-1] > 0.01) & (steep[:-1] < 0.99))
        if len(inside) == 0:
            raise EstimateError(f"the curves of sizes {small.size[0]} and {large.size[0]} do not cross")
        k = inside[np.argmax(np.gradient(steep)[inside])]
        p = float(root_scalar(difference, bracket=(grid[k], grid[k + 1]), xtol=1e-12).root)
        slope = wrapping_slope(large, p, event) - wrapping_slope(small, p, event)
        error = np.hypot(_reached(small, p, event)[1], _reached(large, p, event)[1]) / slope
        rows.append((float(large.size[0]), p, float(error)))
    value, stderr = rows[-1][1], rows[-1][2]
    systematic = abs(rows[-1][1] - rows[-2][1]) if len(rows) > 1 else stderr
    return ThresholdEstimate(value, stderr, systematic, event, tuple(rows))


@dataclass(frozen=True)
class Fit:
    """A fitted number and its standard error."""

    value: float
    stderr: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.stderr:.1g}"


def critical_exponents(sweeps: Sequence[Sweep], p: float) -> dict[str, Fit]:
    """beta/nu, gamma/nu, fractal dimension and 1/nu from power laws in L of the sweeps' values at the threshold p.

    Straight lines through the logarithms of S_max/N, sum s^2/N and dR/dp (where they were measured), weighted by
    their errors; the error of dR/dp is from a jackknife over 20 groups of runs. Corrections to scaling are not fitted:
    they are below the errors only when the smallest size is large. Raises as `estimate_threshold`.
    """
    listed = _checked(sweeps, 2)
    log_size = np.log([sweep.size[0] for sweep in listed])
    dimension = len(listed[0].size)
    found: dict[str, Fit] = {}
    rows = [sweep.canonical(p) for sweep in listed]
    for name, quantity, sign in (("beta_over_nu", "largest", -1), ("gamma_over_nu", "mean_size", 1)):
        if all(quantity in row for row in rows):
            values = np.array([float(row[quantity][0]) for row in rows])
            errors = np.array([float(row[f"{quantity}_stderr"][0]) for row in rows])
            fit = _power_law(log_size, values, errors)
            found[name] = Fit(sign * fit.value, fit.stderr)
    if "beta_over_nu" in found:
        found["fractal_dimension"] = Fit(dimension - found["beta_over_nu"].value, found["beta_over_nu"].stderr)
    if all(sweep.wraps.shape[1] for sweep in listed):
        slopes = [_slope_with_error(sweep, p) for sweep in listed]
        found["one_over_nu"] = _power_law(log_size, *np.array(slopes).T)
    return found


def _power_law(log_size: np.ndarray, values: np.ndarray, errors: np.ndarray) -> Fit:
    weights = (values / errors) ** 2
    centre = weights @ log_size / weights.sum()
    lever = weights * (log_size - centre)
    return Fit(float(lever @ np.log(values) / (lever @ log_size)), float(1 / np.sqrt(lever @ log_size)))


def _slope_with_error(sweep: Sweep, p: float, groups: int = 20) -> tuple[float, float]:
    """dR/dp and its error, from the slopes of groups of runs."""
    groups = min(groups, sweep.n_runs)
    step = 0.02 * p / sweep.size[0] ** 0.75
    means, binomial = sweep._means(np.array([p - step, p + step]))
    slopes = []
    for part in np.array_split(np.arange(sweep.n_runs), groups):
        moments = wrapping(sweep.wraps[part], sweep.n_total, means, binomial)[:, 0, 0]
        slopes.append((moments[1] - moments[0]) / (2 * step))
    return float(np.mean(slopes)), float(np.std(slopes, ddof=1) / np.sqrt(groups))


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
    """Collapse the curves of several sizes: y L^{-kappa} = f((p - p_c) L^{1/nu}), with p_c, 1/nu and kappa fitted.

    f is a polynomial of `degree`, eliminated by linear least squares; `guess` = (p_c, 1/nu, kappa) starts the fit and
    fixes which p are used: those with |p - p_c| L^{1/nu} <= `window`. `quantity` is a curve ("largest" with
    kappa = -beta/nu, "mean_size" with gamma/nu) or a wrapping probability (kappa = 0, kept). Parameters named in
    `fixed` ("threshold", "one_over_nu", "kappa") stay at their guess: fix the threshold of a curve whose corrections to
    scaling are larger than its errors, and take it from `estimate_threshold`.

    Errors are from a jackknife over the batches of runs, since points of one sweep share their runs, and are enlarged
    by the root of `misfit` (chi squared per degree of freedom) where it exceeds 1. The Dataset holds the collapsed
    points `x`, `y` over (size, point), the `master` curve there, and `threshold`, `one_over_nu`, `kappa`, each with
    `_stderr`. Raises EstimateError when the fit does not converge.
    """
    import xarray as xr

    from .data_collapse import Curves, fit_collapse

    names = ("threshold", "one_over_nu", "kappa")
    for name in fixed:
        check.choice("fixed", name, names)
    listed = _checked(sweeps, 2)
    degree, points = check.integer("degree", degree, 1, 15), check.integer("points", points, 5)
    window = check.real("window", window, 1e-6)
    kept = {*fixed, "kappa"} if quantity.startswith("wrapping") else {*fixed}
    free = [name not in kept for name in names]
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
        **{name: value for name, value in zip(names, best.parameters)},
        **{f"{name}_stderr": error for name, error in zip(names, errors)},
    }
    sizes = [float(sweep.size[0]) for sweep in listed]
    return xr.Dataset(data, {"size": sizes}, {**listed[0].attributes, "quantity": quantity, "lattice": listed[0].name})
