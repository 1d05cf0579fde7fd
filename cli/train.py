"""`idealscore train DATA`: train a denoiser, or many in one pass."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import tyro

from .._support import checks as check
from .._support.cost import Part, Plan, peak_memory
from .._support.device import best_device
from .._support.results import make_folder
from ..errors import ArgumentError
from ..learned.data._tell import load_data
from ..learned.data.images import ImageData
from ..learned.data.options import DataOptions
from ..learned.networks import NETWORKS, NetworkDenoiser
from ..learned.training import estimate, train
from ..learned.training._run_folder import steps_done, steps_of
from ..learned.training.config import TrainConfig
from ..learned.training.ensemble import train_ensemble
from ..learned.training.noise_levels import noise_from_text, noise_to_text
from ..learned.training.presets import PRESETS
from ._plans.budget import afford, allowed, show_plan, tell, telling_how_to_go_on

NETWORK_OPTIONS = (
    "width", "depth", "multipliers", "blocks", "attention", "heads", "dropout", "kernel", "padding", "sigmas", "head",
)  # fmt: skip


@dataclass(frozen=True)
class Command(DataOptions, TrainConfig):
    """Train a denoiser on images. The same command goes on where a stopped one was.

    Options of the network apply where the network has them; what is not given is the network's own default.
    """

    data: tyro.conf.Positional[str] = "digits"
    """digits, a file (.npy, .npz, .parquet, .csv, .safetensors, IDX, TIFF), a folder, or hf:NAME"""
    out: str = ""
    """run folder (default: run-DATA)"""
    preset: str = ""
    """start from a known recipe (digits, cifar10-memorise, cifar10-generalise); the other options override it"""
    network: str = "unet"
    """unet, mlp, local, linear"""
    noise: str = "lognormal -1.2 1.2"  # pyright: ignore[reportIncompatibleVariableOverride]
    """lognormal MEAN STD, loguniform LOW HIGH, levels S1 S2 ..., or steps linear|cosine N"""
    held_out: float = 0.0
    """share of the images (or their number) kept from training"""
    subset: tuple[int, ...] = ()
    """train on so many images; several sizes: one replica (times --ensemble) for each"""
    ensemble: int = 1
    """replicas, at seeds seed, seed + 1, ..., trained in one pass"""
    conditional: bool = False
    """give the class labels to the network"""
    tensorboard: bool = False
    """mirror the log as tensorboard events in the run folder"""
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, cuda:1, ..."""
    budget: str = ""
    """the time that it may take, as 90s, 3min or 1h30min: fewer steps keep it, with a word (default: no limit)"""
    dry_run: bool = False
    """print the resolved configuration, the parameters and an estimate of time and memory, and stop"""
    width: int | None = None
    depth: int | None = None
    multipliers: tuple[int, ...] | None = None
    blocks: int | None = None
    attention: tuple[int, ...] | None = None
    heads: int | None = None
    dropout: float | None = None
    kernel: int | None = None
    padding: str | None = None
    sigmas: tuple[float, ...] | None = None
    head: str | None = None

    def run(self) -> None:
        started = time.monotonic()
        allowed(self.budget)
        config, kind, options = self._resolved()
        networks, sets = self._replicas(config, kind, options)
        out = Path(self.out or f"run-{Path(self.data).stem}")
        if self.dry_run:
            self._describe(networks, sets, config, out)
            return
        make_folder(out)
        config = self._planned(networks, sets, config, out, started)
        kept = f"stopped; what is done is kept in {out}, from which the same command goes on"
        with telling_how_to_go_on(kept):
            self._train(networks, sets, config, out)

    def _train(self, networks: list[NetworkDenoiser], sets: list[ImageData], config: TrainConfig, out: Path) -> None:
        if len(networks) == 1:
            result = train(networks[0], sets[0], config, out, device=self._device, tensorboard=self.tensorboard)
            print(f"loss {result.history[-1]['loss']:.5f} after {config.steps} steps; written: {out}")
        else:
            seeds = [config.seed + i % self.ensemble for i in range(len(networks))]
            many = train_ensemble(
                networks, sets, config, out, seeds=seeds, device=self._device, tensorboard=self.tensorboard
            )
            print(f"{len(networks)} replicas, mean loss {many.history[-1]['loss']:.5f}; written: {out}")

    def _planned(
        self, networks: list[NetworkDenoiser], sets: list[ImageData], config: TrainConfig, out: Path, started: float
    ) -> TrainConfig:
        """The configuration, after the plan was told, with the steps that a budget allows or a first start settled."""
        if self.budget and (settled := steps_of(out)) is not None and settled < config.steps:
            tell(f"{settled} of {config.steps} steps, as settled when the run was started")
            config = replace(config, steps=settled)
        done = steps_done(out)
        found = estimate(networks, sets, config)
        each = found.seconds / config.steps
        spent = time.monotonic() - started
        if not done:
            config = replace(
                config, steps=afford(config.steps, 1, allowed(self.budget, spent), each, 0.0, "training steps")
            )
        left = max(0, config.steps - done)
        before = f", {done} of them done before" if done else ""
        what = f"{config.steps} steps of {config.batch} images, {found.parameters:,} parameters"
        plan = Plan(what + before, (Part("training", left, left * each),), peak_memory() + found.memory)
        show_plan(plan, spent)
        return config

    @property
    def _device(self) -> str:
        return best_device(self.device)

    def defaults(self) -> Command:
        """The options of the preset, on which those given are laid."""
        if not self.preset:
            return Command()
        preset = PRESETS[check.choice("preset", self.preset, PRESETS)]
        recipe = {entry.name: getattr(preset.train, entry.name) for entry in fields(TrainConfig)}
        recipe["noise"] = noise_to_text(preset.train.noise)
        subset = () if preset.subset is None else (preset.subset,)
        return Command(**recipe, **preset.options, network=preset.network, subset=subset)

    def _resolved(self) -> tuple[TrainConfig, str, dict[str, Any]]:
        """(training configuration, network, its options)."""
        given = {field.name: getattr(self, field.name) for field in fields(TrainConfig)}
        given["noise"] = noise_from_text(self.noise)
        options = {name: value for name in NETWORK_OPTIONS if (value := getattr(self, name)) is not None}
        return TrainConfig(**given), self.network, options

    def _replicas(
        self, config: TrainConfig, kind: str, options: dict[str, Any]
    ) -> tuple[list[NetworkDenoiser], list[ImageData]]:
        check.integer("ensemble", self.ensemble, 1)
        make = NETWORKS[check.choice("network", kind, NETWORKS)]
        images = load_data(self.data, self, self.dry_run)
        if self.held_out:
            share = self.held_out if self.held_out < 1 else int(self.held_out)
            images = images.split(share, self.seed)[0]
        options["sigma_data"] = images.sigma_data
        if self.conditional:
            if images.labels is None:
                raise ArgumentError("conditional", f"is set, but {images.name} has no labels", "leave it out")
            options["n_classes"] = images.n_classes
        networks, sets = [], []
        for size in self.subset or (len(images),):
            for seed in range(config.seed, config.seed + self.ensemble):
                networks.append(make(images.shape, seed=seed, **options).to(self._device))
                sets.append(images.subset(size, seed) if self.subset else images)
        return networks, sets

    def _describe(self, networks: list, sets: list, config: TrainConfig, out: Path) -> None:
        found = estimate(networks, sets, config)
        resolved = {
            "out": str(out),
            "network": networks[0].describe(),
            "train": config.to_dict(),
            "data": [part.describe() for part in sets],
            "replicas": len(networks),
        }
        print(json.dumps(resolved, indent=2))
        print(found)
