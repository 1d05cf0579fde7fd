r"""Memorisation, generalisation and what lies between: networks over training-set size, width and training step.

For every size n, `regime_map` trains three networks of every width: two from different starts on one set of n images,
and one on another set. All are measured at log-spaced steps:

- distance to every optimum of its training set, noise level by noise level, on held-out and on training images, and
  which of them is the closest;
- linearity, and the gap between the denoising errors on held-out and on training images;
- whether samples are copies of training images (`memorised`, `generalisation_distance`, which is GL of [@Li2024]);
- whether samples from the same noise agree: between two networks on the same images (`rp_same`, high where both
  memorise and high where both generalise [@Zhang2024]), between networks on two disjoint sets (`rp_disjoint`, high only
  where they generalise [@Kadkhodaie2024]), and with the optima (`rp_to_optimum`).

The same numbers of the optima themselves stand next to them as nulls (`optimum_*`), and those of held-out images taken
for samples (`held_out_*`).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support import results as _results
from ..._support.cost import Plan, duration, read_duration
from ..._support.files.lock import held
from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...errors import ArgumentError, DataFileError
from ...learned import checkpoint
from ...learned.data._kept import keep, kept
from ...learned.data.images import ImageData
from ...learned.networks import EnsembleDenoiser, NetworkDenoiser
from ...learned.training.ensemble import train_ensemble
from ...learned.training.noise_levels import noise_from_text
from ...sweeping._spread import Cluster, refuse_with, spread
from ..comparison._own_levels.trained_range import noise_range
from ..measures._memorisation import Features
from ..measures.duplicates import exact_duplicates
from ._predicted_from_spectrum import predicted_from_spectrum
from ._summary import summary
from .cell import ROLES, measure
from .cost import differences, measured_cost
from .ground import Ground
from .plan import RegimePlan

__all__ = ["RegimePlan", "regime_map", "regime_networks"]


@typed
def regime_map(
    data: ImageData,
    plan: RegimePlan | None = None,
    run_dir: FilePath | None = None,
    *,
    features: Features | None = None,
    workers: int = 1,
    cluster: Cluster = None,
    device: Device = "cpu",
    show: bool | None = None,
    budget: str = "",
    announce: Callable[[str], object] | None = None,
    started: float | None = None,
) -> xr.Dataset:
    """Train and measure the networks of a plan on subsets of the data.

    The experiments of [@Li2024], [@Zhang2024] and [@Kadkhodaie2024] on the same networks.

    Parameters
    ----------
    data : ImageData
        All images; the plan splits them.
    plan : RegimePlan, optional
        Sizes, widths, training and measurements.
    run_dir : path, optional
        Keeps checkpoints and every measured cell, and the same call goes on where a stopped one was.
    features : callable, optional
        From a batch of images to features for RP and GL (default: the centred images).
    workers : int, optional
        Processes that share the work; the result does not depend on their number.
    cluster : str, Client or Cluster, optional
        The workers of this Dask cluster share the work instead: the address of a scheduler, a Client or a cluster
        object. They must see `run_dir`. It goes with neither `features` nor `budget`.
    device : torch.device or str, optional
        Where networks are trained and measured.
    show : bool, optional
        Show progress (default: a bar on a terminal, elsewhere a line now and then).
    budget : str, optional
        The time that the map may take, as "90s", "3min" or "1h30min": repeats, then images, pairs and samples, then the
        largest widths and sizes are left out, with a word; the same call, stopped, goes on with what it had settled.
    announce : callable, optional
        Is told the plan with its time and memory, from a probe of each part, before the work starts, and what was
        left out. Without it nothing is probed, and what was left out is a warning.
    started : float, optional
        When the time of the budget began to run, by `time.monotonic` (default: with the call).

    Returns
    -------
    xarray.Dataset
        Over `(n_train, width, step)`, with the further axes `sigma`, `theory` and `inputs` ("held-out", "training"). A
        quantity q is the mean over networks (3 per repeat), of a pair the mean over repeats; q_stderr^2 = var / number,
        plus the mean squared error over images, noise draws or samples, which the networks share. Both parts count what
        they have in common twice: the error is rather too large. `closest` is the optimum with the least `score_gap`,
        "none" where that is 1 or more; `tied` those within two standard errors of it by differences within a network.
        `overlap` is the share of the second set of a size that is in the first: zero while two disjoint sets fit.
        `predicted_denoising_error`, `predicted_gap` and `predicted_cosine` are those of the Gaussian optimum, from the
        spectrum alone. `crossover` over `(criterion, width, step)` is the size where samples stop being copies
        ("copies": `memorised` falls below 1/2), and where a network agrees better with one that saw other images than
        with its own empirical optimum ("agreement": `cosine_disjoint` exceeds `cosine_to_optimum`); nan where that is
        not so within the sizes.

    Raises
    ------
    ArgumentError
        If the data have fewer images than a size, `workers` is not positive, or the budget is too small for the
        smallest map; for a cluster without `run_dir`, or with features or a budget.
    ClusterError
        If no scheduler answers, or a job fails on a worker; what is done is kept.
    DataFileError
        If `run_dir` holds another map.
    OutputError
        If another process works in `run_dir`.

    Warns
    -----
    UserWarning
        If held-out images are among those to train on.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> tiny = RegimePlan(sizes=(4, 8), widths=(8,), steps=4, batch=4, snapshots=1, first_step=1, repeats=1, levels=2,
    ...                   n_images=4, n_pairs=4, n_samples=4, theories=("empirical", "gaussian"))
    >>> found = regime_map(load("digits"), tiny)
    >>> dict(found.rmse.sizes)
    {'n_train': 2, 'width': 1, 'step': 1, 'inputs': 2, 'sigma': 2, 'theory': 2}
    """
    plan = plan or RegimePlan()
    started = time.monotonic() if started is None else started
    workers = check.integer("workers", workers, 1)
    refuse_with(cluster is not None, features=features, budget=budget)
    if cluster is not None and run_dir is None:
        raise ArgumentError("run_dir", "is missing", "pass a folder that all workers of the cluster see")
    if budget:
        read_duration("budget", budget)
    pool, held_out = plan.pool(data)
    shared = exact_duplicates(held_out.images, pool.images)
    if shared:
        warnings.warn(f"{shared} of the held-out images are among those to train on", stacklevel=3)
    with tempfile.TemporaryDirectory() as temporary, held(Path(run_dir or temporary)):
        folder = Path(run_dir or temporary)
        if not budget:  # before any work; a budget settles which map it is only after a probe
            _settle(folder, plan, data, features)
        plan, cost = _planned(plan, data, folder, workers, budget, announce, started)
        _settle(folder, plan, data, features)
        work = _Work(plan, _on(pool, device), _on(held_out, device), folder, features)
        trainings = [(width, repeat) for repeat in range(plan.repeats) for width in plan.widths[::-1]]
        grounds = [(size, repeat) for repeat in range(plan.repeats) for size in plan.sizes[::-1]]
        shares = _shares(cost)
        if cluster is not None:
            _spread(folder, data, plan, cluster, device, show)
        with progress.overall(sum(shares), "regime map", show) as bar:
            try:
                _share(work.train, trainings, workers, bar, shares[0] / len(trainings) / plan.steps)
                _share(work.measure, grounds, workers, bar, shares[1] / len(grounds) / (1 + work.cells_of_a_ground))
            except KeyboardInterrupt:
                if announce is not None and run_dir is not None:
                    announce(f"stopped; what is done is kept in {folder}, from which the same command goes on")
                raise
        result = summary(plan, work.cell_path, work.ground_path)
        if len(pool) > 2:
            result = result.merge(predicted_from_spectrum(pool, plan))
        result.attrs |= _results.provenance(seed=plan.seed, device=str(device)) | {
            "data": data.name,
            "plan": json.dumps(plan.describe()),
            "n_held_out": min(len(held_out), plan.n_images),
            "held_out_in_training": shared,
            "trained_on": noise_range(noise_from_text(plan.noise)),
        }
        if run_dir is not None:
            _results.save(result, folder / "regimes.nc")
            shutil.rmtree(folder / "jobs", ignore_errors=True)
    return result


@typed
def regime_networks(
    data: ImageData, plan: RegimePlan, run_dir: FilePath, size: int, width: int, repeat: int = 0
) -> list[tuple[ImageData, NetworkDenoiser]]:
    """The three networks of one size of a finished map, with their training sets, at the last step.

    Parameters
    ----------
    data : ImageData
        The images of the map.
    plan : RegimePlan
        Its plan.
    run_dir : path
        The folder that `regime_map` was given.
    size, width, repeat : int
        Which networks.

    Returns
    -------
    list of (ImageData, NetworkDenoiser)
        Two networks on one set, from different starts, and one on the other set.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> tiny = RegimePlan(sizes=(4, 8), widths=(8,), steps=4, batch=4, snapshots=1, first_step=1, repeats=1, levels=2,
    ...                   n_images=4, n_pairs=4, n_samples=4, theories=("empirical", "gaussian"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = regime_map(load("digits"), tiny, folder, show=False)
    ...     [len(images) for images, _ in regime_networks(load("digits"), tiny, folder, size=8, width=8)]
    [8, 8, 8]
    """
    pool, held_out = plan.pool(data)
    work = _Work(plan, pool, held_out, Path(run_dir), None)
    first, other = plan.sets(pool, size, repeat)
    return list(zip((first, first, other), work.networks(size, width, repeat, plan.steps), strict=True))


def _settle(folder: Path, plan: RegimePlan, data: ImageData, features: Features | None) -> None:
    """Write down what a fresh folder holds; refuse one that holds another map."""
    made = {"plan": plan.describe(), "data": data.fingerprint, "features": features is not None}
    text, file = json.dumps(made, indent=2), folder / "regimes.json"
    if file.exists() and file.read_text(encoding="utf-8").strip() != text:
        raise DataFileError("run_dir", f"{folder} holds a regime map of another plan or data", "pass another folder")
    _results.write_text(file, text + "\n")


def _planned(
    plan: RegimePlan,
    data: ImageData,
    folder: Path,
    workers: int,
    budget: str,
    announce: Callable[[str], object] | None,
    started: float,
) -> tuple[RegimePlan, Plan | None]:
    """The map that there is time for, and its cost where somebody is told of it."""
    file, asked = folder / "budget.json", json.dumps({"plan": plan.describe(), "budget": budget})
    say = announce or (lambda text: warnings.warn(text, stacklevel=5))
    settled = json.loads(file.read_text(encoding="utf-8")) if budget and file.is_file() else None
    if settled is not None and settled["asked"] == asked:
        smaller = RegimePlan.of(settled["settled"])
        if lacking := differences(plan, smaller):
            say(f"as settled when it was started: {', '.join(lacking)}")
        plan, budget = smaller, ""
    if announce is None and not budget:
        return plan, None
    cost = measured_cost(data, plan)
    if budget:
        left = read_duration("budget", budget) - (time.monotonic() - started)
        plan, lacking = cost.within(plan, left * workers)
        if lacking:
            say(f"to keep {budget}: {', '.join(lacking)}")
        _results.write_text(file, json.dumps({"asked": asked, "settled": plan.describe()}))
    told = cost.plan(plan)
    if announce is not None:
        shared = f"; shared by {workers} processes" if workers > 1 else ""
        announce(f"{told}{shared}\n  (loading and probing before it took {duration(time.monotonic() - started)})")
    return plan, told


def _shares(cost: Plan | None) -> tuple[float, float]:
    """How the work divides between training and measuring."""
    if cost is None:
        return 1.0, 1.0
    training = cost.parts[0].seconds
    return training, cost.seconds - training


def _on(data: ImageData, device: Device) -> ImageData:
    labels = None if data.labels is None else data.labels.to(device)
    return replace(data, images=data.images.to(device), labels=labels)


def _share(work: Callable, jobs: Sequence[tuple], workers: int, bar: progress.Overall, unit: float) -> None:
    """Do the jobs; each says how many units it did, as it goes where there is one process."""
    if workers == 1:
        for job in jobs:
            work(*job, done=lambda units: bar.update(units * unit))
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    for units in cast("Iterable[int]", parallel(delayed(work)(*job) for job in jobs)):
        bar.update(units * unit)


def _spread(
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


def _work_of(folder: Path, device: str) -> _Work:
    """The jobs of a map, from what its folder holds."""
    plan = RegimePlan.of(json.loads((folder / "regimes.json").read_text(encoding="utf-8"))["plan"])
    pool, held_out = plan.pool(kept(folder / "jobs" / "data.safetensors"))
    return _Work(plan, _on(pool, device), _on(held_out, device), folder, None)


def _silent(units: int) -> None:
    """Nobody hears of the progress."""


class _Work:
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
