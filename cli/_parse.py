"""Options from a frozen dataclass by tyro; what tyro refuses becomes one line."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import TypeVar

import tyro

from ..errors import ArgumentError

C = TypeVar("C")


def one_line(boxed: str) -> str:
    """The complaint inside tyro's box, without the frame and the help that follows the rule.

    >>> one_line("╭─ Value error ─╮\\n│ Error parsing --n: 'x'  │\\n│ ─────── │\\n│ For full helptext │\\n╰──╯")
    "Error parsing --n: 'x'"
    """
    lines = [re.sub(r"^[│|]|[│|]$", "", line.strip()).strip() for line in boxed.splitlines()]
    inside = [line for line in lines if not line.startswith("╭")]
    rule = next((i for i, line in enumerate(inside) if re.fullmatch(r"[─╰╯-]+", line)), len(inside))
    return re.sub(r"\s+", " ", " ".join(inside[:rule])).strip()


def parse(command: type[C], arguments: Sequence[str], program: str) -> C:
    """An instance of the dataclass `command`; help exits with 0, a bad option raises ArgumentError."""
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            return tyro.cli(command, args=list(arguments), prog=program)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ArgumentError("options", one_line(complaint.getvalue()), f"`{program} --help` lists them all") from None
