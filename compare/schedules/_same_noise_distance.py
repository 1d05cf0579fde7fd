"""How far two samplers carry the same noise apart, for Gaussian data, in closed form."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import NoiseLevelError
from ...theory.gaussian import GaussianDenoiser
from ...theory.levels import falling_levels
from ...theory.schedules import SOLVERS, sampled_gain


@typed
def same_noise_distance(
    gaussian: GaussianDenoiser,
    sigmas: ArrayLike,
    others: ArrayLike,
    solver: str = "heun",
    other_solver: str = "heun",
) -> float:
    r"""The expected distance of samples of two grids from the same noise, relative to the spread of the data.

    \[ \Bigl[ \sum_k (g_k - g'_k)^2 (\sigma_0^2 + \mu_k^2) \Bigm/ \mathrm{tr}\,C \Bigr]^{1/2} \]

    with the gains of `sampled_gain`, the product of cosines for "euler" [@Karras2022], and mu_k the mean along mode k:
    noise of mean 0 lies -mu away from the mean.

    Parameters
    ----------
    gaussian : GaussianDenoiser
        Mean and covariance of the data.
    sigmas, others : array (N + 1,), (M + 1,)
        Two grids that begin with the same level and end with 0.
    solver, other_solver : str
        "euler", "ddim" or "heun", of each.

    Returns
    -------
    float
        Root of the mean square over starting noise.

    Raises
    ------
    NoiseLevelError
        For grids that do not fall, or begin or end apart.
    ArgumentError, UnknownNameError
        For a solver that is not deterministic, or unknown.

    Examples
    --------
    >>> import torch
    >>> gaussian = GaussianDenoiser(torch.zeros(2), torch.eye(2))
    >>> round(same_noise_distance(gaussian, [1.0, 0.0], [1.0, 0.5, 0.0], "euler", "euler"), 6)  # 0.5 and 0.6
    0.1
    """
    check.choice("other_solver", other_solver, SOLVERS)
    one = falling_levels(sigmas)
    with check.speaking_of("others"):
        two = falling_levels(others)
    c = gaussian.covariance.eigenvalues.double() + gaussian.covariance.floor.double()
    gains = [sampled_gain(c, grid, name) for grid, name in ((one, solver), (two, other_solver))]
    if one[0] != two[0] or one[-1] != 0 or two[-1] != 0:
        raise NoiseLevelError("sigmas", "begin apart, or do not end with 0", "pass two grids from one level to 0")
    mean, _ = gaussian.covariance.split(gaussian.mean.reshape(1, -1))
    square = np.square(gains[0] - gains[1]) * (one[0] ** 2 + mean[0].double().square().numpy(force=True))
    return math.sqrt(float(square.sum()) / gaussian.covariance.trace)
