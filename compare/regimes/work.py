"""The jobs of a regime map, done one after the other, by processes of this machine or by the workers of a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from ..._support import progress
from ..._support import results as _results
from ..._support.types import Device
from ...learned import checkpoint
from ...learned.data._kept import keep, kept
from ...learned.data.images import ImageData
from ...learned.networks import EnsembleDenoiser, NetworkDenoiser
from ...learned.training.ensemble import train_ensemble
from ...sweeping._spread import Cluster, spread
from ..measures._memorisation import Features
from .cell import ROLES, measure
from .ground import Ground
from .plan import RegimePlan


def on_device(data: ImageData, device: Device) -> ImageData:
    """The data on a device."""
    labels = None if data.labels is None else data.labels.to(device)
    return replace(data, images=data.images.to(device), labels=labels)


def share(work: Callable, jobs: Sequence[tuple], workers: int, bar: progress.Overall, unit: float) -> None:
    """Do the jobs; each says how many units it did, as it goes where there is one process."""
    workers = min(workers, len(jobs))
    if workers == 1:
        for job in jobs:
            work(*job, done=lambda units: bar.update(units * unit))
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    for units in cast("Iterable[int]", parallel(delayed(work)(*job) for job in jobs)):
        bar.update(units * unit)


def spread_over(
    folder: Path, data: ImageData, plan: RegimePlan, cluster: Cluster, device: Device, show: bool | None
) -> None:
    """Train and measure on the workers of a cluster; what they leave in the folder is then not done again."""
    jobs = folder / "jobs"
    keep(data, jobs / "data.safetensors")
    fixed = {"folder": str(folder.absolute()), "device": str(device)}
    repeats = range(plan.repeats)
    for function, axis, values in ((train_width, "width", plan.widths), (measure_size, "size", plan.sizes)):
        grid = {"repeat": repeats, axis: values[::-1]}
        spread(function, grid, jobs / function.__name__, fixed=fixed, cluster=cluster, show=show)


def train_width(repeat: int, width: int, folder: str, device: str) -> int:
    """On a worker: the networks of one width and repeat of the map in `folder`; the number of steps."""
    return _work_of(Path(folder), device).train(width, repeat)


def measure_size(repeat: int, size: int, folder: str, device: str) -> int:
    """On a worker: the cells of one size and repeat of the map in `folder`; their number and one."""
    return _work_of(Path(folder), device).measure(size, repeat)


def _work_of(folder: Path, device: str) -> Work:
    """The jobs of a map, from what its folder holds."""
    plan = RegimePlan.of(json.loads((folder / "regimes.json").read_text(encoding="utf-8"))["plan"])
    pool, held_out = plan.pool(kept(folder / "jobs" / "data.safetensors"))
    return Work(plan, on_device(pool, device), on_device(held_out, device), folder, None)


def _silent(units: int) -> None:
    """Nobody hears of the progress."""


class Work:
    """The jobs of a map. Each leaves its result in the folder and does nothing where that is already there."""

    def __init__(
        self, plan: RegimePlan, pool: ImageData, held_out: ImageData, folder: Path, features: Features | None
    ) -> None:
        self.plan, self.pool, self.held_out, self.folder, self.features = plan, pool, held_out, folder, features

    def cell_path(self, size: int, width: int, repeat: int, step: int) -> Path:
        return self.folder / "cells" / f"n{size}-width{width}-repeat{repeat}-step{step}.nc"

    def ground_path(self, size: int, repeat: int) -> Path:
        return self.folder / "optima" / f"n{size}-repeat{repeat}.nc"

    def run_path(self, width: int, repeat: int) -> Path:
        return self.folder / "networks" / f"width{width}-repeat{repeat}"

    @property
    def cells_of_a_ground(self) -> int:
        """How many cells are measured against one pair of training sets."""
        return len(self.plan.widths) * len(self.plan.measured_steps)

    def train(self, width: int, repeat: int, done: Callable[[int], object] = _silent) -> int:
        """The networks of one width and repeat on all sizes, in one pass; the number of steps."""
        plan = self.plan
        count = len(plan.sizes) * len(ROLES)
        seeds = [repeat * count + i for i in range(count)]
        networks = [plan.build(width, self.pool, plan.seed + seed).to(self.pool.images.device) for seed in seeds]
        sets = [part for size in plan.sizes for part in self._three(size, repeat)]
        recipe = plan.recipe(repeat)
        stream_seeds = [plan.seed + seed for seed in seeds]
        train_ensemble(networks, sets, recipe, self.run_path(width, repeat), seeds=stream_seeds, show=False, done=done)
        return plan.steps

    def _three(self, size: int, repeat: int) -> tuple[ImageData, ImageData, ImageData]:
        first, other = self.plan.sets(self.pool, size, repeat)
        return first, first, other

    def networks(self, size: int, width: int, repeat: int, step: int) -> list[NetworkDenoiser]:
        """The three networks of a cell."""
        path = self.run_path(width, repeat) / "snapshots" / f"step-{step:09d}.safetensors"
        ensemble = checkpoint.load(path, self.pool.images.device)
        assert isinstance(ensemble, EnsembleDenoiser)
        start = self.plan.sizes.index(size) * len(ROLES)
        return [ensemble.network(i) for i in range(start, start + len(ROLES))]

    def measure(self, size: int, repeat: int, done: Callable[[int], object] = _silent) -> int:
        """All cells of one size and repeat: every width and step, against the same optima; their number and one."""
        cells = [(width, step) for width in self.plan.widths for step in self.plan.measured_steps]
        missing = [cell for cell in cells if not self.cell_path(size, cell[0], repeat, cell[1]).exists()]
        done(len(cells) - len(missing))
        if not missing and self.ground_path(size, repeat).exists():
            done(1)
            return 1 + len(cells)
        ground = Ground(self.plan, self.pool, self.held_out, size, repeat)
        if not self.ground_path(size, repeat).exists():
            _results.save(ground.nulls(self.features), self.ground_path(size, repeat))
        done(1)
        for width, step in missing:
            found = measure(self.networks(size, width, repeat, step), ground, self.features)
            _results.save(found, self.cell_path(size, width, repeat, step))
            done(1)
        return 1 + len(cells)
