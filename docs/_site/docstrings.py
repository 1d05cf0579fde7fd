"""Docstrings are plain text with examples; here they become Markdown that shows what was written."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))
from citations import CODE, entries, linked

EXAMPLE = re.compile(r"(?:^>>> .*\n(?:^(?!>>> )\S.*\n|^ .*\n)*)+", re.M)
EMPHASIS = re.compile(r"(?<![\w*])\*(?=\w)[^*\n]*\w\*(?![\w*])")


def shown(text: str, known: dict[str, str]) -> str:
    """Markdown of a docstring: examples fenced, citations linked, `<` and lone `*` kept as characters."""
    text = EXAMPLE.sub(lambda match: f"\n```pycon\n{match[0]}```\n", text + "\n")
    parts = CODE.split(text)
    return linked("".join(part if i % 2 else _escaped(part) for i, part in enumerate(parts)), known)


def _escaped(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(line if line.startswith("    ") else _escaped_line(line) for line in lines)


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
