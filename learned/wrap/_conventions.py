"""The conventions that a network may have been trained with, and how well it denoises under each of them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..._support.estimates import mean_error
from ..._support.types import Array, ArrayLike
from ...errors import DenoiserContractError, IdealScoreError
from ...simulate.diffusion import noised
from ...theory.discrete_schedule import DiscreteSchedule
from ._alternatives import SCHEDULES, data_ranges
from ._function import FunctionDenoiser
from .clocks import Clock
from .predictions import PREDICTIONS, to_denoised

Range = tuple[float, float]
BATCH = 65536  # entries of the points that are asked at once
ENOUGH = 8000  # entries at each level: small images are noised several times
MOST_DRAWS = 32
COVERED = 20.0  # a clock is tried where it knows so much of the range of levels, as a factor
ALIKE = 0.05  # in standard deviations of the data: ranges whose ends differ by less are one


@dataclass(frozen=True)
class Convention:
    """What a network predicts, what it is told of the noise level, and its range of data (None: -1 ... 1)."""

    predicts: str
    timing: Clock
    range: Range | None = None
    sign: float = 1.0
    integer: bool = False
    split: str | None = None

    def __str__(self) -> str:
        schedule = f", schedule={self.timing.schedule.name}" if self.timing.schedule is not None else ""
        data = "" if self.range is None else f", range=({self.range[0]:.4g}, {self.range[1]:.4g})"
        flipped = "" if self.sign > 0 else ", sign flipped"
        return f"predicts={self.predicts!r}, {self.timing}{schedule}{data}{flipped}"

    @property
    def factor(self) -> float:
        """What the answer is multiplied by: a flow that runs from noise to data is x0 - n."""
        return -self.sign if self.predicts == "flow" and self.timing.reverse else self.sign

    @property
    def code(self) -> str:
        """The call that wraps a network `net` so."""
        named: dict[str, object] = {"predicts": self.predicts, "clock": self.timing.name}
        schedule = self.timing.schedule
        texts = [f"{name}={value!r}" for name, value in named.items()]
        if schedule is not None:
            own = schedule.name.split("(")[0]
            texts.append(f"schedule=DiscreteSchedule.{own}({schedule.n})" if own in SCHEDULES else "schedule=schedule")
        texts += ["reverse=True"] if self.timing.reverse else []
        texts += [] if self.timing.time_scale == 1 else [f"time_scale={self.timing.time_scale:.6g}"]
        texts += [] if self.range is None else [f"range=({self.range[0]:.6g}, {self.range[1]:.6g})"]
        texts += ["integer=True"] if self.integer else []
        texts += [] if self.split is None else [f"split={self.split!r}"]
        net = "net" if self.sign > 0 else "lambda *given: -net(*given)"
        return f"wrap.function({net}, {', '.join(texts)})"

    def wrapped(self, net: object, shape: tuple[int, ...]) -> FunctionDenoiser:
        """`net` as a denoiser by this convention."""
        options = (self.predicts, self.timing, shape, self.range, self.integer, self.split, self.sign)
        return FunctionDenoiser(net, *options)  # pyright: ignore[reportArgumentType]


def timings(clock: str | None, schedule: DiscreteSchedule | None, n_steps: int) -> Iterator[Clock]:
    """The clocks that are tried: all that are in use, or those of one name, or of one schedule."""
    schedules = [make(n_steps) for make in SCHEDULES.values()] if schedule is None else [schedule]
    for s in schedules:
        yield from (Clock("index", s), Clock("index", s, reverse=True), Clock("step", s, time_scale=1 / s.n))
        if clock == "step":
            yield from (Clock("step", s), Clock("step", s, reverse=True))
    if schedule is None:
        yield from (Clock(name) for name in ("sigma", "snr", "log_snr", "alpha_bar", "ou_time"))
        for name, scale in itertools.product(("flow_time", "vp_time"), (1.0, 1000.0)):
            yield from (Clock(name, reverse=back, time_scale=scale) for back in (False, True))


def ranges(mean: float, std: float) -> list[Range | None]:
    """-1 ... 1 (None), and what data may be to a network otherwise, each once."""
    found: list[Range | None] = [None]
    for span in data_ranges(mean, std):
        ends = [(-1.0, 1.0) if other is None else other for other in found]
        if all(max(abs(span[0] - low), abs(span[1] - high)) > ALIKE for low, high in ends):
            found.append(span)
    return found


@dataclass(frozen=True)
class Asked:
    """A network on one clock with one range of data: a question whose answer serves all predictions."""

    timing: Clock
    range: Range | None

    def denoiser(self, net: object, n_entries: tuple[int, ...]) -> FunctionDenoiser:
        whole = None if self.timing.discrete and self.timing.time_scale == 1 else False
        return FunctionDenoiser(net, "x0", self.timing, n_entries, self.range, whole, None)  # pyright: ignore[reportArgumentType]

    def known(self) -> Range:
        """The noise levels that its clock knows, in the unit of our data."""
        low, high = self.timing.noise_range
        gain = 1.0 if self.range is None else (self.range[1] - self.range[0]) / 2
        if self.timing.name == "step" and self.timing.schedule is not None:
            low = float(self.timing.schedule.sigmas[1])
        return low / gain, high / gain


def common_levels(asked: list[Asked], low: float, high: float, n: int) -> tuple[Array, list[Asked]]:
    """Levels that all questions know, evenly in log sigma, and the questions that know enough of low ... high."""
    span = {one: (max(low, one.known()[0] * (1 + 1e-6)), min(high, one.known()[1] * (1 - 1e-6))) for one in asked}
    kept = [one for one in asked if span[one][1] > COVERED * span[one][0]] or asked
    low, high = max(span[one][0] for one in kept), min(span[one][1] for one in kept)
    return np.geomspace(low, high, n) if low < high else np.array([min(low, high)]), kept


class Questions:
    """A few images, noised at every level, and what a featureless Gaussian of their variance would make of them."""

    def __init__(self, images: torch.Tensor, levels: Array, variance: float, seed: int, enough: int = ENOUGH) -> None:
        self.images, self.levels = images, levels
        self.draws = min(MOST_DRAWS, -(-enough // images.numel()))
        noisy = [noised(images, float(s), seed, draw=draw) for s in levels for draw in range(self.draws)]
        self.noisy = torch.cat(noisy)
        self.clean = images.repeat(len(noisy), *[1] * (images.ndim - 1))
        self.sigma = torch.from_numpy(levels).to(images).repeat_interleave(self.draws * len(images))
        self.variance, self.featureless = variance, variance * levels**2 / (variance + levels**2)

    @property
    def unit(self) -> Array:
        """What each image adds to the log of the featureless error, mean over levels, by the variance (delta method).

        An image of large deviations raises the error and its unit alike, so that their ratio scatters less than either.
        """
        flat = self.images.double().flatten(1)
        own = (flat - flat.mean()).square().mean(1).numpy(force=True) / self.variance - 1
        return float(self.featureless.mean() / self.variance) * own

    def answers(
        self, net: object, asked: Asked, chosen: list[str], condition: ArrayLike | None
    ) -> dict[Convention, tuple[torch.Tensor, torch.Tensor]]:
        """By convention: E[x0 | x] as it would follow, and as it would if the network said 0; {} if it cannot be asked.

        Raises DenoiserContractError where the network cannot be asked so.
        """
        shape = tuple(self.images.shape[1:])
        base, size = asked.denoiser(net, shape), max(1, BATCH // self.images[0].numel())
        parts = [self._predicted(base, rows, condition) for rows in torch.arange(len(self.noisy)).split(size)]
        out, level = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
        native = base.gain * self.noisy + base.offset
        split = None
        if out.ndim > 1 and out.shape == (len(native), 2 * native.shape[1], *native.shape[2:]):
            out, split = out[:, : native.shape[1]], "first"
        if out.shape != native.shape:
            problem = f"gives {tuple(out.shape)} for {tuple(native.shape)}"
            raise DenoiserContractError("net", problem, "pass a network that answers with arrays like its input")
        found, scale = {}, base.timing.scale(level)
        for predicts in chosen:
            zero = (to_denoised(predicts, native, torch.zeros_like(out), level, scale) - base.offset) / base.gain
            for sign in (1.0,) if predicts == "x0" else (1.0, -1.0):
                how = Convention(predicts, asked.timing, asked.range, sign, bool(base.integer), split)
                answer = to_denoised(predicts, native, how.factor * out, level, scale)
                found[how] = (answer - base.offset) / base.gain, zero
        return found

    def _predicted(
        self, base: FunctionDenoiser, rows: torch.Tensor, condition: ArrayLike | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        told: tuple[object, ...] = ()
        if condition is not None:
            given = torch.as_tensor(condition)
            told = (given[rows % len(self.images)] if given.ndim else given.expand(len(rows)),)
        x, sigma = self.noisy[rows], self.sigma[rows]
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it takes whole steps is part of what is found
            out, level = base.predicted(base.gain * x + base.offset, base.gain * sigma, told)
        if not isinstance(out, torch.Tensor):
            raise DenoiserContractError("net", f"gives a {type(out).__name__}", "pass a network that gives arrays")
        return out, level

    def errors(self, answer: torch.Tensor) -> Array:
        """Mean squared error of every image, `(levels, n)`, in that of the featureless Gaussian."""
        return self.squares(answer - self.clean) / self.featureless[:, None]

    def squares(self, gap: torch.Tensor) -> Array:
        """Mean squares of each image, `(levels, n)`."""
        each = gap.double().flatten(1).square().mean(1)
        return each.reshape(len(self.levels), self.draws, -1).mean(1).numpy(force=True)


def log_error(errors: Array) -> tuple[float, Array]:
    """The mean over levels of the log of the error, and what each image adds to it (delta method)."""
    with np.errstate(all="ignore"):
        mean = errors.mean(1, keepdims=True)
        value = float(np.log(mean).mean())
        return (value, (errors / mean - 1).mean(0)) if np.isfinite(value) else (np.inf, np.zeros(errors.shape[1]))


def lead(errors: Array, other: Array) -> tuple[float, float]:
    """How much less the log of one error is than that of another on the same images, with its standard error."""
    (value, own), (more, its) = log_error(errors), log_error(other)
    return more - value, float(mean_error(its - own)[1])


def counted_otherwise(how: Convention) -> Convention | None:
    """The same with steps counted from 1 instead of 0, or from 0 instead of 1; None on another clock."""
    if not how.timing.discrete:
        return None
    other = "step" if how.timing.name == "index" else "index"
    return replace(how, timing=replace(how.timing, name=other))


def all_errors(
    questions: Questions, net: object, asked: list[Asked], chosen: list[str], condition: ArrayLike | None
) -> tuple[dict[Convention, tuple[Array, Array]], list[IdealScoreError]]:
    """Errors with the answer and with 0 in its place, by convention; and why a network could not be asked."""
    found, refused = {}, []
    for one in asked:
        try:
            for how, (answer, zero) in questions.answers(net, one, chosen, condition).items():
                found[how] = questions.errors(answer), questions.errors(zero)
        except IdealScoreError as error:
            refused.append(error)
    return found, refused


def predictions(predicts: str | None) -> list[str]:
    """What is tried."""
    return list(PREDICTIONS) if predicts is None else [predicts]
