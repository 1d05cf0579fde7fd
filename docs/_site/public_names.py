"""`<!-- public names of PACKAGE -->` becomes the reference of everything that the package's face lists."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LAYERS = tuple(f"idealscore.{layer}" for layer in ("theory", "simulate", "learned", "compare"))
DIRECTIVE = re.compile(r"^<!-- public names of ([\w.]+) -->$", re.M)


def _path(name: str) -> Path:
    return ROOT.joinpath(*name.split(".")[1:])


def face(package: str) -> dict[str, list[str]]:
    """{submodule: [public names]} of a package, read from the stub of its face without importing it."""
    listed: dict[str, list[str]] = {}
    for node in ast.parse((_path(package) / "__init__.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            listed.setdefault(node.module, []).extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                listed.setdefault(alias.name, [])
    return listed


def defined(module: str) -> list[str]:
    """The public functions and classes of a module that is public as a whole."""
    tree = ast.parse(_path(module).with_suffix(".py").read_text(encoding="utf-8"))
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for name in found if not name.startswith("_")]


def block(module: str, members: list[str], level: int) -> str:
    """The reference of one module, under its own heading."""
    chosen = "".join(f"\n        - {name}" for name in members or defined(module))
    title = module.rsplit(".", 1)[1].lstrip("_")
    options = f"    options:\n      heading_level: {level + 1}\n      members:{chosen}\n"
    return f"{'#' * level} {title} {{#module-{module}}}\n\n::: {module}\n{options}"


def room(package: str) -> str:
    """The reference of a folder inside a layer: its sentence, then module by module."""
    document = ast.get_docstring(ast.parse((_path(package) / "__init__.pyi").read_text(encoding="utf-8")))
    blocks = [block(f"{package}.{name}", names, 3) for name, names in face(package).items()]
    return "\n".join([f"## {package.rsplit('.', 1)[1]} {{#module-{package}}}\n\n{document}\n", *blocks])


def reference(package: str) -> str:
    """The reference of a package: its modules, and its rooms with theirs."""
    return "\n".join(
        room(f"{package}.{name}") if (_path(package) / name).is_dir() else block(f"{package}.{name}", names, 2)
        for name, names in face(package).items()
    )


def subjects() -> str:
    """The table of subjects: where each has its theory, its simulation, its networks and its measurements."""
    rooms = {layer: [name for name in face(layer) if (_path(layer) / name).is_dir()] for layer in LAYERS}
    lines = ["| subject | " + " | ".join(layer.rsplit(".", 1)[1] for layer in LAYERS) + " |", "|---" * 5 + "|"]
    for name in sorted({name for names in rooms.values() for name in names}):
        links = [
            f"[{name}]({layer.rsplit('.', 1)[1]}.md#module-{layer}.{name})" if name in rooms[layer] else ""
            for layer in LAYERS
        ]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(links)} |")
    return "\n".join(lines)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what a page asks for."""
    markdown = markdown.replace("<!-- subjects -->", subjects()) if "<!-- subjects -->" in markdown else markdown
    return DIRECTIVE.sub(lambda match: reference(match[1]), markdown)
