"""Which theory does a convolutional network follow on MNIST? [@Kamb2024; @Li2024; @Wang2024].

(a) Share of the network's score that each optimum of 48,000 training images, and their best convex combination, miss on
other images, against the noise level; at the top the width of the patches of the local optimum, chosen on left-out
training images; dotted the predicted transitions. (b) Denoising error on training over held-out images: memorisation
shows as a ratio below one. (c) Denoising error on held-out images relative to the Gaussian optimum. Below: one held-out
image, denoised by the network and by each optimum.

`examples/train_mnist_unet.py` trains the network. The figure is computed anew from the images and the network that the
environment variables IDEALSCORE_IMAGES (a file) and IDEALSCORE_MODEL (as for `--model`) name; IDEALSCORE_CONDITION is
the class at which a network with classes is asked, 10 for that of the example: none.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._findings import Findings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

IMAGES, MODEL, CONDITION = "IDEALSCORE_IMAGES", "IDEALSCORE_MODEL", "IDEALSCORE_CONDITION"


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """The comparison with its default settings; at full scale with ten times the noised images."""
    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.comparison.job import run_comparison
    from ...compare.comparison.options import Comparison
    from ...errors import ArgumentError
    from ...learned.data import load

    check.choice("scale", scale, ("small", "full"))
    for name in (IMAGES, MODEL):
        if not os.environ.get(name):
            raise ArgumentError(name, "is not set", "let it name the images and the network to compare")
    images = load(os.environ[IMAGES])
    plan = Comparison(model=(os.environ[MODEL],), condition=os.environ.get(CONDITION, ""), seed=seed)
    if scale == "full":
        plan = replace(plan, n_images=10 * plan.images_for(len(images), images.images[0].numel()))
    return run_comparison(plan, data=images).assign_attrs(provenance(seed=seed), scale=scale)


def draw(dataset: xr.Dataset) -> Figure:
    """The picture that `idealscore compare` makes."""
    from ...compare.comparison import figure

    return figure(dataset)


def findings(dataset: xr.Dataset) -> Findings:
    """What explains the network, in the words of the comparison, and where it explains least."""
    from ..._support.estimates import show
    from ...compare.comparison import explanation
    from ...compare.comparison.options import HELD_OUT

    part = dataset.sel(split=HELD_OUT)
    worst = part.isel(sigma=int(np.argmin(part.best_explained.values)))
    best = show(100 * float(worst.best_explained), 100 * float(worst.best_explained_stderr))
    null = show(100 * float(worst.null_explained), 100 * float(worst.null_explained_stderr))
    return Findings(
        "all optima agree at large noise; below the first modes the optimum whose patches fit the noise level is"
        " closest",
        explanation(dataset),
        f"least is explained at sigma = {float(worst.sigma):.3g}: {best} % by the best optimum, {null} % by a Gaussian"
        " that knows only mean and variance",
    )
