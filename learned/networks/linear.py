"""The linear denoiser: the model whose optimum is the Wiener filter, whatever the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from ..._support import checks as check
from .base import NetworkConfig, NetworkDenoiser
from .layers import zeroed


@dataclass(frozen=True)
class LinearConfig(NetworkConfig):
    """Options of `LinearDenoiser`, which documents them."""

    sigmas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.sigmas):
            levels = sorted(float(sigma) for sigma in check.positive_sigmas("sigmas", list(self.sigmas)))
            object.__setattr__(self, "sigmas", tuple(levels))


class _Maps(nn.Module):
    def __init__(self, levels: int, size: int) -> None:
        super().__init__()
        self.weight: nn.Parameter = nn.Parameter(torch.empty(levels, size, size))
        self.bias: nn.Parameter = nn.Parameter(torch.empty(levels, size))


class LinearDenoiser(NetworkDenoiser[LinearConfig]):
    """F(z; sigma) = W_sigma z + b_sigma, an affine map per noise level, interpolated linearly in ln(sigma) between.

    Trained on any data, each W tends to the best affine denoiser, mu + C (C + sigma^2 I)^-1 (x - mu) with the
    mean and covariance of the data [@Li2024]. It starts at zero, where the "edm" head is the Wiener filter of
    zero-mean isotropic data.

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
    sigmas : tuple of float
        Noise levels with a matrix of their own, > 0; none by default: one matrix for all noise levels.

    Raises
    ------
    UnknownNameError
        On an unknown option.
    ArgumentError, NoiseLevelError, ShapeError
        On an option outside its range; when called, on an input that does not fit.

    Examples
    --------
    >>> net = LinearDenoiser((1, 2, 2), sigma_data=1.0)
    >>> net(torch.ones(1, 1, 2, 2), 1.0).flatten().tolist()
    [0.5, 0.5, 0.5, 0.5]
    """

    name = "linear"
    Config: ClassVar[type[NetworkConfig]] = LinearConfig

    def build(self) -> None:
        size = math.prod(self.config.shape)
        self.maps: _Maps = zeroed(_Maps(max(1, len(self.config.sigmas)), size))
        self.add_condition(size)

    def body(self, x: torch.Tensor, noise: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        flat = x.flatten(1)
        images = torch.einsum("lij,bj->bli", self.maps.weight, flat) + self.maps.bias
        out = (self._shares(noise)[:, :, None] * images).sum(dim=1)
        if self.config.conditional:
            out = out + self.condition(condition, x.shape[0])
        return out.reshape(x.shape)

    def _shares(self, noise: torch.Tensor) -> torch.Tensor:
        """`(batch, levels)`: the weights of linear interpolation, constant beyond the ends."""
        if len(self.config.sigmas) < 2:
            return torch.ones_like(noise)[:, None]
        knots = torch.tensor(self.config.sigmas, dtype=torch.float64).log().div(4).to(noise)
        gaps = knots.diff()
        rising = ((noise[:, None] - knots[:-1]) / gaps).clamp(0, 1)
        ones = torch.ones_like(rising[:, :1])
        return torch.cat([ones, rising], dim=1) - torch.cat([rising, torch.zeros_like(ones)], dim=1)
