"""`idealscore compare DATA`: which theory does a trained network follow, at which noise level?"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import tyro
import xarray as xr

from .._support import results as _results
from .._support.files.lock import held
from .._support.progress import tell
from ..compare.comparison._report import pictures, report
from ..compare.comparison._table import rows
from ..compare.comparison.job import run_comparison
from ..compare.comparison.options import Comparison
from ..compare.comparison.several_models import models_of, one_model, pair_rows
from ..errors import ArgumentError
from ..learned.data._tell import load_data
from ..learned.data.options import DataOptions
from ._network import network_of


@dataclass(frozen=True)
class Command(DataOptions, Comparison):
    data: tyro.conf.Positional[str] = "digits"  # pyright: ignore[reportIncompatibleVariableOverride]
    """digits, a file (.npy, .npz, .parquet, .csv, .safetensors, IDX, TIFF), a folder, or hf:NAME"""
    model: tyro.conf.UseAppendAction[tuple[str, ...]] = ()  # pyright: ignore[reportIncompatibleVariableOverride]
    """network: a run folder or .safetensors file, a diffusers pipeline or its unet folder, hf:OWNER/NAME of the hub, or
    with --trust package.module:function; repeat the option for several, to see whether they agree"""
    condition: str = ""
    """of a network with classes: class (the labels of the data) or one class, by number or by name"""
    guidance: float | None = None
    """weight w of D_u + (1 + w) (D_c - D_u); 0 is the conditional network"""
    variant: str = ""
    """of the weights of a diffusers network, such as fp16"""
    trust: bool = False
    """run the code of package.module:function, and only of that"""
    noise_levels: Annotated[Literal["network"] | tuple[float, ...], tyro.conf.arg(name="sigmas")] = ()
    """the noise levels themselves, or network: the levels of the network's own steps nearest to those asked for"""
    out: str = ""
    """folder of the results (default: compare-DATA)"""
    workers: int = 1
    """processes that share several models"""
    cluster: str = ""
    """address of a Dask scheduler, e.g. tcp://host:8786, whose workers share several models instead"""
    json: bool = False
    """print the table as JSON"""
    table: Literal["text", "markdown", "latex"] = "text"
    """print the tables as text, or for a paper with value(error), in Markdown or in LaTeX (needs booktabs)"""

    def run(self) -> None:
        started = time.monotonic()
        if self.json and self.table != "text":
            raise ArgumentError("json", f"and table {self.table} are two forms of one table", "pass one of them")
        out = Path(self.out or f"compare-{Path(self.data).stem}")
        data = load_data(self.data, self, self.json or self.table != "text")
        comparison = Comparison(**{field.name: getattr(self, field.name) for field in fields(Comparison)})
        networks = {
            path: network_of(
                path,
                trust=self.trust,
                variant=self.variant,
                condition=self.condition,
                guidance=self.guidance,
                data=data,
            )
            for path in comparison.model
        }
        told: list[str] = []

        def announce(text: str) -> None:
            told.append(text)
            tell(text)

        with held(out):
            result = run_comparison(
                comparison, out / "network", networks=networks, data=data, partial=out / "partial",
                workers=self.workers, cluster=self.cluster or None, announce=announce, started=started,
            )  # fmt: skip
            timing = {"seconds": round(time.monotonic() - started, 1), "plan": told}
            result = result.assign_attrs({_results.TIMING: json.dumps(timing)})
            text = report(result, out)
            shutil.rmtree(out / "partial", ignore_errors=True)
        if self.json:
            print(json.dumps(_plain(result), indent=2, ensure_ascii=False))
        elif self.table != "text":
            print(result.ideal.table(self.table))
        else:
            print(text)
            written = [out / "compare.nc", *pictures(result, out), out / "report.html"]
            print(f"\nwritten: {', '.join(map(str, written))}")


def _plain(result: xr.Dataset) -> list | dict:
    """The rows of the table; of several models, those of each, and of their agreement."""
    models = models_of(result)
    if not models:
        return rows(result)
    return {"models": {name: rows(one_model(result, name)) for name in models}, "agreement": pair_rows(result)}
