"""Where a curve that falls with the noise level passes a value; its error by bootstrap over the starting images."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from ..._support.estimates import passage
from ..._support.streams import stream

BOOTSTRAPS = 400


def crossing(sigmas: np.ndarray, curve: np.ndarray, level: float) -> float:
    """The sigma where the monotone fit to `curve` falls through `level`, linear in log sigma; nan beyond the grid.

    >>> round(crossing(np.array([0.1, 1.0, 10.0]), np.array([1.0, 0.75, 0.25]), 0.5), 4)
    3.1623
    """
    fitted = isotonic_regression(curve, increasing=False).x
    above = np.flatnonzero(fitted >= level)
    if above.size == 0 or above[-1] == len(sigmas) - 1:
        return float("nan")
    return passage(sigmas, fitted, above[-1], level)


def above_chance(value: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """(value - chance) / (1 - chance) of the means over the first axis: 1 for identity, 0 for unrelated images."""
    mean, floor = value.mean(0), chance.mean(0)
    return (mean - floor) / np.maximum(1 - floor, 1e-12)


def measured_crossings(
    sigmas: np.ndarray, value: np.ndarray, chance: np.ndarray, levels: np.ndarray, seed: int
) -> np.ndarray:
    """`(1 + BOOTSTRAPS, len(levels))` crossings of the curve above chance, of all images and of resampled ones.

    `value` and `chance` are `(n, len(sigmas))`, one row per starting image.
    """
    n = len(value)
    rows = [np.arange(n)] + [stream(seed, "bootstrap images", i).integers(n, size=n) for i in range(BOOTSTRAPS)]
    curves = [above_chance(value[row], chance[row]) for row in rows]
    return np.array([[crossing(sigmas, curve, level) for level in levels] for curve in curves])


def spread(bootstrapped: np.ndarray) -> np.ndarray:
    """The standard error of each column; nan where one in twenty resampled curves does not cross."""
    found = np.isfinite(bootstrapped)
    enough = found.mean(0) > 0.95
    with np.errstate(invalid="ignore"):
        means = np.where(found, bootstrapped, 0).sum(0) / np.maximum(found.sum(0), 1)
        square = np.where(found, (bootstrapped - means) ** 2, 0).sum(0) / np.maximum(found.sum(0) - 1, 1)
    return np.where(enough, np.sqrt(square), np.nan)
