"""Train conditional networks on a split of a concept graph and watch every class appear [@Okawa2023].

All replicas (seeds, numbers of rare pictures) are trained in one pass. At even intervals each network draws samples of
every class, from the same noise at every step, and linear probes read which concepts came out right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support import results as _results
from ..._support.files.lock import held
from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import Device, FilePath, Record
from ...errors import DataFileError
from ...learned.data.images import ImageData
from ...learned.networks import NETWORKS
from ...learned.probes.linear_probe import LinearProbe
from ...learned.training.config import TrainConfig
from ...learned.training.ensemble import train_ensemble
from ...simulate.concepts.splits import Split, concept_split
from ...simulate.concepts.world import ConceptImages, ConceptWorld
from ...simulate.diffusion import sample, starting_noise
from ...theory.noise import karras_sigmas
from .even_config import EvenConfig


@typed
@dataclass(frozen=True)
class ConceptPlan:
    """What is trained and how it is judged.

    Parameters
    ----------
    world : ConceptWorld
        The concepts and their pictures.
    split : str
        The name of the training classes, as `concept_split` takes it.
    train : EvenConfig
        The training and when networks are kept.
    network : str
        One of `learned.networks.NETWORKS`.
    options : mapping
        Its options; they may hold the head ("edm", or "eps" as in the paper).
    seeds : int
        Networks, each with pictures of its own.
    per_class : int
        Training pictures of each class.
    n_samples : int
        Generated pictures per class, seed and step.
    levels : int
        Noise levels of the sampler (Heun), at least 2.
    sigma_min, sigma_max : float
        The least and the largest of them.
    n_probe : int
        Pictures per class for the probes, as many again to judge them.

    Raises
    ------
    UnknownNameError
        For an unknown network.
    ArgumentError
        For numbers below 1, fewer than two levels, or a split that does not fit the concepts.

    Examples
    --------
    >>> from idealscore.simulate.concepts import ConceptWorld
    >>> plan = ConceptPlan(ConceptWorld({"shape": 3, "color": 3}), "star", EvenConfig(steps=100))
    >>> plan.chosen.labels
    ['00', '01', '02', '10', '20']
    """

    world: ConceptWorld
    split: str
    train: EvenConfig
    network: str = "mlp"
    options: Mapping[str, object] = field(default_factory=dict)
    seeds: int = 3
    per_class: int = 500
    n_samples: int = 64
    levels: int = 8
    sigma_min: float = 0.02
    sigma_max: float = 20.0
    n_probe: int = 200

    def __post_init__(self) -> None:
        check.choice("network", self.network, NETWORKS)
        for name in ("seeds", "per_class", "n_samples", "n_probe"):
            check.integer(name, getattr(self, name), 1)
        check.integer("levels", self.levels, 2)
        self.chosen  # noqa: B018  (refuses an unfit split before any work)

    @property
    def chosen(self) -> Split:
        """The training classes."""
        return concept_split(self.split, self.world.graph)

    def describe(self) -> Record:
        """Everything as plain data.

        Returns
        -------
        dict
            The fields by name.
        """
        return {**asdict(self), "train": self.train.to_dict()}


@typed
def concept_study(
    plan: ConceptPlan, run_dir: FilePath | None = None, *, device: Device = "cpu", show: bool | None = None
) -> xr.Dataset:
    """Train networks on a split and measure how each class appears [@Okawa2023].

    Seed i has its own pictures, network and batches.

    Parameters
    ----------
    plan : ConceptPlan
        What is trained and how it is judged.
    run_dir : path, optional
        Where networks and curves are kept as they come; the same call goes on where a stopped one was.
    device : str or torch.device
        Where the networks are trained.
    show : bool, optional
        Whether progress is shown; by default on a terminal.

    Returns
    -------
    xarray.Dataset
        Over (seed, class, step) `joint`, and `accuracy` with the dimension `concept`, as `composition` takes them; the
        coordinate `distance` is that of each class to the training classes.

    Raises
    ------
    EstimateError
        Where a probe reads fewer than 99 % of held-out pictures rightly.
    DataFileError
        For a `run_dir` that holds curves of another plan.

    Examples
    --------
    >>> from idealscore.compare.concepts import concept_plan
    >>> plan = with_options(concept_plan(), steps=2, every=1, warmup=0, seeds=1, per_class=4, n_samples=2, levels=2)
    >>> dict(concept_study(plan, show=False).joint.sizes)
    {'seed': 1, 'class': 8, 'step': 2}
    """
    seeds = range(plan.train.seed, plan.train.seed + plan.seeds)
    sets = [plan.world.sample(plan.chosen, plan.per_class, seed) for seed in seeds]
    curves = _curves(plan, sets, list(seeds), run_dir, device, show)
    return curves.rename(replica="seed").assign_coords(seed=list(seeds))


def _curves(
    plan: ConceptPlan,
    sets: list[ConceptImages],
    seeds: list[int],
    run_dir: FilePath | None,
    device: Device,
    show: bool | None,
) -> xr.Dataset:
    world, graph, config = plan.world, plan.world.graph, plan.train
    probe, probed = _probe(plan)
    data = [ImageData(part.images, name="concepts") for part in sets]
    spread = float(np.mean([part.sigma_data for part in data]))
    options: Record = {"sigma_data": round(spread, 4), **plan.options, "condition_dim": world.condition_dim}
    make = NETWORKS[plan.network]
    networks = [make(world.shape, seed=seed, **options).to(device) for seed in seeds]
    conditions = [part.condition for part in sets]
    folder = None if run_dir is None else Path(run_dir)
    trained = train_ensemble(
        networks, data, config, folder, seeds=seeds, condition=conditions, device=device, show=show
    )
    judge = _Judge(plan, probe, device)
    kept = None if folder is None else folder / "curves"
    steps = progress.bar(trained.snapshots, label="evaluate", show=show)
    with nullcontext() if kept is None else held(kept):
        found = [judge.at(step, trained.snapshots, kept) for step in steps]
    curves = xr.concat(found, dim=xr.Variable("step", list(trained.snapshots))).transpose(..., "step")
    apart = graph.distances(plan.chosen.train)
    curves = curves.assign_coords(
        {
            "class": [graph.label(node) for node in graph.classes],
            "concept": list(graph.concepts),
            "distance": ("class", apart),
        }
    )
    made = _results.provenance(seed=config.seed, device=str(device))
    probes = {f"probe_{one.concept}": str(one) for one in probed}
    plain = {"split": plan.split, "plan": json.dumps(plan.describe()), "n_samples": plan.n_samples}
    timing = {_results.TIMING: json.dumps({"seconds_per_step": _seconds(trained.history, config)})}
    return curves.assign_attrs({**made, **plain, **probes, **timing})


def _seconds(history: list[Record], config: TrainConfig) -> float:
    """Median time of a training step of all replicas together."""
    replicas = len(history[-1]["losses"])
    return float(np.median([config.batch * replicas / record["images_per_second"] for record in history]))


def _probe(plan: ConceptPlan) -> tuple[LinearProbe, list]:
    world, graph, n = plan.world, plan.world.graph, plan.n_probe
    seed = stream_seed(plan.train.seed, "concept probe")
    shown, fresh = (world.sample(graph.classes, n, seed, skip=skip) for skip in (0, n))
    probe = LinearProbe.fit(shown.images, shown.classes, graph.concepts)
    return probe, probe.require(fresh.images, fresh.classes)


class _Judge:
    """Samples of every class from every replica at one step, and what the probes read in them."""

    def __init__(self, plan: ConceptPlan, probe: LinearProbe, device: Device) -> None:
        self.plan, self.probe, self.device = plan, probe, device
        world, graph = plan.world, plan.world.graph
        self.classes = np.repeat(np.array(graph.classes), plan.n_samples, axis=0)
        self.condition = world.condition(self.classes).to(device)
        self.sigmas = [*karras_sigmas(plan.levels, plan.sigma_min, plan.sigma_max), 0.0]
        self.noise = starting_noise(len(self.classes), world.shape, self.sigmas[0], plan.train.seed, torch.float32)
        self.key = json.dumps(plan.describe())

    def at(self, step: int, snapshots: Any, folder: Path | None) -> xr.Dataset:
        path = None if folder is None else folder / f"step-{step:09d}.nc"
        if path is not None and path.exists():
            found = _results.load(path)
            if found.attrs.get("plan") != self.key:
                raise DataFileError("run_dir", f"{folder} holds curves of another plan", "pass another folder")
            return found.drop_attrs()
        found = self.measure(snapshots[step])
        if path is not None:
            _results.save(found.assign_attrs(plan=self.key), path)
        return found

    def measure(self, ensemble: Any) -> xr.Dataset:
        ensemble = ensemble.to(self.device)
        noise = self.noise.to(self.device).expand(ensemble.replicas, *self.noise.shape)
        told = lambda x, sigma: ensemble(x, sigma, condition=self.condition)  # noqa: E731
        drawn = sample(told, noise, self.sigmas, "heun", show=False)
        right = np.stack([self.probe.correct(images, self.classes) for images in drawn.nan_to_num()])
        graph = self.plan.world.graph
        right = right.reshape(ensemble.replicas, len(graph), self.plan.n_samples, len(graph.concepts))
        accuracy = ("replica", "class", "concept"), right.mean(2)
        return xr.Dataset({"joint": (("replica", "class"), right.all(-1).mean(2)), "accuracy": accuracy})


def with_options(plan: ConceptPlan, **changes: object) -> ConceptPlan:
    """`plan` with other fields; those of its training configuration are found by name, None changes nothing."""
    given: Record = {name: value for name, value in changes.items() if value is not None}
    training = {name: given.pop(name) for name in list(given) if hasattr(plan.train, name)}
    return replace(plan, train=replace(plan.train, **training), **given)
