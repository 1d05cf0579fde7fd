"""The figures by name: each a module with `compute(scale, seed) -> Dataset` and a pure `draw(Dataset) -> Figure`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .._support import checks as check
from .._support import results as _results
from .._support.cost import machine_pace
from ..errors import ArgumentError, DataFileError
from ..sweeping._spread import Cluster, spread
from ._venues import dressed

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

RESULTS = Path(__file__).parent / "results"
SCALES = ("small", "medium", "full")
FORMATS = ("png", "pdf", "svg")
SOURCE = "IDEALSCORE_IMAGES"
"""The environment variable that names the images of the medium scale."""

MEDIUM = (
    "capacity_and_stopping", "hierarchy_images", "linearity_by_size", "reproducibility_by_architecture", "regime_map",
    "reproducibility_by_size", "reproducibility_extensions", "reproducibility_matrix", "score_differences",
)  # fmt: skip
"""Figures that have a medium scale."""

NAMELESS = ("networks", "transitions")  # rooms whose figures are called by their own name alone
SHARED_RUNS = (
    "capacity_and_stopping", "linearity_by_size", "regime_map", "reproducibility_by_size", "score_differences",
)  # fmt: skip
"""Figures of the same networks, which they keep in one folder: one worker computes them all."""
LAYOUT = 1  # of the saved results; raised when a figure's variables change their meaning


@cache
def _modules() -> dict[str, str]:
    """{figure: module}: the room's name leads the figure's, except in rooms whose figure names already say it."""
    here = Path(__file__).parent
    rooms = [room.name for room in here.iterdir() if (room / "__init__.py").exists()]
    found = {
        figure_of(f"{room}.{module.name}"): f".{room}.{module.name}"
        for room in rooms
        for module in iter_modules([str(here / room)])
        if not module.name.startswith("_")
    }
    return dict(sorted(found.items()))


def names() -> list[str]:
    """All figures, in alphabetical order.

    >>> "percolation_collapse" in names()
    True
    """
    return list(_modules())


def figure_of(module: str) -> str:
    """The figure whose module has this full name.

    >>> figure_of("idealscore.paper_figs.hierarchy.flow")
    'hierarchy_flow'
    """
    room, stem = module.split(".")[-2:]
    return stem if room in NAMELESS else f"{room}_{stem}"


def figure_module(name: str) -> ModuleType:
    """The module of a figure; an unknown name raises UnknownNameError with the nearest one."""
    return import_module(_modules()[check.choice("figure", name, names())], __package__)


def summary(name: str) -> str:
    """The first line of the figure's description."""
    return (figure_module(name).__doc__ or name).strip().splitlines()[0]


def saved(name: str) -> xr.Dataset:
    """The result of figure `name` that ships with the package: the best run so far."""
    figure_module(name)
    path = RESULTS / f"{name}.nc"
    if not path.exists():
        raise DataFileError("figure", f"{name} has no saved result", f"make one: {_remake(name)}")
    return _checked(name, _results.load(path), path)


def from_file(name: str, path: str | Path) -> xr.Dataset:
    """A user's own result for figure `name`; DataFileError where the file holds another's, or an older layout."""
    figure_module(name)
    return _checked(name, _results.load(Path(path)), path)


def kept_path(name: str, scale: str, seed: int, kept: str | Path) -> Path:
    """Where the result of a figure at a scale and a seed is kept by this version."""
    from .. import __version__

    images = f"-{Path(os.environ.get(SOURCE, '')).stem}" if scale == "medium" else ""
    return Path(kept) / f"{name}-{scale}{images}-seed{check.integer('seed', seed, 0)}-{__version__}.nc"


def checked_scale(names: Sequence[str], scale: str) -> str:
    """`scale`, where all figures have it; ArgumentError where one has no medium scale or its images are not named."""
    if check.choice("scale", scale, SCALES) != "medium":
        return scale
    for name in names:
        if name not in MEDIUM:
            having = ", ".join(MEDIUM)
            raise ArgumentError("scale", f"is medium, which {name} does not have", f"pass small, or name of {having}")
    if not os.environ.get(SOURCE):
        raise ArgumentError(SOURCE, "is not set", "let it name a file of labelled images, or pass another scale")
    return scale


def timed(name: str, scale: str, seed: int, kept: str | Path) -> tuple[float, float] | None:
    """(seconds that computing the figure took, `machine_pace` then), where a result of this scale tells them."""
    for path in (kept_path(name, scale, seed, kept), RESULTS / f"{name}.nc"):
        if path.exists():
            attrs = _checked(name, _results.load(path), path).attrs
            told = {**attrs, **json.loads(attrs.get(_results.TIMING, "{}"))}  # older files have them as attributes
            if attrs.get("scale") == scale and "machine_pace" in told:
                return float(told["seconds"]), float(told["machine_pace"])
    return None


def computed(name: str, scale: str, seed: int, kept: str | Path, again: bool = False) -> xr.Dataset:
    """The result of figure `name` at a scale and a seed: from the folder `kept`, if this version of the package has
    made it there before, else computed and kept there. `again` computes it in any case."""
    module = figure_module(name)
    checked_scale([name], scale)
    path = kept_path(name, scale, seed, kept)
    if path.exists() and not again:
        return from_file(name, path)
    begun = time.monotonic()
    dataset = module.compute(scale, seed=seed)
    told = json.loads(dataset.attrs.get(_results.TIMING, "{}"))
    told |= {"seconds": time.monotonic() - begun, "machine_pace": machine_pace()}
    dataset.attrs |= {"figure": name, "scale": scale, "layout": LAYOUT, _results.TIMING: json.dumps(told)}
    _results.save(dataset, path)
    return dataset


def compute_all(
    names: Sequence[str],
    scale: str,
    seed: int,
    kept: str | Path,
    again: bool = False,
    *,
    workers: int = 1,
    cluster: Cluster = None,
) -> None:
    """`computed` of many figures, shared by processes or by the workers of a Dask cluster, who must see `kept`."""
    fixed = {"scale": checked_scale(names, scale), "seed": seed, "kept": str(Path(kept).absolute())}
    together = [name for name in names if name in SHARED_RUNS]
    jobs = [*([" ".join(together)] if together else []), *(name for name in names if name not in SHARED_RUNS)]
    spread(
        figures_on_worker, {"figures": jobs}, Path(kept) / "jobs", fixed={**fixed, "again": again},
        workers=workers, cluster=cluster,
    )  # fmt: skip


def figures_on_worker(figures: str, scale: str, seed: int, kept: str, again: bool) -> int:
    """On a worker: the results of figures, one after the other, into the folder `kept`; their size in bytes."""
    return sum(computed(name, scale, seed, kept, again).nbytes for name in figures.split())


def drawn(name: str, dataset: xr.Dataset, venue: str = "") -> Figure:
    """The matplotlib figure, in the widths and type of a venue where one is named."""
    with dressed(venue) as chosen:
        try:
            figure = figure_module(name).draw(dataset)
        except (KeyError, AttributeError, ArgumentError) as error:
            raise DataFileError("data", f"holds no result of {name} ({error})", f"make one: {_remake(name)}") from error
        if chosen is not None:
            chosen.resize(figure)
    return figure


def draw_to(name: str, dataset: xr.Dataset, path: str | Path, venue: str = "", dpi: int | None = None) -> Path:
    """Draw `dataset` as figure `name` and save it under `path`, whose suffix decides the format; fonts are embedded."""
    import matplotlib.pyplot as plt

    from ._style import style

    path = Path(path)
    suffix = check.choice("format", path.suffix.lstrip("."), FORMATS)
    figure = drawn(name, dataset, venue)
    try:
        with dressed(venue), style(), _results.atomic_path(path) as temporary:
            options: dict[str, Any] = {"dpi": dpi} if dpi else {}
            figure.savefig(temporary, format=suffix, **options)
    finally:
        plt.close(figure)
    return path


def _checked(name: str, dataset: xr.Dataset, path: str | Path) -> xr.Dataset:
    found, layout = dataset.attrs.get("figure", name), int(dataset.attrs.get("layout", LAYOUT))
    if found != name:
        raise DataFileError("data", f"{path} holds the result of figure {found}", f"idealscore figures {found} --data")
    if layout != LAYOUT:
        raise DataFileError("data", f"{path} has layout {layout}, this version reads {LAYOUT}", _remake(name))
    return dataset


def _remake(name: str) -> str:
    return f"idealscore figures {name} --recompute"
