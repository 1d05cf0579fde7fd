"""Torch modules of the user, run without being changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


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
