"""When an accuracy passes a threshold, from a curve over training."""

from __future__ import annotations

import numpy as np

from ..._support.crossing import crossing
from ..._support.types import Array, ArrayLike


def crossing_time(step: ArrayLike, curve: ArrayLike, threshold: float, settled: bool = False) -> Array:
    """When curves `(..., step)` first reach `threshold`, linear between records; nan where they do not.

    Parameters
    ----------
    step : array-like, shape (steps,)
        Increasing training steps.
    curve : array-like, shape (..., steps)
        The curves.
    threshold : float
        The level.
    settled : bool
        Whether the time is that of the last passage, from which on the level is held.

    Returns
    -------
    ndarray, shape (...)
        The times, in training steps.

    Examples
    --------
    >>> crossing_time([0, 10, 20, 30], [0.0, 1.0, 0.0, 1.0], 0.5).item()
    5.0
    >>> crossing_time([0, 10, 20, 30], [0.0, 1.0, 0.0, 1.0], 0.5, settled=True).item()
    25.0
    """
    values = np.asarray(curve, dtype=np.float64)
    above = values >= threshold
    always = above.all(-1) if settled else above[..., 0]
    found = crossing(step, values, threshold, direction="rising", pick="last" if settled else "first")
    return np.where(always, np.asarray(step, dtype=np.float64)[0], found)
