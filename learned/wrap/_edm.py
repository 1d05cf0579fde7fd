"""Preconditioned modules in the manner of EDM as denoisers."""

from __future__ import annotations

import torch
from torch import nn

from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError
from ._library import ADAPTERS, library_of, unwrapped
from .denoiser import WrappedDenoiser


class _EDM(WrappedDenoiser):
    @property
    def noise_range(self) -> tuple[float, float] | None:
        low, high = (getattr(self.inner, name, None) for name in ("sigma_min", "sigma_max"))
        if low is None or high is None or not 0 <= float(low) < float(high):
            return None
        return float(low), float(high)

    def summary(self) -> list[str]:
        return ["edm"]

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        if condition is None:
            return self.call(x, sigma)
        labels = torch.as_tensor(condition, device=x.device)
        count = getattr(self.inner, "label_dim", 0)
        if labels.ndim < 2 and count:
            labels = nn.functional.one_hot(labels.expand(len(x)).long(), count).to(x.dtype)
        return self.call(x, sigma, class_labels=labels)


@typed
def edm(module: nn.Module, shape: tuple[int, ...] | None = None) -> WrappedDenoiser:
    """A denoiser from a preconditioned module `D(x, sigma, class_labels=None)` in the manner of [@Karras2022].

    Parameters
    ----------
    module : torch.nn.Module
        Takes x `(batch, *event)` and sigma `(batch,)`; compiled and data-parallel ones too. A label as `condition`
        becomes one-hot where the module has a `label_dim`.
    shape : tuple of int, optional
        Event shape; by default that of the attributes `img_channels` and `img_resolution`, where there are any.

    Returns
    -------
    WrappedDenoiser
        In evaluation mode.

    Raises
    ------
    ArgumentError
        Where `module` is not a torch module, or one of another library.

    Examples
    --------
    >>> class Wiener(nn.Module):
    ...     def forward(self, x, sigma, class_labels=None):
    ...         return x / (1 + sigma[:, None] ** 2)
    >>> edm(Wiener(), shape=(2,))(torch.ones(1, 2), 1.0).tolist()
    [[0.5, 0.5]]
    """
    module = unwrapped(module)
    other = library_of(module)
    if other is not None and other != "diffusers":
        raise ArgumentError("module", f"is one of {other}", f"use wrap.{ADAPTERS[other]}")
    if not isinstance(module, nn.Module):
        raise ArgumentError("module", f"expected a torch module, got {type(module).__name__}", "pass D(x, sigma)")
    channels, size = getattr(module, "img_channels", None), getattr(module, "img_resolution", None)
    if shape is None and channels and size:
        shape = (int(channels), int(size), int(size))
    return _EDM(module, shape)
