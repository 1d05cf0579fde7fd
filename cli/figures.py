"""`idealscore figures [NAME ...]`: the figures, drawn from saved results or computed anew."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from .._support import checks as check
from .._support import progress
from .._support import results as _results
from .._support.files.lock import held
from ..errors import ArgumentError
from ..paper_figs import _venues, catalogue
from ..paper_figs.captions import caption
from ..sweeping._spread import refuse_with
from ._plans.budget import allowed
from ._plans.figures import known_seconds, planned, while_time_is_left

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """compute at this scale, small (minutes on a CPU), medium (hours of a CPU, on the images that IDEALSCORE_IMAGES
    names) or full (needs a GPU or patience), unless that was done before"""
    seed: int = 0
    """of what is computed"""
    recompute: bool = False
    """compute in any case; the same command goes on where a stopped one was"""
    workers: int = 1
    """processes that share the figures that are computed"""
    cluster: str = ""
    """address of a Dask scheduler, e.g. tcp://host:8786, whose workers share them instead"""
    data: str = ""
    """your own netCDF file to draw, for one figure"""
    captions: bool = False
    """write a caption with the numbers of each picture beside it, as NAME.txt"""
    gallery: str = ""
    """write a page of all figures into this folder, with what theory predicts and what was measured"""
    budget: str = ""
    """the time that computing may take, as 90s, 3min or 1h30min: figures are left out to keep it (default: no limit)"""
    list: bool = False
    """list the figures and stop"""

    def run(self) -> None:
        started = time.monotonic()
        if self.list:
            for name in catalogue.names():
                print(f"{name:<28} {catalogue.summary(name)}")
            return
        self._check()
        allowed(self.budget)
        if self.gallery:
            from ..paper_figs._gallery import write_gallery

            print(write_gallery(self.gallery))
            return
        with held(Path(self.out)):
            self._draw(started)

    def _draw(self, started: float) -> None:
        """The figures one after the other, as long as there is time."""
        names = list(self._names)
        known: dict[str, float] = {}
        if self._new:
            known = known_seconds(names, self.scale or "small", self.seed, Path(self.out) / "results")
            names = planned(names, known, allowed(self.budget, time.monotonic() - started))
        usual = sum(known.values()) / len(known) if known else 1.0
        weights = {name: known.get(name, usual) for name in names}
        with progress.overall(sum(weights.values()), "figures") as bar:
            done = self._done_before()
            if self._shared:
                done = self._spread(names, done)

            def work(name: str) -> None:
                target = Path(self.out) / f"{name}.{self.format}"
                result = self._result(name, again=name not in done)
                print(catalogue.draw_to(name, result, target, self.venue), flush=True)
                if self.captions:
                    _results.write_text(target.with_suffix(".txt"), caption(name, result) + "\n")
                if self.recompute:
                    done.append(name)
                    _results.write_text(self._record, json.dumps({**self._asked, "done": done}))
                bar.update(weights[name])

            left = allowed(self.budget, time.monotonic() - started) if self._new else None
            again = f"--scale {self.scale or 'small'} --seed {self.seed}" if self._new else ""
            again += " --recompute" if self.recompute else ""
            while_time_is_left(names, left, work, f"{again} --out {self.out}".strip())
        if set(done) >= set(self._names):
            self._record.unlink(missing_ok=True)

    def _spread(self, names: list[str], done: list[str]) -> list[str]:
        """Have the workers compute what is left; the figures that are then done."""
        left = [name for name in names if name not in done]
        if not left:
            return done
        catalogue.compute_all(
            left, self.scale or "small", self.seed,
            Path(self.out) / "results", self.recompute, workers=self.workers, cluster=self.cluster or None,
        )  # fmt: skip
        if not self.recompute:
            return done
        done = [*done, *left]
        _results.write_text(self._record, json.dumps({**self._asked, "done": done}))
        return done

    @property
    def _names(self) -> Sequence[str]:
        """The figures that are asked for: without a name all that have the scale."""
        return self.names or (catalogue.MEDIUM if self.scale == "medium" else catalogue.names())

    @property
    def _shared(self) -> bool:
        return self.workers > 1 or bool(self.cluster)

    @property
    def _record(self) -> Path:
        """What a command with --recompute has done so far, for when it is stopped and given again."""
        return Path(self.out) / "results" / "recomputed.json"

    @property
    def _asked(self) -> dict[str, object]:
        return {"names": list(self.names), "scale": self.scale or "small", "seed": self.seed}

    def _done_before(self) -> list[str]:
        """The figures that the same command computed before it was stopped."""
        try:
            found = json.loads(self._record.read_text(encoding="utf-8"))
            same = self.recompute and all(found[key] == value for key, value in self._asked.items())
            return [str(name) for name in found["done"]] if same else []
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []

    def _check(self) -> None:
        check.choice("format", self.format, catalogue.FORMATS)
        check.seed("seed", self.seed)
        if self.venue:
            _venues.venue(self.venue)
        for name in self.names:
            check.choice("figure", name, catalogue.names())
        if self.scale:
            catalogue.checked_scale(self.names, self.scale)
        check.integer("workers", self.workers, 1)
        if self._shared and not self._new:
            raise ArgumentError("workers", "share what is computed", "add --scale or --recompute, or leave them out")
        refuse_with(self._shared, budget=self.budget)
        if self.data and (len(self.names) != 1 or self._new):
            raise ArgumentError("data", "belongs to one figure", "name exactly one, without --scale and --recompute")
        if self.gallery and (self.names or self._new or self.data):
            raise ArgumentError("gallery", "shows every saved result", "leave out names, --scale and --data")

    @property
    def _new(self) -> bool:
        return bool(self.scale) or self.recompute

    def _result(self, name: str, again: bool) -> xr.Dataset:
        if self.data:
            return catalogue.from_file(name, self.data)
        if not self._new:
            return catalogue.saved(name)
        return catalogue.computed(
            name, self.scale or "small", self.seed, Path(self.out) / "results", self.recompute and again
        )
