"""Strings of a grammar with their latents, each with its own random stream [@Cagnetta2024]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.streams import stream
from ...theory.grammar import Grammar

if TYPE_CHECKING:
    from ..._support.types import Array


def sample(grammar: Grammar, n: int, seed: int = 0, *, first: int = 0, filtered: int = 0) -> list[Array]:
    """Strings of a grammar and their latents; `filtered` levels lose their correlations [@GarnierBrun2025].

    Sample i has the stream of index `first + i`.

    Parameters
    ----------
    grammar : Grammar
        The production rules.
    n : int
        Number of strings.
    seed : int
        Seed of the draws.
    first : int
        Index of the first string, >= 0.
    filtered : int
        With k > 0 the symbols at depth k are drawn independently given the root, each with its own chain of rules,
        and the levels between are left out.

    Returns
    -------
    list of array
        Symbols of every level, each of shape (n, nodes), the leaves first, the root last.

    Raises
    ------
    ArgumentError
        For n below 1, a negative `first`, or `filtered` outside 0 ... depth.

    Examples
    --------
    >>> levels = sample(Grammar.random(v=4, m=2, s=2, depth=3), 5)
    >>> [level.shape for level in levels]
    [(5, 8), (5, 4), (5, 2), (5, 1)]
    """
    n, first = check.integer("n", n, 1), check.integer("first", first, 0)
    k = check.integer("filtered", filtered, 0, check.instance("grammar", grammar, Grammar).depth)
    m, s = grammar.m, grammar.s
    chains, below = k * s**k, sum(s**depth for depth in range(k, grammar.depth))
    rows = [stream(seed, "strings", first + i).random(1 + chains + below) for i in range(n)]
    uniforms = np.stack(rows)
    levels, used = [_pick(uniforms[:, :1], grammar.n_classes)], 1
    if k:
        place, symbols = np.arange(s**k), np.repeat(levels[0], s**k, 1)
        for depth in range(k):
            chosen = _pick(uniforms[:, used : used + s**k], m)
            symbols = grammar.rules[depth][symbols, chosen, place // s ** (k - 1 - depth) % s]
            used += s**k
        levels.append(symbols)
    for depth in range(k, grammar.depth):
        parents = levels[-1]
        chosen = _pick(uniforms[:, used : used + parents.shape[1]], m)
        levels.append(grammar.rules[depth][parents, chosen].reshape(n, -1))
        used += parents.shape[1]
    return levels[::-1]


def _pick(uniforms: np.ndarray, n: int) -> np.ndarray:
    """Integers 0 ... n - 1 from numbers in [0, 1)."""
    return np.minimum((uniforms * n).astype(np.int64), n - 1)
