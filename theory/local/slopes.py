"""First derivatives of posterior means, from what the means left behind: those of windows by kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ..._support.types import Array
from . import _slope_kernels
from .windows import Plan, Windows, packed, unpacked

# numba's functions have no types that a checker could read.
pull_windows: Callable[..., None] = _slope_kernels.pull_windows
push_windows: Callable[..., None] = _slope_kernels.push_windows

WINDOW = 45.0
"""Groups of windows below exp(-WINDOW) of the largest weight are left out."""

BUFFER_BYTES = 2**22
"""Gradients of the images that a thread collects at once."""

Kept = tuple[torch.Tensor, ...]
"""Lowest energies, sums of the weights relative to them and means: all float64, as `Windows` gives them."""


class Slopes(Protocol):
    """First derivatives of posterior means in x, sigma and the data, from what a fast mean kept. At sigma = 0 the
    weights of the data are constant."""

    def kept(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Kept:
        """What the mean leaves behind, where it was not kept."""
        ...

    def pull(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        cotangent: torch.Tensor,
        in_data: bool,
    ) -> tuple[torch.Tensor, ...]:
        """The gradients of <cotangent, mean> in x, in sigma and, `in_data`, in the data."""
        ...

    def push(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        tangents: tuple[torch.Tensor, ...],
    ) -> torch.Tensor:
        """The derivative of the mean as x, sigma and, where there is a third, the data move along `tangents`."""
        ...


@dataclass(frozen=True)
class WindowSlopes:
    """Those of windows, by kernels."""

    windows: Windows

    def kept(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Kept:
        return self.windows(x, sigma, data)[1:]

    def pull(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        cotangent: torch.Tensor,
        in_data: bool,
    ) -> tuple[torch.Tensor, ...]:
        plan = self.windows.plan(x, sigma, data)
        low, scale, mean, rest = _relative(self.windows, plan, kept)
        g = cotangent.detach().double().numpy()
        shift = (g * rest).sum(1)
        slopes, gradients = np.zeros(low.shape), np.zeros((len(plan.shares), *g.shape))
        given = [part.astype(plan.points.dtype) for part in (mean, shift, g)]
        width, size = g.shape[3], 2 * self.windows.radius + 1
        more = 1, size * width, width + 2 * size - 2, width + size - 1
        change = torch.empty_like(data) if in_data else None
        each = max(1, BUFFER_BYTES // plan.images[0].nbytes) if in_data else len(plan.images)
        for some, part in plan.parts(each):
            packs = part.images if in_data else part.images[:0]
            changes = np.zeros((len(part.shares), *packs.shape), packs.dtype)
            part.run(pull_windows, WINDOW, (low, scale, *given, slopes), (gradients,), (changes,), more)
            if change is not None:
                change[some] = unpacked(changes.sum(0), part.n)
        in_x = gradients.sum(0) * _rate(plan)[:, None, None, None]
        in_sigma = 2 * slopes.sum((1, 2)) * np.sqrt(_rate(plan))
        found = torch.from_numpy(in_x).to(x.dtype), torch.from_numpy(in_sigma).to(sigma.dtype)
        return found if change is None else (*found, change)

    def push(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        tangents: tuple[torch.Tensor, ...],
    ) -> torch.Tensor:
        plan = self.windows.plan(x, sigma, data)
        low, scale, mean, rest = _relative(self.windows, plan, kept)
        along, level = (part.detach().double().numpy() for part in tangents[:2])
        drift = [packed(part, plan.dtype, plan.order) for part in tangents[2:]] or [plan.images[:0]]
        growth = np.nan_to_num(2 * level * sigma.detach().double().numpy(), posinf=0, neginf=0)
        tilts, moments, moved = np.zeros(low.shape), np.zeros(along.shape), np.zeros(along.shape)
        given = [part.astype(plan.points.dtype) for part in (mean, along)]
        width, size = along.shape[3], 2 * self.windows.radius + 1
        more = 1, size * (width + size - 1), width + size - 1, width
        plan.run(push_windows, WINDOW, (low, scale, *given, growth, tilts, moments, moved), (), (drift[0][None],), more)
        moved += (moments + tilts[:, None] * rest) * _rate(plan)[:, None, None, None]
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
