"""The entropy profile of a grammar by belief propagation on random strings, symbols revealed in random order."""

from __future__ import annotations

import numpy as np
import torch

from ..._support.estimates import mean_error
from ..._support.progress import bar
from ..._support.streams import stream
from ..._support.types import Array
from ..belief_propagation.channels import one_hot
from ..belief_propagation.exact import BeliefPropagation
from ..grammar import Grammar

ENTRIES = 2**20  # of the likelihood of one batch
ODDS = 60.0  # log odds of a visible symbol: what it lets through, 1e-26, is below all rounding


def propagated(grammar: Grammar, n: int, points: int, seed: int) -> tuple[Array, Array, Array]:
    """Numbers of known symbols, f at these and its standard error, each `(k,)`.

    The same strings and orders serve every number, so that f is smooth in it. Exact posterior entropies of leaves are
    averaged, which are less noisy than the surprise at the truth. After a coarse grid the points go where
    the interpolation knows least, to the interval with the largest step of f times its length.
    """
    propagation, d = BeliefPropagation(grammar), grammar.leaves
    strings = _strings(propagation, n, seed)
    ranks = np.stack([stream(seed, "order of revealing", i).permutation(d) for i in range(n)]).argsort(1)
    coarse = np.unique(np.round((d - 1) * np.sin(np.linspace(0, np.pi / 2, max(points // 2, 2))) ** 2).astype(int))
    found: dict[int, Array] = {}
    with bar(total=min(points, d), label="entropy profile") as shown:
        for known in coarse.tolist():
            found[known] = _entropies(propagation, strings, ranks, known)
            shown.update()
        while len(found) < min(points, d):
            known = _least_known(found)
            found[known] = _entropies(propagation, strings, ranks, known)
            shown.update()
    grid = np.array(sorted(found))
    values, errors = mean_error(np.stack([found[known] for known in grid.tolist()], axis=1))
    return grid, values, errors


def _least_known(found: dict[int, Array]) -> int:
    """The middle of the interval between two points in which f may hide the largest area."""
    grid = np.array(sorted(found))
    f = np.array([found[known].mean() for known in grid.tolist()])
    areas = np.abs(np.diff(f)) * np.diff(grid)
    areas[np.diff(grid) < 2] = -1.0
    place = int(areas.argmax())
    return int(grid[place] + grid[place + 1]) // 2


def _strings(propagation: BeliefPropagation, n: int, seed: int) -> Array:
    grammar = propagation.grammar
    size = max(1, ENTRIES // (grammar.leaves * grammar.v))
    parts = []
    for first in range(0, n, size):
        nothing = torch.ones(min(size, n - first), grammar.leaves, grammar.v, dtype=torch.float64)
        parts.append(propagation.sample(nothing, seed=seed, first=first)[0].numpy())
    return np.concatenate(parts)


def _entropies(propagation: BeliefPropagation, strings: Array, ranks: Array, known: int) -> Array:
    """`(n,)`: mean entropy of leaves given `known` others, for each string, over at least half of its leaves.

    Up to half of the leaves known it is that of the hidden ones. Beyond, one leaf more is revealed, and each visible
    leaf is asked what the others say of it: its posterior divided by its own likelihood, which leaves a hair open.
    """
    grammar, half = propagation.grammar, propagation.grammar.leaves // 2
    visible = ranks < (known if known <= half else known + 1)
    asked = ~visible if known <= half else visible
    size = max(1, ENTRIES // (grammar.leaves * grammar.v))
    means = []
    for first in range(0, len(strings), size):
        rows = slice(first, first + size)
        own = one_hot(strings[rows], grammar.v)
        log_likelihood = torch.from_numpy(visible[rows])[..., None] * (own - 1) * ODDS
        with torch.no_grad():
            posterior = propagation.marginals(log_likelihood, log=True)[0]
        others = torch.softmax(posterior.log() - log_likelihood, -1)
        entropy = torch.special.entr(others).sum(-1).numpy()
        means.append((entropy * asked[rows]).sum(1) / asked[rows].sum(1))
    return np.concatenate(means)
