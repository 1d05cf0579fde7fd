r"""Collapse: below which noise level does the optimum for n data know which datum it came from?

Of n training points, x = x0 + sigma n singles out one as soon as it carries more information on x0 than a choice
among n can hold. That is the collapse of [@Biroli2024] in a form that needs no clock (there the excess entropy
density f(t) of the empirical measure, with d f = log n - I, vanishes at t_C):

    I(x0; x_sigma) = log n.

Of all distributions with a covariance C the Gaussian has the largest I, so that the root of

    I_G(sigma) = 1/2 sum_k log(1 + lambda_k / sigma^2) = log n

lies above the true sigma_C (both sides fall with sigma): a bound from the spectrum alone, sharp for Gaussian data.
For lambda_k = v in all d dimensions it is t_C = log(1 + v / (n^{2/d} - 1)) / 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import brentq

from .. import _checks as check
from ..errors import ArgumentError
from ._spectrum import Spectrum, spectrum
from .noise import NoiseLevel
from .transition import Transition

CRITERIA = ("gaussian",)


def gaussian_information(source: Any, sigma: Any) -> np.ndarray:
    r"""I_G(\sigma) = \tfrac12 \sum_k \log(1 + \lambda_k / \sigma^2) in nats, for every entry of `sigma` > 0.

    The information of x on x0 for Gaussian data, and an upper bound on it for all data of that covariance.

    >>> import torch
    >>> gaussian_information(torch.eye(2), [1.0]).round(4)
    array([0.6931])
    """
    grid = check.positive_sigmas("sigma", sigma)
    log_ratio = np.log(spectrum(source).eigenvalues)[:, None] - 2 * np.log(grid)
    return np.logaddexp(log_ratio, 0.0).sum(0) / 2


def _gaussian(found: Spectrum, n_train: int) -> Transition:
    eigenvalues, log_n = found.eigenvalues, math.log(n_train)

    def excess(log_sigma: float) -> float:
        return float(np.logaddexp(np.log(eigenvalues) - 2 * log_sigma, 0.0).sum() / 2 - log_n)

    low = math.log(eigenvalues[0]) / 2 - log_n
    high = math.log(eigenvalues.sum() / (2 * log_n)) / 2
    sigma = math.exp(float(brentq(excess, low - 1e-9, high + 1e-9, xtol=1e-13)))  # type: ignore[arg-type]
    shrunk = eigenvalues + sigma**2
    slope = float((eigenvalues / shrunk).sum()) / sigma
    return Transition(
        "collapse",
        NoiseLevel(sigma),
        sigma,
        found.stderr(0.5 / shrunk) / slope,
        "sigma",
        r"\tfrac12 \sum_k \log(1 + \lambda_k / \sigma^2) = \log n",
        "Biroli2024",
        "the Gaussian bound: the collapse of data with this covariance lies at this noise level or below",
    )


def collapse(source: Any, n_train: int | None = None, criterion: str = "gaussian") -> Transition:
    r"""The noise level below which the optimum for `n_train` data has collapsed on single ones ([@Biroli2024]).

    `source`: data `(n, *event)` (then `n_train` defaults to n), a covariance or a `MixtureDenoiser`.

    "gaussian"   I_G(sigma) = log n: an upper bound from the spectrum, exact for Gaussian data.

    `stderr` is the sampling error of the spectrum of data. Raises ArgumentError for n_train < 2 or missing,
    CovarianceError where nothing varies.

    >>> import torch
    >>> print(collapse(torch.eye(256), n_train=20000))
    collapse: 3.526 sigma (exact) | alpha_bar 0.07445 | OU time 1.299 | flow time 0.779 | DDPM step 505.3
    """
    check.choice("criterion", criterion, CRITERIA)
    found = spectrum(source)
    n_train = found.n if n_train is None else n_train
    if n_train is None:
        raise ArgumentError("n_train", "is missing", "pass the number of training data, as the source has none")
    return _gaussian(found, check.integer("n_train", n_train, 2))
