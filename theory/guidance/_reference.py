"""The universal equation of guidance, literally: what the tests compare with."""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import solve_ivp


def reference(w: float, u_max: float, interval: tuple[float, float] = (0.0, math.inf)) -> tuple[float, float]:
    """Mean and variance of y after dy/du = w (1 - tanh(u^2 + u y)), guidance on in `interval`, y(0) ~ N(0, 1).

    Parameters
    ----------
    w : float
        Weight of the guidance.
    u_max : float
        Where u ends, finite.
    interval : (float, float)
        The u between which guidance is on.

    Returns
    -------
    (float, float)
        Mean and variance, to six digits.

    Examples
    --------
    >>> [round(value, 5) for value in reference(1.0, 0.5)]
    [0.42984, 0.80486]
    """
    starts, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    low, high = min(interval[0], u_max), min(interval[1], u_max)

    def slope(u: float, y: np.ndarray) -> np.ndarray:
        return w * (1 - np.tanh(u**2 + u * y))

    ends = np.array([solve_ivp(slope, (low, high), [y0], rtol=1e-8, atol=1e-10).y[0, -1] for y0 in starts])
    mean = float(weights @ ends)
    return mean, float(weights @ (ends - mean) ** 2)
