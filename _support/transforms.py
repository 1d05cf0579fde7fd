"""Which tensors a transform of torch.func carries, and what is inside."""

from __future__ import annotations

from typing import Any

import torch

_functorch: Any = getattr(torch._C, "_functorch")  # noqa: B009, SLF001 (not in the stubs of torch)


def wrapped(value: torch.Tensor) -> bool:
    """Whether a transform carries it."""
    return _functorch.is_functorch_wrapped_tensor(value)


def physical(value: torch.Tensor) -> torch.Tensor:
    """The numbers inside, all batches of `vmap` included."""
    while wrapped(value):
        value = _functorch.get_unwrapped(value)
    return value


def batched(*tensors: torch.Tensor) -> bool:
    """Whether `vmap` carries one of them."""
    for value in tensors:
        inner = value
        while wrapped(inner):
            if _functorch.is_batchedtensor(inner):
                return True
            inner = _functorch.get_unwrapped(inner)
    return False


def asks(value: torch.Tensor) -> bool:
    """Whether derivatives in it are asked for, or a transform carries it."""
    return value.requires_grad or wrapped(value) or torch.autograd.forward_ad.unpack_dual(value).tangent is not None


def tracked(*tensors: torch.Tensor) -> bool:
    """Whether derivatives are followed through any of them."""
    return any((torch.is_grad_enabled() or not t.requires_grad or wrapped(t)) and asks(t) for t in tensors)
