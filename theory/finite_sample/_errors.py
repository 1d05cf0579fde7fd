"""Test, train and disagreement errors of the Gaussian optimum of n samples, by deterministic equivalents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ._kappa import check_sigma, check_spectrum, scaled_level, solve


@dataclass(frozen=True)
class FiniteSampleErrors:
    """Errors of the Gaussian optimum of n samples at one noise level, sums over all dimensions.

    Parameters
    ----------
    kappa : float
        The noise level squared as which sigma^2 acts.
    df1, df2 : float
        Degrees of freedom, sum c / (c + kappa) and sum c^2 / (c + kappa)^2.
    test : float
        E|y - W (y + sigma z)|^2 on new data.
    train : float
        The same on the training data, sigma^2 df1.
    optimum : float
        The same of the optimum of infinitely many samples.
    disagreement : float
        E|W_1 x - W_2 x|^2 of the optima of two disjoint training sets, on x of the noised distribution.
    stderr : mapping of str to float
        Standard errors of these by the sampling error of the spectrum; empty for an exact spectrum.

    Examples
    --------
    >>> found = errors([4.0] * 10 + [1.0] * 40 + [0.04] * 150, n=200, sigma=1.0)
    >>> round(found.test, 6), round(found.train, 6), round(found.optimum, 6)
    (36.932475, 30.946151, 33.769231)
    """

    kappa: float
    df1: float
    df2: float
    test: float
    train: float
    optimum: float
    disagreement: float
    stderr: Mapping[str, float] = field(default_factory=dict)


NAMES = ("kappa", "df1", "df2", "test", "train", "optimum", "disagreement")


def errors(spectrum: ArrayLike, n: int, sigma: float, *, spectrum_n: int | None = None) -> FiniteSampleErrors:
    r"""What the Gaussian optimum of n samples misses, expected over training sets, from the spectrum alone.

    With kappa of `kappa`, p = c / (c + kappa), q = 1 - p, G = sum c q^2 and s = sigma^2 / kappa = 1 - df1 / n
    [@Dobriban2018; @Hastie2022]

        test          G [n + s (df1 - df2)] / (n - df2) + s sum c p q
        train         s sum c q = sigma^2 df1
        disagreement  2 G [df2 + s (df1 - df2)] / (n - df2)
        optimum       sum sigma^2 c / (c + sigma^2)

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance.
    n : int
        Number of samples, at least 2; pass n - 1 where the mean is fitted too.
    sigma : float
        Noise level, from 0 to inf.
    spectrum_n : int, optional
        How many (Gaussian) data the spectrum was measured on. Then the result carries standard errors to first order:
        eigenvalues of a sample scatter independently with variance 2 c_k^2 / spectrum_n. The bias of sample
        eigenvalues, which spread, is of order d / spectrum_n and not in it.

    Returns
    -------
    FiniteSampleErrors
        All of these, sums over dimensions.

    Raises
    ------
    ArgumentError
        For n or spectrum_n < 2, or a sigma that is negative or NaN.
    CovarianceError, EmptyDataError
        For negative eigenvalues beyond rounding, or none above 0.
    ShapeError, NotFiniteError
        For a spectrum that is not (d,) finite numbers.

    Examples
    --------
    >>> round(errors([4.0] * 10 + [1.0] * 40 + [0.04] * 150, n=50, sigma=0.2).disagreement, 6)
    23.7957
    >>> round(errors([1.0] * 100, n=200, sigma=1.0, spectrum_n=1000).stderr["test"], 3)
    0.142
    """
    spectrum, n, sigma = check_spectrum(spectrum), check.integer("n", n, 2), check_sigma(sigma)
    top = float(spectrum.max())
    scaled, level = spectrum / top, scaled_level(sigma, top)
    with np.errstate(over="ignore"):
        values = evaluated(scaled, float(n), level) * _units(top)
    stderr: dict[str, float] = {}
    if spectrum_n is not None:
        spread = math.sqrt(2 / check.integer("spectrum_n", spectrum_n, 2))
        gradient = _gradient(scaled, float(n), level) * _units(top)[:, None]
        stderr = dict(zip(NAMES, (spread * np.sqrt(np.square(gradient * scaled).sum(1))).tolist(), strict=True))
    return FiniteSampleErrors(*values.tolist(), stderr=stderr)


def _units(top: float) -> Array:
    return np.array([top, 1.0, 1.0, top, top, top, top])


def evaluated(spectrum: Array, n: float, level: float) -> Array:
    """The quantities of NAMES for a spectrum of positive numbers."""
    value = solve(spectrum, n, level)
    total = float(spectrum.sum())
    if math.isinf(value):
        return np.array([math.inf, 0.0, 0.0, total, total, total, 0.0])
    share = level / value if value > 0 else 1 - len(spectrum) / n
    kept = spectrum / (spectrum + value)
    removed = value / (spectrum + value)
    optimum = float((level * spectrum / (spectrum + level)).sum())
    df1, df2, mixed = float(kept.sum()), float(kept @ kept), float(kept @ removed)
    G = float(spectrum @ np.square(removed))
    free = n * share + mixed  # n - df2, without cancellation
    spill = G / free if G > 0 else 0.0
    test = spill * (n + share * mixed) + share * float((spectrum * kept) @ removed)
    train = share * float(spectrum @ removed)
    return np.array([value, df1, df2, test, train, optimum, 2 * spill * (df2 + share * mixed)])


def _gradient(spectrum: Array, n: float, level: float) -> Array:
    """d quantities / d eigenvalues (quantities, d); kappa moves along by the implicit function theorem."""
    start = solve(spectrum, n, level)
    c = torch.tensor(spectrum, requires_grad=True)
    if math.isinf(start) or start == 0:
        found = torch.zeros(len(NAMES), len(spectrum), dtype=torch.float64)
        if math.isinf(start):  # there only the total variance is left
            found[3:6] = 1.0
        return found.numpy()
    slope = 1 - float(np.square(spectrum / (spectrum + start)).sum()) / n
    value = start - (start * (1 - (c / (c + start)).sum() / n) - level) / slope
    kept, removed = c / (c + value), value / (c + value)
    df1, df2, mixed = kept.sum(), kept.square().sum(), (kept * removed).sum()
    share, G = level / value, (c * removed.square()).sum()
    spill = G / (n * share + mixed)
    test = spill * (n + share * mixed) + share * (c * kept * removed).sum()
    train = share * (c * removed).sum()
    optimum = (level * c / (c + level)).sum()
    rows = (value, df1, df2, test, train, optimum, 2 * spill * (df2 + share * mixed))
    slopes = [torch.autograd.grad(row, c, retain_graph=True)[0] for row in rows]
    return torch.stack(slopes).numpy()
