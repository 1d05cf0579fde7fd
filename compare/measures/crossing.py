"""Where a measured curve passes a level: the mean over networks, or a curve that falls with the noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

from ..._support import checks as check
from ..._support import crossing as _crossing
from ..._support.crossing import Resample
from ..._support.streams import stream
from ..._support.typed import typed
from ...errors import ShapeError

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike

BOOTSTRAPS = 400


@typed
def mean_crossing(x: ArrayLike, y: ArrayLike, level: float) -> tuple[float, float]:
    """Where the mean of several curves first reaches a level, with the error from their scatter.

    The place is interpolated in log x; the error is the scatter of the places with one curve left out (jackknife).

    Parameters
    ----------
    x : array_like, shape (n,)
        Places > 0.
    y : array_like, shape (n, seeds)
        One curve for each seed.
    level : float
        The level to be reached.

    Returns
    -------
    place, stderr : float
        nan where the mean starts above the level or never reaches it; the error also where there is one seed.

    Raises
    ------
    ShapeError
        Unless `x` is (n,) and `y` is (n, k).

    Examples
    --------
    >>> value, error = mean_crossing([1.0, 10.0], [[0.0, 0.2], [1.0, 0.8]], 0.5)
    >>> round(value, 4), error < 1e-9
    (3.1623, True)
    """
    y, x = check.float_array("y", y), check.finite("x", check.float_array("x", x))
    level = check.real("level", level)
    if y.ndim != 2 or not y.size or x.shape != y.shape[:1]:
        raise ShapeError("y", f"has shape {y.shape} for x of shape {x.shape}", "pass x (n,) and y (n, k)")
    place, error = _crossing.with_error(
        lambda curves: _crossing.crossing(x, curves, level, direction="rising", log_x=True),
        Resample.jackknife(y.T),
        log_x=True,
    )
    return float(place), float(error)


def falling_crossing(sigmas: ArrayLike, curves: ArrayLike, level: ArrayLike) -> Array:
    """The sigma where the monotone fit to each of `curves` `(..., n)` falls through `level`; nan beyond the grid.

    >>> falling_crossing([0.1, 1.0, 10.0], [1.0, 0.75, 0.25], 0.5).round(4).item()
    3.1623
    """
    fitted = np.apply_along_axis(lambda curve: isotonic_regression(curve, increasing=False).x, -1, np.asarray(curves))
    return _crossing.crossing(sigmas, fitted, level, direction="falling", log_x=True)


def above_chance(value: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """(value - chance) / (1 - chance) of the means over the first axis: 1 for identity, 0 for unrelated images."""
    mean, floor = value.mean(0), chance.mean(0)
    return (mean - floor) / np.maximum(1 - floor, 1e-12)


def image_bootstrap(value: np.ndarray, chance: np.ndarray, seed: int) -> Resample:
    """The curve above chance of `value` and `chance` `(images, n)`, and the curves of resampled images.

    >>> image_bootstrap(np.ones((4, 3)), np.zeros((4, 3)), seed=0).curves.shape
    (401, 3)
    """
    n = len(value)
    rows = [np.arange(n)] + [stream(seed, "bootstrap images", i).integers(n, size=n) for i in range(BOOTSTRAPS)]
    return Resample(np.stack([above_chance(value[row], chance[row]) for row in rows]))
