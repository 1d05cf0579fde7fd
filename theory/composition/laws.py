"""Composition: what the accuracy of a class should be, given the accuracy of each of its concepts [@Okawa2023].

    multiplicative   A(t) = prod_i p_i(t)       abilities that succeed or fail independently of each other
    additive         A(t) = mean_i p_i(t)       the measure that shows no sudden emergence

A joint accuracy lies between max(0, sum_i p_i - n + 1) and min_i p_i whatever the dependence (Frechet's bounds). In
the toy model of the paper (Sec. 4) each ability is learned with probability p per step and never lost,

    P(n, t) = (1 - (1 - p)^t)^n,   t*(n, p) = ceil[ln(1 - P*^(1/n)) / ln(1 - p)],

so that composing n abilities takes t* ~ [ln n - ln ln(1/P*)] / p for small p and large n: later with n, yet only as
its logarithm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike


EPS = float(np.finfo(np.float64).eps)
ROUNDING = 1e-5  # of a mean in float32, or of numbers printed with six digits


MOST_ABILITIES = 10**6


class Law(NamedTuple):
    """A predicted accuracy and its standard error, both without the axis of concepts."""

    value: np.ndarray
    stderr: np.ndarray


def accuracies(argument: str, value: ArrayLike) -> np.ndarray:
    """`value` as float64 accuracies in [0, 1]; what a mean in float32 lies outside by rounding is put on the edge."""
    array = check.finite(argument, check.float_array(argument, value))
    if array.size and (array.min() < -ROUNDING or array.max() > 1 + ROUNDING):
        found = f"holds values from {array.min():.9g} to {array.max():.9g}"
        percent = bool(2 <= array.max() <= 100 and array.min() >= 0)
        raise ArgumentError(argument, found, f"pass accuracies in [0, 1]{' (divide percent by 100)' * percent}")
    return np.clip(array, 0.0, 1.0)


def _curves(curves: ArrayLike, stderr: ArrayLike | None, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies and their errors with the axis of concepts first."""
    if isinstance(curves, (list, tuple)) and len({np.shape(curve) for curve in curves}) > 1:
        lengths = ", ".join(str(np.shape(curve)) for curve in curves)
        raise ShapeError("curves", f"are of unequal length ({lengths})", "evaluate every concept at the same steps")
    values = accuracies("curves", curves)
    if values.ndim == 0 or values.shape[check.axis("axis", axis, values.ndim)] == 0:
        raise ShapeError("curves", f"has shape {values.shape}", "pass one curve per concept, (concepts, steps)")
    errors = np.zeros_like(values) if stderr is None else check.finite("stderr", check.float_array("stderr", stderr))
    if errors.shape != values.shape or bool((errors < 0).any()):
        raise ShapeError("stderr", f"has shape {errors.shape} or negative entries", f"pass errors {values.shape}")
    return np.moveaxis(values, axis, 0), np.moveaxis(errors, axis, 0)


def multiplicative_law(curves: ArrayLike, stderr: ArrayLike | None = None, axis: int = 0) -> Law:
    """prod_i p_i over the concepts along `axis` [@Okawa2023]; errors of the p_i are taken as independent.

    The variance of a product of independent estimates is prod(p^2 + s^2) - prod p^2, exact also at p = 0.

    Parameters
    ----------
    curves : array_like
        Accuracies in [0, 1], one curve per concept: `(concepts, steps)`, or any shape.
    stderr : array_like, optional
        Their standard errors, in the shape of `curves`; 0 unless given.
    axis : int, default 0
        The axis of concepts.

    Returns
    -------
    Law
        `value` and `stderr`, both without the axis of concepts.

    Raises
    ------
    ArgumentError
        For accuracies outside [0, 1].
    ShapeError
        For curves of unequal length, or errors of another shape or below 0.

    Examples
    --------
    >>> value, stderr = multiplicative_law([[0.5, 1.0], [0.8, 1.0]], [[0.1, 0.0], [0.0, 0.0]])
    >>> value.round(3).tolist(), stderr.round(3).tolist()
    ([0.4, 1.0], [0.08, 0.0])
    """
    p, s = _curves(curves, stderr, axis)
    value = p.prod(0)
    with np.errstate(over="ignore"):
        variance = (p**2 + s**2).prod(0) - value**2
    return Law(value, check.representable("stderr", np.sqrt(np.maximum(variance, 0.0))))


def additive_law(curves: ArrayLike, stderr: ArrayLike | None = None, axis: int = 0) -> Law:
    """mean_i p_i over the concepts along `axis`; errors of the p_i are taken as independent.

    It is the dashed line in Fig. 6 of [@Okawa2023].

    Parameters
    ----------
    curves : array_like
        Accuracies in [0, 1], one curve per concept: `(concepts, steps)`, or any shape.
    stderr : array_like, optional
        Their standard errors, in the shape of `curves`; 0 unless given.
    axis : int, default 0
        The axis of concepts.

    Returns
    -------
    Law
        `value` and `stderr`, both without the axis of concepts.

    Raises
    ------
    ArgumentError
        For accuracies outside [0, 1].
    ShapeError
        For curves of unequal length, or errors of another shape or below 0.

    Examples
    --------
    >>> additive_law([[0.5, 1.0], [0.8, 1.0]]).value.tolist()
    [0.65, 1.0]
    """
    p, s = _curves(curves, stderr, axis)
    return Law(p.mean(0), np.sqrt((s**2).sum(0)) / len(p))


def rates_of(n: int, p: ArrayLike) -> np.ndarray:
    """One probability per step for each of n abilities."""
    n = check.integer("n", n, 0, MOST_ABILITIES)
    rates = check.float_array("p", p)
    if rates.ndim == 0:
        rates = np.full(n, float(rates))
    if rates.shape != (n,):
        raise ShapeError("p", f"has shape {rates.shape}", f"pass one probability, or one for each of {n} abilities")
    if rates.size and not ((rates > 0) & (rates < 1)).all():
        raise ArgumentError("p", f"is {p}", "pass probabilities per step inside (0, 1)")
    return rates


def toy_law(n: int, p: ArrayLike, t: ArrayLike) -> Array:
    """P(n, t) = prod_i [1 - (1 - p_i)^t]: all of n abilities are known at step t [@Okawa2023].

    Parameters
    ----------
    n : int
        Number of abilities; no ability at all is known from the start.
    p : array_like
        Probability per step of learning an ability, inside (0, 1): one for all, or one for each, `(n,)`.
    t : array_like
        Steps >= 0, any shape.

    Returns
    -------
    array
        P(n, t), in the shape of `t`.

    Raises
    ------
    ArgumentError
        For a negative n or t, or probabilities outside (0, 1).
    ShapeError
        For probabilities that are not one or n.

    Examples
    --------
    >>> toy_law(3, 0.05, [0, 30]).round(4).tolist()
    [0.0, 0.4844]
    """
    rates, steps = rates_of(n, p), check.float_array("t", t)
    if not bool((steps >= 0).all()):
        raise ArgumentError("t", "is negative or NaN", "pass steps >= 0")
    return (-np.expm1(steps[..., None] * np.log1p(-rates))).prod(-1)
