"""Progress bars: one spelling for the whole package, silent where nobody is looking."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")


def bar(
    iterable: Iterable[T] | None = None, *, total: int | None = None, label: str = "", show: bool | None = None
) -> tqdm[T]:
    """A tqdm bar on stderr. `show=None` shows it on a terminal only."""
    from tqdm import tqdm as make

    disable = not (sys.stderr.isatty() if show is None else show)
    return make(
        cast("Iterable[T]", iterable), total=total, desc=label, disable=disable, leave=False, dynamic_ncols=True
    )


def overall(total: float, label: str, show: bool | None = None) -> tqdm[NoReturn]:
    """One bar for a whole job, in any unit of work, with the time that is left."""
    from tqdm import tqdm as make

    disable = not (sys.stderr.isatty() if show is None else show)
    shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left"
    return make(total=total, desc=label, disable=disable, leave=False, dynamic_ncols=True, bar_format=shape)


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
