"""Every script of `examples/` in cells becomes a page: its Markdown cells as text, its code cells as code."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

EXAMPLES = Path(__file__).parents[2] / "examples"
CELL = re.compile(r"^# %%(.*)$", re.M)
SCRIPT = re.compile(r"\]\((?:\.\./)+examples/(\w+)\.py\)")


def page(script: Path) -> str:
    """The page of a script in the percent format; a script without cells is shown unchanged."""
    text = script.read_text(encoding="utf-8")
    parts = CELL.split(text)[1:]
    if not parts:
        return f"# {script.stem.replace('_', ' ').capitalize()}\n\n```python\n{text.strip()}\n```\n"
    made = []
    for kind, body in zip(parts[::2], parts[1::2], strict=True):
        if "[markdown]" in kind:
            made.append(re.sub(r"^# ?", "", body.strip(), flags=re.M))
        else:
            made.append(f"```python\n{body.strip()}\n```")
    made.append(f"This page is the script `examples/{script.name}`; `--small` runs it in seconds on tiny settings.")
    return "\n\n".join(made) + "\n"


def on_files(files: Any, config: Any) -> None:
    """Add a page for each script."""
    for script in sorted(EXAMPLES.glob("*.py")):
        files.append(File.generated(config, f"examples/{script.stem}.md", content=page(script)))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to a script lead to its page."""
    here = posixpath.dirname(page.file.src_uri) or "."

    def link(match: re.Match[str]) -> str:
        return f"]({posixpath.relpath(f'examples/{match[1]}.md', here)})"

    return SCRIPT.sub(link, markdown)
