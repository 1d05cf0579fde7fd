"""The entropy of the posterior weights of a data set over the noise level, measured and in the random energy model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from ..._support import checks as check
from ..._support.estimates import estimates
from ..._support.results import provenance
from ..._support.streams import normal_batch, stream
from ..._support.types import Array, ArrayLike
from ..empirical.optimum import EmpiricalDenoiser
from ._information import gaussian_information
from ._spectrum import Source

if TYPE_CHECKING:
    import xarray as xr

BATCH = 512


def rem_entropy(source: Source, n_train: int, sigma: npt.ArrayLike) -> Array:
    r"""The entropy of the posterior weights in the random energy model [@Derrida1981].

    It is \( \max(0, \log n - I_G(\sigma)) \).

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture.
    n_train : int
        Number of training data, >= 2.
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.

    Returns
    -------
    np.ndarray
        `(k,)`: the entropy in nats.

    Raises
    ------
    ArgumentError
        Where `n_train` is below 2.
    NoiseLevelError
        Unless every sigma is > 0.

    Examples
    --------
    >>> rem_entropy(torch.eye(2), 100, [0.01, 1.0]).round(4)
    array([0.   , 3.912])
    """
    log_n = math.log(check.integer("n_train", n_train, 2))
    return np.maximum(log_n - gaussian_information(source, sigma), 0.0)


class NoisyData:
    """Draws x = y_i + sigma n of the empirical measure, the same i and n for every sigma."""

    def __init__(self, data: ArrayLike, n_draws: int, seed: int) -> None:
        self.denoiser = EmpiricalDenoiser(check.dataset("source", data, minimum=2, dtype=torch.float64))
        n_draws = check.integer("n_draws", n_draws, 2)
        index = stream(seed, "collapse-datum").integers(self.denoiser.n, size=n_draws)
        self.chosen = self.denoiser.data[torch.from_numpy(index).to(self.denoiser.data.device)]
        self.noise = normal_batch(seed, "collapse-noise", range(n_draws), self.chosen.shape[1:]).to(self.chosen)

    def entropy(self, sigma: float) -> tuple[float, float]:
        """E H(w) in nats and its standard error."""
        pairs = zip(self.chosen.split(BATCH), self.noise.split(BATCH), strict=True)
        entropy = torch.cat([self.denoiser.entropy(y + sigma * noise, sigma) for y, noise in pairs])
        return float(entropy.mean()), float(entropy.std() / math.sqrt(len(entropy)))


def entropy_curve(data: ArrayLike, sigmas: npt.ArrayLike, n_draws: int = 1000, seed: int = 0) -> xr.Dataset:
    """The collapse of a data set as a curve: E H(w) over sigma, in nats and relative to log n.

    The mean over noised data (the same for every noise level) of the entropy of the exact posterior weights, whose
    variance is far below that of the log weight of the right datum, which has the same mean.

    Parameters
    ----------
    data : array_like
        `(n, *event)`, n >= 2.
    sigmas : array_like
        Noise levels > 0.
    n_draws : int
        Number of noised data.
    seed : int
        Seed of data and noise.

    Returns
    -------
    xarray.Dataset
        `entropy` in nats and `relative` to log n over `sigma`, each with its `_stderr`.

    Raises
    ------
    EmptyDataError
        For fewer than two data.
    NoiseLevelError
        Unless every sigma is > 0.

    Examples
    --------
    >>> curve = entropy_curve(torch.tensor([[-1.0], [1.0]]), [0.1, 100.0], n_draws=100)
    >>> (curve.relative > 0.999).values.tolist()
    [False, True]
    """
    import xarray as xr

    grid = check.positive_sigmas("sigmas", sigmas)
    draws = NoisyData(data, n_draws, seed)
    entropy, stderr = np.array([draws.entropy(float(sigma)) for sigma in grid]).T
    log_n = math.log(draws.denoiser.n)
    return xr.Dataset(
        estimates("sigma", entropy=(entropy, stderr), relative=(entropy / log_n, stderr / log_n)),
        coords={"sigma": grid},
        attrs={"reference": "Biroli2024", "n_train": draws.denoiser.n, "n_draws": n_draws} | provenance(seed=seed),
    )
