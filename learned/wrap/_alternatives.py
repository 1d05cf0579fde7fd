"""What a denoiser would be if one thing about it were otherwise than it was said to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ..._support.types import Points, Sigma
from ...theory.denoiser import Denoiser, per_sample
from ...theory.discrete_schedule import DiscreteSchedule
from ._function import FunctionDenoiser
from .clocks import REVERSIBLE, Clock
from .predictions import PREDICTIONS, to_denoised

Range = tuple[float, float]
SCHEDULES: dict[str, Callable[[int], DiscreteSchedule]] = {
    "linear": DiscreteSchedule.linear,
    "cosine": DiscreteSchedule.cosine,
    "scaled_linear": DiscreteSchedule.scaled_linear,
    "sigmoid": DiscreteSchedule.sigmoid,
}

FLIPPED = "the sign of the noise or score is flipped"


def data_ranges(mean: float, std: float) -> list[Range]:
    """What -1 and 1 may be to a network: 0 and 1, 0 and 255, or standardised by the mean and deviation of the data."""
    return [(0.0, 1.0), (0.0, 255.0), ((-1 - mean) / std, (1 - mean) / std)]


SCALED: dict[Range, str] = {
    (-3.0, 1.0): "the data are in [0, 1], the network wants [-1, 1]: scale='-1..1', on the command line --scale -1..1",
    (-1 - 2 / 255, -1 + 2 / 255): "the data are in [0, 255], the network wants [-1, 1]: scale='-1..1' (--scale -1..1)",
}
"""What -1 and 1 are to a network where the data were not brought to [-1, 1], and what brings them."""


def alternatives(denoiser: Denoiser, mean: float, std: float) -> dict[str, Denoiser]:
    """The denoiser with one thing about it changed, by the words that change it.

    Of a `wrap.function` these are its other options; of any other callable what it may give or take instead of
    E[x0 | x] and (x, sigma). `mean` and `std` are those of the data.

    >>> found = alternatives(lambda x, sigma: x, 0.0, 0.5)
    >>> found["predicts='noise'"](torch.ones(1, 2), 0.25).tolist()
    [[0.75, 0.75]]
    """
    if isinstance(denoiser, FunctionDenoiser):
        return _other_options(denoiser, mean, std)
    named: dict[str, Denoiser] = {
        f"predicts={kind!r}": _predicting(denoiser, kind) for kind in PREDICTIONS if kind != "x0"
    }
    named |= {_words(span): _in_range(denoiser, span) for span in data_ranges(mean, std)}
    named |= {words: _in_range(denoiser, span) for span, words in SCALED.items()}
    named[FLIPPED] = lambda x, s: 2 * x - denoiser(x, s)
    named["it takes sigma^2 instead of sigma"] = lambda x, s: denoiser(x, torch.as_tensor(s, dtype=x.dtype) ** 2)
    named["it takes log(sigma) instead of sigma"] = lambda x, s: denoiser(x, torch.as_tensor(s, dtype=x.dtype).log())
    named["it takes x / sqrt(1 + sigma^2)"] = lambda x, s: denoiser(x / (1 + per_sample(s, x) ** 2).sqrt(), s)
    return named


def _other_options(denoiser: FunctionDenoiser, mean: float, std: float) -> dict[str, Denoiser]:
    timing = denoiser.timing
    named: dict[str, Denoiser] = {}
    for kind in PREDICTIONS:
        if kind != denoiser.predicts:
            named[f"predicts={kind!r}"] = denoiser.changed(predicts=kind)
    for span in data_ranges(mean, std):
        if span != denoiser.data_range:
            named[_words(span)] = denoiser.changed(range=span)
    named |= {words: _in_range(denoiser, span) for span, words in SCALED.items()}
    if denoiser.data_range is not None:
        named["range=(-1, 1)"] = denoiser.changed(range=None)
    if timing.name in REVERSIBLE:
        named[f"reverse={not timing.reverse}"] = denoiser.changed(timing=replace(timing, reverse=not timing.reverse))
    if timing.name in ("flow_time", "vp_time"):
        for factor in (1.0, 999.0, 1000.0):
            if factor != timing.time_scale:
                named[f"time_scale={factor:g}"] = denoiser.changed(timing=replace(timing, time_scale=factor))
    if timing.schedule is not None and timing.discrete:
        other = "step" if timing.name == "index" else "index"
        named[f"clock={other!r}"] = denoiser.changed(timing=replace(timing, name=other))
        for name, make in SCHEDULES.items():
            schedule = make(timing.schedule.n)
            if schedule != timing.schedule:
                words = f"schedule=DiscreteSchedule.{name}({schedule.n})"
                named[words] = denoiser.changed(timing=replace(timing, schedule=schedule))
    named["the sign of the prediction is flipped"] = denoiser.changed(sign=-denoiser.sign)
    if denoiser.predicts == "x0":
        named[FLIPPED] = lambda x, s: 2 * x - denoiser(x, s)
    if timing.name == "sigma":
        for name in ("log_snr", "flow_time", "alpha_bar"):
            named[f"clock={name!r}"] = denoiser.changed(timing=Clock(name))
    return named


def _words(span: Range) -> str:
    return f"range=({span[0]:.4g}, {span[1]:.4g})"


def _predicting(denoiser: Denoiser, kind: str) -> Denoiser:
    def denoised(x: Points, sigma: Sigma) -> Points:
        levels = per_sample(sigma, x).flatten()
        return to_denoised(kind, x, denoiser(x, sigma), levels, torch.ones_like(levels))

    return denoised


def _in_range(denoiser: Denoiser, span: Range) -> Denoiser:
    gain, offset = (span[1] - span[0]) / 2, (span[0] + span[1]) / 2
    return lambda x, sigma: (denoiser(gain * x + offset, gain * sigma) - offset) / gain
