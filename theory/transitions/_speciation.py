r"""Speciation, the transition that the largest eigenvalue of the data decides.

In the Ornstein-Uhlenbeck process x_t = e^-t x0 + sqrt(1 - e^-2t) n the covariance C of the data becomes
C e^-2t + (1 - e^-2t) I. Its largest eigenvalue is Lambda e^-2t + 1 - e^-2t: the trajectory commits to a class where
the data's part of it, Lambda e^-2t, comes up to the noise's, which for late times is 1 ([@Biroli2024]):

    Lambda e^{-2 t_S} = 1,    t_S = log(Lambda) / 2,    that is    sigma_S = sqrt(e^{2 t_S} - 1) = sqrt(Lambda - 1).

The criterion is about a clock in which data of variance 1 stay as they are: it depends on the scale of the data, and
there is no speciation where Lambda <= 1. The emergence of a mode, at sigma_k = sqrt(lambda_k), has no preferred scale
(see `mode_emergence`). The two agree for Lambda >> 1, where sqrt(Lambda - 1) and sqrt(Lambda) are the same.
"""

from __future__ import annotations

import math

from ..transition import Law, Transition
from ._spectrum import Source, spectrum

LAW = Law("speciation", equation=r"\Lambda e^{-2t} = 1", reference="Biroli2024", unit="sigma")


def speciation(source: Source) -> Transition:
    r"""Where a backward trajectory commits to a class: \Lambda e^{-2t} = 1 ([@Biroli2024]), in sigma.

    With Lambda the largest eigenvalue of the covariance, sigma_S = sqrt(Lambda - 1). There is no speciation where
    Lambda does not exceed 1. Lambda is computed, to a relative (d + 16) eps of the precision in use: it exceeds 1 only
    where it does so by more than that, so that data of variance 1 have no speciation, however their last bits fall.

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture.

    Returns
    -------
    Transition
        In sigma, without a value where there is no speciation. For data `stderr` is the sampling error of Lambda
        carried over.

    Raises
    ------
    CovarianceError
        Where nothing varies.
    EmptyDataError
        For fewer than two data.

    Examples
    --------
    >>> import torch
    >>> print(speciation(torch.diag(torch.tensor([5.0, 1.0]))))
    speciation: 2 sigma (exact) | alpha_bar 0.2 | OU time 0.8047 | flow time 0.6667 | DDPM step 397
    >>> speciation(torch.eye(2))
    Transition(speciation: no transition (the largest eigenvalue, 1, does not exceed the variance 1 of the noise))
    """
    found = spectrum(source)
    largest, error = float(found.eigenvalues[0]), float(found.eigenvalue_stderr(1)[0])
    if largest - 1 <= found.rounding:
        return LAW.absent(f"the largest eigenvalue, {largest:.4g}, does not exceed the variance 1 of the noise")
    sigma = math.sqrt(largest - 1)
    return LAW.at(sigma, error / (2 * sigma))
