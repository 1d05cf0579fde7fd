"""The log likelihood of strings under any masked denoiser, by revealing them symbol after symbol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import stream
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, DenoiserContractError
from ._by_enumeration import checked_strings

Predictor: TypeAlias = Callable[[Array, float], torch.Tensor]
"""`predict(observed, masked_share) -> (n, length, v)` probabilities; `observed` (n, length) has -1 where hidden."""


def masked_log_likelihood(
    predict: Predictor, strings: ArrayLike, *, n_orders: int = 1, seed: int = 0, batch: int = 256
) -> Array:
    r"""log q(x) of strings under a masked denoiser, along random orders.

    By the chain rule, for any order pi of the symbols [@Austin2021],

        log q(x) = sum_a log q(x_pi(a) | x_pi(0) ... x_pi(a-1)).

    The exact posterior gives the same number along every order: log p(x). A network does not; the mean over orders is
    minus length times the area under its own loss curve, and so the bound that masked diffusion is trained on.

    Parameters
    ----------
    predict : callable
        `predict(observed, masked_share)` gives probabilities (n, length, v), `observed` (n, length) being integers with
        -1 where a symbol is hidden: `exact_predictor(grammar, "masking")`, `network.predictor("masking")`, or yours.
    strings : integer array (n, length)
        The strings.
    n_orders : int
        Orders per string; the k-th is the same whatever their number.
    seed : int
        Seed of the orders.
    batch : int
        Strings with hidden symbols in one call of `predict`.

    Returns
    -------
    array (n, n_orders)
        In nats; -inf where `predict` excludes the truth.

    Raises
    ------
    ShapeError
        For strings of unequal length.
    DenoiserContractError
        Where `predict` does not give probabilities of this shape.

    Examples
    --------
    >>> def coin(observed, share):
    ...     return torch.full((*observed.shape, 2), 0.5)
    >>> masked_log_likelihood(coin, [[0, 1, 1]]).round(4).tolist()
    [[-2.0794]]
    """
    array = checked_strings("strings", strings)
    if array.min() < 0:
        raise ArgumentError("strings", "hold negative symbols", "pass symbols from 0 on; -1 means hidden")
    n_orders, batch = check.integer("n_orders", n_orders, 1), check.integer("batch", batch, 1)
    n, d = array.shape
    found = np.zeros((n, n_orders))
    for k in range(n_orders):
        orders = np.stack([stream(seed, "order of revealing", i, k).permutation(d) for i in range(n)])
        ranks = orders.argsort(1)
        for a in range(d):
            for first in range(0, n, batch):
                rows = slice(first, first + batch)
                observed = np.where(ranks[rows] >= a, -1, array[rows])
                place, truth = orders[rows, a], array[rows][np.arange(len(observed)), orders[rows, a]]
                found[rows, k] += log_probabilities(predict, observed, place, truth, (d - a) / d)
    return found


def log_probabilities(predict: Predictor, observed: Array, place: Array, truth: Array, share: float) -> Array:
    """`(n,)`: log q of the symbol `truth` at `place` of each row."""
    probabilities = predicted(predict, observed, share)
    if truth.max() >= probabilities.shape[-1]:
        raise ArgumentError(
            "strings", f"hold the symbol {truth.max()}", f"the denoiser knows {probabilities.shape[-1]}"
        )
    with np.errstate(divide="ignore"):
        return np.log(probabilities[np.arange(len(observed)), place, truth])


def predicted(predict: Predictor, observed: Array, share: float) -> Array:
    """The probabilities (n, length, v) in float64, refused where they are none."""
    check.function("predict", predict, "predict(observed, masked_share)")
    with torch.no_grad():
        result = predict(observed, share)
    probabilities = check.float_array("predict", result)
    if probabilities.ndim != 3 or probabilities.shape[:2] != observed.shape:
        shape = f"expected (n, length, v) = ({len(observed)}, {observed.shape[1]}, v), got {probabilities.shape}"
        raise DenoiserContractError("predict", shape, "return a probability of each symbol at each position")
    hidden = observed < 0
    sums = probabilities.sum(-1)[hidden]
    if not bool(np.isfinite(sums).all()) or probabilities.min() < 0 or bool((np.abs(sums - 1) > 1e-3).any()):
        problem = "returns numbers at hidden positions that are not probabilities"
        raise DenoiserContractError("predict", problem, "apply a softmax over the last axis")
    return probabilities
