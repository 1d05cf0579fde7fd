"""The exponent of a power law, with its error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ...errors import NotFiniteError, ShapeError

if TYPE_CHECKING:
    from ..._support.types import ArrayLike


@typed
def power_law(x: ArrayLike, y: ArrayLike, y_stderr: ArrayLike) -> tuple[float, float]:
    """The exponent of y ~ x^a by least squares in logarithms, with its error.

    The error is the larger of that from the scatter of the points about the line and that from their own errors.

    Parameters
    ----------
    x : array_like, shape (n,)
        Places > 0.
    y : array_like, shape (n,)
        Values; those that are nan or not > 0 are left out.
    y_stderr : array_like, shape (n,)
        Their standard errors; nan counts as none.

    Returns
    -------
    exponent, stderr : float
        Both nan where fewer than two different places are left.

    Raises
    ------
    ShapeError, NotFiniteError
        Unless all three are (n,), and the errors finite or nan.

    Examples
    --------
    >>> exponent, error = power_law([1, 2, 4], [3.0, 12.0, 48.0], [0.0, 0.0, 0.0])
    >>> round(exponent, 6), error < 1e-9
    (2.0, True)
    """
    x = check.positive_sigmas("x", x)
    y, y_stderr = (check.float_array(name, values) for name, values in (("y", y), ("y_stderr", y_stderr)))
    if np.isinf(y_stderr).any():
        raise NotFiniteError("y_stderr", "holds infinite values", "leave these points out")
    for name, values in (("y", y), ("y_stderr", y_stderr)):
        if values.shape != x.shape:
            raise ShapeError(name, f"has shape {values.shape}", f"pass one number per x, {x.shape}")
    held = np.isfinite(y) & (y > 0)
    if np.unique(x[held]).size < 2:
        return np.nan, np.nan
    u, v = np.log(x[held]), np.log(y[held])
    own = np.nan_to_num(y_stderr[held] / y[held])
    about = u - u.mean()
    slope = float(about @ v / (about @ about))
    left = v - v.mean() - slope * about
    scatter = np.sqrt((left @ left) / max(len(u) - 2, 1) / (about @ about))
    return slope, float(max(scatter, np.sqrt(((about * own) ** 2).sum()) / (about @ about)))
