"""Closed forms as single operators of `torch.compile`: what the compiler calls instead of tracing the sums.

The operator has the derivatives of the closed form in x, sigma and in what it holds live.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, List, TypeVar  # noqa: UP035 (of an operator's types torch 2.6 knows this one)
from weakref import WeakValueDictionary

import torch

ALIVE: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""The closed forms by their `id`, as operators take numbers and tensors only."""

MethodT = TypeVar("MethodT", bound=Callable[..., torch.Tensor])


def opaque(method: MethodT) -> MethodT:
    """A method `(self, x, sigma)` whose result is like x, or `(batch,)`, as one operator under `torch.compile`."""
    name, per_row = method.__name__, method.__name__ in ("log_density", "entropy")

    @functools.wraps(method)
    def called(self: Any, x: torch.Tensor, sigma: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        if not torch.compiler.is_compiling() or args or kwargs:
            return method(self, x, sigma, *args, **kwargs)
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
        return _closed_form(id(self), name, per_row, x, level, list(getattr(self, "live", ())))

    return called  # type: ignore[return-value]


@torch.library.custom_op("idealscore::closed_form", mutates_args=())
def _closed_form(
    key: int,
    method: str,
    per_row: bool,  # noqa: ARG001 (asked for by the shape of the result below)
    x: torch.Tensor,
    sigma: torch.Tensor,
    live: List[torch.Tensor],  # noqa: ARG001, UP006 (autograd follows it)
) -> torch.Tensor:
    with torch.no_grad():
        return getattr(ALIVE[key], method)(x, sigma).clone()


@_closed_form.register_fake
def _(*arguments: Any) -> torch.Tensor:
    per_row, x = arguments[2:4]
    return x.new_empty(x.shape[0]) if per_row else torch.empty_like(x, memory_format=torch.contiguous_format)


@torch.library.custom_op("idealscore::closed_form_backward", mutates_args=())
def _backward(
    key: int,
    method: str,
    grad: torch.Tensor,
    x: torch.Tensor,
    sigma: torch.Tensor,
    live: List[torch.Tensor],  # noqa: UP006
) -> List[torch.Tensor]:  # noqa: UP006
    form = ALIVE[key]

    def result(x: torch.Tensor, sigma: torch.Tensor, *live: torch.Tensor) -> torch.Tensor:
        of = form._made_of(*live) if live else form  # noqa: SLF001
        return getattr(of, method)(x, sigma)

    found = torch.func.vjp(result, x, sigma, *live)[1](grad)
    return [value.clone() for value in found]


@_backward.register_fake
def _(*arguments: Any) -> list[torch.Tensor]:
    x, sigma, live = arguments[3:]
    return [torch.empty_like(value) for value in (x, sigma, *live)]


def _keep(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: ARG001 (torch names it)
    ctx.key, ctx.method, _, x, sigma, live = inputs
    ctx.save_for_backward(x, sigma, *live)


def _gradients(ctx: Any, grad: torch.Tensor) -> Any:
    x, sigma, *live = ctx.saved_tensors
    of_x, of_sigma, *others = _backward(ctx.key, ctx.method, grad.contiguous(), x, sigma, live)
    return None, None, None, of_x, of_sigma, others


_closed_form.register_autograd(_gradients, setup_context=_keep)
