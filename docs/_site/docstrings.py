"""Docstrings are plain text with examples; here they become Markdown that shows what was written."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))
from citations import CODE, entries, linked, plain

EXAMPLE = re.compile(r"(?:^>>> .*\n(?:^(?!>>> )\S.*\n|^ .*\n)*)+", re.M)
FENCED = re.compile(r"(^```.*?^```\n)", re.M | re.S)
ITEMS = ("Parameters", "Other Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")
SECTION = re.compile(r"(^[A-Z][\w ]+\n-{3,}\n)", re.M)
ITEM = re.compile(r"^\S.*$", re.M)
EMPHASIS = re.compile(r"(?<![\w*])\*(?=\w)[^*\n]*\w\*(?![\w*])")


def shown(text: str, known: dict[str, str]) -> str:
    """Markdown of a docstring: examples fenced, citations linked, `<` and lone `*` kept as characters."""
    text = EXAMPLE.sub(lambda match: f"\n```pycon\n{match[0]}```\n", text + "\n")
    parts = FENCED.split(text)
    parts[::2] = [_sections(part, known) for part in parts[::2]]
    return linked("".join(parts), known)


def _sections(text: str, known: dict[str, str]) -> str:
    """Text and the items of numpydoc sections: a type keeps its spaces, a description is text like any other."""
    parts, made = ["", *SECTION.split(text)], []
    for header, body in zip(parts[::2], parts[1::2], strict=True):
        items = header.startswith(ITEMS)
        escaped = _escaped(body, " " * (8 if items else 4), known)
        made += [header, ITEM.sub(_unparsed, escaped) if items else escaped]
    return "".join(made)


def _unparsed(match: re.Match[str]) -> str:
    """An item as it was written: a no-break space keeps `tensor (n, d)` from being read as a call."""
    return match[0].replace(r"\*", "*").replace("&lt;", "<").replace(" (", "\u00a0(")


def _escaped(text: str, code: str, known: dict[str, str]) -> str:
    """Text outside code; lines indented by `code` are code, too, in which no citation can be a link."""
    parts = CODE.split(text)
    for i in range(0, len(parts), 2):
        lines = parts[i].split("\n")
        parts[i] = "\n".join(plain(line, known) if line.startswith(code) else _escaped_line(line) for line in lines)
    return "".join(parts)


def _escaped_line(line: str) -> str:
    line = re.sub(r"<(?=[A-Za-z/!])", "&lt;", line)
    kept = [match.span() for match in EMPHASIS.finditer(line)]

    def star(match: re.Match[str]) -> str:
        return "*" if any(start <= match.start() < stop for start, stop in kept) else r"\*"

    return re.sub(r"(?<=\w)\*", star, line)


class Docstrings(griffe.Extension):
    """Rewrite each docstring when it is read; what says nothing beyond the signature is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.known = entries()

    def on_instance(self, *, obj: Any, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = shown(obj.docstring.value, self.known)
        elif obj.name.startswith("__") or (obj.is_attribute and "property" not in obj.labels):
            obj.public = False
