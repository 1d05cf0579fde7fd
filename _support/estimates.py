"""Estimates with their standard errors, over independent points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from .types import Array, ArrayLike

    Estimate: TypeAlias = tuple[ArrayLike, ArrayLike] | Array
    """A value and its standard error, of one shape."""

CONFIDENCE = 1.959963984540054  # standard deviations: 95 %


def estimates(dim: str | Sequence[str], /, **values: Estimate) -> dict[str, tuple[str | Sequence[str], Array]]:
    """Variables of a Dataset, every estimate followed by its standard error.

    Parameters
    ----------
    dim : str or sequence of str
        The dimensions of all of them; () for single numbers.
    **values : (value, stderr) or ndarray of shape (2, ...)
        Each estimate and its standard error by the name of the variable, `mean_error(...)` for example.

    Returns
    -------
    dict
        `{name: (dim, value), name_stderr: (dim, stderr)}` for each name, to be passed to `xarray.Dataset`.

    Examples
    --------
    >>> list(estimates("sigma", cosine=([0.5], [0.1]), rmse=([2.0], [0.2])))
    ['cosine', 'cosine_stderr', 'rmse', 'rmse_stderr']
    """
    found = {}
    for name, (value, stderr) in values.items():
        found[name], found[f"{name}_stderr"] = (dim, np.asarray(value)), (dim, np.asarray(stderr))
    return found


def mean_error(values: np.ndarray, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean over `axis` and its standard error; the error of a single point is nan.

    >>> mean, error = mean_error(np.array([1.0, 2.0, 3.0]))
    >>> float(mean), round(float(error), 4)
    (2.0, 0.5774)
    """
    values = np.asarray(values, dtype=np.float64)
    n = values.shape[axis]
    if n < 2:
        return values.mean(axis), np.full_like(values.mean(axis), np.nan)
    return values.mean(axis), values.std(axis, ddof=1) / math.sqrt(n)


def ratio_error(top: np.ndarray, bottom: np.ndarray, axis: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """mean(top) / mean(bottom) of paired values and its standard error by the delta method."""
    top, bottom = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    scale = bottom.mean(axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = top.mean(axis) / scale
        residual = (top - np.expand_dims(ratio, axis) * bottom) / np.expand_dims(scale, axis)
    return ratio, mean_error(residual, axis)[1]


def wilson_interval(share: ArrayLike, n: int, z: float = CONFIDENCE) -> tuple[Array, Array]:
    """The Wilson score interval of a share observed in `n` trials (default: 95 %), which is not empty at 0 and 1.

    >>> low, high = wilson_interval(0.0, 100)
    >>> float(low), round(float(high), 4)
    (0.0, 0.037)
    """
    share = np.asarray(share, dtype=np.float64)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.where(share > 0, centre - half, 0.0), np.where(share < 1, centre + half, 1.0)


ROUNDING = 1e-14
"""Relative error below which a value counts as exact when it is shown."""


def show(value: float, error: float) -> str:
    """`value ± error` with two digits of the error, small values with an exponent; an error of mere rounding is none.

    >>> show(0.123456, 0.00123), show(12.0, float("nan")), show(7.846e-6, 8.8e-8), show(4.0, 3e-16)
    ('0.1235 ± 0.0012', '12', '(7.846 ± 0.088)e-06', '4')
    """
    if not math.isfinite(error) or abs(error) <= ROUNDING * abs(value):
        return f"{value:.4g}"
    exponent = math.floor(math.log10(max(abs(value), abs(error))))
    if exponent < -3:
        return f"({show(value / 10**exponent, error / 10**exponent)})e{exponent:03d}"
    digits = max(0, 1 - math.floor(math.log10(abs(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def shown(data: xr.Dataset, name: str) -> str:
    """`show` of the single number `name` of a Dataset and of its error `name_stderr`.

    >>> import xarray as xr
    >>> shown(xr.Dataset({"rmse": 0.5, "rmse_stderr": 0.12}), "rmse")
    '0.50 ± 0.12'
    """
    return show(float(data[name]), float(data[f"{name}_stderr"]))
