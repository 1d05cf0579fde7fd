"""Exact reconstruction of noisy strings by belief propagation [@Sclocchi2025]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.belief_propagation.exact import BeliefPropagation
from ...theory.grammar import Grammar

if TYPE_CHECKING:
    from ..._support.types import Array


class PosteriorSampler:
    """Exact draws from p(string | observation) by belief propagation [@Sclocchi2025].

    Call it as `sampler(observed, noise, seed, indices)`: observations (batch, leaves) or (batch, leaves, v), the noise
    of the channel, a seed, and the consecutive indices of the random streams of the batch; it returns strings
    (batch, leaves).

    Parameters
    ----------
    grammar : Grammar
        The production rules.
    channel : str or LeafChannel
        The channel that made the observations.

    Raises
    ------
    UnknownNameError
        For an unknown channel.

    Examples
    --------
    >>> from idealscore.simulate.hierarchy import corrupt, sample
    >>> grammar = Grammar.random(v=4, m=2, s=2, depth=2)
    >>> strings = sample(grammar, 3)[0]
    >>> drawn = PosteriorSampler(grammar, "masking")(corrupt(strings, 4, "masking", 0.0), 0.0, 0, range(3))
    >>> bool((drawn == strings).all())
    True
    """

    def __init__(self, grammar: Grammar, channel: str | LeafChannel) -> None:
        self.belief_propagation: BeliefPropagation = BeliefPropagation(grammar)
        self.channel: LeafChannel = channel_of(channel)

    def __call__(self, observed: Array, noise: float, seed: int, indices: Sequence[int]) -> Array:
        logs = self.channel.log_likelihood(observed, self.belief_propagation.grammar.v, noise)
        return self.belief_propagation.sample(logs, seed=seed, first=indices[0], log=True)[0].numpy()

    def __repr__(self) -> str:
        return f"PosteriorSampler({self.channel.name}, {self.belief_propagation.grammar!r})"
