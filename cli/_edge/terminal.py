"""The edge of the program: a terminal that lacks some characters, and errors that other libraries raise."""

from __future__ import annotations

import codecs
import io
import os
import re
import shutil
import sys
import textwrap
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from ...errors import printable

PLAIN = {
    "±": "+/-",
    "×": "x",
    "·": ".",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "∞": "inf",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "σ": "sigma",
    "²": "^2",
}
HANDLER = "idealscore.plain"
MOVES = re.compile(r"(?:\r|\n|\x1b\[[AK])*")
COLUMN = re.compile(r"\s*\S+(?: \S+)*\s{2,}")
ROOT = Path(__file__).resolve().parents[2]


def plain(error: UnicodeError) -> tuple[str, int]:
    """What a terminal shows for characters that it lacks: a spelling in ASCII, else a question mark.

    >>> codecs.register_error(HANDLER, plain)
    >>> "0.5 ± 0.1 \\N{SNOWMAN}".encode("ascii", HANDLER)
    b'0.5 +/- 0.1 ?'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in missing), error.end


@contextmanager
def plain_where_needed() -> Iterator[None]:
    """Inside, printing to a terminal without UTF-8 spells out what it lacks instead of raising UnicodeEncodeError."""
    codecs.register_error(HANDLER, plain)
    before = [(one, one.errors) for one in (sys.stdout, sys.stderr) if isinstance(one, io.TextIOWrapper)]
    for stream, errors in before:
        if errors == "strict":
            stream.reconfigure(errors=HANDLER)
    try:
        yield
    finally:
        for stream, errors in before:
            stream.reconfigure(errors=errors)


class Escaped:
    """A stream in front of another: what names of files, classes or data could tell a terminal is spelled out.

    Progress bars move the cursor by writes that hold nothing else, and may.

    >>> print("digits\\x1b[2J", file=Escaped(sys.stdout))
    digits\\u001b[2J
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(text if MOVES.fullmatch(text) else printable(text, keep="\n\r\t"))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def escaped() -> Iterator[None]:
    """Inside, nothing that is printed commands the terminal."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", Escaped(before[0])), cast("TextIO", Escaped(before[1]))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def fold(line: str, width: int) -> str:
    """A line that is wider than the terminal, broken between words under its second column.

    >>> print(fold("name    what it is, in more words than fit", 24))
    name    what it is, in
            more words than
            fit
    """
    if len(line) <= width:
        return line
    first = COLUMN.match(line)
    indent = first.end() if first and first.end() <= width // 2 else len(line) - len(line.lstrip()) + 4
    words = textwrap.TextWrapper(width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(words.wrap(line))


class Folded(Escaped):
    """A terminal of so many columns."""

    def __init__(self, stream: TextIO, width: int) -> None:
        super().__init__(stream)
        self._width = width

    def write(self, text: str) -> int:
        self._stream.write("\n".join(fold(line, self._width) for line in text.split("\n")))
        return len(text)


@contextmanager
def folded(asked: bool = True) -> Iterator[None]:
    """Inside, what is printed fits the terminal; what a file or another program reads keeps its lines."""
    before = sys.stdout
    if asked and before.isatty():
        sys.stdout = cast("TextIO", Folded(before, shutil.get_terminal_size().columns))
    try:
        yield
    finally:
        sys.stdout = before


def told(error: Exception) -> str:
    """One line about an error that is not of our own kinds: what it says, where it came up, how to see more.

    >>> told(KeyError("alphas"))
    "KeyError 'alphas'; set IDEALSCORE_TRACEBACK=1 and repeat the command to see where"
    """
    words = printable(" ".join(str(error).split()))
    words = words if len(words) <= 300 else f"{words[:300]} ..."
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if ROOT in Path(frame.filename).parents]
    own = [frame for frame in frames if "site-packages" not in os.path.relpath(frame.filename, ROOT)]
    where = f" (in {Path(own[-1].filename).relative_to(ROOT)}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__} {words}{where}; set IDEALSCORE_TRACEBACK=1 and repeat the command to see where"
