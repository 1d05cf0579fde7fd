"""Progress: one spelling for the whole package. A bar on a terminal or in a notebook, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from . import checks as check
from .cost import duration

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")
_SILENT: ContextVar[bool] = ContextVar("silent", default=False)
EVERY = 20.0  # seconds between two lines of a log


@contextmanager
def silent(asked: bool = True) -> Iterator[None]:
    """Inside, nothing is said of progress, whatever `show` is."""
    token = _SILENT.set(asked or _SILENT.get())
    try:
        yield
    finally:
        _SILENT.reset(token)


def tell(text: str) -> None:
    """A line on stderr about what goes on, unless it was asked to be silent."""
    if not _SILENT.get():
        print(text, file=sys.stderr, flush=True)


def bar(
    iterable: Iterable[T] | None = None, *, total: int | None = None, label: str = "", show: bool | None = None
) -> tqdm[T]:
    """The progress of a loop on stderr: a bar where somebody looks, else a line every `EVERY` seconds.

    `show=False` is silent; `show=True` writes the first line at once.
    """
    check.flag("show", show)
    made: type[tqdm[Any]] = _bar_type() if _looked_at() else _lines()
    options: dict[str, Any] = {"dynamic_ncols": True} if _looked_at() else {"delay": 0.0 if show else EVERY}
    items = cast("Iterable[T]", iterable)
    return made(items, total=total, desc=label, disable=show is False or _SILENT.get(), leave=False, **options)


class Overall:
    """One bar for a whole job, in any unit of work, with the time that is left; off a terminal, a line now and then."""

    def __init__(self, total: float, label: str, show: bool | None = None) -> None:
        check.flag("show", show)
        make, looked_at = _bar_type(), _looked_at()
        shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}"
        show = False if _SILENT.get() else show
        disable = not (looked_at if show is None else show)
        self.bar = make(total=total, desc=label, disable=disable, leave=False, dynamic_ncols=True, bar_format=shape)
        self.lines = show is None and not looked_at
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
    shown = not _SILENT.get() and (sys.stderr.isatty() if check.flag("show", show) is None else show)
    if shown:
        print(f"{text} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _looked_at() -> bool:
    """Whether somebody sees a bar move: on a terminal, or in a notebook."""
    return sys.stderr.isatty() or _in_a_notebook()


def _in_a_notebook() -> bool:
    """Whether a kernel of Jupyter runs this process; nothing is imported to find out."""
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def _bar_type() -> type[tqdm[Any]]:
    """The bar of a notebook needs ipywidgets; without it, and on a terminal, it is made of characters."""
    from importlib.util import find_spec

    if _in_a_notebook() and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as made
    else:
        from tqdm import tqdm as made
    return made


@cache
def _lines() -> type[tqdm[Any]]:
    """A tqdm that writes lines into a log: no carriage return and no thread."""
    from threading import RLock

    from tqdm import tqdm

    class Lines(tqdm):
        monitor_interval = 0
        _lock = RLock()

        def __init__(self, *args: Any, delay: float, **options: Any) -> None:
            self.due = time.monotonic() + delay
            super().__init__(*args, delay=delay, miniters=1, position=1, **options)
            if self.total is not None:
                self.bar_format = "{desc}: {percentage:3.0f}%, {elapsed} gone, {remaining} left"

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            """A line, unless one was written a moment ago; an empty message would wipe a bar, and a log has none."""
            if msg != "" and time.monotonic() >= self.due:
                self.due = time.monotonic() + EVERY
                self.fp.write(f"{self if msg is None else msg}\n")
                self.fp.flush()

    return Lines
