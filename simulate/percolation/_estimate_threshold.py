r"""From sweeps to a threshold, with errors that come from the scatter of independent runs.

In two dimensions the wrapping probability at p_c is known (`theory.percolation.wrapping`), so that one size gives an
estimate: the p at which R(p) = R_inf, whose distance from p_c falls as L^{-2-1/nu} = L^{-11/4} [@Newman2001]. Where
R_inf is not known, the curves R_L(p) of two sizes cross near p_c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..._support import checks as check
from ..._support.display import boxes
from ...errors import ArgumentError, EstimateError
from ...theory.percolation.wrapping import wrapping_probabilities
from ._canonical import largest_mean
from ._canonical_kernels import wrapping
from .inputs import sweeps_of
from .sweep_result import Sweep

EVENTS = ("horizontal", "either", "both")
DRIFT = 2 + 3 / 4  # exponent of the finite-size shift of the wrapping estimate in two dimensions


@dataclass(frozen=True, repr=False)
class ThresholdEstimate:
    """A measured threshold.

    Parameters
    ----------
    value : float
        The threshold, a probability (a reduced density in the continuum).
    stderr : float
        Statistical error.
    systematic : float
        Bound on the shift from the finite size.
    event : str
        The wrapping event it comes from: "horizontal", "either" or "both".
    by_size : tuple of (size, value, stderr)
        The estimate of each size.
    chi2 : float
        Squared misfit of the common fit of all sizes.
    freedom : int
        Degrees of freedom of that fit.

    Examples
    --------
    >>> ThresholdEstimate(0.5927, 0.0002, 0.0001, "horizontal", ((64.0, 0.5927, 0.0002),))
    ThresholdEstimate(0.592700 ± 0.0002 (statistical) ± 0.0001 (finite size), horizontal wrapping)
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

    def __repr__(self) -> str:
        return f"ThresholdEstimate({self}, {self.event} wrapping)"

    def _repr_html_(self) -> str:
        rows = [
            {"size": f"{size:g}", "threshold": f"{value:.6f}", "standard error": f"{error:.1g}"}
            for size, value, error in self.by_size
        ]
        facts = {"wrapping": self.event, "chi2 / freedom": f"{self.chi2:.3g} / {self.freedom}"}
        return boxes.box(f"ThresholdEstimate {self}", facts, boxes.table(rows) if rows else "")


def estimate_threshold(sweeps: Sweep | Sequence[Sweep], event: str = "horizontal") -> ThresholdEstimate:
    """The threshold from where wrapping probabilities cross [@Newman2001].

    Two dimensions: each size gives the p at which R(p) is its exact critical value on that torus; the weighted mean is
    returned. Otherwise: the crossing of R between neighbouring sizes, the largest pair counting. `systematic` is the
    shift a L^{-11/4} at the largest size, a being the shift between R(p) = R_inf of this event and the mean over
    events (two dimensions, one size), or the difference between the last two estimates (several sizes).

    Parameters
    ----------
    sweeps : Sweep or sequence of Sweep
        Periodic sweeps of one lattice with wrapping: one size is enough in two dimensions, two are needed elsewhere.
    event : str
        "horizontal" (around a given direction), "either" or "both".

    Returns
    -------
    ThresholdEstimate
        The threshold with its statistical error and a bound on its finite-size shift.

    Raises
    ------
    ArgumentError
        For open boxes, single runs, mixed lattices or repeated sizes.
    EmptyDataError
        Without a sweep.
    UnknownNameError
        For an unknown event.
    EstimateError
        Where the curves do not cross, or where the sizes disagree beyond chance (p < 1e-6), with the estimate
        riding along.

    Examples
    --------
    >>> from idealscore.simulate.percolation import sweep
    >>> estimate = estimate_threshold(sweep("square", "bond", 16, 2000, quantities=("wrapping",)))
    >>> abs(estimate.value - 0.5) < 4 * estimate.stderr + estimate.systematic
    True
    """
    event = check.choice("event", event, EVENTS)
    listed = sweeps_of(sweeps, 1)
    if any(not sweep.wraps.shape[1] for sweep in listed):
        remedy = "sweep with periodic=True and quantities including wrapping"
        raise ArgumentError("sweeps", "have no wrapping probabilities", remedy)
    if all(sweep.modulus is not None for sweep in listed):
        return _from_exact_values(listed, event)
    if len(listed) < 2:
        problem = "expected two sizes or more, got one, and the critical wrapping probability is not known"
        raise ArgumentError("sweeps", problem, "pass at least two sizes")
    return _from_crossings(listed, event)


def _reached(sweep: Sweep, p: float, event: str) -> tuple[float, float]:
    """Wrapping probability at p and its standard error."""
    means, binomial = sweep.means_at(p)
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
    return p, _reached(sweep, p, event)[1] / _slope(sweep, p, event)


def _slope(sweep: Sweep, p: float, event: str) -> float:
    """dR/dp at p, by a central difference much narrower than the transition."""
    step = 0.02 * p / sweep.size[0] ** 0.75
    above, below = _reached(sweep, p + step, event)[0], _reached(sweep, p - step, event)[0]
    return (above - below) / (2 * step)


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
        slope = _slope(large, p, event) - _slope(small, p, event)
        error = np.hypot(_reached(small, p, event)[1], _reached(large, p, event)[1]) / slope
        rows.append((float(large.size[0]), p, float(error)))
    value, stderr = rows[-1][1], rows[-1][2]
    systematic = abs(rows[-1][1] - rows[-2][1]) if len(rows) > 1 else stderr
    return ThresholdEstimate(value, stderr, systematic, event, tuple(rows))
