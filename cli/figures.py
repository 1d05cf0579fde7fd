"""`idealscore figures [NAME ...]`: the figures, drawn from saved results or computed anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from .. import _checks as check
from .. import _progress as progress
from .. import _results
from ..errors import ArgumentError
from ..paper_figs import catalogue


@dataclass(frozen=True)
class Command:
    """Draw figures from the saved results (all of them without a name), or compute them anew."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """figures; `--list` shows them"""
    out: str = "figures"
    """folder of the pictures"""
    format: str = "png"
    """png, pdf or svg"""
    recompute: bool = False
    """compute the result anew, and keep it beside the picture"""
    scale: str = "small"
    """small (minutes on a CPU) or full (needs a GPU or patience), with --recompute"""
    seed: int = 0
    data: str = ""
    """your own netCDF file to draw, for one figure"""
    list: bool = False
    """list the figures and stop"""

    def run(self) -> None:
        if self.list:
            for name in catalogue.names():
                print(f"{name:<28} {catalogue.summary(name)}")
            return
        check.choice("format", self.format, catalogue.FORMATS)
        check.choice("scale", self.scale, catalogue.SCALES)
        check.integer("seed", self.seed, 0)
        for name in self.names:
            check.choice("figure", name, catalogue.names())
        if self.data and (len(self.names) != 1 or self.recompute):
            raise ArgumentError("data", "belongs to one figure", "name exactly one, without --recompute")
        for name in progress.bar(self.names or catalogue.names(), label="figures"):
            print(self._make(name))

    def _make(self, name: str) -> Path:
        target = Path(self.out) / f"{name}.{self.format}"
        if self.recompute:
            dataset = catalogue.figure_module(name).compute(self.scale, seed=self.seed)
            _results.save(dataset, target.with_suffix(".nc"))
        else:
            dataset = catalogue.result(name, self.data or None)
        return catalogue.draw_to(name, dataset, target)
