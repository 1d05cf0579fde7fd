"""`idealscore regimes DATA`: memorising, Gaussian or something else, over training-set size, width and step."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import tyro
import xarray as xr

from .._support import results as _results
from .._support.device import best_device
from .._support.style import style
from ..compare.regimes._regime_map import RegimePlan, regime_map
from ..compare.regimes._table import rows, table
from ..compare.regimes.figure import regime_figure
from ..errors import ArgumentError
from ..learned.data._tell import load_data
from ..learned.data.options import DataOptions
from ._plans.budget import allowed, tell


@dataclass(frozen=True)
class Command(DataOptions, RegimePlan):
    data: tyro.conf.Positional[str] = "digits"
    """digits, a file (.npy, .npz, .parquet, .csv, .safetensors, IDX, TIFF), a folder, or hf:NAME"""
    out: str = ""
    """folder of networks and results (default: regimes-DATA); the same command goes on where a stopped one was"""
    workers: int = 1
    """processes that share the work"""
    cluster: str = ""
    """address of a Dask scheduler, e.g. tcp://host:8786, whose workers share the work instead"""
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, cuda:1, ..."""
    budget: str = ""
    """the time that it may take, as 90s, 3min or 1h30min: a smaller map keeps it, with a word (default: no limit)"""
    json: bool = False
    """print the table as JSON"""
    table: Literal["text", "markdown", "latex"] = "text"
    """print the table as text, or for a paper with value(error), in Markdown or in LaTeX (needs booktabs)"""

    def run(self) -> None:
        if self.json and self.table != "text":
            raise ArgumentError("json", f"and table {self.table} are two forms of one table", "pass one of them")
        out = Path(self.out or f"regimes-{Path(self.data).stem}")
        plan = RegimePlan(**{field.name: getattr(self, field.name) for field in fields(RegimePlan)})
        device = best_device(self.device)
        started, quiet = time.monotonic(), self.json or self.table != "text"
        allowed(self.budget)
        result = regime_map(
            load_data(self.data, self, quiet), plan, out, workers=self.workers, cluster=self.cluster or None,
            device=device, budget=self.budget, announce=tell, started=started,
        )  # fmt: skip
        _save_figure(result, out / "regimes.png")
        if self.json:
            import json

            print(json.dumps(rows(result), indent=2, ensure_ascii=False))
        elif self.table != "text":
            print(result.ideal.table(self.table))
        else:
            print(table(result))
            print(f"\nwritten: {out / 'regimes.nc'}, {out / 'regimes.png'}")


def _save_figure(result: xr.Dataset, path: Path) -> None:
    import matplotlib.pyplot as plt

    drawn = regime_figure(result)
    try:
        with style(), _results.atomic_path(path) as temporary:
            drawn.savefig(temporary, format="png")
    finally:
        plt.close(drawn)
