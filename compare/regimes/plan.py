"""Which networks a regime map trains, and what it measures on them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Record
from ...errors import ArgumentError, NoiseLevelError
from ...learned.data.images import ImageData
from ...learned.networks import NETWORKS, NetworkDenoiser
from ...learned.training.config import TrainConfig
from ...learned.training.noise_levels import noise_from_text
from ...theory.noise import karras_sigmas
from ..comparison._optima import THEORIES

SAMPLING_LEVELS, SAMPLING_RHO = 12, 7.0
NETWORKS_PER_REPEAT = 3


@typed
@dataclass(frozen=True)
class RegimePlan:
    """Networks of several widths on training sets of several sizes, and what to measure on them while they train.

    Parameters
    ----------
    sizes : tuple of int, optional
        Numbers of training images, increasing, at least 2.
    widths : tuple of int, optional
        Channels or units of the networks, increasing.
    network : {"mlp", "unet", "local"}, optional
        The kind of network.
    depth : int, optional
        Hidden layers of the networks that have them.
    repeats : int, optional
        Repetitions of every size and width, each with three networks: two on one set, from different starts, and one on
        another set, disjoint as long as twice the size fits.
    held_out : float, optional
        Share of the images (or their number) kept from training.
    steps, batch, learning_rate, noise : int, int, float, str, optional
        Of training, as of `TrainConfig`.
    snapshots : int, optional
        Number of log-spaced steps at which weights are kept.
    first_step : int, optional
        The snapshots from this step on are measured.
    levels, sigma_min, sigma_max : int, float, float, optional
        Noise levels of the measurements, spaced evenly in log sigma.
    n_images : int, optional
        At most so many held-out (and training) images are noised, at least 2.
    n_pairs : int, optional
        Pairs of the linearity score, at least 2.
    n_samples : int, optional
        Samples drawn from each network, from one starting noise, by Heun's rule; at least 2.
    sample_min, sample_max : float, optional
        The 12 noise levels of the sampler run from `sample_max` to `sample_min`.
    threshold : float, optional
        Cosine above which two samples count as the same.
    patch_size : int, optional
        Width of the patches of the local optimum, in pixels.
    theories : tuple of str, optional
        Which optima; "empirical" has to be among them.
    seed : int, optional
        The seed of everything.

    Raises
    ------
    ArgumentError
        If a number is out of its range, sizes or widths do not increase, or the empirical optimum is missing.
    NoiseLevelError
        If a lowest noise level is not below the highest.
    UnknownNameError
        If `network` or a theory is unknown.

    Examples
    --------
    >>> plan = RegimePlan(steps=100, snapshots=3, first_step=10)
    >>> plan.measured_steps[-1], len(plan.sigmas), len(plan.sampling_sigmas)
    (100, 9, 13)
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
            object.__setattr__(self, name, tuple(values))
        object.__setattr__(self, "held_out", float(check.real("held_out", self.held_out)))  # 197 and 197.0 are one plan
        check.integer("steps", self.steps, 1)
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

    def narrow(self, data: ImageData) -> list[int]:
        """The widths of perceptrons with fewer units than the images have pixels, which copy none exactly.

        Parameters
        ----------
        data : ImageData
            The images of the map.

        Returns
        -------
        list of int
            Such widths, none where the networks are no perceptrons.
        """
        dim = data.images[0].numel()
        return [width for width in self.widths if self.network == "mlp" and width < dim]

    def recipe(self, repeat: int) -> TrainConfig:
        """How the networks of a repeat are trained.

        Parameters
        ----------
        repeat : int
            The number of the repeat, which changes the seed.

        Returns
        -------
        TrainConfig
            The options of training.
        """
        return TrainConfig(
            steps=self.steps, batch=self.batch, learning_rate=self.learning_rate, noise=noise_from_text(self.noise),
            snapshots=self.snapshots, checkpoint_every=max(1, self.steps // 8), seed=self.seed + repeat,
        )  # fmt: skip

    def build(self, width: int, data: ImageData, seed: int) -> NetworkDenoiser:
        """A network at its seeded start.

        Parameters
        ----------
        width : int
            Of the network.
        data : ImageData
            Images of the shape that it denoises.
        seed : int
            Of its weights.

        Returns
        -------
        NetworkDenoiser
            The network, not yet trained.
        """
        kind: Any = NETWORKS[self.network]
        options = {"sigma_data": data.sigma_data, "width": width, "depth": self.depth}
        known = {name for name in options if name in kind.Config.__dataclass_fields__ and options[name] is not None}
        return kind(data.shape, seed=seed, **{name: options[name] for name in known})

    def pool(self, data: ImageData) -> tuple[ImageData, ImageData]:
        """Split the data into images to train on and held-out images; refuses sizes that the data do not have.

        Parameters
        ----------
        data : ImageData
            All images.

        Returns
        -------
        pool, held_out : ImageData
            Images to train on, and images kept from training.

        Raises
        ------
        ArgumentError
            If a size exceeds the pool, or fewer than two images are held out.
        """
        share = self.held_out if self.held_out < 1 else int(self.held_out)
        pool, held_out = data.split(share, self.seed)
        if max(self.sizes) > len(pool):
            problem = f"ask for {max(self.sizes)} training images of {len(pool)}"
            raise ArgumentError("sizes", problem, f"pass sizes up to {len(pool)}, or a smaller held_out")
        if len(held_out) < 2:
            raise ArgumentError("held_out", f"leaves {len(held_out)} image(s)", "hold out at least 2")
        return pool, held_out

    def sets(self, pool: ImageData, size: int, repeat: int) -> tuple[ImageData, ImageData]:
        """The first and the last images of the pool, in an order of this repeat.

        Parameters
        ----------
        pool : ImageData
            Images to train on.
        size : int
            Of each of the two sets.
        repeat : int
            The number of the repeat.

        Returns
        -------
        first, other : ImageData
            Two sets, disjoint as long as twice the size fits into the pool.
        """
        order = pool.subset(len(pool), self.seed + repeat)
        n = len(order)
        return (
            order.take(range(size), f"{pool.name}[first {size}, repeat {repeat}]"),
            order.take(range(n - size, n), f"{pool.name}[last {size}, repeat {repeat}]"),
        )

    def describe(self) -> Record:
        """The plan as a dictionary of plain values, for files.

        Returns
        -------
        dict
            Every parameter by its name.
        """
        return asdict(self)

    @classmethod
    def of(cls, description: Record) -> RegimePlan:
        """The plan that `describe` described.

        Parameters
        ----------
        description : dict
            As of `describe`, or read from JSON.

        Returns
        -------
        RegimePlan
            The plan.

        Examples
        --------
        >>> RegimePlan.of(RegimePlan(steps=200).describe()) == RegimePlan(steps=200)
        True
        """
        options: Record = {k: tuple(v) if isinstance(v, list) else v for k, v in description.items()}
        return cls(**options)
