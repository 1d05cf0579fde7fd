"""The closed-form optima of one training set, fitted on exactly the images that a network was trained on."""

from __future__ import annotations

from typing import Any

import torch

from ..._support import checks as check
from ...errors import UnknownNameError
from ...learned.data.images import ImageData
from ...theory.denoiser import Denoiser
from ...theory.empirical.optimum import EmpiricalDenoiser
from ...theory.gaussian import GaussianDenoiser
from ...theory.local.patches import LocalDenoiser
from ...theory.mixture import MixtureDenoiser

THEORIES = ("empirical", "gaussian", "mixture", "local")


def optima(
    data: ImageData | Any, theories: tuple[str, ...] = THEORIES, patch_size: int = 3, seed: int = 0
) -> dict[str, Denoiser]:
    """{name: denoiser} of the empirical, Gaussian, mixture and local optimum of `data`.

    `data`: an `ImageData` or images `(n, channels, height, width)`. The mixture has one Gaussian per class where there
    are labels, else ten by expectation-maximisation. The local optimum compares patches of `patch_size` pixels
    around each pixel with those at the same place. Raises UnknownNameError for an unknown theory.

    >>> from idealscore.learned import data
    >>> sorted(optima(data.load("digits").subset(50), ("empirical", "gaussian")))
    ['empirical', 'gaussian']
    """
    images = data.images if isinstance(data, ImageData) else check.dataset("data", data)
    labels = data.labels if isinstance(data, ImageData) else None
    for name in theories:
        if name not in THEORIES:
            raise UnknownNameError("theories", name, THEORIES)
    builders = {
        "empirical": lambda: EmpiricalDenoiser(images.to(torch.float64)),
        "gaussian": lambda: GaussianDenoiser.fit(images),
        "mixture": lambda: MixtureDenoiser.fit(images, labels, seed=seed),
        "local": lambda: LocalDenoiser(images, patch_size, equivariant=False),
    }
    return {name: builders[name]() for name in theories}
