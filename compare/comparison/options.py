"""The options of a comparison: which data and networks, which noise levels, which theories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._support import checks as check
from ..._support.types import Array
from ...errors import ArgumentError
from ._optima import THEORIES

HELD_OUT, TRAINING = "held-out", "training"
PER_IMAGE = "class"


@dataclass(frozen=True)
class Comparison:
    """Hold a network against the closed-form optima of its training set, noise level by noise level.

    This is the plan; `compare` and `compare_models` carry it out for networks at hand, `run_comparison` for networks
    on disk or for a small one that it trains.

    Parameters
    ----------
    data : str, optional
        "digits", or a .parquet, .npz, .npy file or a folder of images.
    model : tuple of str, optional
        A run folder or a .safetensors file of a network trained on these data, or several, whose reproducibility is
        then measured too. Without any a small network is trained. A single path may be a plain string.
    held_out : float, optional
        Share of the images (or their number) kept from training.
    levels : int, optional
        Number of noise levels, at least 2, spaced evenly in log sigma.
    sigma_min, sigma_max : float, optional
        The lowest and the highest noise level.
    n_images : int, optional
        At most so many held-out (and training) images are noised, at least 2.
    n_noise : int, optional
        How often each of them is noised.
    patch_size : int, optional
        Width of the patches of the local optimum, in pixels.
    theories : tuple of str, optional
        Which optima: "empirical", "gaussian", "mixture", "local".
    steps : int, optional
        Steps of training of the small network.
    n_samples : int, optional
        Samples drawn from each of several models, at least 2.
    condition : str, optional
        For networks with classes: "class" tells them the label of each image (the theories do not know it), the number
        of a class asks them for that class, and holds them against the optima of its images.
    guidance : float, optional
        The weight w of D_u + (1 + w) (D_c - D_u), as in `GuidedDenoiser`.
    variant : str, optional
        Of the weights of a diffusers network, such as "fp16".
    seed : int, optional
        The seed of everything.

    Raises
    ------
    ArgumentError
        If a number is out of its range.
    UnknownNameError
        If `theories` holds an unknown name.

    Examples
    --------
    >>> Comparison(levels=3, sigma_min=0.1, sigma_max=10.0).sigmas.round(6).tolist()
    [0.1, 1.0, 10.0]
    >>> Comparison(model="run").model
    ('run',)
    """

    data: str = "digits"
    model: tuple[str, ...] = ()
    held_out: float = 0.2
    levels: int = 14
    sigma_min: float = 0.05
    sigma_max: float = 20.0
    n_images: int = 360
    n_noise: int = 2
    patch_size: int = 3
    theories: tuple[str, ...] = THEORIES
    steps: int = 2500
    n_samples: int = 64
    condition: str = ""
    guidance: float | None = None
    variant: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model is None or isinstance(self.model, str):
            object.__setattr__(self, "model", (self.model,) if self.model else ())
        check.integer("n_samples", self.n_samples, 2)
        if self.condition not in ("", PER_IMAGE) and not self.condition.lstrip("-").isdigit():
            remedy = "pass the number of a class, or 'class' for the labels of the data"
            raise ArgumentError("condition", f"is '{self.condition}'", remedy)
        if self.guidance is not None and not self.condition:
            raise ArgumentError("guidance", "is given without a condition", "pass condition='class' or a class")
        check.integer("levels", self.levels, 2)
        check.real("sigma_max", self.sigma_max, check.real("sigma_min", self.sigma_min, 1e-6))
        check.integer("n_images", self.n_images, 2)
        check.integer("n_noise", self.n_noise, 1)
        check.integer("steps", self.steps, 1)
        for theory in self.theories:
            check.choice("theories", theory, THEORIES)

    @property
    def sigmas(self) -> Array:
        """The noise levels `(levels,)`, increasing."""
        return np.geomspace(self.sigma_min, self.sigma_max, self.levels)
