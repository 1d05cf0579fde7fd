"""`<!-- figures -->` becomes a table of the figures: name and first line of each module."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "paper_figs"
DIRECTIVE = "<!-- figures -->"


def figures() -> dict[str, str]:
    """{name: what it shows} of the modules that compute and draw."""
    found = {}
    for path in sorted(FOLDER.glob("*/[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if {"compute", "draw"} <= functions:
            room = path.parent.name
            name = path.stem if room in ("networks", "transitions") else f"{room}_{path.stem}"
            found[name] = (ast.get_docstring(tree) or "").split("\n")[0]
    return dict(sorted(found.items()))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the page that asks for it."""
    rows = [f"| `{name}` | {line.replace('|', chr(92) + '|')} |" for name, line in figures().items()]
    return markdown.replace(DIRECTIVE, "\n".join(["| figure | what it shows |", "|---|---|", *rows]))
