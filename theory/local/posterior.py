"""Posterior means as functions of the point, the noise level and the data, differentiable to any order.

An engine computes the mean the fast way and tells the lowest energy it met at each place. Its derivatives are those of
the same mean written as a quotient of two sums over blocks of images, relative to these lowest energies.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch

from ..empirical.weighted_sums import safe_norm, tie_width
from .streaming import Tensors, directional


class Engine(Protocol):
    """Posterior means over images (n, c, h, w), twice: fast, and as a differentiable function."""

    def fast(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean like `x`, and the lowest energies in float64, each (batch, ...)."""
        ...

    def smooth(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """The same mean in float64 from float64 `x`, `sigma` and energies."""
        ...


def posterior_mean(engine: Engine, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
    """The mean of `engine` at x (batch, ...), sigma (batch,)."""
    if len(x) == 0:
        return x
    return _Mean.apply(x, sigma, data, engine)[0]  # type: ignore[no-any-return]


def weights(energy: torch.Tensor, low: torch.Tensor, sigma: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
    """exp(-(e - low) / sigma^2), where ties are no gap though they move; all arguments broadcast."""
    gap = energy - low
    tied = gap.detach() <= tie_width(low, norm)
    gap = gap - torch.where(tied, gap.detach(), 0)
    return torch.exp(-gap / sigma / sigma)


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(
        x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, engine: Engine
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return engine.fast(x, sigma, data)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, torch.Tensor]) -> None:
        *arguments, ctx.engine = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(*arguments, output[1])
        ctx.save_for_forward(*arguments, output[1])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        *arguments, low = ctx.saved_tensors
        wanted = [k for k in range(3) if ctx.needs_input_grad[k]]

        def mean(*moving: torch.Tensor) -> torch.Tensor:
            x, sigma, data = (moving[wanted.index(k)] if k in wanted else arguments[k] for k in range(3))
            return _smooth(ctx.engine, x, sigma, data, low)

        found = torch.func.vjp(mean, *(arguments[k] for k in wanted))[1](grads[0])
        result: list[torch.Tensor | None] = [None] * 4
        for k, gradient in zip(wanted, found, strict=True):
            result[k] = gradient
        return tuple(result)

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor, None]:
        *arguments, low = ctx.saved_tensors
        moved = tuple(torch.zeros_like(a) if t is None else t for a, t in zip(arguments, tangents[:3], strict=True))
        return directional(
            lambda x, sigma, data: _smooth(ctx.engine, x, sigma, data, low), tuple(arguments), moved
        ), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Tensors, tuple[int, int]]:
        *tensors, engine = args
        size = info.batch_size
        x, sigma, data = (
            a.expand(size, *a.shape) if d is None else a.movedim(d, 0)
            for a, d in zip(tensors, in_dims[:3], strict=True)
        )
        if in_dims[2] is None:
            found: Tensors = _Mean.apply(x.flatten(0, 1), sigma.flatten(), data[0], engine)
            return tuple(part.unflatten(0, (size, -1)) for part in found), (0, 0)
        each: list[Tensors] = [_Mean.apply(*part, engine) for part in zip(x, sigma, data, strict=True)]
        return tuple(torch.stack(parts) for parts in zip(*each, strict=True)), (0, 0)


def _smooth(
    engine: Engine, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, low: torch.Tensor
) -> torch.Tensor:
    """The differentiable mean in the dtype of `x`; constant in x and sigma at sigma = 0."""
    point, level = x.double(), sigma.double()
    still = level == 0
    level = torch.where(still, 1e-150, level)
    point = torch.where(still.reshape(-1, *[1] * (x.ndim - 1)), point.detach(), point)
    return engine.smooth(point, level, data, low).to(x.dtype)


def norms(x: torch.Tensor) -> torch.Tensor:
    """|x| of each sample as (batch, 1, 1, 1), of which no derivative is taken."""
    return safe_norm(x.detach().flatten(1)).reshape(-1, 1, 1, 1)
