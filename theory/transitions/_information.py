"""How much a noisy point tells on the clean one: I(x0; x_sigma) of Gaussian data and of mixtures, see `collapse`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..._support import checks as check
from ..._support.types import Array
from ..mixture import MixtureDenoiser
from ._cloning import classes
from ._spectrum import Source, spectrum


def half_log_det(eigenvalues: Array, grid: Array) -> Array:
    """1/2 sum_k log(1 + lambda_k / sigma^2) for eigenvalues > 0, without overflow."""
    return np.logaddexp(np.log(eigenvalues)[:, None] - 2 * np.log(grid), 0.0).sum(0) / 2


def gaussian_information(source: Source, sigma: npt.ArrayLike) -> Array:
    r"""The information of x on x0 for Gaussian data.

    \( I_G(\sigma) = \tfrac12 \sum_k \log(1 + \lambda_k / \sigma^2) \) is an upper bound on the
    information for all data of that covariance.

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture.
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.

    Returns
    -------
    np.ndarray
        `(k,)`: I_G in nats.

    Raises
    ------
    NoiseLevelError
        Unless every sigma is > 0.
    CovarianceError
        Where nothing varies.

    Examples
    --------
    >>> import torch
    >>> gaussian_information(torch.eye(2), [1.0]).round(4)
    array([0.6931])
    """
    return half_log_det(spectrum(source).eigenvalues, check.positive_sigmas("sigma", sigma))


class MixtureInformation:
    """I(x0; x_sigma) of a mixture: the mean of the components' own, and the class information."""

    def __init__(self, mixture: MixtureDenoiser, n_draws: int, seed: int) -> None:
        self.classes = classes(mixture, n_draws, seed)
        self.weights = mixture.log_weights.double().exp().tolist()
        spectra = [component.spectrum.double().numpy(force=True) for component in mixture.covariances]
        self.spectra = [eigenvalues[eigenvalues > 0] for eigenvalues in spectra]

    def __call__(self, sigma: float) -> tuple[float, float]:
        bulk = sum(
            w * float(half_log_det(s, np.array([sigma]))[0]) for w, s in zip(self.weights, self.spectra, strict=True)
        )
        information, stderr = self.classes.information(sigma)
        return bulk + information, stderr


def mixture_information(mixture: MixtureDenoiser, sigma: npt.ArrayLike, n: int = 4096, seed: int = 0) -> Array:
    r"""The information of x on x0 for a mixture, and its standard error.

    \( I(x_0; x) = \tfrac12 \sum_k \pi_k \log\det(1 + C_k / \sigma^2) + I(k; x) \), k the component.

    Parameters
    ----------
    mixture : MixtureDenoiser
        Its components are the classes k.
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.
    n : int
        Draws for the class term, which is exact for two components of one covariance.
    seed : int
        Seed of the draws.

    Returns
    -------
    np.ndarray
        `(2, k)`: the information in nats, and its standard error.

    Raises
    ------
    NoiseLevelError
        Unless every sigma is > 0.
    ArgumentError
        Where `n` is below 2.

    Examples
    --------
    >>> mixture = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [0.0, 0.0])
    >>> mixture_information(mixture, [1.0])[0].round(4)
    array([0.3368])
    """
    check.instance("mixture", mixture, MixtureDenoiser)
    information = MixtureInformation(mixture, check.integer("n", n, 2), check.seed("seed", seed))
    return np.array([information(float(s)) for s in check.positive_sigmas("sigma", sigma)]).T
