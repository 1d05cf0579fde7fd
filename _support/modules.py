"""Torch modules of the user, run without being changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
from torch import nn

from ..errors import DenoiserContractError
from . import checks as check

F = TypeVar("F", bound=Callable[..., Any])


@contextmanager
def evaluating(module: object) -> Iterator[None]:
    """`module` in evaluation mode within the block, every part in its own mode again after it, whatever happens.

    Anything that is no torch module is left alone.

    >>> net = nn.Sequential(nn.Dropout()).train()
    >>> with evaluating(net):
    ...     print(net[0].training)
    False
    >>> net[0].training
    True
    """
    training = [part for part in module.modules() if part.training] if isinstance(module, nn.Module) else []
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def floating_dtype(module: nn.Module, default: torch.dtype) -> torch.dtype:
    """The precision of the weights of `module`; `default` where it has none."""
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), default)


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """`dtype`, or float32 where it holds fewer digits."""
    return torch.promote_types(dtype, torch.float32)


def in_evaluation(denoiser: F) -> F:
    """`denoiser`, which runs in evaluation mode within every call and has its own mode again after it."""
    check.function("denoiser", denoiser, "denoiser(x, sigma)")
    module: object = denoiser
    if not isinstance(module, nn.Module) or not any(part.training for part in module.modules()):
        return denoiser

    def call(*args: object, **options: object) -> object:
        with evaluating(denoiser):
            return denoiser(*args, **options)

    return cast("F", call)


def guarded(denoiser: F, name: str = "denoiser") -> F:
    """`denoiser`, which is refused where it changes the points that it is given: all else would see others than it did.

    >>> guarded(lambda x, sigma: x.mul_(2))(torch.ones(1, 2), 1.0)
    Traceback (most recent call last):
    ...
    idealscore.errors.DenoiserContractError: denoiser: changes its input in place; let it work on x.clone()
    """

    def call(x: torch.Tensor, *args: object, **options: object) -> object:
        version = None if x.is_inference() else x._version  # noqa: SLF001
        answer = denoiser(x, *args, **options)
        if version is not None and x._version != version:  # noqa: SLF001
            raise DenoiserContractError(name, "changes its input in place", "let it work on x.clone()")
        return answer

    return cast("F", call)


def in_double(module: nn.Module) -> Callable[..., torch.Tensor]:
    """`module` computed in float64 and in evaluation mode on copies of its weights; the module stays as it is.

    >>> net = nn.BatchNorm1d(2)
    >>> in_double(net)(torch.ones(1, 2, dtype=torch.float64)).dtype, net.weight.dtype
    (torch.float64, torch.float32)
    """
    named = [*module.named_parameters(), *module.named_buffers()]
    wide = {name: t.detach().double() if t.is_floating_point() else t.detach().clone() for name, t in named}

    def call(*args: object, **options: object) -> torch.Tensor:
        with evaluating(module):
            return torch.func.functional_call(module, wide, args, options)

    return call
