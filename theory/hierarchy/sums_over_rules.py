"""The mean field of a grammar as sums over all v^s tuples, one by one: what the closed forms of `mean_field` add up."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .mean_field import HierarchyTheory


def reference(theory: HierarchyTheory, depth: int, epsilon: float) -> np.ndarray:
    """`HierarchyTheory.profile` with every symbol and every tuple written out; the true symbols are all 0."""
    v, m, s = theory.v, theory.m, theory.s
    true, *others = product(range(v), repeat=s)

    def weight(symbols: tuple[int, ...], p: float) -> float:
        """Belief in these symbols: p in the true one of each child, the rest shared by the other v - 1."""
        return prod(p if symbol == 0 else (1 - p) / (v - 1) for symbol in symbols)

    def up(p: float) -> float:
        """One rule of the true parent is true, m - 1 further ones and those of other parents are random tuples."""
        random = sum(weight(other, p) for other in others) / len(others)
        return (weight(true, p) + (m - 1) * random) / (weight(true, p) + (m * v - 1) * random)

    def down(q: float, p: float) -> float:
        """Belief in each symbol of the first child, from its parent and its siblings."""
        heard = np.zeros(v)
        heard[0] = q * weight(true[1:], p)
        for first, *siblings in others:
            heard[first] += ((m - 1) * q + m * (1 - q)) / len(others) * weight(tuple(siblings), p)
        return heard[0] / heard.sum()

    p, q = [1 - epsilon + epsilon / v], [1 / v]
    for _ in range(depth):
        p.append(up(p[-1]))
    for level in reversed(range(depth)):
        q.insert(0, down(q[0], p[level]))
    return np.array([a * b / (a * b + (1 - a) * (1 - b) / (v - 1)) for a, b in zip(p, q, strict=True)])
