"""Which convention was a network trained with? The one by which it denoises."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import mean_error, show
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, DenoiserContractError, IdealScoreError
from ...theory.discrete_schedule import DiscreteSchedule
from ._conventions import (
    ENOUGH,
    Asked,
    Convention,
    Questions,
    all_errors,
    common_levels,
    counted_otherwise,
    lead,
    log_error,
    predictions,
    ranges,
    timings,
)
from ._function import as_schedule
from .clocks import CLOCKS
from .denoiser import WrappedDenoiser, gain_and_offset
from .identification import Identification, Ranked
from .predictions import PREDICTIONS

MANY, FEW = 32, 6  # images; in the first round, which all conventions take
FINAL = 10  # clocks that go on to the second, with all images
SHOWN = 12
CLOSER = 8  # times as many noise draws, where it is close
WIDE = 10.0  # standard deviations of the data: the levels reach from a tenth ... to it
FITS = 1.25  # times the error of a featureless Gaussian: an optimum is never above it
CLEAR = 5.0  # standard errors of a paired difference
SAME = 0.01  # of the error of the best convention: answers that differ by less are the same


@typed
def identify(
    net: Callable[..., Any],
    images: ArrayLike,
    *,
    predicts: str | None = None,
    clock: str | None = None,
    schedule: DiscreteSchedule | ArrayLike | None = None,
    range: tuple[float, float] | None = None,
    n_steps: int = 1000,
    condition: ArrayLike | None = None,
    n_images: int | None = None,
    n_levels: int = 5,
    seed: int = 0,
    show: bool | None = None,
) -> Identification:
    """Find what a network predicts, on which clock, schedule and range of data, by trying all of them.

    No denoiser has a smaller error than E[x0 | x], so the convention that a network was trained with gives the smallest
    error of all, and a wrong one a larger. Every combination of prediction (of either sign), clock ("index" of
    `n_steps` steps, step / n, continuous "vp_time", "sigma", "snr", "log_snr", "alpha_bar", "ou_time", "flow_time";
    times 1000 and backwards where that is in use), schedule (linear, cosine, scaled linear, sigmoid) and range of data
    (-1 ... 1, 0 ... 1, 0 ... 255, standardised) is measured on the same few noisy images. The error is counted in that
    of a Gaussian which knows only mean and variance v of the images, v sigma^2 / (v + sigma^2), as a geometric mean
    over noise levels. One convention fits where it is not above 1.25, clearly better than if the network had answered
    0, and better than every other by 5 standard errors on the same images; conventions whose answers agree within 1 %
    of its error (continuous time and step / n of the same betas) count as one.

    Parameters
    ----------
    net : callable
        `f(z, time)` or `f(z, time, condition)`, as `wrap.function` takes it; it stays as it is. Times may be beyond
        what it was trained with: one with a table of steps is safest on the CPU.
    images : array_like, shape (n, *event)
        Clean images like those of its training, in our range (-1 ... 1); held out is best.
    predicts : {"x0", "noise", "v", "score", "flow"}, optional
        What it predicts, where that is known.
    clock : str, optional
        The name of its clock, as of `wrap.function`, where it is known.
    schedule : DiscreteSchedule or array_like (n,), optional
        Its schedule, or the betas, where they are known; only clocks in steps are tried then.
    range : (float, float), optional
        What -1 and 1 are to it, where that is known.
    n_steps : int, optional
        Steps of the schedules that are tried.
    condition : array_like, optional
        What it is told besides: one for each of the images, or one for all.
    n_images : int, optional
        At most so many images are noised (default: 32, and more of small ones), a few of them in the first round, in
        which all conventions are tried.
    n_levels : int, optional
        Noise levels, from 0.1 to 10 standard deviations of the images as far as all clocks know them.
    seed : int, optional
        Of the noise.
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    Identification
        It prints as one line; with `table`, `code`, `ranking`, and `wrap()`, which gives the denoiser.

    Raises
    ------
    ArgumentError
        If `net` is wrapped already or cannot be called, or the images are all equal.
    UnknownNameError
        If prediction or clock have an unknown name.
    EmptyDataError
        If there are fewer than two images.
    DenoiserContractError
        If no convention is one in which the network answers.

    Examples
    --------
    The optimum of N(0, diag(1, 0.01, 1, ...)) in disguise: it predicts v, at index 0 ... 999 of a cosine schedule.

    >>> from idealscore import DiscreteSchedule
    >>> from idealscore.learned import wrap
    >>> variance = torch.tensor([1.0, 0.01] * 4)
    >>> abar = torch.from_numpy(DiscreteSchedule.cosine().alpha_bar[1:].copy()).float()
    >>> def net(z, index):
    ...     a = abar[index.long().clamp(0, 999), None]
    ...     denoised = a.sqrt() * variance * z / (a * variance + 1 - a)
    ...     return (a.sqrt() * z - denoised) / (1 - a).sqrt()
    >>> x0 = torch.randn(500, 8, generator=torch.Generator().manual_seed(0)) * variance.sqrt()
    >>> print(wrap.identify(net, x0).code)
    wrap.function(net, predicts='v', clock='index', schedule=DiscreteSchedule.cosine(1000), integer=True)
    """
    chosen, known = _checked(net, predicts, clock, schedule)
    if range is not None:
        gain, offset = gain_and_offset(range)
        range = (offset - gain, offset + gain)
    data = check.points("images", getattr(images, "images", images), minimum=2)
    mean, std = float(data.double().mean()), float(data.double().std(correction=0))
    entries = data[0].numel()
    data = data[: max(MANY, -(-ENOUGH // entries)) if n_images is None else check.integer("n_images", n_images, 2)]
    check.integer("n_levels", n_levels, 2)
    told = _told(condition, len(data))
    variance = float(data.double().var(correction=0))
    if not 0 < std < check.LARGEST_SIGMA or not variance:
        problem = f"have the standard deviation {std if variance else 0.0:g} in the first {len(data)}"
        raise ArgumentError("images", problem, "pass images that differ, in their unit")
    spans = ranges(mean, std) if range is None else [None if tuple(range) == (-1, 1) else range]
    clocks = timings(clock, known, check.integer("n_steps", n_steps, 4))
    asked = [Asked(timing, span) for timing in clocks if clock in (None, timing.name) for span in spans]
    if not asked:
        raise ArgumentError("clock", f"'{clock}' does not go with a schedule", "leave one of them out")
    levels, asked = common_levels(asked, std / WIDE, std * WIDE, n_levels)
    enough = ENOUGH // 8
    first = Questions(data[: max(FEW, -(-enough // entries))], levels, variance, seed, enough)
    errors: dict[Convention, tuple[Array, Array]] = {}
    refused: list[IdealScoreError] = []
    for one in progress.bar(asked, label="conventions", show=show):
        found, reasons = all_errors(first, net, [one], chosen, told)
        errors |= found
        refused += reasons
    if not errors:
        problem = f"answers by none of the conventions ({refused[-1]})"
        raise DenoiserContractError("net", problem, "it is called as f(z, time), or f(z, time, condition)")
    best = sorted(errors, key=lambda how: log_error(errors[how][0])[0])
    finalists = list(dict.fromkeys(Asked(how.timing, how.range) for how in best))[:FINAL]
    final = Questions(data, levels, variance, seed)
    second, _ = all_errors(final, net, finalists, chosen, told)
    found = _ranking(second, final.unit)
    if (close := _contenders(found)) is not None:
        more = Questions(data, levels, variance, seed, CLOSER * ENOUGH)
        asked = list(dict.fromkeys(Asked(each.convention.timing, each.convention.range) for each in close))
        third, _ = all_errors(more, net, asked, chosen, told)
        again = {each.convention: third[each.convention] for each in close if each.convention in third}
        second |= again
        found = [*_ranking(again, final.unit), *(each for each in found if each.convention not in again)]
    return _judged(net, final, found, second, told, len(errors), counting=clock is None)


def _checked(
    net: object, predicts: str | None, clock: str | None, schedule: DiscreteSchedule | ArrayLike | None
) -> tuple[list[str], DiscreteSchedule | None]:
    """What predictions are tried, and the schedule, after the checks."""
    if predicts is not None:
        check.choice("predicts", predicts, PREDICTIONS)
    if clock is not None:
        check.choice("clock", clock, CLOCKS)
    if isinstance(net, WrappedDenoiser):
        raise ArgumentError("net", "is wrapped already", "pass the network itself, `denoiser.inner`")
    if not callable(net):
        raise ArgumentError("net", f"expected a callable, got {type(net).__name__}", "pass a module f(x, time)")
    return predictions(predicts), as_schedule(schedule)


def _told(condition: ArrayLike | None, n: int) -> ArrayLike | None:
    """The conditions of the first n images."""
    if condition is None:
        return None
    given = torch.as_tensor(condition)
    if given.ndim and len(given) < n:
        raise ArgumentError("condition", f"has {len(given)} rows for {n} images", "pass one for each, or one for all")
    return given[:n] if given.ndim else given


def _ranking(errors: Mapping[Convention, tuple[Array, Array]], unit: Array) -> list[Ranked]:
    """The best conventions, the smallest error first; `unit` is what each image adds to the log of the unit."""
    order = sorted(errors, key=lambda how: log_error(errors[how][0])[0])[:SHOWN]
    return [_ranked(how, errors[how][0], unit, errors[order[0]][0] if how != order[0] else None) for how in order]


def _ranked(how: Convention, errors: Array, unit: Array, best: Array | None) -> Ranked:
    value, parts = log_error(errors)
    behind = (0.0, 0.0) if best is None else lead(best, errors)
    return Ranked(how, math.exp(value), math.exp(value) * float(mean_error(parts - unit)[1]), *behind)


def _contenders(ranking: list[Ranked]) -> list[Ranked] | None:
    """Those that are not clearly behind the first, and it; None where there are none."""
    close = [each for each in ranking if not each.behind > CLEAR * each.behind_stderr]
    return close if len(close) > 1 else None


def _judged(
    net: object,
    questions: Questions,
    ranking: list[Ranked],
    errors: Mapping[Convention, tuple[Array, Array]],
    condition: ArrayLike | None,
    tried: int,
    *,
    counting: bool,
) -> Identification:
    """Whether the first of a ranking is to be believed."""
    best = ranking[0].convention
    alike = _alike(net, questions, ranking, condition)
    problem, note = _problem(ranking, alike, errors[best]), ""
    if counting and not problem and (other := counted_otherwise(best)) is not None:
        found, note = _counted(net, questions, best, other, condition)
        ranking = [replace(ranking[0], convention=found), *ranking[1:]]
    n, shape = len(questions.images), tuple(questions.images.shape[1:])
    return Identification(net, shape, tuple(ranking), alike, tried, n, questions.levels, problem, note)


def _alike(net: object, questions: Questions, ranking: list[Ranked], condition: ArrayLike | None) -> tuple[int, ...]:
    """The places, up to the first that is otherwise, at which the answers are those of the best convention."""

    def answer(how: Convention) -> torch.Tensor:
        return questions.answers(net, Asked(how.timing, how.range), [how.predicts], condition)[how][0]

    best = answer(ranking[0].convention)
    own = questions.errors(best).mean(1) * questions.featureless
    found = []
    for place, each in enumerate(ranking[1:], start=1):
        if not bool((questions.squares(answer(each.convention) - best).mean(1) <= SAME * own).all()):
            break
        found.append(place)
    return tuple(found)


def _problem(ranking: list[Ranked], alike: tuple[int, ...], best: tuple[Array, Array]) -> str:
    """Why the first is not to be believed; empty where it is."""
    first = ranking[0]
    if not first.error <= FITS:
        words = show(first.error, first.error_stderr)
        return f"by the best of them its error is {words} times that of a Gaussian that knows only mean and variance"
    gain, stderr = lead(*best)
    if not gain > CLEAR * stderr:
        return "it denoises no better than if it had answered 0"
    following = next((each for k, each in enumerate(ranking) if k and k not in alike), None)
    if following is not None and not following.behind > CLEAR * following.behind_stderr:
        return f"{following.convention} denoises as well; more images, or a known predicts=, clock= or range= decide"
    return ""


def _counted(
    net: object, questions: Questions, now: Convention, other: Convention, condition: ArrayLike | None
) -> tuple[Convention, str]:
    """Whether steps are counted from 0 or from 1, at the three lowest of them, where it makes a difference."""
    assert now.timing.schedule is not None
    gain = 1.0 if now.range is None else (now.range[1] - now.range[0]) / 2
    low = Questions(questions.images, now.timing.schedule.sigmas[1:4] / gain, 1.0, 0)
    found = []
    for how in (now, other):
        errors, _ = all_errors(low, net, [Asked(how.timing, how.range)], [how.predicts], condition)
        found.append(next((each for named, (each, _) in errors.items() if named.sign == how.sign), None))
    if found[0] is None or found[1] is None:
        return (now if found[0] is not None else other), ""
    gain, stderr = lead(found[0], found[1])
    if abs(gain) > CLEAR * stderr:
        return (now if gain > 0 else other), ""
    return (
        now,
        f"whether its steps count from 0 or from 1 makes no difference to these images: {now.timing.name} is taken",
    )
