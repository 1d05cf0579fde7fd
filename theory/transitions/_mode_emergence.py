r"""The emergence of every eigenmode of the data.

The Wiener filter D_G = mu + sum_k g_k u_k u_k . (x - mu) has the gain g_k = lambda_k / (lambda_k + sigma^2) on mode k,
so that mode k emerges, on any scale, at

    g_k = 1/2,    that is    sigma_k = sqrt(lambda_k).
"""

from __future__ import annotations

import math

from ..._support import checks as check
from ..transition import Law, Transition
from ._spectrum import Source, spectrum


def mode_emergence(source: Source, n_modes: int | None = None) -> list[Transition]:
    r"""Where each eigenmode of the data emerges from the noise: sigma_k = sqrt(lambda_k), largest first.

    The Wiener gain \( \lambda_k / (\lambda_k + \sigma^2) \) passes 1/2 there ([@Wang2024]).

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture.
    n_modes : int, optional
        How many of the first modes; by default all. Modes of variance zero never emerge and are left out.

    Returns
    -------
    list of Transition
        In sigma. For data `stderr` is the sampling error of lambda_k carried over.

    Raises
    ------
    ArgumentError
        Where `n_modes` is not a whole number >= 1.
    CovarianceError
        Where nothing varies.
    EmptyDataError
        For fewer than two data.

    Examples
    --------
    >>> import torch
    >>> [round(mode.value, 6) for mode in mode_emergence(torch.diag(torch.tensor([1.0, 9.0, 4.0])), n_modes=2)]
    [3.0, 2.0]
    """
    found = spectrum(source)
    count = found.eigenvalues.size if n_modes is None else check.integer("n_modes", n_modes, 1)
    modes = []
    errors = found.eigenvalue_stderr(count)
    for k, (eigenvalue, error) in enumerate(zip(found.eigenvalues[:count], errors, strict=True), 1):
        sigma = math.sqrt(eigenvalue)
        equation = rf"\lambda_{{{k}}} / (\lambda_{{{k}}} + \sigma^2) = 1/2"
        law = Law(f"mode {k}", equation=equation, reference="Wang2024", unit="sigma")
        modes.append(law.at(sigma, float(error) / (2 * sigma)))
    return modes
