"""When an accuracy passes a threshold, from a curve over training."""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ..._support.crossing import crossing
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import ShapeError


@typed
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

    Raises
    ------
    ShapeError
        Where `curve` does not have one point for each step.

    Examples
    --------
    >>> crossing_time([0, 10, 20, 30], [0.0, 1.0, 0.0, 1.0], 0.5).item()
    5.0
    >>> crossing_time([0, 10, 20, 30], [0.0, 1.0, 0.0, 1.0], 0.5, settled=True).item()
    25.0
    """
    values, steps = check.float_array("curve", curve), check.finite("step", check.float_array("step", step))
    threshold = check.real("threshold", threshold)
    if steps.ndim != 1 or not steps.size or values.shape[-1:] != steps.shape:
        raise ShapeError("curve", f"has shape {values.shape} for {steps.size} steps", "pass (..., step)")
    above = values >= threshold
    always = above.all(-1) if settled else above[..., 0]
    found = crossing(steps, values, threshold, direction="rising", pick="last" if settled else "first")
    return np.where(always, steps[0], found)
