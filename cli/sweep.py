"""`idealscore sweep CONFIG`: a function over a grid of parameters and seeds, on this machine or a Dask cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tyro

from .._support.results import save
from ..errors import IdealScoreError
from ..sweeping import sweep
from ._edge.sweep_config import SweepConfig


@dataclass(frozen=True)
class Command:
    """Compute every point of a grid; the same command goes on where a stopped one was.

    CONFIG is a TOML file:

        function = "percolate"           # or "train", or "module:function" with --allow module
        seeds = 4                        # an axis `seed`, 0 to 3

        [grid]
        size = [32, 64, 128]
        p = {linspace = [0.55, 0.65, 11]}

        [fixed]
        lattice = "square"
    """

    config: tyro.conf.Positional[str]
    """TOML file with function, grid, and optionally seeds, fixed, out, workers, cluster"""
    out: str = ""
    """folder of the sweep (default: what the file says, or sweep-CONFIG)"""
    workers: int | None = None
    """processes on this machine (default: what the file says, or 1)"""
    cluster: str = ""
    """address of a Dask scheduler, e.g. tcp://host:8786, instead of processes here"""
    allow: tuple[str, ...] = ()
    """modules from which the file may name a function; it then runs as your own code would"""
    retry: bool = False
    """compute the points that failed before once more"""

    def run(self) -> None:
        config = SweepConfig.read(self.config)
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        function = config.callable(self.allow)
        out = Path(self.out or config.out or f"sweep-{Path(self.config).stem}")
        workers = self.workers if self.workers is not None else 1 if config.workers is None else config.workers
        cluster = self.cluster or config.cluster
        try:
            result = sweep(
                function, config.grid, out,
                seeds=config.seeds, fixed=config.fixed, workers=workers, cluster=cluster, retry=self.retry,
            )  # fmt: skip
        except KeyboardInterrupt as stop:
            print(f"idealscore: {stop}", file=sys.stderr)
            raise
        counts = {name: int(result.attrs[name]) for name in ("points", "finished", "failed")}
        print("{finished} of {points} points finished, {failed} failed".format(**counts))
        print(f"written: {save(result, out / 'sweep.nc')}")
        if counts["failed"]:
            raise PointsFailed(counts["failed"], result.sweep_error.values.ravel(), out)


class PointsFailed(IdealScoreError):
    """The sweep is complete, but for points that raised."""

    def __init__(self, count: int, errors: Iterable[str], out: Path) -> None:
        first = next(str(error) for error in errors if error and error != "not computed yet")
        super().__init__(f"{count} point(s) failed, the first with {first:.200}; see {out / 'failed'}, then --retry")
