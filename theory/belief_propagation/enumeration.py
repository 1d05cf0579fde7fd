"""Every string of a small grammar, one by one: the literal sums behind belief propagation."""

from __future__ import annotations

from itertools import product

import torch

from ...errors import GrammarError
from ..grammar import Grammar

MOST_STRINGS = 2**16


def derivations(grammar: Grammar) -> list[torch.Tensor]:
    """The symbols of every level of every string, `(n_strings, nodes)`, the leaves first; GrammarError if too many."""
    refuse_many(grammar.n_strings)
    levels = [torch.arange(grammar.n_classes)[:, None]]
    for rules in map(torch.tensor, grammar.rules):
        nodes = levels[-1].shape[1]
        choices = torch.tensor(list(product(range(grammar.m), repeat=nodes))).reshape(-1, nodes)
        repeated = [level.repeat_interleave(len(choices), 0) for level in levels]
        chosen = choices.repeat(len(levels[-1]), 1)
        levels = [*repeated, rules[repeated[-1], chosen].flatten(1)]
    return levels[::-1]


def all_strings(v: int, leaves: int) -> torch.Tensor:
    """All `v**leaves` strings, `(n, leaves)`; GrammarError if they are too many."""
    refuse_many(v**leaves)
    return torch.tensor(list(product(range(v), repeat=leaves)))


def refuse_many(n: int) -> None:
    """GrammarError where `n` strings are too many to be listed."""
    if n > MOST_STRINGS:
        problem = f"has {n if n < 1e9 else f'about 10**{len(str(n)) - 1}'} strings to sum over, one by one"
        raise GrammarError("grammar", problem, f"pass a smaller one: at most {MOST_STRINGS} strings")
