"""Identities of masked denoisers, exact or learned: what q(symbol | the visible ones) owes to a law of strings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import stream
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..masked_diffusion._by_enumeration import checked_strings
from ..masked_diffusion._masked_log_likelihood import Predictor, log_probabilities, predicted
from .finding import SKIPPED, Finding
from .identity import Measurement, judge
from .report import Report

if TYPE_CHECKING:
    import sympy

FLOOR = 1e-300
LARGEST_ENTROPY = 1e12  # nats


@dataclass(frozen=True)
class MaskedIdentity:
    """An identity of masked denoisers: its statement, what it needs, and what usually breaks it.

    Parameters
    ----------
    name : str
        Its name in `MASKED_IDENTITIES`.
    summary : str
        The statement in words.
    statement : callable
        Builds the SymPy equation.
    conditions : str
        When it holds.
    reference : str
        The key of the paper in references.bib.
    cause : str
        What usually breaks it.

    Examples
    --------
    >>> MASKED_IDENTITIES["area"].latex()
    '\\\\int\\\\limits_{0}^{1} h{\\\\left(\\\\epsilon \\\\right)}\\\\, d\\\\epsilon = \\\\frac{H}{d}'
    """

    name: str
    summary: str
    statement: Callable[[], sympy.Basic]
    conditions: str
    reference: str
    cause: str

    def latex(self) -> str:
        """The statement in LaTeX.

        Returns
        -------
        str
            Without dollar signs.
        """
        import sympy

        return sympy.latex(self.statement())


def _exchange() -> sympy.Basic:
    import sympy as sp

    i, j, S = sp.symbols("x_i x_j x_S")
    first, both = sp.Function("q"), sp.Function("q")
    return sp.Eq(sp.log(first(i, S)) + sp.log(both(j, S, i)), sp.log(first(j, S)) + sp.log(both(i, S, j)))


def _area() -> sympy.Basic:
    import sympy as sp

    epsilon, H, d = sp.symbols("epsilon H d", positive=True)
    return sp.Eq(sp.Integral(sp.Function("h")(epsilon), (epsilon, 0, 1)), H / d)


MASKED_IDENTITIES: dict[str, MaskedIdentity] = {
    "exchange": MaskedIdentity(
        "exchange",
        "two hidden symbols have one joint probability, whichever is revealed first",
        _exchange,
        "any law of strings of two symbols or more",
        "Austin2021",
        "a network whose conditionals belong to no joint law, as for every network that is not trained to the end",
    ),
    "area": MaskedIdentity(
        "area",
        "the area under the loss against the masked share is the entropy per symbol",
        _area,
        "the exact posterior of the law of the strings",
        "Measson2008",
        "a denoiser of other strings, or not trained to the end: the excess is its relative entropy per symbol",
    ),
}


@dataclass(frozen=True)
class _Settings:
    tolerance: float
    false_positive: float
    sigma: float = math.nan


def check_masked(
    predict: Predictor,
    strings: ArrayLike,
    *,
    entropy: float | None = None,
    tolerance: float = 1e-8,
    false_positive: float = 1e-6,
    sets: int = 4,
    seed: int = 0,
    batch: int = 256,
) -> Report:
    """Measure the identities that a masked denoiser owes to the law of its strings.

    - exchange: log q(x_i | x_S) + log q(x_j | x_S, x_i) is the same with i and j exchanged, for random S, i, j of every
      string. It needs no knowledge of the law.
    - area: the mean loss of a hidden symbol, at a uniform number of visible ones, is H(x) / d [@Measson2008]. It is the
      twin of the I-MMSE relation for masks, and holds for the exact posterior alone.

    Parameters
    ----------
    predict : callable
        `predict(observed, masked_share)` gives probabilities (n, length, v); see `masked_log_likelihood`.
    strings : integer array (n, length)
        Independent draws of the law.
    entropy : float, optional
        H(x) of a string in nats (`Grammar.entropy`); without it the area is "not applicable".
    tolerance : float
        Relative; raise it to 1e-3 for float32.
    false_positive : float
        The chance of a false alarm of the area, which is an average.
    sets : int
        Sets of visible symbols of each string behind the area.
    seed : int
        Seed of sets and positions.
    batch : int
        Strings in one call of `predict`.

    Returns
    -------
    Report
        Findings named "exchange" and "area". The `size` of "area" is the excess of the loss over the entropy.

    Raises
    ------
    ShapeError
        For strings of unequal length.
    DenoiserContractError
        Where `predict` does not give probabilities.

    Examples
    --------
    >>> def coin(observed, share):
    ...     return torch.full((*observed.shape, 2), 0.5)
    >>> strings = np.random.default_rng(0).integers(0, 2, (8, 4))
    >>> [(found.identity, found.verdict) for found in check_masked(coin, strings, entropy=4 * math.log(2))]
    [('exchange', 'holds'), ('area', 'holds')]
    """
    check.function("predict", predict, "predict(observed, masked_share)")
    array = checked_strings("strings", strings)
    batch = check.integer("batch", batch, 1)
    settings = _Settings(
        check.real("tolerance", tolerance, 0.0), check.real("false_positive", false_positive, 1e-300, 1.0)
    )
    names = tuple(f"string {i}" for i in range(len(array)))
    findings = []
    if array.shape[1] < 2:
        conditions = MASKED_IDENTITIES["exchange"].conditions
        findings.append(Finding("exchange", math.nan, SKIPPED, where=conditions))
    else:
        left, right = _both_orders(predict, array, seed, batch)
        scale = np.maximum(np.abs(left), np.abs(right)).clip(1.0)
        violation = Measurement.exact(torch.from_numpy(left - right), torch.from_numpy(scale), names)
        findings.append(judge(MASKED_IDENTITIES["exchange"], settings, violation))
    if entropy is None:
        findings.append(Finding("area", math.nan, SKIPPED, where="needs entropy"))
    else:
        share = check.real("entropy", entropy, 0.0, LARGEST_ENTROPY) / array.shape[1]
        if len(array) < 2:
            raise ArgumentError("strings", "hold one string, which has no standard error", "pass two or more")
        sets = check.integer("sets", sets, 1)
        drawn = [_losses(predict, array, seed, k, batch) for k in range(sets)]
        losses = torch.from_numpy(np.mean(drawn, axis=0))[:, None]
        average = Measurement.average(losses - share, torch.tensor([max(share, float(losses.mean()))]), ("all shares",))
        findings.append(judge(MASKED_IDENTITIES["area"], settings, average))
    return Report(tuple(findings))


def _both_orders(predict: Predictor, strings: Array, seed: int, batch: int) -> tuple[Array, Array]:
    """log q(x_i, x_j | x_S) by i and then j, and by j and then i."""
    n, d = strings.shape
    sums = np.zeros((2, n))
    orders = np.stack([stream(seed, "masked exchange", i).permutation(d) for i in range(n)])
    known = np.array([stream(seed, "masked exchange size", i).integers(0, d - 1) for i in range(n)])
    ranks, rows = orders.argsort(1), np.arange(n)
    pair = orders[rows, known], orders[rows, known + 1]
    for k, (one, other) in enumerate((pair, pair[::-1])):
        observed = np.where(ranks >= known[:, None], -1, strings)
        for place in (one, other):
            for first in range(0, n, batch):
                cut = slice(first, first + batch)
                truth = strings[rows[cut], place[cut]]
                share = float((observed[cut] < 0).mean())
                sums[k, cut] += log_probabilities(predict, observed[cut], place[cut], truth, share)
            observed[rows, place] = strings[rows, place]
    return sums[0], sums[1]


def _losses(predict: Predictor, strings: Array, seed: int, k: int, batch: int) -> Array:
    """`(n,)`: mean loss on the hidden symbols of each string, a uniform number of them being visible."""
    n, d = strings.shape
    # stratified over the strings, in a random order of them: each string alone has a uniform number
    draw = stream(seed, "masked area", k)
    uniform = (draw.permutation(n) + draw.random(n)) / n
    known = np.minimum((d * uniform).astype(int), d - 1)
    ranks = np.stack([stream(seed, "masked area order", i, k).permutation(d) for i in range(n)]).argsort(1)
    hidden, means = ranks >= known[:, None], np.empty(n)
    for first in range(0, n, batch):
        cut = slice(first, first + batch)
        observed = np.where(hidden[cut], -1, strings[cut])
        probabilities = predicted(predict, observed, float(hidden[cut].mean()))
        truth = np.take_along_axis(probabilities, strings[cut][..., None], -1)[..., 0]
        loss = -np.log(np.maximum(truth, FLOOR))
        means[cut] = (loss * hidden[cut]).sum(1) / hidden[cut].sum(1)
    return means
