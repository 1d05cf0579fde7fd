"""Any callable as a denoiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..._support import checks as check
from ..._support.shapes import per_row
from ..._support.types import ArrayLike
from ...errors import ArgumentError
from ...theory.noise import DiscreteSchedule
from .clocks import CLOCKS, time_of
from .denoiser import WrappedDenoiser
from .predictions import PREDICTIONS, to_denoised


class _Function(WrappedDenoiser):
    def __init__(
        self,
        inner: Callable[..., Any],
        predicts: str,
        clock: str,
        schedule: DiscreteSchedule | None,
        shape: tuple[int, ...] | None,
    ) -> None:
        super().__init__(inner, shape)
        self.predicts, self.clock, self.schedule = predicts, clock, schedule

    def summary(self) -> list[str]:
        return [f"predicts={self.predicts!r}", f"clock={self.clock!r}"]

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        scale = torch.ones_like(sigma)
        if self.clock == "flow_time":
            scale = 1 / (1 + sigma)
        elif self.clock != "sigma":
            scale = 1 / (1 + sigma**2).sqrt()
        time = time_of(sigma, self.clock, self.schedule)
        given = () if condition is None else (condition,)
        out = self.call(per_row(scale, x) * x, time, *given)
        if not isinstance(out, torch.Tensor) or out.shape != x.shape:
            return out
        return to_denoised(self.predicts, x, out, sigma, scale)


def function(
    f: Callable[..., torch.Tensor],
    predicts: str = "x0",
    clock: str = "sigma",
    *,
    schedule: DiscreteSchedule | None = None,
    shape: tuple[int, ...] | None = None,
) -> WrappedDenoiser:
    """A denoiser from a function or a module, whatever it predicts and on whatever clock.

    Parameters
    ----------
    f : callable
        `f(z, time)` or `f(z, time, condition)`, a function or a torch module; z is `(batch, *event)`, `time` is
        `(batch,)`, and the result is like z.
    predicts : {"x0", "noise", "v", "score", "flow"}
        What it gives: the clean x0; the noise n; v = sqrt(abar) n - sqrt(1 - abar) x0 [@Salimans2022]; the gradient of
        the log-density of z; n - x0.
    clock : {"sigma", "snr", "log_snr", "alpha_bar", "ou_time", "flow_time", "step", "index"}
        What `time` is, and with it what z is. "sigma": z = x0 + sigma n; "flow_time": z = (1 - t) x0 + t n; any other:
        z = sqrt(abar) x0 + sqrt(1 - abar) n. "step" counts 1 ... n, "index" 0 ... n - 1 as most code does.
    schedule : DiscreteSchedule, optional
        What "step" and "index" count on; they need it.
    shape : tuple of int, optional
        Event shape, where it shall be checked.

    Returns
    -------
    WrappedDenoiser
        `denoiser(x, sigma, condition=None)`, in evaluation mode. It raises NoiseLevelError outside the schedule.

    Raises
    ------
    UnknownNameError
        On an unknown prediction or clock.
    ArgumentError
        Where `f` cannot be called, or the schedule is missing.

    Examples
    --------
    >>> def ideal(z, time):
    ...     return z / 2
    >>> denoiser = function(ideal, predicts="noise", clock="sigma")
    >>> denoiser
    WrappedDenoiser(ideal, predicts='noise', clock='sigma', event unknown)
    >>> denoiser(torch.ones(1, 2), 1.0).tolist()
    [[0.5, 0.5]]
    """
    check.choice("predicts", predicts, PREDICTIONS)
    check.choice("clock", clock, CLOCKS)
    if not callable(f):
        raise ArgumentError("f", f"expected a callable, got {type(f).__name__}", "pass a function or module f(x, time)")
    if clock in ("step", "index") and schedule is None:
        raise ArgumentError("schedule", "is missing", f"the clock '{clock}' needs a DiscreteSchedule")
    return _Function(f, predicts, clock, schedule, shape).eval()
