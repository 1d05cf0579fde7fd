"""How often two clones of the empirical optimum end at the same training image."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import normal_batch, stream
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...theory.empirical.optimum import EmpiricalDenoiser


@typed
def image_agreement(
    training: ArrayLike, sigma: ArrayLike, n_draws: int = 512, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    r"""How often two clones of the empirical optimum end at the same training image.

    \( E \sum_i w_i(x)^2 \) with \( x = y_j + \sigma n \) and w the posterior weights of the training images. The
    same draws of (j, n) serve every noise level, so that the curve is smooth.

    Parameters
    ----------
    training : array_like, shape (n, *event)
        The training images, two or more.
    sigma : array_like, shape (levels,)
        Noise levels > 0.
    n_draws : int
        Draws of (j, n).
    seed : int
        Of the draws.

    Returns
    -------
    value, stderr : ndarray, shape (levels,)
        The probability and its standard error over the draws.

    Raises
    ------
    EmptyDataError, ShapeError, NotFiniteError, NoiseLevelError
        `training` or `sigma` cannot be used.

    Examples
    --------
    >>> value, error = image_agreement(torch.tensor([[-1.0], [1.0]]), [0.01, 100.0])
    >>> value.round(3).tolist()
    [1.0, 0.5]
    """
    training = check.dataset("training", training, minimum=2, dtype=torch.float64).detach()
    grid, n_draws = check.positive_sigmas("sigma", sigma), check.integer("n_draws", n_draws, 2)
    chosen = stream(seed, "image agreement").integers(len(training), size=n_draws)
    noise = normal_batch(seed, "image agreement noise", range(n_draws), training.shape[1:])
    optimum = EmpiricalDenoiser(training)
    found = np.array([optimum.weights(training[chosen] + s * noise, s).square().sum(1).numpy() for s in grid])
    return found.mean(1), found.std(1, ddof=1) / math.sqrt(n_draws)
