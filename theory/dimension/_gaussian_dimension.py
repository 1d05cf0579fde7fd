r"""The local dimension of Gaussian data, point by point and on average, and of a flat subspace.

With D = mu + C (C + sigma^2)^-1 (x - mu) and u_k the components of x - mu along the eigenvectors of C,

    tr dD/dx = sum_k lambda_k / (lambda_k + sigma^2),
    |D - x|^2 / sigma^2 = sum_k sigma^2 u_k^2 / (lambda_k + sigma^2)^2.

On average over the data, u_k^2 -> lambda_k, the sum of the two is sum_k (1 - q_k^2), q_k = sigma^2 / (lambda_k +
sigma^2): every mode far above sigma^2 counts as one dimension, every mode far below as none. Over *noised* points,
u_k^2 -> lambda_k + sigma^2, it is the number d of all dimensions at every noise level, and that is so for any data:
E|D - x|^2 = d sigma^2 - mmse and E tr dD/dx = mmse / sigma^2.
"""

from __future__ import annotations

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..gaussian import GaussianDenoiser
from ..transitions._spectrum import Source, spectrum


def gaussian_dimension(gaussian: GaussianDenoiser, x: ArrayLike, sigma: ArrayLike) -> Array:
    r"""The local dimension of Gaussian data at given points: tr dD/dx + |D - x|^2 / sigma^2 [@Kamkari2024].

    Parameters
    ----------
    gaussian : GaussianDenoiser
        The data, by mean and covariance.
    x : array_like, shape (n, *event)
        Clean points.
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.

    Returns
    -------
    np.ndarray
        `(k, n)`: at each noise level and point.

    Raises
    ------
    NoiseLevelError
        Unless every sigma is finite and > 0.
    ShapeError
        Where the points are not of the shape of the data.

    Examples
    --------
    >>> three = GaussianDenoiser(torch.zeros(5), torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])))
    >>> gaussian_dimension(three, [[1.0, 1.0, 1.0, 0.0, 0.0]], 0.1).round(5)
    array([[2.99971]])
    """
    grid = check.positive_sigmas("sigma", sigma)
    points = check.dataset("x", x)
    check.batch("x", points, check.instance("gaussian", gaussian, GaussianDenoiser).event_shape)
    covariance = gaussian.covariance
    u = (points.to(gaussian.mean) - gaussian.mean).flatten(1)
    eigenvalues, floor, shares = covariance.eigenvalues + covariance.floor, covariance.floor, covariance.spectrum
    rows = []
    for level in grid.tolist():
        apart = covariance.rescale(u, level / (eigenvalues + level**2), level / (floor + level**2))
        rows.append((shares / (shares + level**2)).sum() + apart.square().sum(1))
    return check.representable("x", torch.stack(rows).double().numpy(force=True))


def gaussian_mean_dimension(source: Source, sigma: ArrayLike, noised: bool = False) -> Array:
    r"""The local dimension of Gaussian data, averaged over them: \( \sum_k (1 - q_k^2) \) ([@Kamkari2024]).

    Here q_k = sigma^2 / (lambda_k + sigma^2). With `noised`, the mean trace alone, mmse / sigma^2 = sum_k (1 - q_k):
    the average dimension that a denoising loss shows.

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture; its spectrum counts.
    sigma : array_like
        Noise levels > 0, a number or `(k,)`.
    noised : bool
        mmse / sigma^2 instead.

    Returns
    -------
    np.ndarray
        `(k,)`, from the rank of C at sigma -> 0 to 0.

    Raises
    ------
    CovarianceError, EmptyDataError
        For a source that is none.
    NoiseLevelError
        Unless every sigma is finite and > 0.

    Examples
    --------
    >>> gaussian_mean_dimension(torch.diag(torch.tensor([1.0, 1.0, 0.0])), [1e-6, 1.0])
    array([2. , 1.5])
    """
    grid = check.positive_sigmas("sigma", sigma)
    level = grid[:, None] ** 2
    q = level / (spectrum(source).eigenvalues + level)
    return (1 - q if noised else (1 - q) * (1 + q)).sum(1)


def subspace_dimension(dim: int, sigma: ArrayLike, variance: float = 1.0) -> Array:
    r"""The local dimension of data in a subspace, normal of one variance in it: \( k (1 - q^2) \) ([@Kamkari2024]).

    q = sigma^2 / (variance + sigma^2); the mean over the data. The surrounding space does not matter: k itself for
    sigma^2 far below the variance.

    Parameters
    ----------
    dim : int
        k >= 1, dimensions of the subspace.
    sigma : array_like
        Noise levels > 0, a number or `(j,)`.
    variance : float
        Of the data along each direction of the subspace, > 0.

    Returns
    -------
    np.ndarray
        `(j,)`.

    Raises
    ------
    ArgumentError
        Where `dim` is below 1 or the variance not > 0.
    NoiseLevelError
        Unless every sigma is finite and > 0.

    Examples
    --------
    >>> subspace_dimension(3, [0.1, 1.0]).round(6)
    array([2.999706, 2.25    ])
    """
    dim = check.integer("dim", dim, 1)
    if not check.real("variance", variance) > 0:
        raise ArgumentError("variance", f"is {variance!r}", "pass a variance > 0")
    return dim * gaussian_mean_dimension(np.diag([variance]), sigma)
