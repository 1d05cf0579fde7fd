"""The figures by name: each a module with `compute(scale, seed) -> Dataset` and a pure `draw(Dataset) -> Figure`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

from .. import _checks as check
from .. import _results
from ..errors import DataFileError

if TYPE_CHECKING:
    import xarray as xr

RESULTS = Path(__file__).parent / "results"
SCALES = ("small", "full")
FORMATS = ("png", "pdf", "svg")


def names() -> list[str]:
    """All figures, in alphabetical order.

    >>> "percolation_collapse" in names()
    True
    """
    return [m.name for m in iter_modules([str(Path(__file__).parent)]) if m.name[0] != "_" and m.name != "catalogue"]


def figure_module(name: str) -> ModuleType:
    """The module of a figure; an unknown name raises UnknownNameError with the nearest one."""
    return import_module(f".{check.choice('figure', name, names())}", __package__)


def summary(name: str) -> str:
    """The first line of the figure's description."""
    return (figure_module(name).__doc__ or "").strip().splitlines()[0]


def result(name: str, data: str | Path | None = None) -> xr.Dataset:
    """The result that a figure draws: the user's own file, or the saved one that ships with the package."""
    figure_module(name)
    path = RESULTS / f"{name}.nc" if data is None else Path(data)
    if data is None and not path.exists():
        raise DataFileError("figure", f"{name} has no saved result", f"make one: idealscore figures {name} --recompute")
    return _results.load(path)


def draw_to(name: str, dataset: xr.Dataset, path: str | Path) -> Path:
    """Draw `dataset` as figure `name` and save it under `path`, whose suffix decides the format."""
    import matplotlib.pyplot as plt

    path = Path(path)
    suffix = check.choice("format", path.suffix.lstrip("."), FORMATS)
    try:
        figure = figure_module(name).draw(dataset)
    except (KeyError, AttributeError) as error:
        raise DataFileError(
            "data", f"holds no result of {name} ({error})", f"make one: idealscore figures {name} --recompute"
        ) from error
    try:
        with _results.atomic_path(path) as temporary:
            figure.savefig(temporary, format=suffix)
    finally:
        plt.close(figure)
    return path
