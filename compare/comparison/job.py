"""The main job: load the networks, or train a small one, and hold them against the optima of their training set."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._support import checks as check
from ..._support.labels import class_number
from ..._support.results import write_text
from ..._support.typed import typed
from ...errors import ArgumentError, NoiseLevelError, ShapeError
from ...learned import load_network
from ...learned._classes import in_classes_of
from ...learned.data import ImageData, load
from ...learned.data._kept import keep, kept
from ...learned.networks import EnsembleDenoiser, NetworkDenoiser, UNetDenoiser
from ...learned.training import TrainConfig, preset, train
from ...sweeping._spread import Cluster, refuse_with, spread
from ...theory.levels import NETWORK, within_known_range
from ._compare import checked, compare, for_shape
from ._own_levels.steps import at_known_levels
from ._own_levels.trained_range import Range, noise_range
from ._run import Announce
from .options import PER_IMAGE, Comparison
from .several_models import compare_models, measure_model

if TYPE_CHECKING:
    import xarray as xr

    from ..._support.types import FilePath, Record
    from ...theory.denoiser import Denoiser


@typed
def run_comparison(
    comparison: Comparison | None = None,
    run_dir: FilePath | None = None,
    *,
    networks: Mapping[str, Denoiser] | None = None,
    data: ImageData | None = None,
    partial: FilePath | None = None,
    workers: int = 1,
    cluster: Cluster = None,
    announce: Announce | None = None,
    show: bool | None = None,
    started: float | None = None,
) -> xr.Dataset:
    """Carry out a comparison from its options alone, as `idealscore compare` does.

    Parameters
    ----------
    comparison : Comparison, optional
        What to compare; the defaults train a small network on the digits.
    run_dir : path, optional
        Keeps the training of the small network, which a second call resumes.
    networks : mapping of str to Denoiser, optional
        Networks at hand, by what `comparison.model` calls them; the others are loaded.
    data : ImageData, optional
        The data, loaded with options of their own (default: `comparison.data` as `load` understands it).
    partial, announce
        As of `compare`: a folder for what is done, and who is told the plan.
    workers : int, optional
        Processes that share several models, one model each; needs `partial`, and goes not with a budget.
    cluster : str, Client or Cluster, optional
        The workers of this Dask cluster share them instead: the address of a scheduler, a Client or a cluster object.
        They must see `partial` and the files of the models.
    show : bool, optional
        Show progress bars (default: on a terminal).
    started : float, optional
        When the time of a budget began to run, by `time.monotonic` (default: with the call); the training of a small
        network does not count.

    Returns
    -------
    xarray.Dataset
        As of `compare`, or of `compare_models` where `comparison.model` holds several networks.

    Raises
    ------
    ShapeError
        If a network denoises another event shape than that of the images.
    ArgumentError
        If workers are asked to share what is not several models in files, or without `partial`.
    ClusterError
        If no scheduler answers, or a model fails on a worker; what is done is kept.

    Examples
    --------
    >>> small = Comparison(levels=2, n_images=4, n_noise=1, steps=2, theories=("gaussian",))
    >>> dict(run_comparison(small, show=False).rmse.sizes)
    {'split': 2, 'sigma': 2, 'theory': 1}
    """
    comparison = comparison or Comparison()
    started = time.monotonic() if started is None else started
    shared = check.integer("workers", workers, 1) > 1 or cluster is not None
    refuse_with(shared, budget=comparison.budget)
    if shared and len(comparison.model) < 2:
        name = "workers" if cluster is None else "cluster"
        raise ArgumentError(
            name, "share several models, and there are none", "name two models or more, or leave it out"
        )
    data = load(comparison.data) if data is None else data
    comparison = for_shape(comparison, data.shape, announce)
    training, held_out = data.split(comparison.held_out, comparison.seed)
    checked(training, held_out, comparison)
    told = {"partial": partial, "announce": announce, "show": show, "started": started}
    if not comparison.model:
        begun = time.monotonic()
        network, note, levels = _trained(comparison, training, run_dir, show)
        told["started"] = started + time.monotonic() - begun
        return compare(network, training, held_out, comparison, note=note, trained_on=levels, **told)
    paths, given = _names(comparison.model), networks or {}
    loaded = {name: _fitting(path, given.get(path), comparison, training) for name, path in paths.items()}
    notes = {name: _origin(Path(path), data, training) + _told(comparison) for name, path in paths.items()}
    if comparison.condition not in ("", PER_IMAGE) and data.labels is not None:
        training, held_out = (_of_class(part, comparison.condition) for part in (training, held_out))
    elif comparison.condition == PER_IMAGE:
        for network in loaded.values():
            training, held_out = (in_classes_of(network, part) for part in (training, held_out))
    comparison = _known_part(comparison, loaded, announce or _warn)
    if len(loaded) == 1:
        [(name, network)] = loaded.items()
        return compare(network, training, held_out, comparison, note=notes[name], **told)
    if comparison.condition == PER_IMAGE:
        problem = "is 'class', and several models draw samples"
        raise ArgumentError("condition", problem, "name one class, such as condition='3', or pass one model")
    if shared:
        comparison = at_known_levels(comparison, loaded.values())
        _spread(paths, training, held_out, comparison, partial, workers, cluster, show)
    return compare_models(loaded, training, held_out, comparison, notes=notes, **told)


def _spread(
    paths: Mapping[str, str],
    training: ImageData,
    held_out: ImageData,
    comparison: Comparison,
    partial: FilePath | None,
    workers: int,
    cluster: Cluster,
    show: bool | None,
) -> None:
    """Measure each model on a worker; what it leaves in `partial` is then not done again."""
    if partial is None:
        raise ArgumentError("partial", "is missing", "pass a folder that all workers see")
    for path in paths.values():
        if not Path(path).exists() and not path.startswith("hf:"):
            problem = f"'{path}' is no file, folder or hub id that a worker could load"
            raise ArgumentError("model", problem, "save the network, and name its file")
    jobs = Path(partial) / "jobs"
    keep(training, jobs / "training.safetensors")
    keep(held_out, jobs / "held-out.safetensors")
    files = {name: str(Path(path).absolute()) if Path(path).exists() else path for name, path in paths.items()}
    write_text(jobs / "job.json", json.dumps({"comparison": asdict(comparison), "paths": files}))
    fixed = {"jobs": str(jobs.absolute())}
    spread(model_on_worker, {"model": paths}, jobs / "models", fixed=fixed, workers=workers, cluster=cluster, show=show)
    shutil.rmtree(jobs, ignore_errors=True)


def model_on_worker(model: str, jobs: str) -> int:
    """On a worker: the levels of one model of the comparison whose `jobs` lie in its folder; the number of images."""
    folder = Path(jobs)
    told = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    options: Record = {k: tuple(v) if isinstance(v, list) else v for k, v in told["comparison"].items()}
    comparison = Comparison(**options)
    training, held_out = (kept(folder / f"{name}.safetensors") for name in ("training", "held-out"))
    network = _fitting(told["paths"][model], None, comparison, training)
    measure_model(model, network, training, held_out, comparison, folder.parent)
    return len(training)


def _known_part(comparison: Comparison, networks: Mapping[str, Denoiser], say: Callable[[str], object]) -> Comparison:
    """The comparison at the noise levels that every network knows, with a word where they are fewer than asked for."""
    sigmas = comparison.sigmas
    low, high = asked = float(sigmas.min()), float(sigmas.max())
    for network in networks.values():
        low, high = within_known_range(network, low, high)
    if (low, high) == asked:
        return comparison
    say(f"noise levels from {low:.4g} to {high:.4g}, the part of {asked[0]:.4g} to {asked[1]:.4g} that is known")
    if comparison.noise_levels and comparison.noise_levels != NETWORK:
        kept = tuple(sigmas[(sigmas >= low) & (sigmas <= high)].tolist())
        if not kept:
            problem = "hold none that the network knows"
            raise NoiseLevelError("noise_levels", problem, f"pass some from {low:.4g} to {high:.4g}")
        return replace(comparison, noise_levels=kept)
    low, high = (level if level in asked else level * (1 + move) for level, move in ((low, 1e-9), (high, -1e-9)))
    return replace(comparison, sigma_min=low, sigma_max=high)


def _warn(text: str) -> None:
    """Where nobody is told a plan, a warning."""
    warnings.warn(text, stacklevel=5)


def _told(comparison: Comparison) -> str:
    """What the report says of the condition."""
    if comparison.condition == PER_IMAGE:
        return "; it is told the class of each image, the theories are not"
    return f"; asked for class {comparison.condition}" if comparison.condition else ""


def _of_class(data: ImageData, name: str) -> ImageData:
    """The images of one class; all of them for a class that only the network has, such as the one that means none."""
    if name.isdecimal() and int(name) >= data.n_classes:
        return data
    label = class_number("condition", name, data.class_names, data.n_classes)
    chosen = np.flatnonzero([] if data.labels is None else np.asarray(data.labels) == label)
    if len(chosen) < 2:
        raise ArgumentError("condition", f"is {label}, of which {data.name} has {len(chosen)} images", "name another")
    return data.take(chosen, f"{data.name}[class {data.class_name(label)}]")


def small_network(training: ImageData, seed: int) -> tuple[NetworkDenoiser, TrainConfig]:
    """A network that a CPU trains in minutes.

    That of the digits' preset for images of up to 256 pixels and for all that is no image, else a small U-Net.
    """
    if len(training.shape) != 3 or training.shape[1] * training.shape[2] <= 256:
        return preset("digits", training, seed)
    network = UNetDenoiser(training.shape, seed=seed, width=32, multipliers=(1, 2, 2), sigma_data=training.sigma_data)
    return network, TrainConfig(seed=seed)


def _trained(
    comparison: Comparison, training: ImageData, run_dir: FilePath | None, show: bool | None
) -> tuple[NetworkDenoiser, str, Range]:
    """The small network after its training, what it is, and the noise levels that it was trained on."""
    network, recipe = small_network(training, comparison.seed)
    recipe = replace(recipe, steps=comparison.steps)
    trained = train(network, training, recipe, run_dir, show=show).network
    size = f"{trained.name} of {trained.n_parameters} parameters"
    return trained, f"{size}, trained for {comparison.steps} steps on {training.name}", noise_range(recipe.noise)


def _names(paths: Sequence[str]) -> dict[str, str]:
    """A short name for each model: the last parts of its path, as many as it takes to tell them apart."""
    parts = {path: Path(path).with_suffix("").parts for path in paths}
    for depth in range(1, max(map(len, parts.values())) + 1):
        names = {"/".join(part[-depth:]): path for path, part in parts.items()}
        if len(names) == len(parts):
            return names
    return {path: path for path in paths}


def _fitting(path: str, given: Denoiser | None, comparison: Comparison, training: ImageData) -> Denoiser:
    """The network at hand, or of a file, folder or id, if it denoises images of the shape of `training`."""
    network: Any = given
    if network is None:
        label = None if comparison.condition in ("", PER_IMAGE) else comparison.condition
        options = {"variant": comparison.variant or None, "guidance": comparison.guidance}
        network = load_network(path, condition=label, data=training, **options)
    if isinstance(network, EnsembleDenoiser):
        problem = f"{path} holds an ensemble of {network.replicas} networks"
        raise ArgumentError("model", problem, "save one of them, `ensemble.network(0)`, and pass its file")
    shape = getattr(network, "shape", None)
    if shape is not None and tuple(shape) != training.shape:
        raise ShapeError("model", f"denoises {tuple(shape)}", f"pass data of that shape, not {training.shape}")
    return network


def _origin(model: Path, data: ImageData, training: ImageData) -> str:
    """What is known of the data that a given network was trained on."""
    config = model / "config.json" if model.is_dir() else model.parent / "config.json"
    if not config.exists():
        return f"{model}; not known on which images it was trained: the theories are those of {training.name}"
    found = json.loads(config.read_text(encoding="utf-8")).get("data", {}).get("fingerprint")
    if found == training.fingerprint:
        return f"{model}, trained on exactly the images of the theories"
    if found == data.fingerprint:
        return f"{model}, trained on ALL images: none of those called held-out here were held out from it"
    return f"{model}, trained on OTHER images than the theories"
