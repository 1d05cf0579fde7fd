"""Sums over a long array, block by block, as functions that are differentiable to any order in the same memory.

`over_blocks(step, ...)` gives sum_k f(block_k, shared) and, side by side, what f returns for each row of a block. Its
derivatives are again such sums: that of a shared argument is summed over the blocks, that of the long array stands side
by side, and each needs one more pass in which nothing is kept but the result. torch.autograd, torch.func (vjp, jvp,
vmap and what is made of them) and forward-mode differentiation all go this way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import torch
from torch.utils._pytree import tree_map

Tensors: TypeAlias = tuple[torch.Tensor, ...]
T = TypeVar("T")


def directional(f: Callable[..., T], point: Tensors, direction: Tensors) -> T:
    """The derivative of f along `direction`, as that of J^T u by u: forward mode does not nest."""
    value, pull, *_ = torch.func.vjp(f, *point)
    push = torch.func.vjp(pull, tree_map(torch.zeros_like, value))[1]
    return push(direction)[0]


@dataclass(frozen=True)
class Step:
    """`f(blocks, shared) -> (rows, sums)`, of which the first `long` arguments are cut into blocks of `size`."""

    f: Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]
    long: int
    rows: int
    size: int
    dim: int
    """Where the rows of a long array are counted, from the end: -4 for (n, c, h, w)."""

    def __call__(self, arguments: Tensors) -> tuple[Tensors, Tensors]:
        return self.f(arguments[: self.long], arguments[self.long :])


def over_blocks(step: Step, *arguments: torch.Tensor) -> Tensors:
    """The rows that f returns, side by side, and its sums over all blocks."""
    return _OverBlocks.apply(step, *arguments)  # type: ignore[no-any-return]


class _OverBlocks(torch.autograd.Function):
    @staticmethod
    def forward(step: Step, *arguments: torch.Tensor) -> Tensors:
        long, shared = arguments[: step.long], arguments[step.long :]
        rows: list[Tensors] = []
        sums: Tensors | None = None
        for blocks in zip(*(array.split(step.size, step.dim) for array in long), strict=True):
            some, part = step((*blocks, *shared))
            rows.append(some)
            sums = part if sums is None else tuple(a + b for a, b in zip(sums, part, strict=True))
        side_by_side = tuple(torch.cat(parts, step.dim) for parts in zip(*rows, strict=True))
        return (*side_by_side, *(sums or ()))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensors) -> None:
        ctx.step, *arguments = inputs
        ctx.save_for_backward(*arguments)
        ctx.save_for_forward(*arguments)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        step, arguments = ctx.step, ctx.saved_tensors
        wanted = [k for k, needed in enumerate(ctx.needs_input_grad[1:]) if needed]
        pulled = _pull(step, len(arguments), wanted)
        long, shared = arguments[: step.long], arguments[step.long :]
        found = over_blocks(pulled, *long, *grads[: step.rows], *shared, *grads[step.rows :])
        result: list[torch.Tensor | None] = [None] * len(arguments)
        for k, gradient in zip(wanted, found, strict=True):
            result[k] = gradient
        return (None, *result)

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> Tensors:
        step, arguments = ctx.step, ctx.saved_tensors
        moved = [torch.zeros_like(a) if t is None else t for a, t in zip(arguments, tangents[1:], strict=True)]
        n = step.long

        def pushed(long: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
            primals, directions = (*long[:n], *shared[: len(shared) // 2]), (*long[n:], *shared[len(shared) // 2 :])
            return directional(lambda *a: step(a), primals, directions)

        whole = Step(pushed, 2 * n, step.rows, step.size, step.dim)
        return over_blocks(whole, *arguments[:n], *moved[:n], *arguments[n:], *moved[n:])

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Tensors, tuple[int, ...]]:
        step, *arguments = args
        first = [a if d is None else a.movedim(d, 0) for a, d in zip(arguments, in_dims[1:], strict=True)]
        where = tuple(None if d is None else 0 for d in in_dims[1:])
        each = torch.vmap(step.f, in_dims=(where[: step.long], where[step.long :]))
        found = over_blocks(Step(each, step.long, step.rows, step.size, step.dim), *first)
        return found, (0,) * len(found)


def _pull(step: Step, n: int, wanted: list[int]) -> Step:
    """The vector-Jacobian product of `step` with its n arguments: gradients of the `wanted` ones."""
    rows, n_long = [k for k in wanted if k < step.long], step.long

    def pulled(long: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
        arguments = (*long[:n_long], *shared[: n - n_long])
        grads = long[n_long:], shared[n - n_long :]

        def f(*moving: torch.Tensor) -> tuple[Tensors, Tensors]:
            full = list(arguments)
            for k, value in zip(wanted, moving, strict=True):
                full[k] = value
            return step(tuple(full))

        found = torch.func.vjp(f, *(arguments[k] for k in wanted))[1](grads)
        return found[: len(rows)], found[len(rows) :]

    return Step(pulled, n_long + step.rows, len(rows), step.size, step.dim)
