"""A convolutional U-Net with residual blocks and optional self-attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ..._support import checks as check
from ...errors import ArgumentError
from .base import NetworkConfig, NetworkDenoiser
from .layers import Dropout, NoiseEmbedding, zeroed


@dataclass(frozen=True)
class UNetConfig(NetworkConfig):
    """Options of `UNetDenoiser`, which documents them."""

    width: int = 64
    multipliers: tuple[int, ...] = (1, 2, 2)
    blocks: int = 2
    attention: tuple[int, ...] = ()
    heads: int = 4
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _, height, width = self.image(minimum=2)
        check.integer("width", self.width, 1)
        check.integer("blocks", self.blocks, 1)
        check.integer("heads", self.heads, 1)
        check.real("dropout", self.dropout, 0.0, 0.99)
        if not self.multipliers:
            raise ArgumentError("multipliers", "is empty", "pass one factor per resolution, e.g. (1, 2)")
        for factor in self.multipliers:
            check.integer("multipliers", factor, 1)
        halvings = 2 ** (len(self.multipliers) - 1)
        if height % halvings or width % halvings:
            raise ArgumentError(
                "multipliers",
                f"halve an image of {height} x {width} pixels {len(self.multipliers) - 1} times",
                f"pass fewer resolutions, or pad the images to multiples of {halvings}",
            )
        for size in self.attention:
            if size not in {height // 2**i for i in range(len(self.multipliers))}:
                raise ArgumentError("attention", f"names {size} pixels, which no level has", "pass level heights")
            if any(self.width * factor % self.heads for factor in self.multipliers):
                raise ArgumentError("heads", f"{self.heads} does not divide the channels", "pass a divisor of width")


def _norm(channels: int) -> nn.GroupNorm:
    groups = min(32, max(1, channels // 4))
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


class _Attention(nn.Module):
    """Self-attention over pixels, added to its input."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = _norm(channels)
        self.enter = nn.Conv2d(channels, 3 * channels, 1)
        self.leave = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        parts = self.enter(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, height * width)
        query, key, value = parts.transpose(-1, -2).unbind(1)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        return x + self.leave(mixed.transpose(-1, -2).reshape(x.shape))


class _Block(nn.Module):
    """Two convolutions with a skip; the embedding scales and shifts between them."""

    def __init__(self, inputs: int, outputs: int, embedding: int, dropout: float, heads: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.affine = zeroed(nn.Linear(embedding, 2 * outputs))
        self.norm2, self.dropout = _norm(outputs), Dropout(dropout)
        self.conv2 = zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.attention = _Attention(outputs, heads) if heads else nn.Identity()

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        scale, shift = self.affine(embedding)[:, :, None, None].chunk(2, dim=1)
        h = nn.functional.silu(torch.addcmul(shift, self.norm2(h), scale + 1))
        return self.attention(self.skip(x) + self.conv2(self.dropout(h)))


class UNetDenoiser(NetworkDenoiser[UNetConfig]):
    """Residual blocks down to the coarsest resolution and up again, each upward block seeing its downward twin.

    The family of the "DDPM++" network [@Song2021SDE; @Karras2022]; 1 to any number of channels, any size that
    the halvings divide.

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
        Channels at full resolution, 64 by default.
    multipliers : tuple of int
        Channels of each resolution in units of `width`, (1, 2, 2) by default; each resolution halves the one before.
    blocks : int
        Residual blocks per resolution, 2 by default.
    attention : tuple of int
        Heights in pixels of the resolutions with self-attention; none by default.
    heads : int
        Heads of the self-attention, 4 by default.
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
    >>> net = UNetDenoiser((1, 8, 8), width=8, multipliers=(1, 2), blocks=1)
    >>> net(torch.zeros(3, 1, 8, 8), 0.5).shape
    torch.Size([3, 1, 8, 8])
    """

    name = "unet"
    Config: ClassVar[type[NetworkConfig]] = UNetConfig

    def build(self) -> None:
        config = self.config
        channels, height, _ = config.image()
        embedding = 4 * config.width
        widths = [config.width * factor for factor in config.multipliers]

        def block(inputs: int, outputs: int, level: int) -> _Block:
            heads = config.heads if height // 2**level in config.attention else 0
            return _Block(inputs, outputs, embedding, config.dropout, heads)

        self.noise: NoiseEmbedding = NoiseEmbedding(embedding)
        self.mix: nn.Linear = nn.Linear(embedding, embedding)
        self.add_condition(embedding)
        self.enter: nn.Conv2d = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down: nn.ModuleList = nn.ModuleList()
        self.up: nn.ModuleList = nn.ModuleList()
        current, skips = widths[0], [widths[0]]
        for level, width in enumerate(widths):
            for _ in range(config.blocks):
                self.down.append(block(current, width, level))
                current = width
                skips.append(width)
        self.middle: nn.ModuleList = nn.ModuleList(block(current, current, len(widths) - 1) for _ in range(2))
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(config.blocks + (level == 0)):
                self.up.append(block(current + skips.pop(), width, level))
                current = width
        self.norm: nn.GroupNorm = _norm(current)
        self.leave: nn.Conv2d = zeroed(nn.Conv2d(current, channels, 3, padding=1))

    def body(self, x: torch.Tensor, noise: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        embedding = self.mix(nn.functional.silu(self.noise(noise)))
        if self.config.conditional:
            embedding = embedding + self.condition(condition, x.shape[0])
        embedding = nn.functional.silu(embedding)
        h = self.enter(x)
        skips = [h]
        for i, block in enumerate(self.down):
            if i and i % self.config.blocks == 0:
                h = nn.functional.avg_pool2d(h, 2)
            h = block(h, embedding)
            skips.append(h)
        for block in self.middle:
            h = block(h, embedding)
        for block in self.up:
            skip = skips.pop()
            if skip.shape[-1] != h.shape[-1]:
                h = nn.functional.interpolate(h, scale_factor=2.0, mode="nearest")
            h = block(torch.cat([h, skip], dim=1), embedding)
        return self.leave(nn.functional.silu(self.norm(h)))
