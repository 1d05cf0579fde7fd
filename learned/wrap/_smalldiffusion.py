"""Models of the library smalldiffusion."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import ArrayLike, Record
from ...errors import ArgumentError
from ._library import LibraryDenoiser, checked, labels, tensor_like
from .denoiser import WrappedDenoiser


class _SmallDiffusion(LibraryDenoiser):
    """`predict_eps(x, sigma)` gives the noise; a model of `PredFlow` gives n - x0 at (1 - t) x0 + t n."""

    def __init__(self, inner: Any, schedule: Any) -> None:
        flow = any("PredFlow" in kind.__name__ for kind in type(inner).__mro__)
        grid = None if schedule is None else schedule.sigmas.double()
        if grid is not None and flow:
            grid = grid / (1 - grid)
            grid = grid[grid.isfinite()]
        ends = None if grid is None else (float(grid.min()), float(grid.max()))
        shape = tuple(inner.input_dims)
        words = ["smalldiffusion", f"predicts={'flow' if flow else 'noise'}, clock=sigma"]
        super().__init__(inner, shape, words, noise_range=ends, grid=grid)
        self.flow = flow

    def answer(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        model: Any = self.inner
        dtype = next((p.dtype for p in self.parameters()), x.dtype)
        options: Record = {}
        null = getattr(getattr(model, "cond_embed", None), "null_cond", None)
        wanted = null if condition is None else condition
        if wanted is not None:
            options["cond"] = labels(wanted, x)
        s = per_row(sigma, x)
        z, told = (x / (1 + s), s / (1 + s)) if self.flow else (x, s)
        out = self._ask(model.predict_eps, z.to(dtype), told.to(dtype), **options)
        out = tensor_like(out, x, model).to(x.dtype)
        return (x - s * out) / (1 + s) if self.flow else x - s * out


@partial(typed, free=("model",))
def smalldiffusion(model: nn.Module, schedule: object = None) -> WrappedDenoiser:
    """A denoiser from a model of the library `smalldiffusion`: x - sigma times its `predict_eps`.

    Parameters
    ----------
    model : smalldiffusion.ModelMixin
        A torch module with `predict_eps` and `input_dims`, also of `Scaled`, `PredX0`, `PredV` or `PredFlow`. Without a
        `condition` a model with classes gets its null class.
    schedule : smalldiffusion.Schedule, optional
        The one that it was trained with; its first and last noise level become those of the denoiser.

    Returns
    -------
    WrappedDenoiser
        In the data scale of the model.

    Raises
    ------
    ArgumentError
        For anything else.

    Examples
    --------
    >>> from smalldiffusion import ScheduleLogLinear, TimeInputMLP  # doctest: +SKIP
    >>> denoiser = smalldiffusion(TimeInputMLP(), ScheduleLogLinear(200))  # doctest: +SKIP
    """
    if schedule is not None and not hasattr(schedule, "sigmas"):
        raise ArgumentError("schedule", f"is a {type(schedule).__name__}", "pass a Schedule of smalldiffusion")
    return _SmallDiffusion(checked("model", model, ("predict_eps", "input_dims"), "smalldiffusion"), schedule)
