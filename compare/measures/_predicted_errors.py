"""What the spectrum of the images alone predicts of the errors of Gaussian optima of n of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from ..._support.estimates import estimates
from ..._support.types import Array
from ...theory._scatter import eigenvalues_of
from ...theory.finite_sample import errors

ERRORS = ("test", "train", "gap", "disagreement")


def predicted_errors(images: torch.Tensor, sizes: Sequence[int], sigmas: Array) -> xr.Dataset:
    """`ERRORS` with `_stderr` over `(n_train, sigma)`, per dimension, of Gaussian optima of n images [@Dobriban2018].

    One of the n images is given to the mean. `test` and `train` are squared errors on new and on the own images, `gap`
    their difference, `disagreement` the squared distance of the optima of two disjoint sets on noised new images.
    Standard errors are those of a spectrum that was measured on `images`, as if these were Gaussian; that the spectrum
    of few images spreads is not in them.
    """
    flat = images.flatten(1)
    found, dim = eigenvalues_of(flat).numpy(force=True), flat.shape[1]
    made = np.zeros((2, len(ERRORS), len(sizes), len(sigmas)))
    for i, size in enumerate(sizes):
        for j, sigma in enumerate(sigmas):
            one = errors(found, max(size - 1, 2), float(sigma), spectrum_n=len(images))
            of = one.stderr
            made[0, :, i, j] = one.test, one.train, one.test - one.train, one.disagreement
            made[1, :, i, j] = of["test"], of["train"], math.hypot(of["test"], of["train"]), of["disagreement"]
    made /= dim
    named = {name: made[:, k] for k, name in enumerate(ERRORS)}
    return xr.Dataset(estimates(("n_train", "sigma"), **named), coords={"n_train": list(sizes), "sigma": sigmas})
