"""Do the samplers of two disjoint training sets draw the same from the same noise? The cosine, from the spectrum."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ._kappa import check_spectrum, solve

STEP = 0.4  # in log sigma: the trapezoidal rule misses exp(-pi^2 / step) = 2e-11, the strip of analyticity is pi / 2
TAIL = 14.0  # beyond so many units of log sigma from the spectrum the two ends are added by their power laws


def sample_cosine(spectrum: ArrayLike, n: int) -> float:
    r"""Expected cosine of two samples from the same noise by the Gaussian optima of two disjoint sets of n data.

    The deterministic sampler of a Gaussian optimum, taken to sigma = 0, draws C_n^(1/2) z. With
    C^(1/2) = (2 / pi) int_0^inf C (C + s^2)^-1 ds and the mean optimum C (C + kappa(s))^-1 under the integral,

        E C_n^(1/2) = S,  S_k = (2 / pi) int_0^inf c_k / (c_k + kappa(s)) ds,   cosine = sum S_k^2 / sum c_k,

    the prediction of the spectrum alone for what [@Zhang2024] see of networks.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance.
    n : int
        Size of each training set, at least 2; pass n - 1 where the mean is fitted too.

    Returns
    -------
    float
        Between 0 and 1; 1 for n = inf.

    Raises
    ------
    ArgumentError
        For n < 2.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> round(sample_cosine([1.0] * 50, 50), 6), round((8 / (3 * math.pi)) ** 2, 6)
    (0.720506, 0.720506)
    """
    spectrum, n = check_spectrum(spectrum), check.integer("n", n, 2)
    return cosine(spectrum / spectrum.max(), float(n))


def cosine(spectrum: Array, n: float) -> float:
    """The cosine for a spectrum of positive numbers, the largest 1."""
    root = np.zeros_like(spectrum)
    for weight, value in _rule(spectrum, n):
        root += weight * (spectrum / (spectrum + value))
    root += _beyond(spectrum)
    root *= 2 / math.pi
    return float(root @ root / spectrum.sum())


def _nodes(spectrum: Array) -> Array:
    low, high = math.log(float(spectrum.min())) / 2, 0.0
    count = math.ceil((high - low + 2 * TAIL) / STEP)
    return np.exp(low - TAIL + STEP * np.arange(count + 1))


def _beyond(spectrum: Array) -> Array:
    """The sum over the nodes above the last one, where c / (c + kappa) = c / s^2."""
    return STEP / math.expm1(STEP) * spectrum / _nodes(spectrum)[-1]


def _rule(spectrum: Array, n: float) -> list[tuple[float, float]]:
    """Weights of the trapezoidal rule in log s and kappa at its nodes, from the highest noise level down."""
    nodes, rule, value = _nodes(spectrum), [], None
    weights = STEP * nodes
    # at both ends the integrand is a power of s: the sums over the nodes left out are geometric series
    weights[0] += weights[0] / math.expm1(STEP)
    for s, weight in zip(nodes[::-1].tolist(), weights[::-1].tolist(), strict=True):
        value = solve(spectrum, n, s * s, None if value is None else value)
        rule.append((weight, value))
    return rule


def sample_cosine_stderr(spectrum: ArrayLike, n: int, spectrum_n: int) -> float:
    """The standard error of `sample_cosine` by the sampling error of a spectrum measured on `spectrum_n` Gaussian data.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance, measured.
    n : int
        Size of each training set, at least 2.
    spectrum_n : int
        Number of data behind the spectrum, at least 2; its eigenvalues scatter with variance 2 c_k^2 / spectrum_n.

    Returns
    -------
    float
        To first order in 1 / spectrum_n.

    Raises
    ------
    ArgumentError
        For n or spectrum_n < 2.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> sample_cosine_stderr([1.0] * 20, 40, 500) < 1e-6  # scaling all eigenvalues changes nothing
    True
    >>> round(sample_cosine_stderr([4.0] * 10 + [1.0] * 40, 40, 500), 4)
    0.0019
    """
    spectrum, n = check_spectrum(spectrum), check.integer("n", n, 2)
    spread = math.sqrt(2 / check.integer("spectrum_n", spectrum_n, 2))
    scaled = spectrum / spectrum.max()
    c = torch.tensor(scaled, requires_grad=True)
    root = c * torch.tensor(_beyond(scaled) / scaled)
    for weight, start in _rule(scaled, float(n)):
        if start == 0:
            root = root + weight
            continue
        kept = scaled / (scaled + start)
        moved = start + start * ((c / (c + start)).sum() - float(kept.sum())) / n / (1 - float(kept @ kept) / n)
        root = root + weight * (c / (c + moved))
    value = (2 / math.pi * root).square().sum() / c.sum()
    gradient = torch.autograd.grad(value, c)[0]
    return float(spread * (gradient * c.detach()).square().sum().sqrt())
