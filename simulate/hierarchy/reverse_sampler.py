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
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import stream
from ...errors import ArgumentError
from ...theory.belief_propagation.channels import LeafChannel, channel_of
from ...theory.denoiser import Denoiser
from ...theory.noise import karras_sigmas
from ..diffusion import sample as diffuse
from ._exact_predictor import Predictor

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike


class ReverseSampler:
    """Reconstruction of noisy strings by reverse steps of a channel, driven by any model [@Sclocchi2025; @Austin2021].

    Call it as `sampler(observed, noise, seed, indices)`: observations (batch, leaves) or (batch, leaves, v), the noise
    of the channel, a seed, and the indices of the random streams of the batch; it returns strings (batch, leaves).
    Masking takes one step per hidden leaf, the other channels take `n_steps`.

    Parameters
    ----------
    model : callable
        A denoiser of one-hot leaves for "gaussian"; for "masking" and "uniform" a predictor
        `predict(observation, noise)` of the probabilities (batch, leaves, v) of the clean leaves.
    channel : str or LeafChannel
        "gaussian", "masking" or "uniform".
    v : int
        Size of the vocabulary, >= 2.
    n_steps : int
        Number of reverse steps, >= 1.
    method : str
        Sampler of the Gaussian walk; see `simulate.diffusion.sample`.
    sigmas : callable, optional
        `sigmas(sigma)` gives the grid of the Gaussian walk, from sigma down; a Karras grid otherwise.

    Raises
    ------
    ArgumentError
        For a channel without a reverse process, v below 2, or `n_steps` below 1.
    UnknownNameError
        For an unknown channel.

    Examples
    --------
    >>> from idealscore.simulate.hierarchy import exact_predictor
    >>> from idealscore.theory import Grammar
    >>> model = exact_predictor(Grammar.random(v=4, m=2, s=2, depth=2), "masking")
    >>> sampler = ReverseSampler(model, "masking", v=4)
    >>> sampler
    ReverseSampler(masking, v=4, one step per hidden leaf)
    >>> sampler(np.full((3, 4), -1), 1.0, seed=0, indices=range(3)).shape
    (3, 4)
    """

    def __init__(
        self,
        model: Denoiser | Predictor,
        channel: str | LeafChannel,
        v: int,
        *,
        n_steps: int = 100,
        method: str = "ddpm",
        sigmas: Callable[[float], ArrayLike] | None = None,
    ) -> None:
        self.model: Denoiser | Predictor = model
        self.channel: LeafChannel = channel_of(channel)
        self.v: int = check.integer("v", v, 2)
        self.n_steps: int = check.integer("n_steps", n_steps, 1)
        self.method: str = check.instance("method", method, str)
        self.sigmas: Callable[[float], ArrayLike] | None = sigmas
        walks = {"gaussian": self._gaussian, "masking": self._masking, "uniform": self._uniform}
        if self.channel.name not in walks:
            known = ", ".join(walks)
            raise ArgumentError("channel", f"'{self.channel.name}' has no reverse process", f"pass one of {known}")
        self._walk = walks[self.channel.name]

    def __call__(self, observed: Array, noise: float, seed: int, indices: Sequence[int]) -> Array:
        return self._walk(np.asarray(observed), noise, seed, indices)

    def __repr__(self) -> str:
        steps = {"masking": "one step per hidden leaf", "gaussian": f"{self.n_steps} steps of {self.method}"}
        how = steps.get(self.channel.name, f"{self.n_steps} steps")
        return f"ReverseSampler({self.channel.name}, v={self.v}, {how})"

    def _gaussian(self, observed: np.ndarray, sigma: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        x = torch.from_numpy(observed)
        if sigma == 0:
            return x.argmax(-1).numpy()
        if self.sigmas is not None:
            grid = self.sigmas(sigma)
        else:
            grid = [*karras_sigmas(max(self.n_steps, 2), min(0.01, sigma / 2), sigma), 0.0]
        denoiser = cast("Denoiser", self.model)
        return diffuse(denoiser, x, grid, self.method, seed, list(indices), show=False).argmax(-1).numpy()

    def _predict(self, observed: np.ndarray, noise: float) -> torch.Tensor:
        return cast("Predictor", self.model)(observed, noise)

    def _masking(self, observed: np.ndarray, noise: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        strings = observed.copy()
        orders, choices = _uniforms(seed, indices, 0, strings.shape)
        turns = np.argsort(np.where(strings < 0, orders, 2.0), axis=1)
        hidden = (strings < 0).sum(1)
        for turn in range(hidden.max(initial=0)):
            rows = np.flatnonzero(hidden > turn)
            leaf = turns[rows, turn]
            predicted = self._predict(strings[rows], noise * (1 - turn / hidden.max()))
            drawn = _draw(predicted[range(len(rows)), leaf][:, None], choices[rows, leaf][:, None])
            strings[rows, leaf] = drawn[:, 0]
        return strings

    def _uniform(self, observed: np.ndarray, noise: float, seed: int, indices: Sequence[int]) -> np.ndarray:
        strings = observed.copy()
        levels = np.linspace(noise, 0, self.n_steps + 1).tolist() if noise > 0 else []
        for step, (now, then) in enumerate(pairwise(levels)):
            _, choice = _uniforms(seed, indices, step, strings.shape)
            here = torch.nn.functional.one_hot(torch.from_numpy(strings), self.v).double()
            posterior = self._predict(strings, now) / ((1 - now) * here + now / self.v)
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
