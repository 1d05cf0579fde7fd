"""Denoisers of the library azula."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import ArrayLike, Record
from ._library import LibraryDenoiser, checked, labels
from .denoiser import WrappedDenoiser

OWN_CLOCK = ("SimpleDenoiser", "KarrasDenoiser")  # take t in double precision, whatever their backbone is
HALVINGS = 60


class _Azula(LibraryDenoiser):
    """z = alpha_t x, t being the time at which sigma_t / alpha_t = sigma."""

    def __init__(self, inner: Any, shape: tuple[int, ...] | None, keyword: str) -> None:
        ends = _log_ratio(inner.schedule, torch.tensor([0.0, 1.0], dtype=torch.float64)).exp().tolist()
        words = ["azula", f"predicts=x0, clock={type(inner.schedule).__name__}"]
        super().__init__(inner, shape, words, noise_range=(ends[0], ends[1]))
        self.keyword = keyword

    def answer(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        denoiser: Any = self.inner
        time = _time_of(denoiser.schedule, sigma.double())
        alpha = denoiser.schedule(time)[0]
        options: Record = {} if condition is None else {self.keyword: labels(condition, x)}
        name = type(denoiser).__name__
        told = time if name in OWN_CLOCK else time.to(x.dtype)
        if name == "GaussianDenoiser":  # takes one time for all
            z = (per_row(alpha, x) * x).to(denoiser.mean.dtype)
            rows = [self._ask(denoiser, row[None], t) for row, t in zip(z, told.to(z.dtype), strict=True)]
            return torch.cat([row.mean for row in rows])
        return self._ask(denoiser, (per_row(alpha, x) * x).to(x.dtype), told, **options).mean


def _log_ratio(schedule: Any, t: torch.Tensor) -> torch.Tensor:
    alpha, sigma = schedule(t)
    return torch.log(sigma / alpha)


def _time_of(schedule: Any, sigma: torch.Tensor) -> torch.Tensor:
    """The time of a noise level by bisection, differentiable in sigma by the implicit-function theorem."""
    wanted = sigma.detach().log()
    low, high = torch.zeros_like(wanted), torch.ones_like(wanted)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = _log_ratio(schedule, middle) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    found = (low + high) / 2
    if not sigma.requires_grad:
        return found
    with torch.enable_grad():
        t = found.clone().requires_grad_()
        slope = torch.autograd.grad(_log_ratio(schedule, t).sum(), t)[0]
    return found + (sigma.log() - wanted) / slope


@partial(typed, free=("denoiser",))
def azula(denoiser: nn.Module, shape: tuple[int, ...] | None = None, *, condition: str = "label") -> WrappedDenoiser:
    """A denoiser from one of the library `azula`: the mean of the posterior that it returns.

    Parameters
    ----------
    denoiser : azula.denoise.Denoiser
        A `SimpleDenoiser`, `KarrasDenoiser`, one of its plugins, or any with a `schedule` that gives (alpha_t, sigma_t)
        and a posterior with a `mean`. It sees x_t = alpha_t x0 + sigma_t n; its time is found from the schedule.
    shape : tuple of int, optional
        Event shape, where it shall be checked.
    condition : str
        The keyword under which it takes class labels.

    Returns
    -------
    WrappedDenoiser
        For the noise levels sigma_t / alpha_t from t = 0 to t = 1.

    Raises
    ------
    ArgumentError
        For anything else.

    Examples
    --------
    >>> from azula.denoise import KarrasDenoiser  # doctest: +SKIP
    >>> denoiser = azula(KarrasDenoiser(backbone, VPSchedule()))  # doctest: +SKIP
    """
    return _Azula(checked("denoiser", denoiser, ("schedule",), "azula"), shape, condition)
