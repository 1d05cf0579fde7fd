"""`<!-- figures -->` becomes a table of the figures: name and first line; `<!-- panels -->` one of their panels."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "paper_figs"
DIRECTIVE, PANELS = "<!-- figures -->", "<!-- panels -->"


def figures() -> dict[str, str]:
    """{name: what it shows} of the modules that compute and draw."""
    found = {}
    for path in sorted(FOLDER.glob("*/[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        functions |= {one.name for node in tree.body if isinstance(node, ast.ImportFrom) for one in node.names}
        if {"compute", "draw"} <= functions:
            found[figure_name(path)] = (ast.get_docstring(tree) or "").split("\n")[0]
    return dict(sorted(found.items()))


def panels() -> list[tuple[str, str, str]]:
    """(figure, plot, what it shows) of the functions that draw one panel of a figure."""
    found = []
    for path in sorted(FOLDER.glob("*/[!_]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("plot_"):
                text = " ".join((ast.get_docstring(node) or "").split())
                found.append((figure_name(path), node.name, text))
    return sorted(found)


def figure_name(path: Path) -> str:
    """The figure that the module at this path draws."""
    room = path.parent.name
    return path.stem if room in ("networks", "transitions") else f"{room}_{path.stem}"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the page that asks for it."""
    rows = [f"| `{name}` | {line.replace('|', chr(92) + '|')} |" for name, line in figures().items()]
    drawn = [f"| `{name}` | {line.replace('|', chr(92) + '|')} | `{figure}` |" for figure, name, line in panels()]
    page = markdown.replace(DIRECTIVE, "\n".join(["| figure | what it shows |", "|---|---|", *rows]))
    return page.replace(PANELS, "\n".join(["| plot | what it shows | figure |", "|---|---|---|", *drawn]))
