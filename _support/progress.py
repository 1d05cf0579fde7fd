"""Progress bars: one spelling for the whole package, silent where nobody is looking."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar, cast

from .cost import duration

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")
EVERY = 20.0


def bar(
    iterable: Iterable[T] | None = None, *, total: int | None = None, label: str = "", show: bool | None = None
) -> tqdm[T]:
    """A tqdm bar on stderr. `show=None` shows it on a terminal only."""
    from tqdm import tqdm as make

    disable = not (sys.stderr.isatty() if show is None else show)
    return make(
        cast("Iterable[T]", iterable), total=total, desc=label, disable=disable, leave=False, dynamic_ncols=True
    )


class Overall:
    """One bar for a whole job, in any unit of work, with the time that is left; off a terminal, a line now and then."""

    def __init__(self, total: float, label: str, show: bool | None = None) -> None:
        from tqdm import tqdm as make

        on_terminal = sys.stderr.isatty()
        shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}"
        disable = not (on_terminal if show is None else show)
        self.bar = make(total=total, desc=label, disable=disable, leave=False, dynamic_ncols=True, bar_format=shape)
        self.lines = show is None and not on_terminal
        self.total, self.label, self.done, self.found_done = total, label, 0.0, 0.0
        self.begun = self.told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def update(self, amount: float = 1) -> None:
        """So much more is done."""
        self.done += amount
        self.bar.update(amount)
        now = time.monotonic()
        if self.lines and now - self.told >= EVERY and self.done < self.total:
            self.told = now
            gone = now - self.begun
            worked = self.done - self.found_done
            left = duration(gone * (self.total - self.done) / worked) if worked > 0 else "unknown"
            share = 100 * self.done / self.total
            print(f"{self.label}: {share:.0f}%, {duration(gone)} gone, about {left} left", file=sys.stderr, flush=True)

    def skip(self, amount: float) -> None:
        """So much was done before: it says nothing of the pace."""
        self.found_done += amount
        self.update(amount)

    def note(self, text: str) -> None:
        """Behind the bar."""
        self.bar.set_postfix_str(text)


def overall(total: float, label: str, show: bool | None = None) -> Overall:
    """One bar for a whole job, in any unit of work, with the time that is left; off a terminal, with `show=None`, a
    line every `EVERY` seconds."""
    return Overall(total, label, show)


@contextmanager
def message(text: str, show: bool | None = None) -> Iterator[None]:
    """Say what is going on (a compilation, a load) for as long as it lasts."""
    shown = sys.stderr.isatty() if show is None else show
    if shown:
        print(f"{text} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
