"""Posterior means as functions of the point, the noise level and the data, differentiable to any order.

An engine computes the mean the fast way and tells the lowest energy it met at each place. Its derivatives are those of
the same mean written as a quotient of two sums over blocks of images, relative to these lowest energies. Where an
engine has `slopes`, they give the first derivatives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from ..empirical.weighted_sums import safe_norm, tie_width
from .slopes import Slopes
from .streaming import Tensors, directional

STILL = 1e-150
"""Up to this noise level the weights are constant."""


class Engine(Protocol):
    """Posterior means over images (n, c, h, w), twice: fast, and as a differentiable function."""

    @property
    def slopes(self) -> Slopes | None:
        """What gives the first derivatives, if anything does."""
        ...

    def fast(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Tensors:
        """The mean like `x`, the lowest energies in float64, perhaps what else `slopes` takes: all (batch, ...)."""
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
    """exp(-(e - low) / sigma^2), where ties are no gap though they move, constant at sigma = STILL; all arguments
    broadcast."""
    gap = energy - low
    tied = gap.detach() <= tie_width(low, norm)
    gap = gap - torch.where(tied, gap.detach(), 0)
    gap = torch.where(sigma.detach() <= STILL, gap.detach(), gap)
    return torch.exp(-gap / sigma / sigma)


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, engine: Engine) -> Tensors:
        return engine.fast(x, sigma, data)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensors) -> None:
        *arguments, ctx.engine = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*arguments, *output[1:])
        ctx.save_for_forward(*arguments, *output[1:])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        *arguments, low = ctx.saved_tensors[:4]
        result: list[torch.Tensor | None] = [None] * 4
        if grads[0] is None:
            return tuple(result)
        wanted = [k for k in range(3) if ctx.needs_input_grad[k]]
        if ctx.engine.slopes is not None:
            found = _slope(_Pull(ctx.engine, 2 in wanted), grads[0], *ctx.saved_tensors)
            return *found, *(None,) * (4 - len(found))

        def mean(*moving: torch.Tensor) -> torch.Tensor:
            point = [moving[wanted.index(k)] if k in wanted else arguments[k] for k in range(3)]
            return _smooth(ctx.engine, low, *point)

        found = torch.func.vjp(mean, *(arguments[k] for k in wanted))[1](grads[0])
        for k, gradient in zip(wanted, found, strict=True):
            result[k] = gradient
        return tuple(result)

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        *arguments, low = ctx.saved_tensors[:4]
        nothing = (None,) * (len(ctx.saved_tensors) - 3)
        if ctx.engine.slopes is not None:
            some = 2 if tangents[2] is None else 3
            moved = _filled(tangents[:some], arguments[:some])
            return *_slope(_Push(ctx.engine, some), *moved, *ctx.saved_tensors), *nothing
        mean = functools.partial(_smooth, ctx.engine, low)
        return directional(mean, tuple(arguments), _filled(tangents[:3], arguments)), *nothing

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Tensors, tuple[int, ...]]:
        *tensors, engine = args

        def apply(*tensors: torch.Tensor) -> Tensors:
            return _Mean.apply(*tensors, engine)  # type: ignore[no-any-return]

        return _flattened(apply, (2,), info.batch_size, in_dims, tensors)


@dataclass(frozen=True)
class _Pull:
    """The mean's gradients in x, sigma and, `in_data`, in the data."""

    engine: Engine
    in_data: bool
    arguments = 4

    @property
    def whole(self) -> tuple[int, ...]:
        """Arguments of which there is one for all of a batch: all, where a gradient is the sum over the batch."""
        return (0, 1, 2, 3) if self.in_data else (3,)

    def fast(
        self, cotangent: torch.Tensor, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, *kept: Any
    ) -> Tensors:
        slopes, kept = _kept(self.engine, x, sigma, data, kept)
        return slopes.pull(x, sigma, data, kept, cotangent, self.in_data)

    def smooth(self, low: torch.Tensor, cotangent: torch.Tensor, *point: torch.Tensor) -> Tensors:
        moving, rest = point[: 2 + self.in_data], point[2 + self.in_data :]
        found = torch.func.vjp(lambda *moving: _smooth(self.engine, low, *moving, *rest), *moving)[1](cotangent)
        return tuple(found)


@dataclass(frozen=True)
class _Push:
    """The mean's derivative along tangents of x and sigma, two, or of x, sigma and the data, three."""

    engine: Engine
    tangents: int

    @property
    def arguments(self) -> int:
        return self.tangents + 3

    @property
    def whole(self) -> tuple[int, ...]:
        """Arguments of which there is one for all of a batch: the data, and their tangent."""
        return (*range(2, self.tangents), self.arguments - 1)

    def fast(self, *tensors: torch.Tensor) -> Tensors:
        moved, (x, sigma, data, *kept) = tensors[: self.tangents], tensors[self.tangents :]
        slopes, kept = _kept(self.engine, x, sigma, data, tuple(kept))
        return (slopes.push(x, sigma, data, kept, moved),)

    def smooth(self, low: torch.Tensor, *tensors: torch.Tensor) -> Tensors:
        moved, point = tensors[: self.tangents], tensors[self.tangents :]
        moving, rest = point[: self.tangents], point[self.tangents :]
        return (directional(lambda *moving: _smooth(self.engine, low, *moving, *rest), moving, moved),)


def _kept(
    engine: Engine, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, kept: Tensors
) -> tuple[Slopes, Tensors]:
    """What gives the derivatives, and what it takes: from the mean where it kept it, else found again."""
    if engine.slopes is None:
        raise TypeError(f"{type(engine).__name__} has smooth derivatives only")
    return engine.slopes, kept if len(kept) == 3 else engine.slopes.kept(x, sigma, data)


def _slope(product: _Pull | _Push, *tensors: torch.Tensor) -> Tensors:
    """`product.fast(*tensors)`, the derivatives being those of `product.smooth` at the first of the tensors."""
    return _Slope.apply(product, *tensors)  # type: ignore[no-any-return]


class _Slope(torch.autograd.Function):
    @staticmethod
    def forward(product: _Pull | _Push, *tensors: torch.Tensor) -> Tensors:
        return product.fast(*tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensors) -> None:
        ctx.product, *tensors = inputs
        ctx.kept = len(tensors) - ctx.product.arguments
        ctx.save_for_backward(*tensors[: ctx.product.arguments + 1])
        ctx.save_for_forward(*tensors[: ctx.product.arguments + 1])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        *arguments, low = ctx.saved_tensors
        found = torch.func.vjp(functools.partial(ctx.product.smooth, low), *arguments)[1](grads)
        return None, *found, *(None,) * ctx.kept

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> Tensors:
        *arguments, low = ctx.saved_tensors
        moved = _filled(tangents[1 : len(arguments) + 1], arguments)
        return directional(functools.partial(ctx.product.smooth, low), tuple(arguments), moved)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Tensors, tuple[int, ...]]:
        product, *tensors = args
        apply = functools.partial(_slope, product)
        return _flattened(apply, product.whole, info.batch_size, in_dims[1:], tensors)


def _filled(tangents: Sequence[torch.Tensor | None], arguments: Sequence[torch.Tensor]) -> Tensors:
    """The tangents, zeros where there are none."""
    return tuple(torch.zeros_like(a) if t is None else t for t, a in zip(tangents, arguments, strict=True))


def _flattened(
    apply: Callable[..., Tensors],
    whole: tuple[int, ...],
    size: int,
    in_dims: tuple[int | None, ...],
    tensors: list[torch.Tensor],
) -> tuple[Tensors, tuple[int, ...]]:
    """What `vmap` makes of a function of tensors (batch, ...), some of which are there as a `whole` for the batch: a
    larger batch, where these are the same for all, else a loop."""
    each = [a.expand(size, *a.shape) if d is None else a.movedim(d, 0) for a, d in zip(tensors, in_dims, strict=False)]
    if all(in_dims[k] is None for k in whole):
        found = apply(*(a[0] if k in whole else a.flatten(0, 1) for k, a in enumerate(each)))
        results = tuple(part.unflatten(0, (size, -1)) for part in found)
    else:
        results = tuple(torch.stack(parts) for parts in zip(*map(apply, *each), strict=True))
    return results, (0,) * len(results)


def _smooth(engine: Engine, low: torch.Tensor, *point: torch.Tensor) -> torch.Tensor:
    """The differentiable mean at (x, sigma, data) in the dtype of x, its weights constant at sigma = 0."""
    x, sigma, data = point
    return engine.smooth(x.double(), sigma.double().clamp(min=STILL), data, low).to(x.dtype)


def norms(x: torch.Tensor) -> torch.Tensor:
    """|x| of each sample as (batch, 1, 1, 1), of which no derivative is taken."""
    return safe_norm(x.detach().flatten(1)).reshape(-1, 1, 1, 1)
