"""How far joint accuracies are from the product of their parts by chance alone."""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import EmptyDataError
from ...theory.composition.laws import accuracies


@typed
def independence_error(accuracy: ArrayLike, n: int) -> Array:
    """Standard deviation of joint - product over `n` samples whose concepts succeed independently, (...).

    With P = prod p_i and both measured on the same samples, the variance is P (1 - P) - sum_i P^2 (1 - p_i) / p_i
    over n, to first order in 1/n: much smaller than that of the joint accuracy alone.

    Parameters
    ----------
    accuracy : array-like, shape (concepts, ...)
        The shares p_i of samples with each concept right.
    n : int
        The number of samples.

    Returns
    -------
    ndarray, shape (...)
        The standard deviation.

    Raises
    ------
    ArgumentError
        For n < 1.

    Examples
    --------
    >>> independence_error([[0.5], [0.5]], 100).round(4).tolist()
    [0.025]
    """
    p = accuracies("accuracy", accuracy)
    if p.ndim == 0 or not p.size:
        raise EmptyDataError("accuracy", f"has shape {p.shape}", "pass (concept, ...)")
    product = p.prod(0)
    others = np.stack([np.delete(p, i, axis=0).prod(0) for i in range(len(p))])
    variance = product * (1 - product) - (others**2 * p * (1 - p)).sum(0)
    return np.sqrt(np.maximum(variance, 0.0) / check.integer("n", n, 1))
