"""`<!-- public names of PACKAGE -->` becomes the reference of everything that the package's face lists."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DIRECTIVE = re.compile(r"^<!-- public names of ([\w.]+) -->$", re.M)


def _tree(name: str) -> ast.Module:
    path = ROOT.joinpath(*name.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def face(package: str) -> dict[str, list[str]]:
    """{submodule: [public names]} of a package, read from its `__init__.py` without importing it."""
    for node in ast.walk(_tree(package)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "attach":
            return ast.literal_eval(node.args[1])
    raise ValueError(f"{package} has no lazy face")


def defined(module: str) -> list[str]:
    """The public names of a module that is public as a whole: its `__all__`, or what it defines."""
    names = []
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            names.append(node.name)
    return names


def block(module: str, members: list[str]) -> str:
    """The reference of one module."""
    chosen = "".join(f"\n        - {name}" for name in members or defined(module))
    title = module.rsplit(".", 1)[1]
    return f"## {title} {{#module-{module}}}\n\n::: {module}\n    options:\n      members:{chosen}\n"


def reference(package: str) -> str:
    """The reference of a package, module by module; packages and pages of their own are left to their own pages."""
    listed = face(package)
    modules = [name for name in listed if not (ROOT.joinpath(*package.split(".")[1:], name)).is_dir()]
    return "\n".join(block(f"{package}.{name}", listed[name]) for name in modules)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what a page asks for."""
    return DIRECTIVE.sub(lambda match: reference(match[1]), markdown)
