"""A convolutional network that sees a known neighbourhood of each pixel and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from ..._support import checks as check
from ...errors import ArgumentError
from .base import NetworkConfig, NetworkDenoiser
from .layers import NoiseEmbedding, zeroed

PADDINGS = ("zeros", "circular")


@dataclass(frozen=True)
class LocalConfig(NetworkConfig):
    """Options of `LocalNet`, which documents them."""

    width: int = 64
    depth: int = 4
    kernel: int = 3
    padding: str = "zeros"

    def __post_init__(self) -> None:
        super().__post_init__()
        _, height, width = self.image()
        check.integer("width", self.width, 1)
        check.integer("depth", self.depth, 1)
        check.choice("padding", self.padding, PADDINGS)
        if check.integer("kernel", self.kernel, 1) % 2 == 0:
            raise ArgumentError("kernel", f"is {self.kernel}", "pass an odd size")
        if self.padding == "circular" and self.kernel // 2 > min(height, width):
            raise ArgumentError("kernel", f"is {self.kernel}, too wide for the image", "pass a smaller one")


class _PixelNorm(nn.Module):
    """Each pixel normalised over its channels: statistics over the image would see beyond the neighbourhood."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm: nn.LayerNorm = nn.LayerNorm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class _Block(nn.Module):
    def __init__(self, width: int, kernel: int, padding: Any) -> None:
        super().__init__()
        self.norm = _PixelNorm(width)
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, padding_mode=padding)
        self.noise = nn.Linear(width, width, bias=False)
        self.mix = zeroed(nn.Conv2d(width, width, 1))

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        h = self.conv(nn.functional.silu(self.norm(x))) + self.noise(embedding)[:, :, None, None]
        return x + self.mix(nn.functional.silu(h))


class LocalNet(NetworkDenoiser[LocalConfig]):
    """A residual network without pooling or attention: output pixels depend on `receptive_field` pixels across.

    The trained counterpart of local and equivariant score machines [@Kamb2024].

    Parameters
    ----------
    shape : sequence of int
        (channels, height, width) of the images.
    seed : int
        Of the initial weights.
    **options
        The following, and those of every network (see `NetworkDenoiser`).

    Other Parameters
    ----------------
    width : int
        Channels, 64 by default.
    depth : int
        Residual blocks of one convolution each, 4 by default.
    kernel : int
        Size of the convolutions in pixels, odd; 3 by default.
    padding : {"zeros", "circular"}
        What lies around the image; with "circular" the network commutes with shifts of a periodic image.

    Raises
    ------
    UnknownNameError
        On an unknown option.
    ArgumentError, ShapeError, NoiseLevelError
        On an option outside its range; when called, on an input that does not fit.

    Examples
    --------
    >>> LocalNet((1, 8, 8), width=8, depth=2, kernel=3).receptive_field
    5
    """

    name = "local"
    Config: ClassVar[type[NetworkConfig]] = LocalConfig

    def build(self) -> None:
        config = self.config
        self.noise: NoiseEmbedding = NoiseEmbedding(config.width)
        self.add_condition(config.width)
        self.enter: nn.Conv2d = nn.Conv2d(config.shape[0], config.width, 1)
        blocks = (_Block(config.width, config.kernel, config.padding) for _ in range(config.depth))
        self.blocks: nn.ModuleList = nn.ModuleList(blocks)
        self.norm: _PixelNorm = _PixelNorm(config.width)
        self.leave: nn.Conv2d = zeroed(nn.Conv2d(config.width, config.shape[0], 1))

    @property
    def receptive_field(self) -> int:
        """Pixels across of the neighbourhood that an output pixel depends on."""
        return 1 + self.config.depth * (self.config.kernel - 1)

    def body(self, x: torch.Tensor, noise: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        embedding = self.noise(noise)
        if self.config.conditional:
            embedding = embedding + self.condition(condition, x.shape[0])
        embedding = nn.functional.silu(embedding)
        h = self.enter(x)
        for block in self.blocks:
            h = block(h, embedding)
        return self.leave(self.norm(h))
