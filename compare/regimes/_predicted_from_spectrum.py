"""What the spectrum of the images alone predicts of a regime map: errors and agreement of two Gaussian optima."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from ..._support.estimates import estimates
from ...learned.data.images import ImageData
from ...theory.finite_sample import errors, sample_cosine, sample_cosine_stderr
from ...theory.transitions._spectrum import spectrum
from .ground import HELD_OUT, TRAINING
from .plan import RegimePlan


def predicted_from_spectrum(pool: ImageData, plan: RegimePlan) -> xr.Dataset:
    """Before any network, of the Gaussian optimum of n images [@Dobriban2018; @Zhang2024], one n given to the mean.

    `predicted_denoising_error` over `(n_train, inputs, sigma)` and `predicted_gap`, their difference, per dimension;
    `predicted_cosine` over `n_train`, of samples of two disjoint sets from one noise. Errors are those of a spectrum
    that was measured on the pool, as if its images were Gaussian.
    """
    found, dim = spectrum(pool.images.double()).eigenvalues, math.prod(pool.shape)
    made = np.zeros((2, 3, len(plan.sizes), len(plan.sigmas)))
    cosine = np.zeros((2, len(plan.sizes)))
    for i, size in enumerate(plan.sizes):
        n = max(size - 1, 2)
        cosine[:, i] = sample_cosine(found, n), sample_cosine_stderr(found, n, len(pool))
        for j, sigma in enumerate(plan.sigmas):
            one = errors(found, n, float(sigma), spectrum_n=len(pool))
            made[0, :, i, j] = one.test, one.train, one.test - one.train
            made[1, :, i, j] = (
                one.stderr["test"],
                one.stderr["train"],
                math.hypot(*(one.stderr[k] for k in ("test", "train"))),
            )
    made /= dim
    per_input = made[:, :2].transpose(0, 2, 1, 3)
    return xr.Dataset(
        {
            **estimates(("n_train", "inputs", "sigma"), predicted_denoising_error=per_input),
            **estimates(("n_train", "sigma"), predicted_gap=made[:, 2]),
            **estimates("n_train", predicted_cosine=cosine),
        },
        coords={"n_train": list(plan.sizes), "inputs": [HELD_OUT, TRAINING], "sigma": plan.sigmas},
    ).astype("float32")
