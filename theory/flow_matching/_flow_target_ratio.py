r"""Which share of the flow-matching target is its mean, the velocity, and which share is noise?

At the flow time f, x_f = (1 - f) x0 + f n, a network is trained on u = n - x0 and learns u* = E[u | x_f]. As

    u - u* = -(x0 - D) / f,      sigma = f / (1 - f),

because n = (x_f - (1 - f) x0) / f, and as an error of the best predictor is uncorrelated with it, E<u*, u> = E|u*|^2,

    E|u*|^2 / E|u|^2 = 1 - mmse(sigma) / (f^2 (tr C + |mu|^2 + d)).

Where it is 1 the target has no noise left. Of the *empirical* optimum it goes to 1 below the collapse, mmse -> 0
[@Bertrand2025]; of a population with a density it does not: mmse -> d sigma^2 leaves
(tr C + |mu|^2) / (tr C + |mu|^2 + d).
"""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..covariance import Covariance
from ..mixture import MixtureDenoiser
from ..transitions._spectrum import Source, Spectrum, mixture_covariance, spectrum


def flow_target_ratio(mmse: ArrayLike, sigma: ArrayLike, second_moment: float, dim: int) -> Array:
    r"""E|u*|^2 / E|u|^2, the share of the flow-matching target n - x0 that is its conditional mean ([@Bertrand2025]).

    It is \( 1 - \mathrm{mmse}(\sigma) / (f^2 (\mathrm{tr} C + |\mu|^2 + d)) \) with the flow time
    \( f = \sigma / (1 + \sigma) \), f = 0 being the data; at libraries whose t = 1 is the data, f = 1 - t.

    Parameters
    ----------
    mmse : array_like
        E|x0 - D(x, sigma)|^2 >= 0, summed over all dimensions, a number or one per sigma; also the loss of a network.
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.
    second_moment : float
        E|x0|^2 = tr C + |mu|^2 of the data.
    dim : int
        d, the number of entries of an event.

    Returns
    -------
    np.ndarray
        The ratio `(k,)`; below 1, and negative where `mmse` is that of a network worse than u* = 0.

    Raises
    ------
    ArgumentError
        Where `mmse` or `second_moment` is negative, or `dim` below 1.
    NoiseLevelError
        Unless every sigma is finite and > 0.

    Examples
    --------
    >>> flow_target_ratio(0.5, 1.0, second_moment=1.0, dim=1)  # one standard normal: f = 1/2
    array([0.])
    >>> flow_target_ratio([0.0, 3.0], [0.1, 1e9], second_moment=4.0, dim=3).round(6)
    array([1.      , 0.571429])
    """
    grid = check.positive_sigmas("sigma", sigma)
    errors = np.atleast_1d(check.as_float_tensor("mmse", mmse).detach().double().numpy(force=True))
    if (errors < 0).any():
        raise ArgumentError("mmse", f"holds {errors.min():.3g}", "pass mean squared errors >= 0")
    total = check.real("second_moment", second_moment, 0.0) + check.integer("dim", dim, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        return check.representable("sigma", 1 - errors * ((1 + grid) / grid) ** 2 / total)


def gaussian_flow_target_ratio(source: Source, sigma: ArrayLike, mean: ArrayLike | None = None) -> Array:
    r"""The ratio of `flow_target_ratio` for the Gaussian with the mean and covariance of a source.

    Then \( \mathrm{mmse} = \sum_k \lambda_k \sigma^2 / (\lambda_k + \sigma^2) \) ([@Bertrand2025] for the ratio): what
    the spectrum alone says, the null of a measured ratio, and a lower bound on the ratio of all data with these
    moments, because the Gaussian has the largest mmse of them.

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture.
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.
    mean : array_like, optional
        The mean mu (*event); by default that of data and of a mixture, and 0 for a covariance.

    Returns
    -------
    np.ndarray
        The ratio `(k,)`.

    Raises
    ------
    CovarianceError, EmptyDataError
        For a source that is none.
    NoiseLevelError
        Unless every sigma is finite and > 0.

    Examples
    --------
    >>> import torch
    >>> gaussian_flow_target_ratio(torch.eye(3), [1e-6, 1.0, 1e6]).round(3)
    array([0.5, 0. , 0.5])
    """
    grid = check.positive_sigmas("sigma", sigma)
    found, dim, squared_mean = _moments(source)
    if mean is not None:
        squared_mean = float(check.finite("mean", check.as_float_tensor("mean", mean)).double().square().sum())
    eigenvalues = found.eigenvalues
    level = grid[:, None] ** 2
    mmse = (eigenvalues * level / (eigenvalues + level)).sum(1)
    return flow_target_ratio(mmse, grid, float(eigenvalues.sum()) + squared_mean, dim)


def _moments(source: Source) -> tuple[Spectrum, int, float]:
    """The spectrum, the dimension and |mu|^2 of a source."""
    found = spectrum(source)
    if found.data is not None and found.mean is not None:
        return found, found.data[0].numel(), float(found.mean.square().sum())
    if isinstance(source, MixtureDenoiser):
        mean = source.log_weights.exp() @ source.means.flatten(1)
        return found, mixture_covariance(source).dim, float(mean.square().sum())
    if isinstance(source, Spectrum):
        return found, len(found.eigenvalues), 0.0
    return found, source.dim if isinstance(source, Covariance) else len(check.tensor("source", source)), 0.0
