"""The entropy of the posterior weights of a data set over the noise level, measured and in the random energy model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from ..._support import checks as check
from ..._support.estimates import estimates
from ..._support.memory import available_memory
from ..._support.results import provenance
from ..._support.streams import normal_batch, stream
from ..._support.types import Array, ArrayLike
from ..empirical.optimum import EmpiricalDenoiser
from ._information import gaussian_information
from ._kernels import entropies
from ._spectrum import Source

if TYPE_CHECKING:
    import xarray as xr

BATCH, BLOCK = 512, 2048
LOGIT_ERROR = 1e-7  # what rounding may change on the logarithm of a weight where kept products are used


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
    r"""Draws x = y_i + sigma n of the empirical measure, the same i and n for every sigma.

    As |x - y_j|^2 - sigma^2 |n|^2 = |y_i - y_j|^2 + 2 sigma n . (y_i - y_j), two tables of products serve every noise
    level. They are kept where they take up to a quarter of the free memory; below the noise level at which rounding of
    the products would count, and without them, the sums run over the data anew.
    """

    def __init__(self, data: ArrayLike, n_draws: int, seed: int) -> None:
        self.denoiser = EmpiricalDenoiser(check.dataset("source", data, minimum=2, dtype=torch.float64).detach())
        n_draws = check.integer("n_draws", n_draws, 2)
        index = stream(seed, "collapse-datum").integers(self.denoiser.n, size=n_draws)
        self.chosen = self.denoiser.data[torch.from_numpy(index).to(self.denoiser.data.device)]
        self.noise = normal_batch(seed, "collapse-noise", range(n_draws), self.chosen.shape[1:]).to(self.chosen)
        self.tables: tuple[torch.Tensor, torch.Tensor] | None = None
        self.lowest = math.inf

    def prepare(self) -> None:
        """Make the tables, where there is room for them."""
        data, chosen, noise = (part.flatten(1) for part in (self.denoiser.data, self.chosen, self.noise))
        if 16 * len(chosen) * len(data) > available_memory() / 4 or data.device.type != "cpu":
            return
        centre = data.mean(0)
        gaps, along = (data.new_empty(len(chosen), len(data)) for _ in range(2))
        norms = torch.cat([(block - centre).square().sum(1) for block in data.split(BLOCK)])
        of_chosen, of_noise = (chosen - centre).square().sum(1), (noise * (chosen - centre)).sum(1)
        for start in range(0, len(data), BLOCK):
            block = (data[start : start + BLOCK] - centre).T
            part = slice(start, start + BLOCK)
            torch.mm(chosen - centre, block, out=gaps[:, part])
            torch.mm(noise, block, out=along[:, part])
        gaps.mul_(-2).add_(norms).add_(of_chosen[:, None]).clamp_(min=0)
        along.neg_().add_(of_noise[:, None])
        self.tables = gaps, along
        self.lowest = math.sqrt(data.shape[1] * torch.finfo(data.dtype).eps * float(norms.max()) / LOGIT_ERROR)

    def entropy(self, sigma: float, count: int | None = None) -> tuple[float, float]:
        """E H(w) in nats and its standard error, from the first `count` draws (default: all)."""
        if self.tables is not None and sigma >= self.lowest:
            gaps, along = self.tables
            entropy = torch.from_numpy(entropies(gaps[:count].numpy(), along[:count].numpy(), sigma))
        else:
            pairs = zip(self.chosen[:count].split(BATCH), self.noise[:count].split(BATCH), strict=True)
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
    with check.speaking_of("data", "n_draws", "seed"):
        draws = NoisyData(data, n_draws, seed)
    if len(grid) > 2:
        draws.prepare()
    entropy, stderr = np.array([draws.entropy(float(sigma)) for sigma in grid]).T
    log_n = math.log(draws.denoiser.n)
    return xr.Dataset(
        estimates("sigma", entropy=(entropy, stderr), relative=(entropy / log_n, stderr / log_n)),
        coords={"sigma": grid},
        attrs={"reference": "Biroli2024", "n_train": draws.denoiser.n, "n_draws": n_draws} | provenance(seed=seed),
    )
