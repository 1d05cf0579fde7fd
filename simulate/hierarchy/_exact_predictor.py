"""The exact prediction of the clean leaves, by belief propagation [@Sclocchi2025]."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch

from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.belief_propagation.exact import BeliefPropagation
from ...theory.grammar import Grammar

Predictor: TypeAlias = Callable[[np.ndarray, float], torch.Tensor]
"""`predict(observation, noise)`: posterior probabilities (batch, leaves, v) of the clean leaves."""


def exact_predictor(grammar: Grammar, channel: str | LeafChannel) -> Predictor:
    """The exact posterior of each leaf given an observation, as a function [@Sclocchi2025].

    Parameters
    ----------
    grammar : Grammar
        The production rules.
    channel : str or LeafChannel
        The channel that made the observation.

    Returns
    -------
    callable
        `predict(observation, noise)` with observations (batch, leaves) or (batch, leaves, v), which returns
        probabilities (batch, leaves, v).

    Raises
    ------
    UnknownNameError
        For an unknown channel.

    Examples
    --------
    >>> predict = exact_predictor(Grammar.random(v=4, m=2, s=2, depth=2), "masking")
    >>> predict(np.array([[0, -1, -1, -1]]), 0.75).shape
    torch.Size([1, 4, 4])
    """
    propagation, channel = BeliefPropagation(grammar), channel_of(channel)

    def predict(observed: np.ndarray, noise: float) -> torch.Tensor:
        return propagation.marginals(channel.log_likelihood(observed, grammar.v, noise), log=True)[0]

    return predict
