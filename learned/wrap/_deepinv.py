"""Denoisers of the library deepinv."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from ..._support.typed import typed
from ..._support.types import ArrayLike, Record
from ._library import LibraryDenoiser, checked, labels, tensor_like
from .denoiser import WrappedDenoiser


class _DeepInv(LibraryDenoiser):
    def __init__(
        self, inner: nn.Module, shape: tuple[int, ...] | None, range: tuple[float, float], keyword: str
    ) -> None:
        super().__init__(inner, shape, ["deepinv", "predicts=x0, clock=sigma"], range=range)
        self.keyword = keyword

    def answer(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        dtype = next((p.dtype for p in self.parameters()), x.dtype)
        options: Record = {} if condition is None else {self.keyword: labels(condition, x)}
        out = self._ask(self.inner, x.to(dtype), sigma.to(dtype), **options)
        return tensor_like(out, x, self.inner)


@partial(typed, free=("denoiser",))
def deepinv(
    denoiser: nn.Module,
    shape: tuple[int, ...] | None = None,
    *,
    range: tuple[float, float] = (0.0, 1.0),
    condition: str = "class_labels",
) -> WrappedDenoiser:
    """A denoiser from one of the library `deepinv`, whose images are in [0, 1] where ours are in [-1, 1].

    The noise level that it is told is half of ours, as its images are half as wide.

    Parameters
    ----------
    denoiser : deepinv.models.Denoiser
        A torch module D(x, sigma), e.g. `DRUNet` or `NCSNpp`.
    shape : tuple of int, optional
        Event shape, where it shall be checked.
    range : (float, float)
        What -1 and 1 of our data are to it.
    condition : str
        The keyword under which it takes class labels ("y" for `DiffUNet`).

    Returns
    -------
    WrappedDenoiser
        For data in [-1, 1].

    Raises
    ------
    ArgumentError
        For anything else.

    Examples
    --------
    >>> from deepinv.models import DRUNet  # doctest: +SKIP
    >>> denoiser = deepinv(DRUNet())  # doctest: +SKIP
    """
    return _DeepInv(checked("denoiser", denoiser, (), "deepinv"), shape, range, condition)
