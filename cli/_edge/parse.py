"""Options from a frozen dataclass by tyro; what tyro refuses becomes one line."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from itertools import dropwhile, takewhile
from typing import TypeVar

import tyro

from ...errors import ArgumentError
from .options import OPTIONS, flat, grouped, nested

C = TypeVar("C")


FRAME = " ╭╮╰╯│─|+-"


def one_line(boxed: str) -> str:
    """The complaint inside tyro's box, whatever the box is drawn with: what stands between the title and the next rule.

    >>> one_line("╭─ Value error ─╮\\n│ Error parsing --n: 'x'  │\\n│ ─────── │\\n│ For full helptext │\\n╰──╯")
    "Error parsing --n: 'x'"
    >>> one_line(" Value error \\n -------- \\n  Error parsing --n: 'x' \\n -------- \\n For full helptext")
    "Error parsing --n: 'x'"
    """
    lines = [line.strip().lstrip(FRAME[1:6]).rstrip(FRAME).strip() for line in boxed.strip().splitlines()]
    inside = [line if line.strip(FRAME) else "" for line in lines[1:]]
    told = takewhile(bool, dropwhile(lambda line: not line, inside))
    return re.sub(r"\s+", " ", " ".join(told))


def parse(command: type[C], arguments: Sequence[str], program: str, about: str = "") -> C:
    """An instance of the dataclass `command`; help exits with 0, a bad option raises ArgumentError.

    `about` opens the help of a command without a docstring. Where the command has a method `defaults`, the options are
    laid on the instance that it returns.
    """
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            parsed = _answer(command, arguments, program, about)
            defaults = getattr(parsed, "defaults", None)
            return parsed if defaults is None else _answer(command, arguments, program, about, defaults())
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ArgumentError("options", one_line(complaint.getvalue()), f"`{program} --help` lists them all") from None


def _answer(command: type[C], arguments: Sequence[str], program: str, about: str, default: C | None = None) -> C:
    """What tyro makes of the words, with the options in their groups."""
    words = grouped(command)
    further = {} if default is None else {"default": nested(command, default)}
    told = None if words.__doc__ else f"{about[:1].upper()}{about[1:]}"
    return flat(
        command, tyro.cli(words, args=list(arguments), prog=program, description=told, config=OPTIONS, **further)
    )
