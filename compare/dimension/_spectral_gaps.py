r"""Spectral gaps: how many directions of the Jacobian at a clean image are open, and how clearly?

Near data on a manifold of dimension k the Jacobian dD/dx = Cov[x0 | x] / sigma^2 has k eigenvalues near 1, along it,
and d - k near 0, across it: the largest gap between successive eigenvalues stands behind the k-th [@Ventura2024]. Of
Gaussian data the eigenvalues are lambda_k / (lambda_k + sigma^2), the null: a gap that they have too is one of the
spectrum.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error
from ..._support.modules import in_evaluation
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import DenoiserContractError
from ...theory.denoiser import Denoiser, jacobian
from ...theory.gaussian import GaussianDenoiser
from ._local_dimension import population_of

MEANING = {
    "eigenvalue": "eigenvalues of the symmetric part of dD/dx at each clean image, largest first",
    "gap": "largest difference of successive eigenvalues, mean over images",
    "gap_dimension": "number of eigenvalues above the largest gap, mean over images",
}


@partial(typed, says={"x": "data", "covariance": "data"})
def spectral_gaps(
    denoiser: Denoiser,
    data: ArrayLike,
    sigmas: ArrayLike,
    *,
    population: ArrayLike | None = None,
    show: bool | None = None,
) -> xr.Dataset:
    """The spectrum of the Jacobian of a denoiser at clean images, and its largest gap [@Ventura2024].

    The whole Jacobian is formed, one backward pass for each of the d entries of an image: take a few images.

    Parameters
    ----------
    denoiser : Denoiser
        A network, or a closed form, differentiable.
    data : array_like, shape (n, *event)
        Clean images, two or more.
    sigmas : array_like, shape (levels,)
        Noise levels > 0.
    population : array_like, shape (m, *event), optional
        Data that the Gaussian null is made of (default: `data`).
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        `eigenvalue` over `(sigma, image, k)`; over `sigma`, with errors over images, the largest `gap` and
        `gap_dimension`, the number of eigenvalues above it; each with its null `..._gaussian`.

    Raises
    ------
    CovarianceError
        Where the population does not vary.
    DenoiserContractError
        Where the denoiser keeps no graph.
    EmptyDataError
        For fewer than two images.
    NoiseLevelError
        Unless every sigma is finite and > 0.
    ShapeError
        Where population and data differ in shape.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> plane = GaussianDenoiser(torch.zeros(5), torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])))
    >>> spectral_gaps(plane, plane.sample(4), [0.01]).gap_dimension.values
    array([2.])
    """
    images, grid = check.points("data", data, minimum=2), check.positive_sigmas("sigmas", sigmas)
    whole = population_of(images, population)
    d = images[0].numel()
    gaussian = GaussianDenoiser.fit(whole)
    null = np.sort(gaussian.covariance.spectrum.double().numpy(force=True))[::-1]
    denoiser = in_evaluation(denoiser)
    eigenvalues = np.empty((len(grid), len(images), d))
    steps = [(i, j) for i in range(len(grid)) for j in range(len(images))]
    for i, j in progress.bar(steps, label="spectral gaps", show=show):
        eigenvalues[i, j] = _spectrum(denoiser, images[j : j + 1], float(grid[i]))
    position, size = _largest_gap(eigenvalues)
    expected = null / (null + grid[:, None] ** 2)
    expected_position, expected_size = _largest_gap(expected)
    result = xr.Dataset(
        {"eigenvalue": (("sigma", "image", "k"), eigenvalues), "eigenvalue_gaussian": (("sigma", "k"), expected)}
        | estimates("sigma", gap=mean_error(size, axis=1), gap_dimension=mean_error(position, axis=1)),
        coords={"sigma": grid, "image": np.arange(len(images)), "k": np.arange(1, d + 1)},
        attrs=provenance(device=str(images.device)) | {"d": d, "reference": "Ventura2024"},
    )
    result["gap_gaussian"] = "sigma", expected_size
    result["gap_dimension_gaussian"] = "sigma", expected_position
    for name, meaning in MEANING.items():
        result[name].attrs["long_name"] = meaning
    return result


def _spectrum(denoiser: Denoiser, x: torch.Tensor, sigma: float) -> Array:
    try:
        J = jacobian(denoiser, x, sigma)[0].double()
    except RuntimeError as error:
        raise DenoiserContractError(
            "denoiser", f"keeps no graph ({error})", "pass one that torch can differentiate, or use local_dimension"
        ) from error
    return torch.linalg.eigvalsh((J + J.T) / 2).flip(0).numpy(force=True)


def _largest_gap(eigenvalues: Array) -> tuple[Array, Array]:
    """How many eigenvalues are above the largest gap, and its size; those beyond 1 or below 0 count as 1 and 0."""
    bounded = np.clip(eigenvalues, 0.0, 1.0)
    ends = np.zeros((*bounded.shape[:-1], 1))
    gaps = -np.diff(np.concatenate([ends + 1, bounded, ends], axis=-1), axis=-1)
    return gaps.argmax(-1).astype(float), gaps.max(-1)
