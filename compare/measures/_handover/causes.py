"""What the errors of a hand-over test say, and the one change that would mend them."""

from __future__ import annotations

import numpy as np

from ...._support.estimates import mean_error
from ...._support.modules import in_evaluation
from ....errors import IdealScoreError
from ....learned.wrap._alternatives import alternatives
from ....learned.wrap._function import FunctionDenoiser
from ....theory.denoiser import Denoiser
from .trial import Measured, Trial

LARGE = 2.0  # in standard deviations of the data
WORSE = 1.5  # times the error of the Gaussian optimum at large noise, where every denoiser is close to it
BEYOND = 1.1  # times the error of doing nothing
CLEAR = 3.0  # standard errors of a paired difference
SHIFT = 0.25  # in standard deviations of the data: the mean of the answers at large noise
MENDED = 2.0  # times the error of the Gaussian optimum: more is a fault
REMEDIED = 1.5  # the same, of what a remedy may leave
FEW = 8  # images for the search of a remedy
COUNTED = 0.95  # the error by another counting of steps, in that by the present one
CAUSES = (
    "usual causes: another prediction, clock, direction of time, schedule or range of data than it was wrapped with"
    ", or a network that is not trained"
)


def findings(trial: Trial, measured: Measured, std: float) -> list[str]:
    """What is wrong with a network by its errors and by the moments of its answers."""
    error, levels = measured["error"], trial.levels
    broken = ~np.isfinite(error).all(1)
    if broken.any():
        where = ", ".join(f"{sigma:.3g}" for sigma in levels[broken])
        return [f"the network gives NaN or inf at sigma = {where}"]
    found = []
    excess = [_exceeds(error[k], trial.nothing[k], BEYOND) for k in range(len(levels))]
    if any(excess):
        where = ", ".join(f"{sigma:.3g}" for sigma in levels[excess])
        found.append(f"the network is worse than doing nothing (error above sigma^2) at sigma = {where}")
    times = error.mean(1) / np.maximum(trial.reference["error"].mean(1), 1e-300)
    bound = np.where(levels >= LARGE * std, WORSE, MENDED)
    above = [_exceeds(error[k], trial.reference["error"][k], float(bound[k])) for k in range(len(levels))]
    if any(above):
        where = ", ".join(f"{times[k]:.3g} times at sigma = {levels[k]:.3g}" for k in np.flatnonzero(above))
        found.append(
            f"the error of the network is more than that of the linear (Gaussian) optimum of the data: {where}"
        )
    if levels[-1] < LARGE * std:
        return found
    (mean, spread), (own_mean, own_spread) = trial.reference["moments"][-1], measured["moments"][-1]
    if abs(own_mean - mean) > SHIFT * std or abs(own_spread - spread) > 0.5 * spread + SHIFT * std:
        found.append(
            f"at sigma = {levels[-1]:.3g} the answers of the network have mean {own_mean:.3g} and standard deviation"
            f" {own_spread:.3g}, those of the Gaussian optimum of the data {mean:.3g} and {spread:.3g}:"
            " other data, or another range"
        )
    return found


def _exceeds(error: np.ndarray, other: np.ndarray, times: float) -> bool:
    """Whether one error is clearly more than `times` the other, on the same images."""
    gap, stderr = mean_error(error - other)
    return bool(error.mean() > times * other.mean() and gap > CLEAR * stderr)


def remedy(trial: Trial, network: Denoiser, measured: Measured, mean: float, std: float) -> list[str]:
    """The one change to the network that mends it, or the usual causes."""
    few = trial.first(FEW)
    now = few.ratio({name: value[:, :FEW] if name == "error" else value for name, value in measured.items()})
    best, words = np.inf, ""
    asked = network if isinstance(network, FunctionDenoiser) else in_evaluation(network)
    for text, other in alternatives(asked, mean, std).items():
        ratio = _ratio(few, other)
        if ratio < best * (1 - 1e-6):
            best, words = ratio, text
    if best > REMEDIED or best > 0.8 * now:
        return [CAUSES]
    return [f"remedy: {words} (its error, in that of the Gaussian optimum, would be {best:.3g} instead of {now:.3g})"]


def _ratio(trial: Trial, denoiser: Denoiser) -> float:
    """`trial.ratio`, inf for what cannot be called so."""
    try:
        return trial.ratio(trial.measure(in_evaluation(denoiser)))
    except (IdealScoreError, RuntimeError, TypeError, ValueError, IndexError):
        return np.inf


def counting(trial: Trial, network: Denoiser, seed: int) -> list[str]:
    """Whether a network in steps counts them from 1 where it was said to count from 0, or the other way round."""
    if not isinstance(network, FunctionDenoiser) or network.grid is None or len(network.grid) < 4:
        return []
    low = Trial(trial.gaussian, trial.images, network.grid[:3], seed)
    swap = "step" if network.timing.name == "index" else "index"
    other = alternatives(network, 0.0, 1.0)[f"clock={swap!r}"]
    try:
        here, there = (low.measure(in_evaluation(d))["error"] for d in (network, other))
    except (IdealScoreError, RuntimeError, TypeError, ValueError, IndexError):
        return []
    if not np.isfinite(here).all():
        mends = f"; clock={swap!r} mends it" if np.isfinite(there).all() else ""
        return [f"the network gives NaN or inf at its lowest steps{mends}"]
    gap, stderr = mean_error(here - there, axis=1)
    share = there.mean(1) / here.mean(1)
    clearly = (share < COUNTED) & (gap > CLEAR * stderr)
    if clearly.any() and there.mean() < here.mean():
        share = float(share[clearly].min())
        return [f"remedy: clock={swap!r} (its error at one of the lowest steps would be {share:.3g} of what it is)"]
    return []
