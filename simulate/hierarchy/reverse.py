"""Step-by-step reverse diffusion on the leaves of a hierarchy, driven by any denoiser [@Sclocchi2025; @Austin2021].

A `ReverseSampler` walks from a noise level back to none and returns strings, as the exact
`PosteriorSampler` does. For the Gaussian channel the model is a denoiser of one-hot leaves and the walk is ancestral
("ddpm") or along the probability flow. For masking and uniform replacement the model is
`predict(observation, noise) -> (batch, leaves, v)`, posterior probabilities of the clean leaves, and one step draws

    masking   one hidden leaf, in random order, from its prediction (the reverse process in continuous time: exact)
    uniform   every leaf on its own from p(a | x_t) ~ q(x_t | a) sum_c p(c | x_t) q(a | c) / q(x_t | c), with a at the
              next level: exact in the limit of many steps
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import stream
from ...errors import ArgumentError
from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.belief_propagation.exact import BeliefPropagation
from ...theory.grammar import Grammar
from ...theory.noise import karras_sigmas
from ..diffusion import sample as diffuse

Predictor = Callable[[np.ndarray, float], torch.Tensor]


def exact_predictor(grammar: Grammar, channel: str | LeafChannel) -> Predictor:
    """Leaf posteriors by belief propagation."""
    bp, channel = BeliefPropagation(grammar), channel_of(channel)

    def predict(observed: np.ndarray, noise: float) -> torch.Tensor:
        return bp.marginals(channel.log_likelihood(observed, grammar.v, noise), log=True)[0]

    return predict


class ReverseSampler:
    """`sampler(observation, noise, seed, indices)` -> strings, by reverse steps of `channel`: `n_steps` of them, or one
    per hidden leaf for masking.

    `model` is a denoiser for "gaussian" and a predictor for "masking" and "uniform". `sigmas(sigma)` may give the
    grid of the Gaussian walk, from sigma down; it is a Karras grid otherwise.
    """

    def __init__(
        self,
        model: Any,
        channel: str | LeafChannel,
        v: int,
        *,
        n_steps: int = 100,
        method: str = "ddpm",
        sigmas: Callable[[float], Any] | None = None,
    ) -> None:
        self.model, self.channel, self.v = model, channel_of(channel), check.integer("v", v, 2)
        self.n_steps, self.method, self.sigmas = check.integer("n_steps", n_steps, 1), method, sigmas
        walks = {"gaussian": self._gaussian, "masking": self._masking, "uniform": self._uniform}
        if self.channel.name not in walks:
            raise ArgumentError("channel", f"{self.channel.name} has no reverse process", f"pass one of {set(walks)}")
        self._walk = walks[self.channel.name]

    def __call__(self, observed: np.ndarray, noise: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        return self._walk(np.asarray(observed), noise, seed, indices)

    def _gaussian(self, observed: np.ndarray, sigma: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        x = torch.from_numpy(observed)
        if sigma == 0:
            return x.argmax(-1).numpy()
        if self.sigmas is not None:
            grid = self.sigmas(sigma)
        else:
            grid = [*karras_sigmas(max(self.n_steps, 2), min(0.01, sigma / 2), sigma), 0.0]
        return diffuse(self.model, x, grid, self.method, seed, list(indices), show=False).argmax(-1).numpy()

    def _grid(self, noise: float) -> list[tuple[float, float]]:
        levels = np.linspace(noise, 0, self.n_steps + 1)
        return list(zip(levels[:-1].tolist(), levels[1:].tolist()))

    def _masking(self, observed: np.ndarray, noise: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        strings = observed.copy()
        orders, choices = _uniforms(seed, indices, 0, strings.shape)
        turns = np.argsort(np.where(strings < 0, orders, 2.0), axis=1)
        hidden = (strings < 0).sum(1)
        for turn in range(hidden.max(initial=0)):
            rows = np.flatnonzero(hidden > turn)
            leaf = turns[rows, turn]
            predicted = self.model(strings[rows], noise * (1 - turn / hidden.max()))
            drawn = _draw(predicted[range(len(rows)), leaf][:, None], choices[rows, leaf][:, None])
            strings[rows, leaf] = drawn[:, 0]
        return strings

    def _uniform(self, observed: np.ndarray, noise: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        strings = observed.copy()
        for step, (now, then) in enumerate(self._grid(noise) if noise > 0 else []):
            _, choice = _uniforms(seed, indices, step, strings.shape)
            here = torch.nn.functional.one_hot(torch.from_numpy(strings), self.v).double()
            posterior = self.model(strings, now) / ((1 - now) * here + now / self.v)
            back = (1 - then) * posterior + then / self.v * posterior.sum(-1, keepdim=True)
            kept = (1 - now) / (1 - then) if then < 1 else 0.0
            strings = _draw((kept * here + (1 - kept) / self.v) * back, choice)
        return strings


def _uniforms(seed: int, indices: Sequence[int], step: int, shape: tuple[int, ...]) -> np.ndarray:
    """(2, batch, leaves): the uniform draws of one step, each sample on its own stream."""
    return np.stack([stream(seed, "reverse", i, step).random((2, shape[1])) for i in indices], 1)


def _draw(weights: torch.Tensor, uniforms: np.ndarray) -> np.ndarray:
    """Indices (batch, leaves) along the last dimension, by inversion."""
    cumulative = weights.detach().double().cumsum(-1)
    total = cumulative[..., -1:]
    u = torch.from_numpy(np.ascontiguousarray(uniforms)).to(total.device)[..., None]
    return ((cumulative <= u * total) & (cumulative < total)).sum(-1).cpu().numpy()
