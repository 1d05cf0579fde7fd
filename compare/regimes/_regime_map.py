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
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support import results as _results
from ..._support.types import Device, FilePath
from ...errors import DataFileError
from ...learned import checkpoint
from ...learned.data.images import ImageData
from ...learned.networks import EnsembleDenoiser, NetworkDenoiser
from ...learned.training.ensemble import train_ensemble
from ...learned.training.noise_levels import noise_from_text
from ..comparison._trained_range import noise_range
from ..measures._memorisation import Features
from ..measures.duplicates import exact_duplicates
from ._predicted_from_spectrum import predicted_from_spectrum
from ._summary import summary
from .cell import ROLES, measure
from .ground import Ground
from .plan import RegimePlan

__all__ = ["RegimePlan", "regime_map", "regime_networks"]


def regime_map(
    data: ImageData,
    plan: RegimePlan | None = None,
    run_dir: FilePath | None = None,
    *,
    features: Features | None = None,
    workers: int = 1,
    device: Device = "cpu",
    show: bool | None = None,
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
    device : torch.device or str, optional
        Where networks are trained and measured.
    show : bool, optional
        Show progress bars (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        Over `(n_train, width, step)`, with the further axes `sigma`, `theory` and `inputs` ("held-out", "training"). A
        quantity q is the mean over networks (3 per repeat), of a pair the mean over repeats; q_stderr^2 = var / number,
        plus the mean squared error over images, noise draws or samples, which the networks share. Both parts count what
        they have in common twice: the error is rather too large. `closest` is the optimum with the least `score_gap`;
        `tied` those within two standard errors of it by differences within a network. `overlap` is the share of the
        second set of a size that is in the first: zero while two disjoint sets fit. `predicted_denoising_error`,
        `predicted_gap` and `predicted_cosine` are those of the Gaussian optimum, from the spectrum alone. `crossover`
        over `(criterion, width, step)` is the size where samples stop being copies ("copies": `memorised` falls below
        1/2), and where a network agrees better with one that saw other images than with its own empirical optimum
        ("agreement": `cosine_disjoint` exceeds `cosine_to_optimum`); nan where that is not so within the sizes.

    Raises
    ------
    ArgumentError
        If the data have fewer images than a size, or `workers` is not positive.
    DataFileError
        If `run_dir` holds another map.

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
    workers = check.integer("workers", workers, 1)
    pool, held_out = plan.pool(data)
    shared = exact_duplicates(held_out.images, pool.images)
    if shared:
        warnings.warn(f"{shared} of the held-out images are among those to train on", stacklevel=2)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(run_dir or temporary)
        _settle(folder, plan, data, features)
        work = _Work(plan, _on(pool, device), _on(held_out, device), folder, features)
        trainings = [(width, repeat) for repeat in range(plan.repeats) for width in plan.widths[::-1]]
        _share(work.train, trainings, workers, "training", show)
        grounds = [(size, repeat) for repeat in range(plan.repeats) for size in plan.sizes[::-1]]
        _share(work.measure, grounds, workers, "measuring", show)
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
    return result


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


def _on(data: ImageData, device: Device) -> ImageData:
    labels = None if data.labels is None else data.labels.to(device)
    return replace(data, images=data.images.to(device), labels=labels)


def _share(work: Callable, jobs: Sequence[tuple], workers: int, label: str, show: bool | None) -> None:
    done: Iterable[Any] = (work(*job) for job in jobs)
    if workers > 1:
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
        done = cast("Iterable[Any]", parallel(delayed(work)(*job) for job in jobs))
    for _ in progress.bar(done, total=len(jobs), label=label, show=show):
        pass


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

    def train(self, width: int, repeat: int) -> None:
        """The networks of one width and repeat on all sizes, in one pass."""
        plan = self.plan
        count = len(plan.sizes) * len(ROLES)
        seeds = [repeat * count + i for i in range(count)]
        networks = [plan.build(width, self.pool, plan.seed + seed).to(self.pool.images.device) for seed in seeds]
        sets = [part for size in plan.sizes for part in self._three(size, repeat)]
        recipe = plan.recipe(repeat)
        stream_seeds = [plan.seed + seed for seed in seeds]
        train_ensemble(networks, sets, recipe, self.run_path(width, repeat), seeds=stream_seeds, show=False)

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

    def measure(self, size: int, repeat: int) -> None:
        """All cells of one size and repeat: every width and step, against the same optima."""
        cells = [(width, step) for width in self.plan.widths for step in self.plan.measured_steps]
        missing = [cell for cell in cells if not self.cell_path(size, cell[0], repeat, cell[1]).exists()]
        if not missing and self.ground_path(size, repeat).exists():
            return
        ground = Ground(self.plan, self.pool, self.held_out, size, repeat)
        if not self.ground_path(size, repeat).exists():
            _results.save(ground.nulls(self.features), self.ground_path(size, repeat))
        for width, step in missing:
            found = measure(self.networks(size, width, repeat, step), ground, self.features)
            _results.save(found, self.cell_path(size, width, repeat, step))
