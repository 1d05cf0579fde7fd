"""Where a finite sample stops to matter: how many samples agree, below which noise level n of them over-fit."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks as check
from ..._support.types import ArrayLike
from ..noise import NoiseLevel
from ..transition import Transition
from ..transitions.roots import root
from ._errors import evaluated
from ._kappa import check_spectrum
from ._sample_cosine import cosine as cosine_of


def agreement_size(spectrum: ArrayLike, cosine: float = 0.9) -> Transition:
    r"""The number n of samples at which the optima of two disjoint sets draw samples of a given cosine.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance.
    cosine : float
        The cosine of `sample_cosine` that counts as agreement, between 0 and 1.

    Returns
    -------
    Transition
        Its clock is the size of each set; without a value where two samples agree as much already.

    Raises
    ------
    ArgumentError
        For a cosine that is not inside (0, 1).
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> round(agreement_size([1.0] * 100, (8 / (3 * math.pi)) ** 2).value, 3)
    100.0
    """
    spectrum = check_spectrum(spectrum)
    cosine = check.real("cosine", cosine, 1e-12, 1 - 1e-9)
    scaled = spectrum / spectrum.max()
    equation = r"\sum_k S_k(n)^2 = \mathrm{cosine}\,\sum_k c_k"
    name, unit = f"two disjoint sets agree to {cosine:g}", "samples"

    def missing(n: float) -> float:
        return cosine - cosine_of(scaled, n)

    high = 2.0 * len(scaled) + 2
    if missing(2.0) <= 0:
        return Transition(name, None, None, 0.0, unit, equation, "Zhang2024", "2 samples agree as much already")
    while missing(high) > 0:
        high *= 8
    return Transition(name, None, root(missing, 2.0, high), 0.0, unit, equation, "Zhang2024")


def overfitting_noise(spectrum: ArrayLike, n: int, excess: float = 1.0) -> Transition:
    r"""The noise level below which the optimum of n samples over-fits: its test error is (1 + excess) times the best.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance.
    n : int
        Number of samples, at least 2.
    excess : float
        By which share the test error exceeds that of the optimum of infinitely many samples; > 0.

    Returns
    -------
    Transition
        The highest such sigma; without a value where n samples never over-fit so much.

    Raises
    ------
    ArgumentError
        For n < 2 or an excess that is not > 0.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> overfitting_noise([4.0] * 10 + [1.0] * 40 + [0.04] * 150, 50)
    Transition(over-fitting of 50 samples: 0.5135 sigma (exact))
    """
    spectrum, n = check_spectrum(spectrum), check.integer("n", n, 2)
    excess = check.real("excess", excess, math.ulp(0.0))
    top = float(spectrum.max())
    scaled = spectrum / top

    def above(sigma: float) -> float:
        found = evaluated(scaled, float(n), sigma * sigma)
        return math.log(found[3] / found[5]) - math.log1p(excess)

    equation = r"\mathrm{test}(\sigma) = (1 + \epsilon)\,\sum_k \sigma^2 c_k / (c_k + \sigma^2)"
    name = f"over-fitting of {n} samples"
    grid = np.geomspace(1e6 * math.sqrt(len(scaled)), 1e-6 * math.sqrt(float(scaled.min())), 400).tolist()
    passed = next((k for k, sigma in enumerate(grid) if above(sigma) > 0), None)
    if not passed:
        note = f"at no noise level the test error exceeds the optimum by {excess:g}"
        return Transition(name, None, None, 0.0, "sigma", equation, "Hastie2022", note)
    sigma = math.sqrt(top) * root(above, grid[passed], grid[passed - 1])
    return Transition(name, NoiseLevel(sigma), sigma, 0.0, "sigma", equation, "Hastie2022")
