r"""Transitions that the spectrum of the data decides: speciation, and the emergence of every eigenmode.

In the Ornstein-Uhlenbeck process x_t = e^-t x0 + sqrt(1 - e^-2t) n the covariance C of the data becomes
C e^-2t + (1 - e^-2t) I. Its largest eigenvalue is Lambda e^-2t + 1 - e^-2t: the trajectory commits to a class where
the data's part of it, Lambda e^-2t, comes up to the noise's, which for late times is 1 ([@Biroli2024]):

    Lambda e^{-2 t_S} = 1,    t_S = log(Lambda) / 2,    that is    sigma_S = sqrt(e^{2 t_S} - 1) = sqrt(Lambda - 1).

The criterion is about a clock in which data of variance 1 stay as they are: it depends on the scale of the data, and
there is no speciation where Lambda <= 1. The Wiener filter D_G = mu + sum_k g_k u_k u_k . (x - mu) has the gain
g_k = lambda_k / (lambda_k + sigma^2) on mode k, so that mode k emerges, on any scale, at

    g_k = 1/2,    that is    sigma_k = sqrt(lambda_k).

The two agree for Lambda >> 1, where sqrt(Lambda - 1) and sqrt(Lambda) are the same.
"""

from __future__ import annotations

import math
from typing import Any

from ..._support import checks as check
from ..transition import Transition
from ._spectrum import spectrum
from .roots import at_sigma, none

SPECIATION = r"\Lambda e^{-2t} = 1"


def speciation(source: Any) -> Transition:
    r"""Where a backward trajectory commits to a class: \Lambda e^{-2t} = 1 ([@Biroli2024]), in sigma.

    `source`: data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a `MixtureDenoiser`. With
    Lambda the largest eigenvalue, sigma_S = sqrt(Lambda - 1). For data `stderr` is the sampling error of Lambda
    carried over. Raises CovarianceError where nothing varies, EmptyDataError for fewer than two data.

    >>> import torch
    >>> print(speciation(torch.diag(torch.tensor([5.0, 1.0]))))
    speciation: 2 sigma (exact) | alpha_bar 0.2 | OU time 0.8047 | flow time 0.6667 | DDPM step 397
    """
    found = spectrum(source)
    largest, error = float(found.eigenvalues[0]), float(found.eigenvalue_stderr(1)[0])
    if largest <= 1:
        note = f"the largest eigenvalue, {largest:.4g}, does not exceed the variance 1 of the noise"
        return none("speciation", SPECIATION, "Biroli2024", note)
    sigma = math.sqrt(largest - 1)
    return at_sigma("speciation", sigma, error / (2 * sigma), SPECIATION, "Biroli2024")


def mode_emergence(source: Any, n_modes: int | None = None) -> list[Transition]:
    r"""Where each eigenmode of the data emerges from the noise: sigma_k = sqrt(lambda_k), largest first.

    The Wiener gain \lambda_k / (\lambda_k + \sigma^2) passes 1/2 there ([@Wang2024]). `source` as in `speciation`;
    `n_modes` limits the list to the first ones, modes of variance zero never emerge and are left out.

    >>> import torch
    >>> [mode.value for mode in mode_emergence(torch.diag(torch.tensor([1.0, 9.0, 4.0])), n_modes=2)]
    [3.0, 2.0]
    """
    found = spectrum(source)
    count = found.eigenvalues.size if n_modes is None else check.integer("n_modes", n_modes, 1)
    modes = []
    for k, (eigenvalue, error) in enumerate(zip(found.eigenvalues[:count], found.eigenvalue_stderr(count)), 1):
        sigma = math.sqrt(eigenvalue)
        equation = rf"\lambda_{{{k}}} / (\lambda_{{{k}}} + \sigma^2) = 1/2"
        modes.append(at_sigma(f"mode {k}", sigma, float(error) / (2 * sigma), equation, "Wang2024"))
    return modes
