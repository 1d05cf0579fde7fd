"""The navigation follows the folders: a new page appears without being listed anywhere."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

SECTIONS = {
    "Start": ["index.md", "which_theory_is_which.md", "tutorial.md", "gallery.md"],
    "Questions": [
        "questions/which_theory_does_my_score_follow.md",
        "questions/when_does_my_class_appear.md",
        "questions/does_my_network_memorise.md",
        "questions/*.md",
    ],
    "Notebooks": [
        "examples/notebooks/which_theory_does_my_diffusers_model_follow.md",
        "examples/notebooks/when_do_my_classes_appear.md",
        "examples/notebooks/*.md",
    ],
    "Examples": ["examples/own_network.md", "examples/*.md"],
    "Theory": [
        "theory/identities.md",
        "theory/empirical.md",
        "theory/gaussian.md",
        "theory/local.md",
        "theory/transitions.md",
        "theory/hierarchy.md",
        "theory/percolation.md",
        "theory/*.md",
    ],
    "Reference": [
        "conventions.md",
        "training.md",
        "plots.md",
        "scaling.md",
        "api/index.md",
        "api/*.md",
        "bibliography.md",
    ],
    "Results": ["evidence.md", "errors.md", "performance.md", "performance_*.md"],
    "Project": ["architecture.md", "contributing.md", "security.md"],
}
LAST = "More"


def arranged(pages: list[str]) -> list[dict[str, list[str]]]:
    """Sections of `pages`, each page in the first place whose pattern it fits, the others in a last section."""
    left, sections = sorted(pages), []
    for title, patterns in SECTIONS.items():
        inside = []
        for pattern in patterns:
            inside += [page for page in left if fnmatch(page, pattern) and page not in inside]
        left = [page for page in left if page not in inside]
        sections.append({title: inside})
    return [section for section in [*sections, {LAST: left}] if next(iter(section.values()))]


def on_files(files: Any, config: Any) -> None:
    """Set the navigation once all pages, the generated ones too, are known."""
    pages = [Path(file.src_uri).as_posix() for file in files.documentation_pages()]
    config["nav"] = arranged([page for page in pages if not page.startswith("_site/")])
