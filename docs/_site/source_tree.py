"""The root of the repository is the package: shows it to the reader of docstrings under the package's name."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mkdocs.plugins import event_priority

ROOT = Path(__file__).parents[2]
NAME = "idealscore"
FOLDER = TemporaryDirectory(prefix="idealscore-docs-")


def named(folder: Path) -> Path:
    """A folder that holds the package as `idealscore`, by links to its modules and packages alone."""
    package = folder / NAME
    package.mkdir(exist_ok=True)
    for path in [*ROOT.glob("*.py"), *(found.parent for found in ROOT.glob("[!.]*/__init__.py"))]:
        link = package / path.name
        if not link.exists():
            link.symlink_to(path)
    return folder


@event_priority(100)
def on_config(config: Any) -> None:
    """Runs before mkdocstrings reads where the sources are."""
    handlers = config.plugins["mkdocstrings"].config.handlers
    handlers.setdefault("python", {})["paths"] = [str(named(Path(FOLDER.name)))]
