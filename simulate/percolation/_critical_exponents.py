"""Critical exponents from power laws in the size of the box [@Stauffer1994]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError
from ._canonical_kernels import wrapping
from .inputs import sweeps_of
from .sweep_result import Sweep

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Fit:
    """A fitted number, `value`, and its standard error, `stderr`."""

    value: float
    stderr: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.stderr:.1g}"


def critical_exponents(sweeps: Sequence[Sweep], p: float) -> dict[str, Fit]:
    """Critical exponents from power laws in L of the values of several sweeps at the threshold [@Stauffer1994].

    Straight lines through the logarithms of S_max/N, sum s^2/N and dR/dp (where they were measured), weighted by
    their errors; the error of dR/dp is from a jackknife over 20 groups of runs. Corrections to scaling are not fitted:
    they are below the errors only when the smallest size is large.

    Parameters
    ----------
    sweeps : sequence of Sweep
        Sweeps of one lattice at two sizes or more.
    p : float
        The threshold.

    Returns
    -------
    dict of str to Fit
        "beta_over_nu", "gamma_over_nu", "fractal_dimension" and "one_over_nu" where their quantities were measured,
        each with `value` and `stderr`.

    Raises
    ------
    EmptyDataError
        For fewer than two sweeps.
    ArgumentError
        For single runs, mixed lattices or repeated sizes, or p outside [0, 1].

    Examples
    --------
    >>> from idealscore.simulate.percolation import sweep
    >>> found = critical_exponents([sweep("square", "bond", L, 200, quantities=("largest",)) for L in (8, 16)], 0.5)
    >>> abs(found["fractal_dimension"].value - 91 / 48) < 0.2
    True
    """
    listed, p = sweeps_of(sweeps, 2), check.real("p", p, 0.0)
    log_size = np.log([sweep.size[0] for sweep in listed])
    dimension = len(listed[0].size)
    found: dict[str, Fit] = {}
    rows = [sweep.canonical(p) for sweep in listed]
    if not all(_scatters(row) for row in rows):
        raise ArgumentError("p", f"is {p:g}, where all runs are alike", "pass the threshold, or a value near it")
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


def _scatters(row: xr.Dataset) -> bool:
    """Whether every measured curve is above 0 and has an error there."""
    curves = [name for name in ("largest", "mean_size") if name in row]
    return all(float(row[name][0]) > 0 and float(row[f"{name}_stderr"][0]) > 0 for name in curves)


def _power_law(log_size: np.ndarray, values: np.ndarray, errors: np.ndarray) -> Fit:
    weights = (values / errors) ** 2
    centre = weights @ log_size / weights.sum()
    lever = weights * (log_size - centre)
    return Fit(float(lever @ np.log(values) / (lever @ log_size)), float(1 / np.sqrt(lever @ log_size)))


def _slope_with_error(sweep: Sweep, p: float, groups: int = 20) -> tuple[float, float]:
    """dR/dp and its error, from the slopes of groups of runs."""
    groups = min(groups, sweep.n_runs)
    step = 0.02 * p / sweep.size[0] ** 0.75
    means, binomial = sweep.means_at(np.array([p - step, p + step]))
    slopes = []
    for part in np.array_split(np.arange(sweep.n_runs), groups):
        moments = wrapping(sweep.wraps[part], sweep.n_total, means, binomial)[:, 0, 0]
        slopes.append((moments[1] - moments[0]) / (2 * step))
    return float(np.mean(slopes)), float(np.std(slopes, ddof=1) / np.sqrt(groups))
