"""What the spectrum of the images alone predicts of a regime map: errors and agreement of two Gaussian optima."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support.estimates import estimates
from ...learned.data.images import ImageData
from ...theory.finite_sample import sample_cosine, sample_cosine_stderr
from ...theory.transitions._spectrum import spectrum
from ..measures._predicted_errors import predicted_errors
from .ground import HELD_OUT, TRAINING
from .plan import RegimePlan


def predicted_from_spectrum(pool: ImageData, plan: RegimePlan) -> xr.Dataset:
    """Before any network, of the Gaussian optimum of n images [@Dobriban2018; @Zhang2024], one n given to the mean.

    `predicted_denoising_error` over `(n_train, inputs, sigma)` and `predicted_gap`, their difference, per dimension;
    `predicted_cosine` over `n_train`, of samples of two disjoint sets from one noise. Errors are those of a spectrum
    that was measured on the pool, as if its images were Gaussian.
    """
    found = predicted_errors(pool.images, plan.sizes, plan.sigmas)
    values, sizes = spectrum(pool.images).eigenvalues, [max(size - 1, 2) for size in plan.sizes]
    cosine = np.array(
        [[sample_cosine(values, n) for n in sizes], [sample_cosine_stderr(values, n, len(pool)) for n in sizes]]
    )
    value, error = (np.stack([found[f"{name}{end}"] for name in ("test", "train")], 1) for end in ("", "_stderr"))
    return xr.Dataset(
        {
            **estimates(("n_train", "inputs", "sigma"), predicted_denoising_error=(value, error)),
            **estimates(("n_train", "sigma"), predicted_gap=(found.gap.values, found.gap_stderr.values)),
            **estimates("n_train", predicted_cosine=cosine),
        },
        coords={"n_train": list(plan.sizes), "inputs": [HELD_OUT, TRAINING], "sigma": plan.sigmas},
    ).astype("float32")
