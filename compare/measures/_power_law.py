"""Where a curve first crosses a level, and the exponent of a power law, each with its error."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._support.estimates import passage


def crossing(x: Any, y: Any, level: float) -> tuple[float, float]:
    """Where the mean over seeds of `y` `(n, seeds)` first reaches `level`, by interpolation in ln x, and its error.

    The error is the scatter of the crossings with one seed left out (jackknife); nan where the curve starts above the
    level, never reaches it, or there is one seed.

    >>> value, error = crossing([1.0, 10.0], [[0.0, 0.2], [1.0, 0.8]], 0.5)
    >>> round(value, 4), error < 1e-9
    (3.1623, True)
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    seeds = y.shape[1]
    value = _first(x, y.mean(axis=1), level)
    if seeds < 2:
        return value, np.nan
    left_out = np.log([_first(x, np.delete(y, k, axis=1).mean(axis=1), level) for k in range(seeds)])
    spread = np.sqrt((seeds - 1) * np.mean((left_out - left_out.mean()) ** 2))
    return value, float(value * spread)


def _first(x: np.ndarray, y: np.ndarray, level: float) -> float:
    above = np.flatnonzero(y >= level)
    if len(above) == 0 or above[0] == 0:
        return np.nan
    return passage(x, y, above[0] - 1, level)


def power_law(x: Any, y: Any, y_stderr: Any) -> tuple[float, float]:
    """The exponent of y ~ x^a by least squares in logarithms, and its error: the larger of that from the scatter of the
    points about the line and that from their own errors. Points that are nan are left out; two at least are needed.

    >>> exponent, error = power_law([1, 2, 4], [3.0, 12.0, 48.0], [0.0, 0.0, 0.0])
    >>> round(exponent, 6), error < 1e-9
    (2.0, True)
    """
    x, y, y_stderr = (np.asarray(values, dtype=np.float64) for values in (x, y, y_stderr))
    held = np.isfinite(y) & (y > 0)
    if held.sum() < 2:
        return np.nan, np.nan
    u, v = np.log(x[held]), np.log(y[held])
    own = np.nan_to_num(y_stderr[held] / y[held])
    about = u - u.mean()
    slope = float(about @ v / (about @ about))
    left = v - v.mean() - slope * about
    scatter = np.sqrt((left @ left) / max(len(u) - 2, 1) / (about @ about))
    return slope, float(max(scatter, np.sqrt(((about * own) ** 2).sum()) / (about @ about)))
