r"""The four numbers through which an activation enters: Gaussian averages, by Gauss-Hermite quadrature.

Features are phi(w . x_t / sqrt d) of x_t = c x + sqrt(Delta) n, the noised image on the clock of Ornstein and
Uhlenbeck, where w . x / sqrt d = sqrt(m) u and w . n / sqrt d = v are normal, m the mean variance of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, expit

from ..._support import checks as check
from ..._support.types import Array
from ...errors import ArgumentError
from ..noise import NoiseLevel

Activation = Callable[[Array], Array]
NODES = 160


def _silu(x: Array) -> Array:
    return x * expit(x)


def _erf(x: Array) -> Array:
    return np.asarray(erf(x))


ACTIVATIONS: dict[str, Activation] = {"tanh": np.tanh, "erf": _erf, "sin": np.sin, "silu": _silu}


@dataclass(frozen=True)
class FeatureConstants:
    """What the spectrum of random features needs to know of the activation and of the noise [@Bonnaire2025].

    Parameters
    ----------
    a : float
        The linear part of the activation, E phi(Gamma g) g / Gamma.
    b : float
        The linear part in the noise, sqrt(Delta) a.
    v2 : float
        Variance of the part that is not linear in a datum and survives the noise: what can be memorised.
    s2 : float
        Variance of the part that the noise makes anew at every draw: what holds memory back.
    signal : float
        c = 1 / sqrt(1 + sigma^2), the factor of the image in the noised image.
    noise : float
        Delta = sigma^2 / (1 + sigma^2), the variance of its noise.

    Examples
    --------
    >>> found = feature_constants(NoiseLevel.from_ou_time(0.01))
    >>> round(found.v2, 9), round(found.s2, 9)
    (0.025541776, 0.00187355)
    """

    a: float
    b: float
    v2: float
    s2: float
    signal: float
    noise: float


def feature_constants(
    noise: NoiseLevel | float, activation: str | Activation = "tanh", variance: float = 1.0
) -> FeatureConstants:
    r"""a, b, v2 and s2 of an activation at a noise level, by quadrature with 160 nodes ([@Bonnaire2025], Thm 3.1).

    With Gamma^2 = c^2 m + Delta and f(u) = E_v phi(c u + sqrt(Delta) v), u ~ N(0, m), v ~ N(0, 1):

        a = E[phi(Gamma g) g] / Gamma,    v2 = E f^2 - a^2 c^2 m - (E f)^2,    s2 = E phi(Gamma g)^2 - E f^2 - Delta a^2

    Parameters
    ----------
    noise : NoiseLevel or float
        The noise level, or its sigma; above 0 and finite.
    activation : str or callable
        "tanh", "erf", "sin" or "silu", or a smooth function of an array. A kink makes the quadrature inexact.
    variance : float
        m > 0, mean variance of the data per dimension, tr C / d.

    Returns
    -------
    FeatureConstants
        The constants; to 1e-9 for the named activations.

    Raises
    ------
    NoiseLevelError
        At sigma = 0 or inf, where nothing is left to learn.
    UnknownNameError
        For an activation of another name.
    ArgumentError
        For a variance that is not > 0, or an activation that is not finite.

    Examples
    --------
    >>> found = feature_constants(NoiseLevel.from_ou_time(0.1))
    >>> round(found.a, 8), round(found.b, 8), round(found.v2, 8), round(found.s2, 8)
    (0.60570551, 0.25788352, 0.01384145, 0.01357387)
    """
    sigma = check.positive_sigma("noise", noise.sigma if isinstance(noise, NoiseLevel) else noise)
    phi = (
        ACTIVATIONS[check.choice("activation", activation, ACTIVATIONS)]
        if isinstance(activation, str)
        else check.function("activation", activation, "activation(array)")
    )
    m = check.real("variance", variance, 0.0)
    if m == 0:
        raise ArgumentError("variance", "is 0", "pass data that vary")
    c, delta = 1 / np.sqrt(1 + sigma**2), sigma**2 / (1 + sigma**2)
    x, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    gamma = np.sqrt(c**2 * m + delta)
    whole = np.asarray(phi(gamma * x), dtype=np.float64)
    inner = np.asarray(phi(c * np.sqrt(m) * x[:, None] + np.sqrt(delta) * x), dtype=np.float64)
    if whole.shape != x.shape or not (np.isfinite(whole).all() and np.isfinite(inner).all()):
        raise ArgumentError("activation", "does not map an array to finite numbers", "pass an elementwise function")
    f = inner @ weights
    a = float(weights @ (whole * x)) / gamma
    mean, square = float(weights @ f), float(weights @ f**2)
    v2 = max(square - a**2 * c**2 * m - mean**2, 0.0)
    s2 = max(float(weights @ whole**2) - square - delta * a**2, 0.0)
    return FeatureConstants(float(a), float(np.sqrt(delta) * a), float(v2), float(s2), float(c), float(delta))
