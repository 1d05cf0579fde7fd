"""When a composition emerges: the step at which all of its abilities are known, with probability P* [@Okawa2023]."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..._support import checks as check
from .concept_graph import Class, ConceptGraph
from .laws import EPS, rates_of, toy_law

if TYPE_CHECKING:
    from ..._support.types import ArrayLike


def emergence_time(n: int, p: ArrayLike, threshold: float = 0.5) -> int:
    """t*(n, p): the first step at which n abilities are all known with probability `threshold` [@Okawa2023].

    For equal p it is ceil[ln(1 - P*^(1/n)) / ln(1 - p)]; with a probability for each ability it is found by
    bisection. A probability that misses `threshold` by no more than rounding has reached it.

    Parameters
    ----------
    n : int
        Number of abilities; no ability at all is known from the start.
    p : array_like
        Probability per step of learning an ability, inside (0, 1): one for all, or one for each, `(n,)`.
    threshold : float, default 0.5
        P*, inside (0, 1).

    Returns
    -------
    int
        The step.

    Raises
    ------
    ArgumentError
        For a negative n, or a probability or threshold outside (0, 1).
    ShapeError
        For probabilities that are not one or n.

    Examples
    --------
    >>> [emergence_time(n, 0.05) for n in (1, 2, 3, 4, 8)]
    [14, 24, 31, 36, 49]
    >>> emergence_time(2, [0.05, 0.2])
    15
    """
    rates = rates_of(n, p)
    threshold = check.real("threshold", threshold, math.ulp(0.0), math.nextafter(1.0, 0.0))
    if n == 0:
        return 0
    missing = -math.expm1(math.log(threshold) / n)
    low = math.floor(math.log(missing) / math.log1p(-rates.max())) - 2
    high = math.ceil(math.log(missing) / math.log1p(-rates.min())) + 2
    low, enough = max(low, 0), threshold * (1 - 8 * n * EPS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if toy_law(n, rates, middle) >= enough else (middle, high)
    return high


def predicted_emergence(
    graph: ConceptGraph, training: Iterable[str | Sequence[int]], p: ArrayLike, threshold: float = 0.5
) -> dict[Class, int]:
    """t* of every class: the abilities that it needs are the concepts changed from its nearest training class.

    A training class needs none and has t* = 0; of several nearest training classes the fastest way counts. The times
    are those of the toy model of [@Okawa2023], `emergence_time`.

    Parameters
    ----------
    graph : ConceptGraph
        The classes.
    training : iterable of str or sequence of int
        The training classes, as labels or tuples.
    p : array_like
        Probability per step of learning to change a concept, inside (0, 1): one for all, or one for each concept.
    threshold : float, default 0.5
        P*, inside (0, 1).

    Returns
    -------
    dict
        {class: its step}.

    Raises
    ------
    ArgumentError
        For a class that does not exist, a concept value that never occurs in training, or a probability outside (0, 1).
    EmptyDataError
        Without a training class.
    ShapeError
        For probabilities that are not one or one for each concept.

    Examples
    --------
    >>> times = predicted_emergence(ConceptGraph((2, 2, 2)), ["000", "001", "010", "100"], 0.05)
    >>> times[0, 0, 1], times[0, 1, 1], times[1, 1, 1]
    (0, 14, 24)
    """
    with check.speaking_of("training", "graph"):
        seen = check.instance("graph", graph, ConceptGraph).training(check.items("training", training))
    rates = rates_of(len(graph.counts), p)
    return {
        node: min(emergence_time(len(way), rates[list(way)], threshold) for way in graph.changes(node, seen))
        for node in graph.classes
    }
