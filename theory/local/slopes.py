"""First derivatives of posterior means, from what the means left behind: those of windows by kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ..._support.types import Array
from . import _slope_kernels
from .windows import Plan, Windows

# numba's functions have no types that a checker could read.
pull_windows: Callable[..., None] = _slope_kernels.pull_windows
push_windows: Callable[..., None] = _slope_kernels.push_windows

WINDOW = 45.0
"""Groups of windows below exp(-WINDOW) of the largest weight are left out."""

Kept = tuple[torch.Tensor, ...]
"""Lowest energies, sums of the weights relative to them and means: all float64, as `Windows` gives them."""


class Slopes(Protocol):
    """First derivatives of posterior means in x and sigma, 0 at sigma = 0, from what a fast mean kept."""

    def kept(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Kept:
        """What the mean leaves behind, where it was not kept."""
        ...

    def pull(
        self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, kept: Kept, cotangent: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradients of <cotangent, mean> in x and in sigma."""
        ...

    def push(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        tangents: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """The derivative of the mean as x and sigma move along `tangents`."""
        ...


@dataclass(frozen=True)
class WindowSlopes:
    """Those of windows, by kernels."""

    windows: Windows

    def kept(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Kept:
        return self.windows(x, sigma, data)[1:]

    def pull(
        self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, kept: Kept, cotangent: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        plan = self.windows.plan(x, sigma, data)
        low, scale, mean, rest = _relative(self.windows, plan, kept)
        g = cotangent.detach().double().numpy()
        shift = (g * rest).sum(1)
        slopes, gradients = np.zeros(low.shape), np.zeros((len(plan.shares), *g.shape))
        given = [part.astype(plan.points.dtype) for part in (mean, shift, g)]
        width, size = g.shape[3], 2 * self.windows.radius + 1
        more = 1, size * width, width + 2 * size - 2, width + size - 1
        plan.run(pull_windows, WINDOW, (low, scale, *given, slopes), (gradients,), more)
        in_x = gradients.sum(0) * _rate(plan)[:, None, None, None]
        in_sigma = 2 * slopes.sum((1, 2)) * np.sqrt(_rate(plan))
        return torch.from_numpy(in_x).to(x.dtype), torch.from_numpy(in_sigma).to(sigma.dtype)

    def push(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        tangents: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        plan = self.windows.plan(x, sigma, data)
        low, scale, mean, rest = _relative(self.windows, plan, kept)
        along, level = (part.detach().double().numpy() for part in tangents)
        growth = np.nan_to_num(2 * level * sigma.detach().double().numpy(), posinf=0, neginf=0)
        tilts, moments = np.zeros(low.shape), np.zeros(along.shape)
        given = [part.astype(plan.points.dtype) for part in (mean, along)]
        width, size = along.shape[3], 2 * self.windows.radius + 1
        more = 1, size * (width + size - 1), width + size - 1, width
        plan.run(push_windows, WINDOW, (low, scale, *given, growth, tilts, moments), (), more)
        moved = (moments + tilts[:, None] * rest) * _rate(plan)[:, None, None, None]
        return torch.from_numpy(moved).to(x.dtype)


def _relative(windows: Windows, plan: Plan, kept: Kept) -> tuple[Array, Array, Array, Array]:
    """Lowest energies as numbers of the images' precision, the factors that make exp(-(e - low) / sigma^2) the
    weights, the means in that precision, and what this adds to them."""
    lowest, total, mean = (part.detach().numpy() for part in kept)
    low = lowest - windows.offsets(plan).numpy()
    rate = plan.rate[:, None, None]
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.where(low * rate <= plan.limit, low.astype(plan.points.dtype), low)
        change = low - rounded
        scale = np.exp(np.where(change == 0, 0, change * rate)) / total
    near = mean.astype(plan.points.dtype).astype(float)
    return rounded, scale, near, near - mean


def _rate(plan: Plan) -> Array:
    """1 / sigma^2, and 0 at sigma = 0, where the mean is constant almost everywhere."""
    return np.where(np.isfinite(plan.rate), plan.rate, 0)
