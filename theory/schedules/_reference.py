"""The literal formula: the sampler's steps on the variance of every mode, one after the other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..._support.types import Array, ArrayLike


def reference(spectrum: ArrayLike, sigmas: ArrayLike, solver: str = "euler") -> Array:
    """`sampled_std` as the steps of the sampler write it, with D = c / (c + sigma^2) x, from noised data.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    sigmas : array (N + 1,)
        Falling finite noise levels.
    solver : str
        "euler", "heun" or "ddpm".

    Returns
    -------
    array (d,)
        Standard deviations after the last step.

    Examples
    --------
    >>> reference([3.0], [1.0, 0.0], "ddpm").round(6)  # that of the denoised point, 3 / 4 * sqrt(3 + 1)
    array([1.5])
    """
    c, levels = np.asarray(spectrum, dtype=np.float64), np.asarray(sigmas, dtype=np.float64)
    variance = c + levels[0] ** 2
    for sigma, end in pairwise(levels):
        wiener, slope = c / (c + sigma**2), sigma / (c + sigma**2)
        euler = 1 + (end - sigma) * slope
        if solver == "ddpm":
            ratio = end / sigma
            variance = (wiener + ratio**2 * (1 - wiener)) ** 2 * variance + end**2 * (1 - ratio**2)
        elif solver == "heun" and end > 0:
            variance = (1 + (end - sigma) / 2 * (slope + end / (c + end**2) * euler)) ** 2 * variance
        else:
            variance = euler**2 * variance
    return np.sqrt(variance)
