"""Conditional networks that paint bumps at a wanted place: recipes, training, generation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import stream_seed
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


@dataclass(frozen=True)
class BumpRecipe:
    """A network for bumps, its training and its sampler.

    network, options: of `learned.networks`. attend: self-attention at a U-Net's coarsest resolution. head: "edm" or
    "eps" (the noise prediction of the paper). kind: of image, "bump" or "sum". resolution: of the label's code, in
    pixels. levels: of the deterministic sampler, from sigma_max to sigma_min and then 0.

    >>> recipe = BumpRecipe(options={"width": 8, "depth": 1}, train=TrainConfig(steps=2, batch=4))
    >>> canvas = BumpCanvas(6)
    >>> networks = recipe.fit(canvas, [canvas.centres(), canvas.centres()[:9]])
    >>> recipe.generate(networks, canvas, [[1.0, 2.0]]).shape
    (2, 1, 1, 6, 6)
    """

    network: str = "mlp"
    options: dict[str, Any] = field(default_factory=lambda: {"width": 128, "depth": 3})
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
        if self.attend and (self.network != "unet" or "multipliers" not in self.options):
            raise ArgumentError("attend", "is set without a U-Net of given resolutions", "set options['multipliers']")
        object.__setattr__(self, "train", replace(self.train, noise=LogUniform(self.sigma_min, self.sigma_max)))

    def build(self, canvas: BumpCanvas, seed: int = 0) -> NetworkDenoiser:
        """A fresh network for the canvas."""
        shape, condition_dim = (1, canvas.size, canvas.size), 4 * harmonics(canvas, self.resolution) + 2
        common: dict[str, Any] = {"head": self.head, "sigma_data": SIGMA_DATA, "condition_dim": condition_dim}
        if self.attend:
            common["attention"] = (canvas.size // 2 ** (len(self.options["multipliers"]) - 1),)
        return NETWORKS[self.network](shape, seed=seed, **common, **self.options)

    def data(self, canvas: BumpCanvas, labels: np.ndarray) -> ImageData:
        return ImageData(torch.from_numpy(bump_images(labels, canvas, self.kind)).float(), name="bumps")

    def fit(
        self,
        canvas: BumpCanvas,
        sets: Sequence[np.ndarray],
        seed: int = 0,
        run_dir: str | os.PathLike | None = None,
        device: str = "cpu",
        show: bool | None = None,
    ) -> EnsembleDenoiser:
        """One network per set of labels `(n, 2)`, trained in one batched pass.

        With `run_dir` a stopped call goes on where it was.
        """
        seeds = [stream_seed(seed, "bump network", i) % 2**31 for i in range(len(sets))]
        networks = [self.build(canvas, seed) for seed in seeds]
        data = [self.data(canvas, labels) for labels in sets]
        codes = [encode_centres(labels, canvas, self.resolution) for labels in sets]
        config = replace(self.train, seed=seed)
        options: dict[str, Any] = {"seeds": seeds, "condition": codes, "device": device, "show": show}
        return train_ensemble(networks, data, config, run_dir, **options).batched

    def generate(
        self, networks: EnsembleDenoiser, canvas: BumpCanvas, labels: Any, seed: int = 0, batch: int = 256
    ) -> np.ndarray:
        """One image per label from each network, `(networks, n, 1, size, size)`; the starting noise is shared."""
        device = next(networks.parameters()).device
        code = encode_centres(labels, canvas, self.resolution).to(device)
        shape = (1, canvas.size, canvas.size)
        noise = starting_noise(len(code), shape, self.sigma_max, seed, torch.float32).to(device)
        grid = [*karras_sigmas(self.levels, self.sigma_min, self.sigma_max), 0.0]
        painted = []
        for part, start in zip(code.split(batch), noise.split(batch)):
            x = start.expand(networks.replicas, *start.shape).contiguous()
            conditioned = with_condition(networks, part)
            painted.append(sample(conditioned, x, grid, "euler", show=False).numpy(force=True))
        return np.concatenate(painted, axis=1)
