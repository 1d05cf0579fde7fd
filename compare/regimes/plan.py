"""Which networks a regime map trains, and what it measures on them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, NoiseLevelError
from ...learned.data.images import ImageData
from ...learned.networks import NETWORKS, NetworkDenoiser
from ...learned.training.config import TrainConfig
from ...learned.training.noise_levels import noise_from_text
from ...theory.noise import karras_sigmas
from ..comparison._optima import THEORIES

SAMPLING_LEVELS, SAMPLING_RHO = 12, 7.0
NETWORKS_PER_REPEAT = 3


@dataclass(frozen=True)
class RegimePlan:
    """Networks of several widths on training sets of several sizes, and what to measure on them while they train.

    sizes: of the training sets; widths: of the networks. network: mlp, unet or local; depth: of those that have one.
    repeats: of every size and width, each with three networks: two on one set, from different starts, and one on
    another set, disjoint as long as twice the size fits. held_out: share of the images (or their number) kept from
    training. steps, batch, learning_rate, noise: of training; its weights are kept at `snapshots` log-spaced steps, of
    which those from `first_step` on are measured. levels, sigma_min, sigma_max: noise levels of the measurements.
    n_images: at most so many held-out (and training) images are noised. n_pairs: of the linearity score. n_samples:
    drawn from each network, from one starting noise, by Heun's rule on 12 levels from sample_max to sample_min.
    threshold: of the cosine above which two samples count as the same. patch_size: of the local optimum, in pixels.
    seed: of everything.
    """

    sizes: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512, 800, 1400)
    widths: tuple[int, ...] = (24, 64, 128)
    network: str = "mlp"
    depth: int | None = 2
    repeats: int = 2
    held_out: float = 197
    steps: int = 8000
    batch: int = 64
    learning_rate: float = 3e-3
    noise: str = "lognormal -0.4 1.2"
    snapshots: int = 13
    first_step: int = 80
    levels: int = 9
    sigma_min: float = 0.05
    sigma_max: float = 10.0
    n_images: int = 128
    n_pairs: int = 100
    n_samples: int = 128
    sample_min: float = 0.02
    sample_max: float = 20.0
    threshold: float = 0.6
    patch_size: int = 3
    theories: tuple[str, ...] = THEORIES
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("sizes", "widths"):
            values = [check.integer(name, value, 2 if name == "sizes" else 1) for value in getattr(self, name)]
            if not values or sorted(set(values)) != values:
                raise ArgumentError(name, f"are {tuple(values)}", "pass one or more numbers, increasing")
        check.choice("network", self.network, NETWORKS)
        for name, least in (("repeats", 1), ("levels", 1), ("n_images", 2), ("n_pairs", 2), ("n_samples", 2)):
            check.integer(name, getattr(self, name), least)
        check.integer("snapshots", self.snapshots, 1)
        check.integer("first_step", self.first_step, 1, self.steps)
        for low, high in (("sigma_min", "sigma_max"), ("sample_min", "sample_max")):
            if not 0 < check.real(low, getattr(self, low)) < check.real(high, getattr(self, high)):
                raise NoiseLevelError(high, f"is not above {low}", "pass 0 < lowest < highest level")
        check.real("threshold", self.threshold, -1.0, 1.0)
        for theory in self.theories:
            check.choice("theories", theory, THEORIES)
        if "empirical" not in self.theories:
            raise ArgumentError("theories", "lack the empirical optimum", "add it: memorisation is the distance to it")
        self.recipe(0)

    @property
    def sigmas(self) -> np.ndarray:
        return np.geomspace(self.sigma_min, self.sigma_max, self.levels)

    @property
    def sampling_sigmas(self) -> list[float]:
        """The grid of the sampler, which stays where networks are trained."""
        return [*karras_sigmas(SAMPLING_LEVELS, self.sample_min, self.sample_max, SAMPLING_RHO), 0.0]

    @property
    def measured_steps(self) -> list[int]:
        """The snapshots that are measured."""
        return [step for step in self.recipe(0).snapshot_steps() if step >= self.first_step]

    def recipe(self, repeat: int) -> TrainConfig:
        """How the networks of a repeat are trained."""
        return TrainConfig(
            steps=self.steps, batch=self.batch, learning_rate=self.learning_rate, noise=noise_from_text(self.noise),
            snapshots=self.snapshots, checkpoint_every=max(1, self.steps // 8), seed=self.seed + repeat,
        )  # fmt: skip

    def build(self, width: int, data: ImageData, seed: int) -> NetworkDenoiser:
        """A network at its seeded start."""
        kind: Any = NETWORKS[self.network]
        options = {"sigma_data": data.sigma_data, "width": width, "depth": self.depth}
        known = {name for name in options if name in kind.Config.__dataclass_fields__ and options[name] is not None}
        return kind(data.shape, seed=seed, **{name: options[name] for name in known})

    def pool(self, data: ImageData) -> tuple[ImageData, ImageData]:
        """(images to train on, held-out images); refuses sizes that the data do not have."""
        share = self.held_out if self.held_out < 1 else int(self.held_out)
        pool, held_out = data.split(share, self.seed)
        if max(self.sizes) > len(pool):
            problem = f"ask for {max(self.sizes)} training images of {len(pool)}"
            raise ArgumentError("sizes", problem, f"pass sizes up to {len(pool)}, or a smaller held_out")
        if len(held_out) < 2:
            raise ArgumentError("held_out", f"leaves {len(held_out)} image(s)", "hold out at least 2")
        return pool, held_out

    def sets(self, pool: ImageData, size: int, repeat: int) -> tuple[ImageData, ImageData]:
        """The first and the last `size` images of the pool in an order of this repeat."""
        order = pool.subset(len(pool), self.seed + repeat)
        n = len(order)
        return (
            order.take(range(size), f"{pool.name}[first {size}, repeat {repeat}]"),
            order.take(range(n - size, n), f"{pool.name}[last {size}, repeat {repeat}]"),
        )

    def describe(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, description: dict[str, Any]) -> RegimePlan:
        """The plan that `describe` described.

        >>> RegimePlan.of(RegimePlan(steps=200).describe()) == RegimePlan(steps=200)
        True
        """
        options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in description.items()}
        return cls(**options)
