"""A residual multilayer perceptron."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ..._support import checks as check
from .base import NetworkConfig, NetworkDenoiser
from .layers import Dropout, NoiseEmbedding, zeroed


@dataclass(frozen=True)
class MLPConfig(NetworkConfig):
    """Options of `MLPDenoiser`, which documents them."""

    width: int = 256
    depth: int = 3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check.integer("width", self.width, 1)
        check.integer("depth", self.depth, 1)
        check.real("dropout", self.dropout, 0.0, 0.99)


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.noise = nn.Linear(width, width, bias=False)
        self.dropout = Dropout(dropout)
        self.outer = zeroed(nn.Linear(width, width))

    def forward(self, h: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        hidden = nn.functional.silu(self.inner(self.norm(h)) + self.noise(embedding))
        return h + self.outer(self.dropout(hidden))


class MLPDenoiser(NetworkDenoiser[MLPConfig]):
    """`depth` residual blocks of `width` units on the flattened input, the noise level added in each.

    Parameters
    ----------
    shape : sequence of int
        Event shape of the data; any.
    seed : int
        Of the initial weights.
    **options
        The following, and those of every network (see `NetworkDenoiser`).

    Other Parameters
    ----------------
    width : int
        Hidden units, 256 by default.
    depth : int
        Residual blocks of two layers each, 3 by default.
    dropout : float
        Probability within a block, 0 to 0.99; 0 by default.

    Raises
    ------
    UnknownNameError
        On an unknown option.
    ArgumentError, ShapeError, NoiseLevelError
        On an option outside its range; when called, on an input that does not fit.

    Examples
    --------
    >>> net = MLPDenoiser((2,), width=8, depth=1)
    >>> net(torch.zeros(5, 2), 1.0).shape
    torch.Size([5, 2])
    """

    name = "mlp"
    Config: ClassVar[type[NetworkConfig]] = MLPConfig

    def build(self) -> None:
        config, size = self.config, math.prod(self.config.shape)
        self.noise: NoiseEmbedding = NoiseEmbedding(config.width)
        self.add_condition(config.width)
        self.enter: nn.Linear = nn.Linear(size, config.width)
        self.blocks: nn.ModuleList = nn.ModuleList(_Block(config.width, config.dropout) for _ in range(config.depth))
        self.norm: nn.LayerNorm = nn.LayerNorm(config.width)
        self.leave: nn.Linear = zeroed(nn.Linear(config.width, size))

    def body(self, x: torch.Tensor, noise: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        embedding = self.noise(noise)
        if self.config.conditional:
            embedding = embedding + self.condition(condition, x.shape[0])
        embedding = nn.functional.silu(embedding)
        h = self.enter(x.flatten(1))
        for block in self.blocks:
            h = block(h, embedding)
        return self.leave(self.norm(h)).reshape(x.shape)
