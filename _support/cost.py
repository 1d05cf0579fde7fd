"""What a job will cost, before it starts: the pace of each of its parts by a probe, the plan, and the time allowed.

A part is a kind of work that is repeated, so many images denoised by one theory, say. `probe` does it for about a
second in batches of growing size; from the last two follow the time of a batch of any size and the memory it takes.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ArgumentError
from .memory import available_memory

UNITS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
APART, FURTHER = 8, 4  # items of the second timing of a work that rests on something large; how many times more next
FLATTEST = 0.2  # a batch of twice the size takes at least a fifth longer: what two timings say less is noise


@dataclass(frozen=True)
class Pace:
    """How fast a part works: `first` seconds once, then `fixed + each * n` seconds for a batch of n.

    `growth` is the memory in bytes that the largest batch of the probe, of `n` items, took more than one item did, or
    than none where there was no larger one.
    """

    first: float
    fixed: float
    each: float
    growth: int = 0
    n: int = 1

    def __call__(self, n: float) -> float:
        """Seconds for a batch of n."""
        return self.fixed + self.each * n


def probe(work: Callable[[int], object], most: int, seconds: float = 1.0, *, rests: bool = False) -> Pace:
    """Time `work(n)` for n = 1, 1, 2, 4, ... up to `most`, until about `seconds` are spent.

    Where one item takes longer than that, all its time counts as its own. A work that `rests` on something large made
    anew in each call, a fit, say, is timed at 1 and 8 items then, and what both have in common is fixed. As long as
    four times the items take at most twice the time, their share hides in the noise of the clock: they are timed too.

    >>> pace = probe(lambda n: time.sleep(0.004 * n), most=64, seconds=0.1)
    >>> pace(64) > 0.05, pace.n <= 64
    (True, True)
    """
    before = peak_memory()
    first = _timed(work, 1)
    slow = rests and first > seconds
    timings = [(1, first if slow else _timed(work, 1))]
    alone = peak_memory()
    spent = first + timings[0][1]
    while (n := min(2 * timings[-1][0], most)) > timings[-1][0] and spent + 2 * timings[-1][1] <= 1.5 * seconds:
        timings.append((n, _timed(work, n)))
        spent += timings[-1][1]
    if rests and timings[-1][0] < min(APART, most):
        timings = [timings[0], (min(APART, most), _timed(work, min(APART, most)))]
        while (n := FURTHER * timings[-1][0]) <= most and _line(timings, n) <= 2 * timings[-1][1]:
            timings[1] = (n, _timed(work, n))
    (n, last) = timings[-1]
    each = last / n
    if len(timings) > 1:
        earlier, less = timings[-2]
        least = 0.0 if slow else FLATTEST * last / n
        each = min(max((last - less) / (n - earlier), least), last / n)
    grown = peak_memory() - (alone if n > 1 else before)
    return Pace(max(0.0, first - timings[0][1]), max(0.0, last - each * n), each, grown, n)


def _line(timings: Sequence[tuple[int, float]], n: int) -> float:
    """Seconds of n items by the straight line through two timings."""
    (few, less), (many, more) = timings
    return less + (more - less) * (n - few) / (many - few)


def _timed(work: Callable[[int], object], n: int) -> float:
    start = time.perf_counter()
    work(n)
    return time.perf_counter() - start


def peak_memory() -> int:
    """The most bytes that this process has held so far; 0 where the system does not tell."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return 0
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def machine_pace() -> float:
    """Seconds of a fixed piece of work, ten products of matrices and sines, how slow this machine is: from the best of
    thirty single ones, which other work on the machine seldom interrupts.

    >>> 0 < machine_pace() < 60
    True
    """
    import numpy as np

    matrix = np.linspace(0.0, 1.0, 256 * 256).reshape(256, 256)
    return 10 * min(_timed(lambda _: np.sin(matrix @ matrix), 1) for _ in range(30))


@dataclass(frozen=True)
class Part:
    """One line of a plan: a name, the number of evaluations, and the seconds that all of them take."""

    name: str
    evaluations: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a job is going to do: its parts, its time, its memory.

    >>> print(Plan("two theories", (Part("gaussian", 500, 2.0), Part("local", 500, 70.0)), memory=2**30))
    plan: two theories
      gaussian  500 evaluations     2 s
      local     500 evaluations  1 min 10 s
      in all about 1 min 12 s on this machine, 1.0 GiB of memory at the peak
    """

    what: str
    parts: tuple[Part, ...]
    memory: int = 0

    @property
    def seconds(self) -> float:
        """Of all parts."""
        return sum(part.seconds for part in self.parts)

    def __str__(self) -> str:
        width = max((len(part.name) for part in self.parts), default=0)
        digits = max((len(str(part.evaluations)) for part in self.parts), default=0)
        lines = [
            f"  {part.name:<{width}}  {part.evaluations:>{digits}} evaluations  {duration(part.seconds):>6}"
            for part in self.parts
        ]
        memory = f", {self.memory / 2**30:.1f} GiB of memory at the peak" if self.memory else ""
        short = self.memory > self.memory_at_hand()
        warning = " (MORE THAN IS FREE)" if short else ""
        return "\n".join(
            [
                f"plan: {self.what}",
                *lines,
                f"  in all about {duration(self.seconds)} on this machine{memory}{warning}",
            ]
        )

    @staticmethod
    def memory_at_hand() -> int:
        """What this process holds and what is free."""
        return peak_memory() + available_memory()


def peak(paces: Sequence[Pace], most: int) -> int:
    """The memory at the peak where batches of up to `most` are worked on, from what the probes took."""
    growths = [pace.growth * max(0, most - pace.n) / max(1, pace.n - 1) for pace in paces]
    return int(peak_memory() + max(growths, default=0))


def read_duration(argument: str, text: str) -> float:
    """Seconds of a time as people write it.

    >>> read_duration("budget", "3min"), read_duration("budget", "1h30min"), read_duration("budget", "45")
    (180.0, 5400.0, 45.0)
    """
    written = text.strip().lower()
    unit = "|".join(sorted(UNITS, key=len, reverse=True))
    if re.fullmatch(r"\d+(\.\d+)?", written):
        seconds = float(written)
    elif re.fullmatch(rf"(\d+(\.\d+)?\s*({unit})\s*)+", written):
        seconds = sum(float(n) * UNITS[u] for n, _, u in re.findall(rf"(\d+(\.\d+)?)\s*({unit})", written))
    else:
        raise ArgumentError(argument, f"is {text!r}", "pass a time like 90s, 3min or 1h30min")
    if seconds <= 0:
        raise ArgumentError(argument, f"is {text!r}", "pass a time > 0")
    return seconds


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(0.3), duration(42.4), duration(130), duration(7500)
    ('0.3 s', '42 s', '2 min 10 s', '2 h 5 min')
    """
    if seconds < 10:
        return f"{seconds:.1g} s" if seconds < 0.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
