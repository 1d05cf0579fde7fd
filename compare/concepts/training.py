"""Train conditional networks on a split of a concept graph and watch every class appear [@Okawa2023].

All replicas (seeds, numbers of rare pictures) are trained in one pass. At even intervals each network draws samples of
every class, from the same noise at every step, and linear probes read which concepts came out right.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support import results as _results
from ..._support.streams import stream_seed
from ...errors import ArgumentError, DataFileError
from ...learned.data.images import ImageData
from ...learned.networks import NETWORKS
from ...learned.probes.linear_probe import LinearProbe
from ...learned.training.config import TrainConfig
from ...learned.training.ensemble import train_ensemble
from ...simulate.concepts.splits import Split, concept_split
from ...simulate.concepts.world import ConceptImages, ConceptWorld
from ...simulate.diffusion import sample, starting_noise
from ...theory.noise import karras_sigmas


@dataclass(frozen=True)
class EvenConfig(TrainConfig):
    """A training configuration whose networks are kept every `every` steps."""

    every: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check.integer("every", self.every, 1, self.steps)

    def snapshot_steps(self) -> list[int]:
        return list(range(self.every, self.steps + 1, self.every))


@dataclass(frozen=True)
class ConceptPlan:
    """What is trained and how it is judged.

    per_class: training pictures of each class. network, options: of `learned.networks`; `options` may hold the head
    ("edm", or "eps" as in the paper). n_samples: generated pictures per class, seed and step. levels, sigma_min,
    sigma_max: of the sampler (Heun). n_probe: pictures per class for the probes, as many again to judge them.
    """

    world: ConceptWorld
    split: str
    train: EvenConfig
    network: str = "mlp"
    options: Mapping[str, Any] = field(default_factory=dict)
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
        return concept_split(self.split, self.world.graph)

    def describe(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "train": self.train.to_dict()}


def concept_study(
    plan: ConceptPlan, run_dir: str | os.PathLike | None = None, *, device: str = "cpu", show: bool | None = None
) -> xr.Dataset:
    """Curves over (seed, class, step): `joint`, and `accuracy` with the dimension `concept`; see `composition`.

    Coordinate `distance`: of each class to the training classes; `trained`. Seed i has its own pictures, network and
    batches. With `run_dir`, networks and curves are kept there as they come, and the same call goes on where a stopped
    one was. Raises EstimateError where a probe reads fewer than 99 % of held-out pictures rightly.
    """
    seeds = range(plan.train.seed, plan.train.seed + plan.seeds)
    sets = [plan.world.sample(plan.chosen, plan.per_class, seed) for seed in seeds]
    curves = _curves(plan, sets, list(seeds), run_dir, device, show)
    return curves.rename(replica="seed").assign_coords(seed=list(seeds))


def frequency_study(
    plan: ConceptPlan,
    rare: str,
    kept: Sequence[int],
    run_dir: str | os.PathLike | None = None,
    *,
    device: str = "cpu",
    show: bool | None = None,
) -> xr.Dataset:
    """`concept_study` for each number in `kept` of pictures of the class `rare`: curves over (kept, seed, ...).

    `rare` is a training class; its fewer pictures are contained in the more. With 0 pictures the class is left out
    of the training set. The number of steps stays what it is.
    """
    labels, seeds = plan.chosen.labels, range(plan.train.seed, plan.train.seed + plan.seeds)
    check.choice("rare", rare, labels)
    counts = [check.integer("kept", count, 0) for count in kept]
    if counts != sorted(set(counts)) or not counts:
        raise ArgumentError("kept", f"is {list(kept)}", "pass increasing numbers of pictures")
    sets, order = [], []
    for count in counts:
        for seed in seeds:
            nodes = [label for label in labels if count or label != rare]
            wanted = {"*": plan.per_class, **({rare: count} if count else {})}
            sets.append(plan.world.sample(nodes, wanted, seed))
            order.append(seed)
    curves = _curves(plan, sets, order, run_dir, device, show)
    index = {"kept": np.repeat(counts, plan.seeds), "seed": np.array(order)}
    grid = curves.assign_coords({name: ("replica", values) for name, values in index.items()})
    found = grid.set_index(replica=("kept", "seed")).unstack("replica").transpose("kept", "seed", ...)
    return found.assign_attrs(rare=rare)


def _curves(
    plan: ConceptPlan, sets: list[ConceptImages], seeds: list[int], run_dir: Any, device: str, show: bool | None
) -> xr.Dataset:
    world, graph, config = plan.world, plan.world.graph, plan.train
    probe, probed = _probe(plan)
    data = [ImageData(part.images, name="concepts") for part in sets]
    spread = float(np.mean([part.sigma_data for part in data]))
    options = {"sigma_data": round(spread, 4), **plan.options, "condition_dim": world.condition_dim}
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
    return curves.assign_attrs({**made, **plain, **probes, "seconds_per_step": _seconds(trained.history, config)})


def _seconds(history: list[dict[str, Any]], config: TrainConfig) -> float:
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

    def __init__(self, plan: ConceptPlan, probe: LinearProbe, device: str) -> None:
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


def with_options(plan: ConceptPlan, **changes: Any) -> ConceptPlan:
    """`plan` with other fields; those of its training configuration are found by name, None changes nothing."""
    given = {name: value for name, value in changes.items() if value is not None}
    training = {name: given.pop(name) for name in list(given) if hasattr(plan.train, name)}
    return replace(plan, train=replace(plan.train, **training), **given)
