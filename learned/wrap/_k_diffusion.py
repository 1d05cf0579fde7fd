"""Denoisers of the library k-diffusion."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from ..._support.typed import typed
from ..._support.types import ArrayLike, Record
from ._library import LibraryDenoiser, checked, labels, tensor_like
from .denoiser import WrappedDenoiser


class _KDiffusion(LibraryDenoiser):
    def __init__(self, inner: Any, shape: tuple[int, ...] | None, keyword: str) -> None:
        grid = inner.sigmas.double() if hasattr(inner, "sigmas") else None
        ends = None if grid is None else (float(grid.min()), float(grid.max()))
        words = [
            "k-diffusion",
            "predicts=x0, clock=sigma" + (" (whole steps)" if getattr(inner, "quantize", 0) else ""),
        ]
        super().__init__(inner, shape, words, noise_range=ends, grid=grid)
        self.keyword = keyword

    def answer(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        dtype = next((p.dtype for p in self.parameters()), x.dtype)
        options: Record = {} if condition is None else {self.keyword: labels(condition, x)}
        out = self._ask(self.inner, x.to(dtype), sigma.to(torch.promote_types(dtype, torch.float32)), **options)
        return tensor_like(out, x, self.inner)


@partial(typed, free=("denoiser",))
def k_diffusion(
    denoiser: nn.Module, shape: tuple[int, ...] | None = None, *, condition: str = "class_cond"
) -> WrappedDenoiser:
    """A denoiser from one of the library `k-diffusion`, which has the same contract D(x, sigma).

    Parameters
    ----------
    denoiser : k_diffusion.Denoiser
        `layers.Denoiser`, or one of `external`: `VDenoiser`, `OpenAIDenoiser`, `CompVisDenoiser`, ... With
        `quantize=True` the last two round the time to a whole step.
    shape : tuple of int, optional
        Event shape, where it shall be checked.
    condition : str
        The keyword under which the inner model takes class labels ("y" for OpenAI's).

    Returns
    -------
    WrappedDenoiser
        Within the noise levels of the schedule, where the denoiser has one.

    Raises
    ------
    ArgumentError
        For anything else.

    Examples
    --------
    >>> from k_diffusion.external import VDenoiser  # doctest: +SKIP
    >>> denoiser = k_diffusion(VDenoiser(model))  # doctest: +SKIP
    """
    return _KDiffusion(checked("denoiser", denoiser, ("inner_model", "get_scalings"), "k_diffusion"), shape, condition)
