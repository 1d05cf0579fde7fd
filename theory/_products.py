"""Matrix products that cost no more to differentiate than they must."""

from __future__ import annotations

from typing import Any

import torch


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b. Where one of them does not move, torch's own forward derivative multiplies the other by zeros."""
    if torch.compiler.is_compiling():  # it traces what it knows
        return a @ b
    return _Product.apply(a, b, True)  # type: ignore[no-any-return]


def change_of_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Zero, with the derivatives of a @ b, where nobody asks for the value."""
    return _Product.apply(a, b, False)  # type: ignore[no-any-return]


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(a: torch.Tensor, b: torch.Tensor, valued: bool) -> torch.Tensor:
        return a @ b if valued else a.new_zeros(*a.shape[:-1], b.shape[-1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])
        ctx.save_for_forward(*inputs[:2])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        (a, b), grad = ctx.saved_tensors, grads[0]
        if grad is None:
            return None, None, None
        of_a, of_b = ctx.needs_input_grad[:2]
        return product(grad, b.mT) if of_a else None, product(a.mT, grad) if of_b else None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> torch.Tensor:
        (a, b), (da, db) = ctx.saved_tensors, tangents[:2]
        if da is None or db is None:
            return product(a, db) if da is None else product(da, b)  # type: ignore[arg-type]
        return product(da, b) + product(a, db)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[torch.Tensor, int]:
        (a, b, valued), size = args, info.batch_size
        first = a.expand(size, *a.shape) if in_dims[0] is None else a.movedim(in_dims[0], 0)
        if in_dims[1] is None and b.ndim == 2:
            return _Product.apply(first.flatten(0, -2), b, valued).unflatten(0, first.shape[:-1]), 0
        second = b.expand(size, *b.shape) if in_dims[1] is None else b.movedim(in_dims[1], 0)
        return _Product.apply(first, second, valued), 0
