"""The options of a comparison: which data and networks, which noise levels, which theories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from ..._support import checks as check
from ..._support.cost import read_duration
from ..._support.typed import typed
from ..._support.types import Array
from ...errors import ArgumentError
from ...theory.levels import NETWORK
from ._optima import THEORIES, checked_theories
from ._patch_sizes import checked_sizes

N_EXAMPLE_LEVELS, EXAMPLE_RANGE = 5, (0.15, 0.77)
HELD_OUT, TRAINING = "held-out", "training"
PER_IMAGE = "class"
MOST_IMAGES, FEWEST_IMAGES = 360, 24
SMALL_WORK = 2e6  # entries of a training set up to which 360 images take seconds


@partial(typed, free=("model",))
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
        At most so many held-out (and training) images are noised, at least 2 (default: 360, and fewer the larger the
        training set, 62 for MNIST, see `images_for`).
    n_noise : int, optional
        How often each of them is noised.
    patch_size : int, optional
        Width of the patches of the local optimum at every noise level, in pixels: short for `patch_sizes=(n,)`.
    theories : tuple of str, optional
        Which optima: "empirical", "gaussian", "mixture", "local"; on request "masked" (locality from the covariance),
        "clusters" (a mixture with more components than classes), "finite-sample" (the mean of the Gaussian optima of
        all training sets of this size; the held-out images help to know the distribution), or
        "name=package.module:function" for any denoiser of your own, with "()" at the end for a function of the training
        images that returns one.
    steps : int, optional
        Steps of training of the small network.
    n_samples : int, optional
        Samples drawn from each of several models, at least 2.
    condition : str, optional
        For networks with classes: "class" tells them the label of each image (the theories do not know it), a class,
        by number or by name, asks them for that class, and holds them against the optima of its images.
    guidance : float, optional
        The weight w of D_u + (1 + w) (D_c - D_u), as in `GuidedDenoiser`.
    variant : str, optional
        Of the weights of a diffusers network, such as "fp16".
    seed : int, optional
        The seed of everything.
    patch_sizes : tuple of int or str, optional
        The patch size of the local optimum at each noise level: "data", the one that denoises left-out training images
        best; "network", the one that explains the network best, chosen on held-out images on which nothing is
        reported; an odd number, that size everywhere; with several numbers the choice is among them.
    budget : str, optional
        The time that the comparison may take from its start, loading and fits included, as "90s", "3min" or "1h30min":
        levels at which a patch size is chosen, images or theories are left out to keep it, with a word (default: no
        limit). Training a small network does not count.
    noise_levels : tuple of float or "network", optional
        The noise levels themselves, instead of `levels` from `sigma_min` to `sigma_max`; "network": the levels of the
        network's own steps that are nearest to those, each once. (On the command line: `--sigmas`.)

    Raises
    ------
    ArgumentError
        If a number is out of its range, a patch size even, or a time not a time.
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
    n_images: int | None = None
    n_noise: int = 2
    patch_size: int | None = None
    theories: tuple[str, ...] = THEORIES
    steps: int = 2500
    n_samples: int = 64
    condition: str = ""
    guidance: float | None = None
    variant: str = ""
    seed: int = 0
    patch_sizes: tuple[int | Literal["data", "network"], ...] = ("data",)
    budget: str = ""
    noise_levels: Literal["network"] | tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.model is None or isinstance(self.model, str):
            object.__setattr__(self, "model", (self.model,) if self.model else ())
        for path in check.items("model", self.model):
            check.instance("model", path, str)
        check.integer("n_samples", self.n_samples, 2)
        if self.guidance is not None and not self.condition:
            raise ArgumentError("guidance", "is given without a condition", "pass condition='class' or a class")
        check.integer("levels", self.levels, 2)
        check.ordered("sigma_min", self.sigma_min, "sigma_max", self.sigma_max, 1e-6)
        if self.n_images is not None:
            check.integer("n_images", self.n_images, 2)
        check.integer("n_noise", self.n_noise, 1)
        check.integer("steps", self.steps, 1)
        checked_theories(self.theories)
        if self.patch_size is not None:
            with check.speaking_of("patch_size"):
                checked_sizes((self.patch_size,))
            object.__setattr__(self, "patch_sizes", (self.patch_size,))
        checked_sizes(self.patch_sizes)
        if self.noise_levels and self.noise_levels != NETWORK:
            given = check.positive_sigmas("noise_levels", self.noise_levels)
            object.__setattr__(self, "noise_levels", tuple(np.unique(given).tolist()))
        if self.budget:
            read_duration("budget", self.budget)

    @property
    def sigmas(self) -> Array:
        """The noise levels `(levels,)`, increasing; those that are asked for where they shall be the network's own."""
        if self.noise_levels and self.noise_levels != NETWORK:
            return np.array(self.noise_levels)
        return np.geomspace(self.sigma_min, self.sigma_max, self.levels)

    @property
    def example_sigmas(self) -> Array:
        """Those of the noise levels, up to five, at which an image is shown: where images differ most."""
        chosen = (np.linspace(*EXAMPLE_RANGE, N_EXAMPLE_LEVELS) * (len(self.sigmas) - 1)).round().astype(int)
        return self.sigmas[np.unique(chosen)]

    def images_for(self, n_train: int, entries: int) -> int:
        """How many images of a kind are noised: `n_images`, or as many as keep the work on a training set in minutes.

        Parameters
        ----------
        n_train : int
            Images of the training set.
        entries : int
            Pixels times channels of an image.

        Returns
        -------
        int
            From 24 to 360 where `n_images` is None.

        Examples
        --------
        >>> [Comparison().images_for(n, d) for n, d in ((1437, 64), (48_000, 784), (40_000, 3072))]
        [360, 26, 24]
        """
        if self.n_images is not None:
            return self.n_images
        share = min(1.0, SMALL_WORK / (n_train * entries)) ** 0.9
        return max(FEWEST_IMAGES, round(MOST_IMAGES * share))
