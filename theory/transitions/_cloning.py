r"""Cloning: of two backward trajectories from one noisy point, do both end in the same class?

Clones of x draw their classes independently from the posterior r_k(x), so that they agree with probability

    phi(sigma) = E sum_k r_k(x)^2,

which falls from 1 at sigma = 0 to sum_k pi_k^2 ([@Biroli2024] take two classes and integrate over their densities).
The same posterior holds the information I(k; x) = H(pi) - E H(r(x)) on the class. For two Gaussians mu +- m of
weights pi_1, pi_2 that share a covariance C all depends on one number, the squared separation in units of the noise

    c^2(sigma) = m^T (C + sigma^2 I)^-1 m          (isotropic C: |m|^2 e^-2t / Gamma_t of [@Biroli2024]),

because the log odds of the true class are log(pi_k / pi_l) + 2 (c^2 + c z) with z ~ N(0, 1). With equal weights

    phi = (1 + E_z tanh(c^2 + c z)) / 2 = (1 + E_z tanh^2(c^2 + c z)) / 2,    I = log 2 + E_z log S(2 (c^2 + c z)),

S(l) = 1 / (1 + e^-l). That the two forms of phi agree is Bayes' rule: a clone and the truth are alike in law.
At speciation, c^2 = 1, phi = 0.7752.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import xlogy

from ..._support import checks as check
from ..._support.results import provenance
from ..._support.streams import normal_batch
from ..._support.types import Array
from ..mixture import MixtureDenoiser
from ._two_classes import GAUSS, Separation, class_information, log_odds
from .roots import spectral_rounding

if TYPE_CHECKING:
    import xarray as xr


def cloning_probability(c_squared: npt.ArrayLike) -> Array:
    r"""\phi = (1 + E_z \tanh(c^2 + c z)) / 2: how often clones of two equally likely classes agree ([@Biroli2024]).

    Parameters
    ----------
    c_squared : array_like
        Squared separations c^2 >= 0 of the classes in units of the noise, any shape.

    Returns
    -------
    np.ndarray
        phi from 1/2 at c = 0 to 1, of the shape of `c_squared`.

    Raises
    ------
    ArgumentError
        Where a separation is negative.

    Examples
    --------
    >>> float(cloning_probability(1.0).round(10))
    0.7752002454
    """
    return (1 + np.tanh(log_odds(c_squared) / 2) @ GAUSS) / 2


class Classes(ABC):
    """Agreement of clones and class information of a mixture as smooth functions of sigma."""

    def __init__(self, mixture: MixtureDenoiser) -> None:
        self.log_weights = mixture.log_weights.double().numpy(force=True)

    @abstractmethod
    def agreement(self, sigma: float) -> tuple[float, float]:
        """phi = E sum_k r_k^2 and its standard error."""

    @abstractmethod
    def information(self, sigma: float) -> tuple[float, float]:
        """I(k; x) in nats and its standard error."""


class QuadratureClasses(Classes):
    """Two components of one covariance."""

    def __init__(self, mixture: MixtureDenoiser) -> None:
        super().__init__(mixture)
        means = mixture.means.flatten(1)
        self.separation = Separation.of((means[0] - means[1]) / 2, mixture.covariances[0])
        self.weight = min(float(np.exp(self.log_weights[0])), 1.0)

    def agreement(self, sigma: float) -> tuple[float, float]:
        if self.weight in (0.0, 1.0):
            return 1.0, 0.0
        odds, prior = log_odds(self.separation.squared(sigma)), self.log_weights[0] - self.log_weights[1]
        first, second = (np.tanh((odds + shift) / 2) ** 2 @ GAUSS for shift in (prior, -prior))
        return float(1 + self.weight * first + (1 - self.weight) * second) / 2, 0.0

    def information(self, sigma: float) -> tuple[float, float]:
        return float(class_information(self.separation.squared(sigma), self.weight)), 0.0


class SampledClasses(Classes):
    """Any mixture: means of the exact posterior over noised draws, the same for every noise level."""

    def __init__(self, mixture: MixtureDenoiser, n: int, seed: int) -> None:
        super().__init__(mixture)
        self.mixture, self.x0 = mixture, mixture.sample(n, seed)
        self.noise = normal_batch(seed, "cloning", range(n), self.x0.shape[1:]).to(self.x0)

    def _posterior(self, sigma: float) -> Array:
        with torch.no_grad():
            x = self.x0 + sigma * self.noise
            return self.mixture.responsibilities(x, sigma).double().numpy(force=True)

    def _mean(self, draws: Array) -> tuple[float, float]:
        return float(draws.mean()), float(draws.std(ddof=1) / math.sqrt(draws.size))

    def agreement(self, sigma: float) -> tuple[float, float]:
        return self._mean((self._posterior(sigma) ** 2).sum(1))

    def information(self, sigma: float) -> tuple[float, float]:
        posterior = self._posterior(sigma)
        prior = np.where(np.isfinite(self.log_weights), self.log_weights, 0.0)
        return self._mean((xlogy(posterior, posterior) - posterior * prior).sum(1))


def classes(mixture: MixtureDenoiser, n: int, seed: int) -> Classes:
    """By quadrature for two components of one covariance, else from `n` draws."""
    if len(mixture.covariances) == 2:
        first, second = (covariance.dense() for covariance in mixture.covariances)
        rounding = spectral_rounding(mixture.covariances[0].dim, first.dtype)
        if float((first - second).abs().max()) <= rounding * float(first.abs().max()):
            return QuadratureClasses(mixture)
    return SampledClasses(mixture, n, seed)


def cloning(mixture: MixtureDenoiser, sigmas: npt.ArrayLike, n: int = 4096, seed: int = 0) -> xr.Dataset:
    r"""\( \phi(\sigma) \), how often clones agree in class, and the information I(k; x) on the class, of a mixture.

    Two components of one covariance: by quadrature, `_stderr` 0. Else: the average over noised draws of the mixture,
    the same for every noise level, of the exact posterior ([@Biroli2024]).

    Parameters
    ----------
    mixture : MixtureDenoiser
        Its components are the classes.
    sigmas : array_like
        Noise levels > 0.
    n : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.Dataset
        `phi` and `information` (in nats) over `sigma`, each with its `_stderr`.

    Raises
    ------
    NoiseLevelError
        Unless every sigma is > 0.
    ArgumentError
        Where `n` is below 2.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> cloning(mixture, [1.0]).phi.round(4).item()
    0.7752
    """
    import xarray as xr

    grid = check.positive_sigmas("sigmas", sigmas)
    check.instance("mixture", mixture, MixtureDenoiser)
    found = classes(mixture, check.integer("n", n, 2), check.seed("seed", seed))
    rows = np.array([(*found.agreement(float(s)), *found.information(float(s))) for s in grid])
    names = ("phi", "phi_stderr", "information", "information_stderr")
    return xr.Dataset(
        {name: ("sigma", column) for name, column in zip(names, rows.T, strict=True)},
        coords={"sigma": grid},
        attrs={"reference": "Biroli2024", "n": n} | provenance(seed=seed),
    )
