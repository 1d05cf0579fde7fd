"""Two Gaussian classes of one covariance: all depends on their squared separation c^2 in units of the noise.

See `cloning` for the equations. The integrals over z use the trapezoid rule, which for analytic integrands converges
exponentially and here, unlike Gauss-Hermite quadrature, keeps 13 digits at every c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_expit, xlogy

from ..._support import checks as check
from ..._support.types import Array
from ...errors import ArgumentError
from ..covariance import Covariance
from .roots import spectral_rounding

STEP = 0.02
Z = np.arange(-500, 501) * STEP
GAUSS = np.exp(-(Z**2) / 2) * STEP / math.sqrt(2 * math.pi)


def log_odds(c_squared: npt.ArrayLike) -> Array:
    """`(..., z)`: log odds of the true one of two equal classes."""
    squared = check.float_array("c_squared", c_squared)
    if not bool((squared >= 0).all()):
        raise ArgumentError("c_squared", "is negative or NaN", "pass squared separations >= 0")
    squared = np.minimum(squared, 1e12)[..., None]
    return 2 * (squared + np.sqrt(squared) * Z)


def class_information(c_squared: npt.ArrayLike, weight: float = 0.5) -> Array:
    r"""The information I(k; x) in nats that x holds on which of two classes it came from.

    For weight 1/2 it is \( \log 2 + E_z \log S(2 (c^2 + c z)) \), \( S(l) = 1 / (1 + e^{-l}) \),
    from 0 at c = 0 to log 2.

    Parameters
    ----------
    c_squared : array_like
        Squared separations c^2 >= 0 of the classes in units of the noise, any shape.
    weight : float
        Probability of the first class, in [0, 1].

    Returns
    -------
    np.ndarray
        I(k; x) in nats, of the shape of `c_squared`.

    Raises
    ------
    ArgumentError
        Where a separation is negative or `weight` is not a probability.

    Examples
    --------
    >>> class_information([0.0, 1.0, 100.0]).round(4).tolist()
    [0.0, 0.3368, 0.6931]
    """
    weight = check.real("weight", weight, 0.0, 1.0)
    if weight in (0.0, 1.0):
        return np.zeros(np.shape(c_squared))
    prior = math.log(weight / (1 - weight))
    odds = log_odds(c_squared)
    first, second = log_expit(odds + prior) @ GAUSS, log_expit(odds - prior) @ GAUSS
    entropy = -xlogy(weight, weight) - xlogy(1 - weight, 1 - weight)
    return np.maximum(entropy + weight * first + (1 - weight) * second, 0.0)


@dataclass(frozen=True)
class Separation:
    """c^2(sigma) = m^T (C + sigma^2 I)^-1 m = sum_k m_k^2 / (lambda_k + sigma^2) of two classes.

    `eigenvalues` `(r,)` of C and `squares` `(r,)`, the m_k^2 on the eigenvectors along which m is not zero;
    `rounding` is the relative error of the arithmetic.
    """

    eigenvalues: Array
    squares: Array
    rounding: float

    @classmethod
    def of(cls, m: torch.Tensor, covariance: Covariance) -> Separation:
        """From a half difference of means `(d,)`."""
        coefficients, rest = covariance.split(m[None].to(covariance.floor))
        eigenvalues = (covariance.eigenvalues + covariance.floor).double().numpy(force=True)
        squares = coefficients[0].double().square().numpy(force=True)
        if rest is not None:
            eigenvalues = np.append(eigenvalues, float(covariance.floor))
            squares = np.append(squares, float(rest.double().square().sum()))
        rounding = spectral_rounding(covariance.dim, covariance.floor.dtype)
        alive = squares > max(1e-24, rounding**2) * squares.sum()
        return cls(eigenvalues[alive], squares[alive], rounding)

    def squared(self, sigma: npt.ArrayLike) -> Array:
        """c^2 at every `sigma` >= 0."""
        with np.errstate(divide="ignore"):
            return (self.squares / (self.eigenvalues + np.square(sigma)[..., None])).sum(-1)

    def overlap(self) -> bool:
        """Whether c^2(0) <= 1, up to what the rounding of m and of C leaves on it."""
        if self.squares.size == 0:
            return True
        uncertainty = self.rounding * float(self.eigenvalues.max())
        if uncertainty <= 0:
            return False
        lowest = self.squares * (1 - 2 * self.rounding) / (self.eigenvalues.clip(min=0) + uncertainty)
        return float(lowest.sum()) <= 1
