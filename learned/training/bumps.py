"""Conditional networks that paint bumps at a wanted place: recipes, training, generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike, Device, FilePath, Record
from ...errors import ArgumentError
from ...simulate.bumps import BumpCanvas, bump_images
from ...simulate.diffusion import sample, starting_noise
from ...theory.denoiser import with_condition
from ...theory.noise import karras_sigmas
from ..data.images import ImageData
from ..networks import NETWORKS, EnsembleDenoiser
from ..networks.base import NetworkDenoiser
from .centre_code import encode_centres, harmonics
from .config import TrainConfig
from .ensemble import train_ensemble
from .noise_levels import LogUniform

SIGMA_DATA = 0.1  # scale of what the condition leaves open in an image of values 0 to 1


@typed
@dataclass(frozen=True)
class BumpRecipe:
    """A network for bumps, its training and its sampler.

    Parameters
    ----------
    network : {"mlp", "unet"}
        Of `learned.networks`.
    options : dict
        Of the network.
    head : {"edm", "eps"}
        What the raw network predicts; "eps" is the noise prediction of the paper [@Liang2024].
    kind : {"bump", "sum"}
        Of image: a bump, or a sum of stripes.
    resolution : float
        Of the code of the label, in pixels (see `encode_centres`).
    train : TrainConfig
        How to train; its noise becomes log-uniform between `sigma_min` and `sigma_max`.
    sigma_min : float
        Smallest noise level of training and of the sampler.
    sigma_max : float
        Largest one.
    levels : int
        Noise levels of the deterministic sampler, from `sigma_max` to `sigma_min`; then 0.
    attend : bool
        Self-attention at the coarsest resolution of a U-Net.

    Raises
    ------
    UnknownNameError
        On an unknown network.
    ArgumentError
        On a number outside its range, or where `attend` is set without a U-Net of given resolutions.

    Examples
    --------
    >>> recipe = BumpRecipe(options={"width": 8, "depth": 1}, train=TrainConfig(steps=2, batch=4))
    >>> canvas = BumpCanvas(6)
    >>> networks = recipe.fit(canvas, [canvas.centres(), canvas.centres()[:9]])
    >>> recipe.generate(networks, canvas, [[1.0, 2.0]]).shape
    (2, 1, 1, 6, 6)
    """

    network: str = "mlp"
    options: Record = field(default_factory=lambda: {"width": 128, "depth": 3})
    head: str = "edm"
    kind: str = "bump"
    resolution: float = 2.0
    train: TrainConfig = field(default_factory=lambda: TrainConfig(steps=1000, batch=64, learning_rate=1e-2))
    sigma_min: float = 0.2
    sigma_max: float = 5.0
    levels: int = 8
    attend: bool = False

    def __post_init__(self) -> None:
        check.choice("network", self.network, ("mlp", "unet"))
        check.integer("levels", self.levels, 2)
        check.ordered("sigma_min", self.sigma_min, "sigma_max", self.sigma_max, 1e-12)
        if self.attend and (self.network != "unet" or "multipliers" not in self.options):
            raise ArgumentError("attend", "is set without a U-Net of given resolutions", "set options['multipliers']")
        object.__setattr__(self, "train", replace(self.train, noise=LogUniform(self.sigma_min, self.sigma_max)))

    def build(self, canvas: BumpCanvas, seed: int = 0) -> NetworkDenoiser:
        """A network for the canvas, with its initial weights.

        Parameters
        ----------
        canvas : BumpCanvas
            Where the bumps lie.
        seed : int
            Of the initial weights.

        Returns
        -------
        NetworkDenoiser
            With the code of a label as its condition.
        """
        shape, condition_dim = (1, canvas.size, canvas.size), 4 * harmonics(canvas, self.resolution) + 2
        common: Record = {"head": self.head, "sigma_data": SIGMA_DATA, "condition_dim": condition_dim}
        if self.attend:
            common["attention"] = (canvas.size // 2 ** (len(self.options["multipliers"]) - 1),)
        return NETWORKS[self.network](shape, seed=seed, **common, **self.options)

    def data(self, canvas: BumpCanvas, labels: Array) -> ImageData:
        """The images of labels.

        Parameters
        ----------
        canvas : BumpCanvas
            Where the bumps lie.
        labels : numpy.ndarray
            `(n, 2)`, in pixels.

        Returns
        -------
        ImageData
            `(n, 1, size, size)`, values 0 to 1.
        """
        return ImageData(torch.from_numpy(bump_images(labels, canvas, self.kind)).float(), name="bumps")

    def fit(
        self,
        canvas: BumpCanvas,
        sets: Sequence[Array],
        seed: int = 0,
        run_dir: FilePath | None = None,
        device: Device = "cpu",
        show: bool | None = None,
    ) -> EnsembleDenoiser:
        """One network per set of labels, trained in one batched pass.

        Parameters
        ----------
        canvas : BumpCanvas
            Where the bumps lie.
        sets : sequence of numpy.ndarray
            Labels of each network, `(n, 2)`, in pixels.
        seed : int
            Of the initial weights and of the training.
        run_dir : str or Path, optional
            Folder of the run, with which a stopped call goes on where it was.
        device : str or torch.device
            Where to train.
        show : bool, optional
            Progress bar on or off; by default on a terminal.

        Returns
        -------
        EnsembleDenoiser
            The trained networks as one.
        """
        seeds = [stream_seed(seed, "bump network", i) % 2**31 for i in range(len(sets))]
        networks = [self.build(canvas, seed) for seed in seeds]
        data = [self.data(canvas, labels) for labels in sets]
        codes = [encode_centres(labels, canvas, self.resolution) for labels in sets]
        config = replace(self.train, seed=seed)
        return train_ensemble(
            networks, data, config, run_dir, seeds=seeds, condition=codes, device=device, show=show
        ).batched

    def generate(
        self, networks: EnsembleDenoiser, canvas: BumpCanvas, labels: ArrayLike, seed: int = 0, batch: int = 256
    ) -> Array:
        """One image per label from each network; the starting noise is shared by the networks.

        Parameters
        ----------
        networks : EnsembleDenoiser
            As `fit` gave them.
        canvas : BumpCanvas
            Where the bumps lie.
        labels : array_like
            `(n, 2)`, in pixels, nan for an absent coordinate.
        seed : int
            Of the starting noise.
        batch : int
            Images at a time; it changes nothing beyond rounding.

        Returns
        -------
        numpy.ndarray
            `(networks, n, 1, size, size)`.
        """
        device = next(networks.parameters()).device
        code = encode_centres(labels, canvas, self.resolution).to(device)
        shape = (1, canvas.size, canvas.size)
        noise = starting_noise(len(code), shape, self.sigma_max, seed, torch.float32).to(device)
        grid = [*karras_sigmas(self.levels, self.sigma_min, self.sigma_max), 0.0]
        painted = []
        for part, start in zip(code.split(batch), noise.split(batch), strict=True):
            x = start.expand(networks.replicas, *start.shape).contiguous()
            conditioned = with_condition(networks, part)
            painted.append(sample(conditioned, x, grid, "euler", show=False).numpy(force=True))
        return np.concatenate(painted, axis=1)
