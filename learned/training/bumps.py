r"""Conditional networks that paint bumps at a wanted place: labels as a code, recipes, training, generation.

A label (mu_x, mu_y) becomes the code [cos(k w mu), sin(k w mu), k = 1 ... K; 1] for each coordinate, zeros where it
is absent, with w = 2 pi / P and P the period of the canvas (twice its size where it has borders) [@Liang2024]. The
code resolves P / (2 K) pixels: two labels closer than that look alike to the network from the start.
"""

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
from ...simulate.bumps.canvas import BumpCanvas, bump_images
from ...simulate.diffusion import sample, starting_noise
from ...theory.denoiser import with_condition
from ...theory.noise import karras_sigmas
from ..data.images import ImageData
from ..networks import NETWORKS, EnsembleDenoiser
from ..networks.base import NetworkDenoiser
from .config import TrainConfig
from .ensemble import train_ensemble
from .objective import LogUniform

SIGMA_DATA = 0.1  # scale of what the condition leaves open in an image of values 0 to 1


def encode_centres(centres: Any, canvas: BumpCanvas, resolution: float = 2.0) -> torch.Tensor:
    """The condition `(n, 4 K + 2)`, float32, of labels `(n, 2)` with nan for an absent coordinate [@Liang2024].

    `resolution`, in pixels, decides K = P / (2 resolution), at least 1. Raises ArgumentError where it is not positive.

    >>> encode_centres([[1.0, np.nan]], BumpCanvas(4))[0, 5:].tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    centres = canvas.check_centres(centres)
    period = canvas.size if canvas.periodic else 2 * canvas.size
    harmonics = np.arange(1, _harmonics(canvas, resolution) + 1)
    parts = []
    for k in (0, 1):
        present = ~np.isnan(centres[:, k, None])
        angle = 2 * np.pi / period * np.where(present, centres[:, k, None], 0.0) * harmonics
        parts += [present * np.cos(angle), present * np.sin(angle), present]
    return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))


def _harmonics(canvas: BumpCanvas, resolution: float) -> int:
    if check.real("resolution", resolution, 0.0) == 0.0:
        raise ArgumentError("resolution", "is 0", "pass a number of pixels > 0")
    period = canvas.size if canvas.periodic else 2 * canvas.size
    return max(1, round(period / (2 * resolution)))


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
        shape, condition_dim = (1, canvas.size, canvas.size), 4 * _harmonics(canvas, self.resolution) + 2
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
