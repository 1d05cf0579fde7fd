"""`idealscore figures [NAME ...]`: the figures, drawn from saved results or computed anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from .._support import checks as check
from .._support import progress
from ..errors import ArgumentError
from ..paper_figs import _venues, catalogue

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Command:
    """Draw figures (all of them without a name): from the saved results, or from new ones at a scale and a seed."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """figures; `--list` shows them"""
    out: str = "figures"
    """folder of the pictures; new results are kept in its folder `results`"""
    format: str = "png"
    """png, pdf or svg"""
    venue: str = ""
    """widths and type of pre, prl, prx, aaai, aistats, cvpr, iclr, icml, jmlr, neurips, tmlr or uai"""
    scale: str = ""
    """compute at this scale, small (minutes on a CPU) or full (needs a GPU or patience), unless that was done before"""
    seed: int = 0
    """of what is computed"""
    recompute: bool = False
    """compute in any case"""
    data: str = ""
    """your own netCDF file to draw, for one figure"""
    gallery: str = ""
    """write a page of all figures into this folder, with what theory predicts and what was measured"""
    list: bool = False
    """list the figures and stop"""

    def run(self) -> None:
        if self.list:
            for name in catalogue.names():
                print(f"{name:<28} {catalogue.summary(name)}")
            return
        self._check()
        if self.gallery:
            from ..paper_figs._gallery import write_gallery

            print(write_gallery(self.gallery))
            return
        for name in progress.bar(self.names or catalogue.names(), label="figures"):
            target = Path(self.out) / f"{name}.{self.format}"
            print(catalogue.draw_to(name, self._result(name), target, self.venue))

    def _check(self) -> None:
        check.choice("format", self.format, catalogue.FORMATS)
        check.integer("seed", self.seed, 0)
        if self.scale:
            check.choice("scale", self.scale, catalogue.SCALES)
        if self.venue:
            _venues.venue(self.venue)
        for name in self.names:
            check.choice("figure", name, catalogue.names())
        if self.data and (len(self.names) != 1 or self._new):
            raise ArgumentError("data", "belongs to one figure", "name exactly one, without --scale and --recompute")
        if self.gallery and (self.names or self._new or self.data):
            raise ArgumentError("gallery", "shows every saved result", "leave out names, --scale and --data")

    @property
    def _new(self) -> bool:
        return bool(self.scale) or self.recompute

    def _result(self, name: str) -> xr.Dataset:
        if self.data:
            return catalogue.from_file(name, self.data)
        if not self._new:
            return catalogue.saved(name)
        return catalogue.computed(name, self.scale or "small", self.seed, Path(self.out) / "results", self.recompute)
