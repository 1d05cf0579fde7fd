"""`<!-- help of every command -->` becomes what `--help` prints, command by command."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import Any
from unittest.mock import patch

DIRECTIVE = "<!-- help of every command -->"
SUBCOMMANDS = re.compile(r"^usage: .*\{([\w,-]+)\}$", re.M)


def help_of(*command: str) -> str:
    """What a command prints with `--help`."""
    from idealscore.cli import main

    printed = io.StringIO()
    plain = patch.dict(os.environ, {"COLUMNS": "78", "NO_COLOR": "1"})
    with plain, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def reference() -> str:
    """One section per command; subcommands follow theirs."""
    from idealscore.cli import COMMANDS

    parts = []
    for name, what in COMMANDS.items():
        text = help_of(name)
        parts.append(f"## idealscore {name}\n\n{what[0].upper()}{what[1:]}\n\n```text\n{text}\n```\n")
        found = SUBCOMMANDS.search(text)
        for sub in found[1].split(",") if found else ():
            parts.append(f"### idealscore {name} {sub}\n\n```text\n{help_of(name, sub)}\n```\n")
    return "\n".join(parts)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the page that asks for it."""
    return markdown.replace(DIRECTIVE, reference()) if DIRECTIVE in markdown else markdown
