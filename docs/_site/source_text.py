"""`<!-- source of idealscore.theory.gaussian.GaussianDenoiser.reference -->` becomes that function's source text."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

sys.path.insert(0, str(Path(__file__).parent))
from citations import entries, plain

ROOT = Path(__file__).parents[2]
DIRECTIVE = re.compile(r"^<!-- source of ([\w.]+) -->$", re.M)
Definition = ast.FunctionDef | ast.ClassDef


def source(name: str) -> str:
    """The text of a function or class, read from its file; of its docstring the first line. PluginError if unknown."""
    path, *inside = _file_and_names(name)
    text = path.read_text(encoding="utf-8")
    node: Any = ast.parse(text)
    for part in inside:
        node = next((item for item in node.body if isinstance(item, Definition) and item.name == part), None)
        if node is None:
            raise PluginError(f"source of {name}: {path.relative_to(ROOT)} does not define {part}")
    return _written(node, text.splitlines())


def _file_and_names(name: str) -> tuple[Any, ...]:
    """The file of the module that the dotted name starts with, then the names inside it."""
    _, *parts = name.split(".")
    for length in range(1, len(parts)):
        path = ROOT.joinpath(*parts[:length]).with_suffix(".py")
        if path.is_file():
            return path, *parts[length:]
    raise PluginError(f"source of {name}: no such module; name module, class and function from idealscore on")


def _written(node: Definition, lines: list[str]) -> str:
    """The lines of a definition, its docstring cut to the summary, without the indentation of its class."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    document = ast.get_docstring(node)
    if document is None:
        kept = lines[first - 1 : node.end_lineno]
    else:
        start, end = node.body[0].lineno, node.body[0].end_lineno
        indent = " " * node.body[0].col_offset
        summary = f'{indent}"""{document.splitlines()[0]}"""'
        kept = [*lines[first - 1 : start - 1], summary, *lines[end : node.end_lineno]]
    return textwrap.dedent("\n".join(kept))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what a page asks for."""
    known = entries()
    return DIRECTIVE.sub(lambda match: f"```python\n{plain(source(match[1]), known)}\n```", markdown)
