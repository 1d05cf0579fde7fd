"""The closed-form optima of one training set, fitted on exactly the images that a network was trained on."""

from __future__ import annotations

import torch

from ..._support import checks as check
from ..._support.types import ArrayLike
from ...errors import UnknownNameError
from ...learned.data.images import ImageData
from ...theory.denoiser import Denoiser
from ...theory.empirical.optimum import EmpiricalDenoiser
from ...theory.gaussian import GaussianDenoiser
from ...theory.local.patches import LocalDenoiser
from ...theory.mixture import MixtureDenoiser

THEORIES = ("empirical", "gaussian", "mixture", "local")


def optima(
    data: ImageData | ArrayLike, theories: tuple[str, ...] = THEORIES, patch_size: int = 3, seed: int = 0
) -> dict[str, Denoiser]:
    """The empirical, Gaussian, mixture and local optimum of a training set.

    The mixture has one Gaussian per class where there are labels, else ten by expectation-maximisation. The local
    optimum compares patches of `patch_size` pixels around each pixel with those at the same place.

    Parameters
    ----------
    data : ImageData or array_like, shape (n, channels, height, width)
        The training set.
    theories : tuple of str, optional
        Which optima: "empirical", "gaussian", "mixture", "local".
    patch_size : int, optional
        Width of the patches of the local optimum, in pixels.
    seed : int, optional
        Of the start of expectation-maximisation.

    Returns
    -------
    dict of str to Denoiser
        The optima by name, in the order of `theories`.

    Raises
    ------
    UnknownNameError
        If a theory is unknown.
    ShapeError, EmptyDataError, ArgumentError
        If `data` is not a non-empty array of numbers with an event shape.

    Examples
    --------
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
