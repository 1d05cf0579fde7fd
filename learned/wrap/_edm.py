"""Preconditioned modules in the manner of EDM as denoisers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...errors import ArgumentError
from .denoiser import WrappedDenoiser


class _EDM(WrappedDenoiser):
    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: Any) -> torch.Tensor:
        if condition is None:
            return self.call(x, sigma)
        labels = torch.as_tensor(condition, device=x.device)
        count = getattr(self.inner, "label_dim", 0)
        if labels.ndim < 2 and count:
            labels = nn.functional.one_hot(labels.expand(len(x)).long(), count).to(x.dtype)
        return self.call(x, sigma, class_labels=labels)


def edm(module: nn.Module, shape: tuple[int, ...] | None = None) -> WrappedDenoiser:
    """A denoiser from a preconditioned module `D(x, sigma, class_labels=None)` in the manner of [@Karras2022].

    A label as `condition` becomes one-hot where the module has a `label_dim`. The shape is read from
    `img_channels` and `img_resolution` where the module has them.
    """
    if not isinstance(module, nn.Module):
        raise ArgumentError("module", f"is {type(module).__name__}", "pass a torch module D(x, sigma)")
    channels, size = getattr(module, "img_channels", None), getattr(module, "img_resolution", None)
    if shape is None and channels and size:
        shape = (int(channels), int(size), int(size))
    return _EDM(module, shape).eval()
