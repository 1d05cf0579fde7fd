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

The integrals over z use the trapezoid rule, which for analytic integrands converges exponentially and here, unlike
Gauss-Hermite quadrature, keeps 13 digits at every c.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import log_expit, xlogy

from ..._support import checks as check
from ..._support.results import provenance
from ..._support.streams import normal_batch
from ...errors import ArgumentError
from ..covariance import Covariance
from ..mixture import MixtureDenoiser

if TYPE_CHECKING:
    import xarray as xr

STEP = 0.02
Z = np.arange(-500, 501) * STEP
GAUSS = np.exp(-(Z**2) / 2) * STEP / math.sqrt(2 * math.pi)


def _log_odds(c_squared: Any) -> np.ndarray:
    """`(..., z)`: log odds of the true one of two equal classes."""
    c_squared = np.asarray(c_squared, dtype=np.float64)
    if not bool((c_squared >= 0).all()):
        raise ArgumentError("c_squared", "is negative or NaN", "pass squared separations >= 0")
    c_squared = np.minimum(c_squared, 1e12)[..., None]
    return 2 * (c_squared + np.sqrt(c_squared) * Z)


def cloning_probability(c_squared: Any) -> np.ndarray:
    r"""\phi = (1 + E_z \tanh(c^2 + c z)) / 2 of two equally likely classes ([@Biroli2024]), for every `c_squared`.

    >>> float(cloning_probability(1.0).round(10))
    0.7752002454
    """
    return (1 + np.tanh(_log_odds(c_squared) / 2) @ GAUSS) / 2


def class_information(c_squared: Any, weight: float = 0.5) -> np.ndarray:
    r"""I(k; x) in nats of two classes, the first of probability `weight`, at the separations `c_squared`.

    For weight 1/2 it is \log 2 + E_z \log S(2 (c^2 + c z)), from 0 at c = 0 to log 2.

    >>> class_information([0.0, 1.0, 100.0]).round(4).tolist()
    [0.0, 0.3368, 0.6931]
    """
    weight = check.real("weight", weight, 0.0, 1.0)
    if weight in (0.0, 1.0):
        return np.zeros(np.shape(c_squared))
    prior = math.log(weight / (1 - weight))
    log_odds = _log_odds(c_squared)
    first, second = log_expit(log_odds + prior) @ GAUSS, log_expit(log_odds - prior) @ GAUSS
    entropy = -xlogy(weight, weight) - xlogy(1 - weight, 1 - weight)
    return np.maximum(entropy + weight * first + (1 - weight) * second, 0.0)


@dataclass(frozen=True)
class Separation:
    """c^2(sigma) = m^T (C + sigma^2 I)^-1 m = sum_k m_k^2 / (lambda_k + sigma^2) of two classes.

    `eigenvalues` `(r,)` of C and `squares` `(r,)`, the m_k^2 on the eigenvectors along which m is not zero.
    """

    eigenvalues: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, m: torch.Tensor, covariance: Covariance) -> Separation:
        """From a half difference of means `(d,)`."""
        coefficients, rest = covariance.split(m[None].to(covariance.floor))
        eigenvalues = (covariance.eigenvalues + covariance.floor).double().numpy(force=True)
        squares = coefficients[0].double().square().numpy(force=True)
        if rest is not None:
            eigenvalues = np.append(eigenvalues, float(covariance.floor))
            squares = np.append(squares, float(rest.double().square().sum()))
        alive = squares > 1e-24 * squares.sum()
        return cls(eigenvalues[alive], squares[alive])

    def squared(self, sigma: Any) -> np.ndarray:
        """c^2 at every `sigma` >= 0."""
        with np.errstate(divide="ignore"):
            return (self.squares / (self.eigenvalues + np.square(sigma)[..., None])).sum(-1)


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
        log_odds, prior = _log_odds(self.separation.squared(sigma)), self.log_weights[0] - self.log_weights[1]
        first, second = (np.tanh((log_odds + shift) / 2) ** 2 @ GAUSS for shift in (prior, -prior))
        return float(1 + self.weight * first + (1 - self.weight) * second) / 2, 0.0

    def information(self, sigma: float) -> tuple[float, float]:
        return float(class_information(self.separation.squared(sigma), self.weight)), 0.0


class SampledClasses(Classes):
    """Any mixture: means of the exact posterior over noised draws, the same for every noise level."""

    def __init__(self, mixture: MixtureDenoiser, n: int, seed: int) -> None:
        super().__init__(mixture)
        self.mixture, self.x0 = mixture, mixture.sample(n, seed)
        self.noise = normal_batch(seed, "cloning", range(n), self.x0.shape[1:]).to(self.x0)

    def _posterior(self, sigma: float) -> np.ndarray:
        with torch.no_grad():
            x = self.x0 + sigma * self.noise
            return self.mixture.responsibilities(x, sigma).double().numpy(force=True)

    def _mean(self, draws: np.ndarray) -> tuple[float, float]:
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
        if torch.equal(first, second):
            return QuadratureClasses(mixture)
    return SampledClasses(mixture, n, seed)


def cloning(mixture: MixtureDenoiser, sigmas: Any, n: int = 4096, seed: int = 0) -> xr.Dataset:
    """phi(sigma) and the class information I(k; x) of a mixture, as a Dataset over `sigma`.

    Two components of one covariance: by quadrature, `_stderr` 0. Else: the average over `n` noised draws of the
    mixture, the same for every noise level, of the exact posterior. Raises NoiseLevelError unless every sigma > 0.

    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> cloning(mixture, [1.0]).phi.round(4).item()
    0.7752
    """
    import xarray as xr

    grid = check.positive_sigmas("sigmas", sigmas)
    found = classes(mixture, check.integer("n", n, 2), seed)
    rows = np.array([(*found.agreement(float(s)), *found.information(float(s))) for s in grid])
    names = ("phi", "phi_stderr", "information", "information_stderr")
    return xr.Dataset(
        {name: ("sigma", column) for name, column in zip(names, rows.T)},
        coords={"sigma": grid},
        attrs={"reference": "Biroli2024", "n": n} | provenance(seed=seed),
    )
