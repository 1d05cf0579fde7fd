"""The noise that a finite sample adds to a linear denoiser: kappa, the root of one equation in the spectrum."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import CovarianceError, EmptyDataError, NoiseLevelError, ShapeError


def kappa(spectrum: ArrayLike, n: int, sigma: float) -> float:
    r"""The noise level squared as which sigma^2 acts on the optimum of n samples, kappa >= sigma^2.

    The root of kappa = sigma^2 + (kappa / n) sum_k c_k / (c_k + kappa) [@Dobriban2018]: on the average over training
    sets the Gaussian optimum C_n (C_n + sigma^2)^-1 of n samples is C (C + kappa)^-1. At sigma = 0 it is 0 where the
    samples span all directions, and positive where they do not.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues c_k >= 0 of the covariance C, in any order; those below the rounding of the largest count as 0.
    n : int
        Number of samples, at least 2; pass n - 1 where the mean is fitted too.
    sigma : float
        Noise level, from 0 to inf.

    Returns
    -------
    float
        kappa, in the unit of the spectrum; inf at sigma = inf.

    Raises
    ------
    ArgumentError
        For n < 2 or a sigma that is negative or NaN.
    CovarianceError
        For eigenvalues that are negative beyond rounding.
    EmptyDataError
        Where all eigenvalues are 0.
    ShapeError, NotFiniteError
        For a spectrum that is not (d,) finite numbers.

    Examples
    --------
    >>> round(kappa([4.0] * 10 + [1.0] * 40 + [0.04] * 150, 50, 0.2), 8)
    0.51405964
    """
    spectrum, n, sigma = check_spectrum(spectrum), check.integer("n", n, 2), check_sigma(sigma)
    top = spectrum.max()
    return float(top * solve(spectrum / top, n, scaled_level(sigma, top)))


def check_spectrum(spectrum: ArrayLike) -> Array:
    """The positive eigenvalues of `spectrum`, float64."""
    values = check.as_float_tensor("spectrum", spectrum).detach().cpu().double().numpy()
    if values.ndim != 1 or values.size == 0:
        raise ShapeError("spectrum", f"has shape {values.shape}", "pass the eigenvalues of the covariance, (d,)")
    top, low = float(values.max()), float(values.min())
    rounding = max(1e-10, values.size * float(np.finfo(np.float64).eps)) * max(top, -low)
    if low < -rounding:
        raise CovarianceError("spectrum", f"holds a negative eigenvalue ({low:.3g})", "pass that of a covariance")
    positive = values[values > values.size * np.finfo(np.float64).eps * top]
    if top <= 0 or not positive.size:
        raise EmptyDataError("spectrum", "holds zeros only", "pass data that vary")
    return positive


def check_sigma(sigma: float) -> float:
    """A noise level from 0 to inf."""
    value = check.float_array("sigma", sigma)
    if value.ndim or not value >= 0:
        raise NoiseLevelError("sigma", f"is {sigma}", "pass a noise level >= 0")
    return float(value)


def scaled_level(sigma: float, top: float) -> float:
    """sigma^2 / top without overflow on the way."""
    ratio = sigma / math.sqrt(top)
    return ratio * ratio


def solve(spectrum: Array, n: float, level: float, start: float | None = None) -> float:
    """The root for a spectrum of positive numbers and level = sigma^2.

    F(kappa) = kappa (1 - df1 / n) - level is convex and F > 0 above its largest root, so that Newton's iteration from
    above falls on it without a bracket; `start` is any value above.
    """
    if math.isinf(level):
        return math.inf
    if level == 0 and n >= len(spectrum):
        return 0.0
    value = level + float(spectrum.sum()) / n if start is None else start
    spare = n - len(spectrum)
    for _ in range(4000):  # linear, by halves, only where n = rank and sigma is next to 0
        removed = value / (spectrum + value)
        slope = spare + float(removed @ (2 - removed))  # n - df2, and below n - df1, without cancellation
        step = (value * (spare + float(removed.sum())) - n * level) / slope
        if not step > 4e-16 * value:
            break
        value -= step
    return max(value, level)
