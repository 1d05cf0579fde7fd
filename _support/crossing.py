"""Where a curve passes a level, and the error of that place from redraws of the curve."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ArgumentError, ShapeError
from . import checks as check

if TYPE_CHECKING:
    from .types import Array, ArrayLike

DIRECTIONS = ("either", "rising", "falling")
PICKS = ("first", "last")


def crossing(
    x: ArrayLike,
    y: ArrayLike,
    level: ArrayLike,
    *,
    direction: str = "either",
    pick: str = "first",
    log_x: bool = False,
) -> Array:
    """The place where curves pass a level, by interpolation between the two points on either side of it.

    A point at the level counts as above it. A point that is not a number is on neither side, so that nothing passes
    next to it.

    Parameters
    ----------
    x : array_like, shape (n,)
        Where the curves are known, in order.
    y : array_like, shape (..., n)
        One or more curves.
    level : array_like, shape (...)
        The level, one for all curves or one for each.
    direction : {"either", "rising", "falling"}, optional
        The way in which the picked passage has to go. A curve whose first passage goes the other way began on the
        wrong side of the level, and one whose last passage goes the other way ends there; both give nan.
    pick : {"first", "last"}, optional
        Which passage is meant: where the curve first leaves the side on which it began, or where it arrives on the
        side on which it stays.
    log_x : bool, optional
        Interpolate in log x instead of x.

    Returns
    -------
    ndarray, shape (...)
        The places, nan where a curve does not pass.

    Raises
    ------
    ShapeError
        If `x` is not one-dimensional, is empty, or has another length than the last axis of `y`.
    ArgumentError
        If `log_x` is set and `x` holds values that are not > 0.
    UnknownNameError
        If `direction` or `pick` is not one of the names above.

    Examples
    --------
    >>> crossing([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 1.0], 0.5).item()
    0.5
    >>> crossing([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 1.0], 0.5, pick="last").item()
    2.5
    >>> crossing([1.0, 100.0], [[0.0, 1.0], [1.0, 0.0]], 0.5, direction="falling", log_x=True).round(6).tolist()
    [nan, 10.0]
    """
    check.choice("direction", direction, DIRECTIONS)
    check.choice("pick", pick, PICKS)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or not len(x) or y.shape[-1:] != x.shape:
        raise ShapeError("y", f"has shape {y.shape} for x of shape {x.shape}", "pass x (n,) and y (..., n)")
    if log_x and not bool((x > 0).all()):
        raise ArgumentError("x", "holds values that are not > 0", "pass positive places, or log_x=False")
    level = np.asarray(level, dtype=np.float64)
    y = np.broadcast_to(y, (*np.broadcast_shapes(y.shape[:-1], level.shape), len(x)))
    above, known = y >= level[..., None], np.isfinite(y)
    passes = np.zeros(y.shape, dtype=bool)
    passes[..., 1:] = (above[..., 1:] != above[..., :-1]) & known[..., 1:] & known[..., :-1]
    after = passes.argmax(-1) if pick == "first" else len(x) - 1 - passes[..., ::-1].argmax(-1)
    found = passes.any(-1)
    if direction != "either":
        found = found & (_at(above, after) == (direction == "rising"))
    before = np.maximum(after - 1, 0)
    low, high = _at(y, before), _at(y, after)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(found, (level - low) / (high - low), 0.0)
    start, end = x[before], x[after]
    place = start * (end / start) ** share if log_x else start + share * (end - start)
    return np.where(found, place, np.nan)


def _at(values: Array, index: Array) -> Array:
    """`values` `(..., n)` at one index each, `(...)`."""
    return np.take_along_axis(values, index[..., None], -1)[..., 0]


@dataclass(frozen=True)
class Resample:
    """A curve and redraws of it.

    Parameters
    ----------
    curves : ndarray, shape (1 + draws, n)
        The measured curve, then the redrawn ones.
    factor : float, optional
        What the scatter over the redrawn curves is multiplied by to give the error: 1 for a bootstrap.
    missing : float, optional
        The share of redrawn curves that may have no crossing; they are left out. With more of them the error is nan.

    Examples
    --------
    >>> Resample(np.array([[0.0, 1.0], [0.1, 1.1], [-0.1, 0.9]])).curves.shape
    (3, 2)
    """

    curves: Array
    factor: float = 1.0
    missing: float = 0.05

    @classmethod
    def jackknife(cls, values: ArrayLike) -> Resample:
        """The mean of independent curves, and the means with one of them left out.

        Parameters
        ----------
        values : array_like, shape (k, n)
            The independent curves. A single one leaves nothing to redraw, so that the error is nan.

        Returns
        -------
        Resample
            The `1 + k` means, or the curve alone if k is 1.
        """
        values = np.asarray(values, dtype=np.float64)
        k = len(values)
        left_out = [np.delete(values, i, axis=0).mean(0) for i in range(k)] if k > 1 else []
        return cls(np.stack([values.mean(0), *left_out]), (k - 1) / math.sqrt(k), missing=0.0)


def with_error(crossing: Callable[[Array], Array], resample: Resample, *, log_x: bool = False) -> tuple[Array, Array]:
    """What is read off a curve, and its standard error from the scatter over redraws of the curve.

    Parameters
    ----------
    crossing : callable
        From curves `(m, n)` to places `(m,)`, nan where a curve does not pass: `crossing` with all but its curves
        filled in, for example. Several numbers per curve `(m, k)` are possible as well.
    resample : Resample
        The curve and its redraws.
    log_x : bool, optional
        Take the scatter of log x, and carry it over to x.

    Returns
    -------
    place, stderr : ndarray, shape () or (k,)
        The error is nan where the curve does not pass, where too many of the redrawn ones do not, or where there are
        fewer than two of them.

    Examples
    --------
    >>> curves = Resample.jackknife([[0.0, 1.0], [0.2, 0.8]])
    >>> place, error = with_error(lambda y: crossing([1.0, 10.0], y, 0.5, log_x=True), curves, log_x=True)
    >>> round(place.item(), 4), error.item() < 1e-9
    (3.1623, True)
    """
    places = np.asarray(crossing(resample.curves), dtype=np.float64)
    place, redrawn = places[0], np.log(places[1:]) if log_x else places[1:]
    error = resample.factor * _scatter(redrawn, resample.missing) * (place if log_x else 1.0)
    return place, np.where(np.isfinite(place), error, np.nan)


def _scatter(redrawn: Array, missing: float) -> Array:
    """The standard deviation over the first axis without the nan, if these are not too many."""
    found = np.isfinite(redrawn)
    count, total = found.sum(0), len(redrawn)
    mean = np.where(found, redrawn, 0.0).sum(0) / np.maximum(count, 1)
    square = np.where(found, redrawn - mean, 0.0) ** 2
    enough = (count > 1) & ((count == total) | (total - count < missing * total))
    return np.where(enough, np.sqrt(square.sum(0) / np.maximum(count - 1, 1)), np.nan)
