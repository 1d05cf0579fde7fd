"""Options from a frozen dataclass by tyro; what tyro refuses becomes one line."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from itertools import dropwhile, takewhile
from typing import TypeVar

import tyro

from ..errors import ArgumentError

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


def parse(command: type[C], arguments: Sequence[str], program: str) -> C:
    """An instance of the dataclass `command`; help exits with 0, a bad option raises ArgumentError.

    Where the command has a method `defaults`, the options are laid on the instance that it returns.
    """
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            parsed = tyro.cli(command, args=list(arguments), prog=program)
            defaults = getattr(parsed, "defaults", None)
            return parsed if defaults is None else tyro.cli(command, args=list(arguments), default=defaults())
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ArgumentError("options", one_line(complaint.getvalue()), f"`{program} --help` lists them all") from None
