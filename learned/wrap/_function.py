"""Any callable as a denoiser."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch

from ..._support import checks as check
from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, DenoiserContractError, NoiseLevelError
from ...theory.discrete_schedule import DiscreteSchedule
from .clocks import Clock
from .denoiser import WrappedDenoiser
from .predictions import PREDICTIONS, to_denoised


class FunctionDenoiser(WrappedDenoiser):
    """What `function` makes."""

    timing: Clock

    def __init__(
        self,
        inner: Callable[..., Any],
        predicts: str,
        timing: Clock,
        shape: tuple[int, ...] | None,
        range: tuple[float, float] | None,
        integer: bool | None,
        split: str | None,
        sign: float = 1.0,
    ) -> None:
        super().__init__(inner, shape, timing, range=range, integer=integer)
        self.predicts, self.split, self.sign = predicts, split, sign

    def changed(self, **options: object) -> FunctionDenoiser:
        """The same with other options of the constructor."""
        now = {"inner": self.inner, "predicts": self.predicts, "timing": self.timing, "shape": self.shape}
        now |= {"range": self.data_range, "integer": self.integer, "split": self.split, "sign": self.sign}
        return FunctionDenoiser(**cast("Any", now | options))

    def summary(self) -> list[str]:
        whole = ["integer=True"] if self.integer else []
        flipped = ["sign flipped"] if self.sign < 0 else []
        return [f"predicts={self.predicts!r}", str(self.timing), *whole, *flipped]

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        out, level = self.predicted(x, sigma, () if condition is None else (condition,))
        if not isinstance(out, torch.Tensor):
            return out
        if self.split == "first" and out.ndim > 1:
            out = out[:, : x.shape[1]]
        if out.shape != x.shape:
            return out
        out = -self.sign * out if self.predicts == "flow" and self.timing.reverse else self.sign * out
        return to_denoised(self.predicts, x, out, level, self.timing.scale(level))

    def predicted(
        self, x: torch.Tensor, sigma: torch.Tensor, condition: tuple[object, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the network says, and the noise level for which it says so."""
        if self.integer is None and self._between_steps(sigma) and self._takes_whole_steps_only(x, condition):
            self.integer = True
            warnings.warn(
                "the network takes whole steps only: noise levels between them are rounded to the nearest step"
                " (`.steps(sigmas)` says by how much; sigmas='network' stays on its grid; integer=True is silent)",
                stacklevel=3,
            )
        if self.integer:
            return self._at_whole_steps(x, sigma, condition)
        try:
            return self.call(per_row(self.timing.scale(sigma), x) * x, self.timing.time(sigma), *condition), sigma
        except DenoiserContractError:
            if self.integer is not None:
                raise
            try:
                answer = self._at_whole_steps(x, sigma, condition)
            except DenoiserContractError:
                answer = None
            if answer is None:
                raise
            self.integer = True
            return answer

    def _at_whole_steps(
        self, x: torch.Tensor, sigma: torch.Tensor, condition: tuple[object, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        time, level = self.timing.whole_step(sigma)
        level = level + 0 * sigma  # constant between two steps: the derivative is 0, not missing
        return self.call(per_row(self.timing.scale(level), x) * x, time, *condition), level

    def _between_steps(self, sigma: torch.Tensor) -> bool:
        time = self.timing.time(sigma.detach())
        return not torch.equal(time, time.round())

    def _takes_whole_steps_only(self, x: torch.Tensor, condition: tuple[object, ...]) -> bool:
        """Whether it refuses fractions, or gives at step + 0.3 to the last bit what it gives at the step."""
        z = torch.cos(torch.arange(x[0].numel(), dtype=x.dtype, device=x.device)).reshape(x.shape[1:]).expand(x.shape)
        middle = float(np.ceil(self.timing.schedule.n / 2)) if self.timing.schedule else 0.0

        def told(step: float) -> torch.Tensor:
            with torch.no_grad():
                return self.call(z, torch.full((len(x),), step, dtype=x.dtype, device=x.device), *condition)

        try:
            here, between = told(middle), told(middle + 0.3)
        except DenoiserContractError:
            return True
        same = isinstance(here, torch.Tensor) and torch.equal(here, between)
        return same and not torch.equal(here, told(middle - 1))


@typed
def function(
    f: Callable[..., torch.Tensor],
    predicts: str = "x0",
    clock: str = "sigma",
    *,
    schedule: DiscreteSchedule | ArrayLike | None = None,
    shape: tuple[int, ...] | None = None,
    integer: bool | None = None,
    range: tuple[float, float] | None = None,
    reverse: bool = False,
    time_scale: float = 1.0,
    beta_min: float = 0.1,
    beta_max: float = 20.0,
    split: str | None = None,
) -> WrappedDenoiser:
    """A denoiser from a function or a module, whatever it predicts and on whatever clock.

    Parameters
    ----------
    f : callable
        `f(z, time)` or `f(z, time, condition)`, a function or a torch module; z is `(batch, *event)`, `time` is
        `(batch,)`, and the result is like z. z comes in the precision of the weights, the time in float32 at least.
    predicts : {"x0", "noise", "v", "score", "flow"}
        What it gives: the clean x0; the noise n; v = sqrt(abar) n - sqrt(1 - abar) x0 [@Salimans2022]; the gradient of
        the log-density of z; n - x0.
    clock : {"sigma", "snr", "log_snr", "alpha_bar", "ou_time", "flow_time", "step", "index", "vp_time"}
        What `time` is, and with it what z is. "sigma": z = x0 + sigma n; "flow_time": z = (1 - t) x0 + t n; any other:
        z = sqrt(abar) x0 + sqrt(1 - abar) n. "step" counts 1 ... n, "index" 0 ... n - 1 as most code does; "vp_time"
        is t of the continuous process with `beta_min` and `beta_max` [@Song2021SDE].
    schedule : DiscreteSchedule or array_like (n,), optional
        What "step" and "index" count on, or its betas; they need it.
    shape : tuple of int, optional
        Event shape, where it shall be checked.
    integer : bool, optional
        Whether "step" or "index" is told in whole numbers, as an embedding table needs it: noise levels are rounded to
        the nearest step, and the answer is that for the noise level of the step. By default the network is asked:
        one that refuses fractions, or answers at a fraction what it answers at the step below, has it.
    range : (float, float), optional
        The network's range of data: what our -1 and 1 are to it, e.g. (0, 1). Points and noise levels are mapped.
    reverse : bool
        Time runs from noise to data: "flow_time" is 1 at the data, and a predicted flow is x0 - n.
    time_scale : float
        What the time is multiplied by before the network sees it: 1 / n for step / n, 1000 for 1000 t.
    beta_min, beta_max : float
        Of "vp_time".
    split : {"first"}, optional
        Take the first half of the channels of the answer, where the second is a learned variance.

    Returns
    -------
    WrappedDenoiser
        `denoiser(x, sigma, condition=None)`. It raises NoiseLevelError outside the schedule.

    Raises
    ------
    UnknownNameError
        On an unknown prediction, clock or way to split.
    ArgumentError
        Where `f` cannot be called, the schedule is missing or no schedule, or the options do not fit together.
    NoiseLevelError
        Where the betas are none.

    Warns
    -----
    UserWarning
        When called, where it turns out that the network takes whole steps only, and a level lies between two.

    Examples
    --------
    >>> def ideal(z, time):
    ...     return z / 2
    >>> denoiser = function(ideal, predicts="noise", clock="sigma")
    >>> denoiser
    WrappedDenoiser(ideal, predicts='noise', clock='sigma', event unknown)
    >>> denoiser(torch.ones(1, 2), 1.0).tolist()
    [[0.5, 0.5]]

    A flow whose time is 1 at the data, of a network that has images in [0, 1]:

    >>> function(ideal, "flow", "flow_time", reverse=True, range=(0, 1))
    WrappedDenoiser(ideal, predicts='flow', clock='flow_time', reverse=True, range=(0, 1), event unknown)
    """
    check.choice("predicts", predicts, PREDICTIONS)
    if split is not None:
        check.choice("split", split, ("first",))
    if not callable(f):
        raise ArgumentError("f", f"expected a callable, got {type(f).__name__}", "pass a function or module f(x, time)")
    timing = Clock(clock, as_schedule(schedule), reverse, time_scale, beta_min, beta_max)
    if clock != "vp_time" and (beta_min, beta_max) != (0.1, 20.0):
        raise ArgumentError(
            "beta_min", f"is given for the clock '{clock}'", "leave beta_min and beta_max out, or 'vp_time'"
        )
    if integer and not (timing.discrete and time_scale == 1):
        raise ArgumentError("integer", "is set without whole steps", "use the clock 'index' or 'step', time_scale 1")
    if integer is None and not (timing.discrete and time_scale == 1):
        integer = False
    return FunctionDenoiser(f, predicts, timing, shape, range, integer, split)


def as_schedule(given: DiscreteSchedule | ArrayLike | None) -> DiscreteSchedule | None:
    """A schedule, also from its betas."""
    if given is None or isinstance(given, DiscreteSchedule):
        return given
    try:
        betas = np.asarray(given.numpy(force=True) if isinstance(given, torch.Tensor) else given, dtype=np.float64)
    except (TypeError, ValueError):
        problem = f"is a {type(given).__name__}"
        raise ArgumentError("schedule", problem, "pass a DiscreteSchedule or the betas of its steps") from None
    try:
        return DiscreteSchedule(betas)
    except NoiseLevelError as error:
        raise NoiseLevelError("schedule", f"read as betas, {error.problem}", error.remedy) from None
