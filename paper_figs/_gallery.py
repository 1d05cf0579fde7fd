"""The gallery: every saved figure with its paper, its command, what was predicted and what was measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from .._support import progress
from .._support import results as _results
from .._support.citations import KEY
from . import catalogue
from .captions import paper, told

if TYPE_CHECKING:
    import xarray as xr

HEAD = """# Gallery

Every figure below is drawn from a result that ships with the package, by `idealscore figures NAME`. `--format pdf` and
`--venue prl` (or neurips, icml, ...) make it fit a paper; `--scale small` or `--scale full` computes it anew,
`--scale medium` on images of yours where the figure has it; `--data` draws your own result. The sentences are made
from the same result as the picture. This page is written by `idealscore figures --gallery docs`.
"""


def write_gallery(folder: str | Path) -> Path:
    """Write `gallery.md` and its pictures `images/gallery/NAME.png` into `folder`, of every figure with a result."""
    folder = Path(folder)
    parts = [HEAD]
    for name in progress.bar(saved_names(), label="gallery"):
        dataset = catalogue.saved(name)
        catalogue.draw_to(name, dataset, folder / "images" / "gallery" / f"{name}.png", dpi=120)
        parts.append(section(name, dataset))
    _results.write_text(folder / "gallery.md", "\n".join(parts))
    return folder / "gallery.md"


def saved_names() -> list[str]:
    """The figures that have a saved result."""
    return [name for name in catalogue.names() if (catalogue.RESULTS / f"{name}.nc").exists()]


def section(name: str, dataset: xr.Dataset) -> str:
    """One figure of the page, in Markdown."""
    module = catalogue.figure_module(name)
    head, _, text = (module.__doc__ or "").strip().partition("\n")
    title = re.sub(r"\s*\[@[^\]]*\](,? Figs?\. [\d, -]+)?", "", head).rstrip(".")
    found = module.findings(dataset)
    scale = dataset.attrs.get("scale", "small")
    seed = dataset.attrs.get("seed", 0)
    made = ", ".join(f"{key} {dataset.attrs[key]}" for key in ("device", "seed") if key in dataset.attrs)
    return f"""## {title}

![{title}](images/gallery/{name}.png)

{told(text.strip())}

| | |
|---|---|
| predicted | {found.predicted} |
| measured | {found.measured} |
| they disagree | {found.disagreement} |
| papers | {_papers(module.__doc__ or "")} |
| command | `idealscore figures {name}`; anew: `idealscore figures {name} --scale {scale} --seed {seed}` |
| result | {scale} scale, {made}; made by `{dataset.attrs.get("command", "?")}` |
"""


def _papers(text: str) -> str:
    """Authors, year and title of each paper that the docstring cites."""
    found = map(paper, dict.fromkeys(KEY.findall(text)))
    return "; ".join(f"{authors} ({year}), {title}" for authors, year, title in found)
