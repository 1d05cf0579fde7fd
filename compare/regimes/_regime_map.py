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
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support import results as _results
from ..._support.cost import Plan, duration, read_duration
from ..._support.files.lock import held
from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...errors import ArgumentError, DataFileError
from ...learned.data.images import ImageData
from ...learned.networks import NetworkDenoiser
from ...learned.training.noise_levels import noise_from_text
from ...sweeping._spread import Cluster, refuse_with
from ..comparison._own_levels.trained_range import noise_range
from ..measures._memorisation import Features
from ..measures.duplicates import exact_duplicates
from ._predicted_from_spectrum import predicted_from_spectrum
from ._summary import summary
from .cost import differences, measured_cost
from .plan import RegimePlan
from .work import Work, on_device, share, spread_over

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
        smallest map; for a `started` that is no time; for a cluster without `run_dir`, or with features or a budget.
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
    >>> tiny = RegimePlan(sizes=(8,), widths=(8,), steps=4, batch=4, snapshots=1, first_step=1, repeats=1, levels=2,
    ...                   n_images=4, n_pairs=4, n_samples=4, theories=("empirical", "gaussian"))
    >>> found = regime_map(load("digits"), tiny)
    >>> dict(found.rmse.sizes)
    {'n_train': 1, 'width': 1, 'step': 1, 'inputs': 2, 'sigma': 2, 'theory': 2}
    """
    plan = plan or RegimePlan()
    started = time.monotonic() if started is None else check.real("started", started)
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
        work = Work(plan, on_device(pool, device), on_device(held_out, device), folder, features)
        trainings = [(width, repeat) for repeat in range(plan.repeats) for width in plan.widths[::-1]]
        grounds = [(size, repeat) for repeat in range(plan.repeats) for size in plan.sizes[::-1]]
        shares = _shares(cost)
        if cluster is not None:
            spread_over(folder, data, plan, cluster, device, show)
        with progress.overall(sum(shares), "regime map", show) as bar:
            try:
                share(work.train, trainings, workers, bar, shares[0] / len(trainings) / plan.steps)
                share(work.measure, grounds, workers, bar, shares[1] / len(grounds) / (1 + work.cells_of_a_ground))
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

    Raises
    ------
    ArgumentError
        If the plan has no such size, width or repeat.
    DataFileError
        If `run_dir` holds no map, or that of another plan or data.
    CheckpointError
        If the map was stopped before these networks were trained.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> tiny = RegimePlan(sizes=(8,), widths=(8,), steps=4, batch=4, snapshots=1, first_step=1, repeats=1, levels=2,
    ...                   n_images=4, n_pairs=4, n_samples=4, theories=("empirical", "gaussian"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = regime_map(load("digits"), tiny, folder, show=False)
    ...     [len(images) for images, _ in regime_networks(load("digits"), tiny, folder, size=8, width=8)]
    [8, 8, 8]
    """
    for name, value, known in (
        ("size", size, plan.sizes), ("width", width, plan.widths), ("repeat", repeat, range(plan.repeats)),
    ):  # fmt: skip
        if check.integer(name, value, 0) not in known:
            raise ArgumentError(name, f"is {value}", f"pass one of the plan's: {', '.join(map(str, known))}")
    file = Path(run_dir) / "regimes.json"
    if not file.is_file() or _text(file) not in (_description(plan, data, False), _description(plan, data, True)):
        raise DataFileError("run_dir", f"{run_dir} holds no regime map of this plan and data", "pass the map's folder")
    pool, held_out = plan.pool(data)
    work = Work(plan, pool, held_out, Path(run_dir), None)
    first, other = plan.sets(pool, size, repeat)
    with check.speaking_of("run_dir"):
        networks = work.networks(size, width, repeat, plan.steps)
    return list(zip((first, first, other), networks, strict=True))


def _settle(folder: Path, plan: RegimePlan, data: ImageData, features: Features | None) -> None:
    """Write down what a fresh folder holds; refuse one that holds another map."""
    text, file = _description(plan, data, features is not None), folder / "regimes.json"
    if file.exists() and _text(file) != text:
        raise DataFileError("run_dir", f"{folder} holds a regime map of another plan or data", "pass another folder")
    _results.write_text(file, text + "\n")


def _description(plan: RegimePlan, data: ImageData, with_features: bool) -> str:
    """What the folder of a map says of it."""
    return json.dumps({"plan": plan.describe(), "data": data.fingerprint, "features": with_features}, indent=2)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace").strip()


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
    if announce is not None and (narrow := plan.narrow(data)):
        widths = ", ".join(map(str, narrow))
        announce(
            f"note: perceptrons of width {widths} see {data.images[0].numel()} pixels through fewer units: they keep "
            "some noise however long they are trained, and copy no image exactly (theory.learning.bottleneck_error)"
        )
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
