"""The literal formulas of the finite sample, by matrices: what the tests compare with."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from ..._support.types import ArrayLike
from ._errors import FiniteSampleErrors


def reference(spectrum: ArrayLike, n: int, sigma: float) -> FiniteSampleErrors:
    """The errors of `errors` as the derivation writes them, with matrices, in float64; n >= 2, 0 < sigma < inf.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance.
    n : int
        Number of samples.
    sigma : float
        Noise level.

    Returns
    -------
    FiniteSampleErrors
        All quantities, without standard errors.

    Examples
    --------
    >>> found = reference([4.0] * 10 + [1.0] * 40 + [0.04] * 150, n=1000, sigma=1.0)
    >>> round(found.kappa, 8), round(found.test, 8), round(found.disagreement, 8)
    (1.03433236, 34.36003802, 1.16677406)
    """
    c = np.asarray(spectrum, dtype=np.float64)
    C, one, level = np.diag(c), np.eye(len(c)), sigma**2
    kappa = brentq(lambda k: level + k / n * (c / (c + k)).sum() - k, level, level + c.sum() / n, xtol=1e-300)
    assert isinstance(kappa, float)
    G, tr = np.linalg.inv(C + kappa * one), np.trace
    df1, df2 = tr(C @ G), tr(C @ G @ C @ G)

    def twice(B: np.ndarray) -> float:
        """sigma^4 tr R B R."""
        return kappa**2 * (tr(G @ B @ G) + tr(G @ C @ G) * tr(B @ G @ C @ G) / (n - df2))

    noise = level * (len(c) - 2 * kappa * tr(G) + twice(one))
    apart = 2 * kappa**2 * tr(G @ C @ G) * tr((C + level * one) @ G @ C @ G) / (n - df2)
    optimum = tr(level * C @ np.linalg.inv(C + level * one))
    train = level * (kappa * tr(G) - twice(one)) + noise
    a, b, c1, d, e, f, g = (float(x) for x in (kappa, df1, df2, twice(C) + noise, train, optimum, apart))
    return FiniteSampleErrors(a, b, c1, d, e, f, g)
