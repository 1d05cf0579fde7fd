"""The literal equations of the resolvent, as the theorem writes them: what the tests compare with."""

from __future__ import annotations

import numpy as np

from ..._support.types import ArrayLike
from ._feature_constants import FeatureConstants


def reference(
    q: complex, z: complex, spectrum: ArrayLike, constants: FeatureConstants, samples: float, features: float
) -> complex:
    """What is left of the equation of q = tr (U - z)^-1 / p ([@Bonnaire2025], Thm 3.1): 0 where q solves it.

    Parameters
    ----------
    q, z : complex
        The normalised trace and its place.
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    constants : FeatureConstants
        As of `feature_constants`.
    samples, features : float
        psi_n = n / d and psi_p = p / d.

    Returns
    -------
    complex
        The left-hand side.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants, feature_resolvent
    >>> constants = feature_constants(0.5)
    >>> q = feature_resolvent(0.1 + 0.1j, [2.0, 0.5], constants, 8.0, 16.0)
    >>> round(abs(reference(q, 0.1 + 0.1j, [2.0, 0.5], constants, 8.0, 16.0)), 6)
    0.0
    """
    l, k, psi_n, psi_p = np.asarray(spectrum, dtype=np.float64), constants, samples, features
    hs, r, D, hr = k.b**2 * psi_p + 1 / q, 0j, 1 + 0j, 0j
    for _ in range(2000):  # D and r depend on one another
        D = 1 + (k.a * k.signal) ** 2 * psi_p / psi_n * r + k.v2 * psi_p / psi_n * q
        hr = psi_p * (k.a * k.signal) ** 2 / D
        r = 0.5 * r + 0.5 * np.mean(l / (hs + l * hr))
    s = np.mean(1 / (hs + l * hr))
    return complex(psi_p * (k.s2 - z) + psi_p * k.v2 / D + (1 - psi_p) / q - s / q**2)
