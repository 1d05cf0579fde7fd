r"""Networks for strings of a hierarchy: evidence about each leaf in, posterior of each leaf out.

By Bayes' rule the posterior of leaf i is p(c | observation) ~ L_i(c) exp F_i(c), with L_i the likelihood of its own
observation, which is known, and F_i what all the other leaves say, which is learned. For x = x0 + sigma n on one-hot
leaves log L_i(c) = x_ic / sigma^2, and the normalised posterior is E[x0 | x] itself. The network sees the
beliefs L_i / sum_c L_i alone: the noise level enters through them, as in the exact posterior [@Sclocchi2025], so that
one network serves every channel with a likelihood.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ..._support import checks as check
from ..._support.types import ArrayLike
from ...errors import NotFiniteError, ShapeError
from ...theory.belief_propagation.channels import LeafChannel, channel_of
from .base import NetworkConfig, NetworkDenoiser
from .layers import zeroed

KINDS = ("tree", "transformer")


@dataclass(frozen=True)
class HierarchyConfig(NetworkConfig):
    """Options of `HierarchyNet`, which documents them."""

    s: int = 2
    kind: str = "tree"
    width: int = 64
    blocks: int = 3
    heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check.integer("s", self.s, 2)
        check.choice("kind", self.kind, KINDS)
        check.integer("blocks", self.blocks, 1)
        if check.integer("width", self.width, 1) % check.integer("heads", self.heads, 1):
            raise ShapeError("heads", f"{self.heads} does not divide the width {self.width}", "pass a divisor of width")
        if len(self.shape) != 2 or self.shape[0] < self.s or self.s**self.depth != self.shape[0]:
            raise ShapeError("shape", f"is {self.shape}", f"pass (leaves, v) with leaves a power of s = {self.s}")

    @property
    def depth(self) -> int:
        """Levels above the leaves."""
        depth, leaves = 0, self.shape[0]
        while leaves >= self.s:
            depth, leaves = depth + 1, leaves // self.s
        return depth


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))


class _Tree(nn.Module):
    """A U-Net with filter = stride = s: going up, each node is made of its s children; going down, it speaks to each of
    them together with what the way up had left there (the skip connection)."""

    def __init__(self, depth: int, s: int, width: int) -> None:
        super().__init__()
        self.s = s
        self.up = nn.ModuleList(_perceptron(s * width, 4 * width, width) for _ in range(depth))
        self.down = nn.ModuleList(_perceptron((s + 1) * width, 4 * width, s * width) for _ in range(depth))

    def forward(self, h: torch.Tensor, condition: torch.Tensor | float) -> torch.Tensor:
        skips = []
        for layer in self.up:
            skips.append(h.unflatten(1, (-1, self.s)).flatten(2))
            h = layer(skips[-1])
        h = h + condition
        for layer, skip in zip(reversed(self.down), reversed(skips), strict=True):
            h = layer(torch.cat([h, skip], -1)).unflatten(2, (self.s, -1)).flatten(1, 2)
        return h


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.leave = zeroed(nn.Linear(width, width))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(self.norm(h)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.leave(mixed.transpose(1, 2).flatten(2))


class _Transformer(nn.Module):
    """`blocks` of attention and a perceptron, with a learned vector for each position."""

    def __init__(self, leaves: int, blocks: int, heads: int, width: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.empty(leaves, width))
        self.attention = nn.ModuleList(_Attention(width, heads) for _ in range(blocks))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(blocks))
        self.perceptron = nn.ModuleList(_perceptron(width, 4 * width, width) for _ in range(blocks))

    def forward(self, h: torch.Tensor, condition: torch.Tensor | float) -> torch.Tensor:
        h = h + self.position + condition
        for attention, norm, perceptron in zip(self.attention, self.norm, self.perceptron, strict=True):
            h = h + attention(h)
            h = h + perceptron(norm(h))
        return h


class HierarchyNet(NetworkDenoiser[HierarchyConfig]):
    """Learned counterpart of belief propagation on strings of s^depth leaves, as one-hot tensors (batch, leaves, v).

    `network(x, sigma)` is the denoiser, a distribution over symbols at every leaf; `leaf_posterior` takes the
    likelihood of any other channel. The kind "tree" is a convolutional U-Net whose filters and strides are those of
    the grammar, "transformer" knows nothing of the tree. Both start at the posterior of independent leaves.

    Parameters
    ----------
    shape : sequence of int
        (leaves, v), where the number of leaves is a power of `s`.
    seed : int
        Of the initial weights.
    **options
        The following, and those of every network (see `NetworkDenoiser`).

    Other Parameters
    ----------------
    s : int
        Children of a node: the size and the stride of the filters; 2 by default.
    kind : {"tree", "transformer"}
        Architecture, "tree" by default.
    width : int
        Features of a node, 64 by default.
    blocks : int
        Of the transformer, 3 by default.
    heads : int
        Of the transformer, a divisor of `width`; 4 by default.

    Raises
    ------
    UnknownNameError
        On an unknown option.
    ShapeError
        Where the number of leaves is not a power of `s`, or `heads` does not divide `width`.
    ArgumentError, NoiseLevelError
        On an option outside its range; when called, on an input that does not fit.

    Examples
    --------
    >>> net = HierarchyNet((8, 4), s=2, width=8)
    >>> denoised = net(torch.zeros(3, 8, 4), 1.0)
    >>> denoised.shape, torch.allclose(denoised, torch.tensor(0.25))
    (torch.Size([3, 8, 4]), True)
    """

    name = "hierarchy"
    Config: ClassVar[type[NetworkConfig]] = HierarchyConfig

    def build(self) -> None:
        config, (leaves, v) = self.config, self.config.shape
        self.add_condition(config.width)
        self.enter: nn.Linear = nn.Linear(v, config.width)
        if config.kind == "tree":
            self.inner: nn.Module = _Tree(config.depth, config.s, config.width)
        else:
            self.inner = _Transformer(leaves, config.blocks, config.heads, config.width)
        self.leave: nn.Linear = zeroed(nn.Linear(config.width, v))

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        # below this level 1/sigma^2 overflows, and any difference between two symbols is already decisive
        sigma = sigma.clamp(min=torch.finfo(x.dtype).tiny ** 0.25)[:, None, None]
        return self.infer((x - x.amax(-1, keepdim=True)) / sigma**2, condition).exp()

    def infer(self, log_likelihood: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """The logarithm of `leaf_posterior` without checks, for training and compiled use.

        Parameters
        ----------
        log_likelihood : torch.Tensor
            (batch, leaves, v).
        condition : torch.Tensor, optional
            Labels `(batch,)` or vectors `(batch, k)`.

        Returns
        -------
        torch.Tensor
            log p(leaf = c | observation), (batch, leaves, v).
        """
        h = self.enter(log_likelihood.softmax(-1).to(self.dtype))
        given = self.condition(condition, len(h))[:, None] if self.config.conditional else 0.0
        others = self.leave(self.inner(h, given))
        return (log_likelihood + others.to(log_likelihood.dtype)).log_softmax(-1)

    def leaf_posterior(self, log_likelihood: torch.Tensor) -> torch.Tensor:
        """p(leaf = c | observation) given log p(observation | leaf = c).

        Parameters
        ----------
        log_likelihood : torch.Tensor
            (batch, leaves, v), of any leaf channel; -inf excludes a symbol, a hidden leaf is a row of zeros.

        Returns
        -------
        torch.Tensor
            Probabilities, (batch, leaves, v).

        Raises
        ------
        NotFiniteError
            Where a likelihood is NaN or inf, or excludes every symbol of a leaf.
        """
        check.batch("log_likelihood", log_likelihood, self.config.shape)
        if not bool(log_likelihood.amax(-1).isfinite().all()):
            raise NotFiniteError("log_likelihood", "is NaN or inf, or excludes every symbol of a leaf", "allow one")
        return self.infer(log_likelihood).exp()

    def predictor(self, channel: str | LeafChannel) -> Callable[[ArrayLike, float], torch.Tensor]:
        """The leaf posterior as a function of what a channel gives.

        Parameters
        ----------
        channel : str or LeafChannel
            "gaussian", "masking", "uniform", "epsilon", or a channel of your own.

        Returns
        -------
        callable
            `predict(observation, noise) -> (batch, leaves, v)`, on the device of the observation.

        Examples
        --------
        >>> net = HierarchyNet((4, 3), width=8)
        >>> net.predictor("masking")([[0, -1, 2, -1]], 0.5)[0, 1].round(decimals=4)
        tensor([0.3333, 0.3333, 0.3333], dtype=torch.float64)
        """
        channel = channel_of(channel)

        def predict(observation: ArrayLike, noise: float) -> torch.Tensor:
            log_likelihood = channel.log_likelihood(observation, self.config.shape[1], noise)
            with torch.no_grad():
                return self.leaf_posterior(log_likelihood.to(self.device)).to(log_likelihood.device)

        return predict
