"""Linearity of a denoiser: is the denoised sum the sum of the denoised?"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error
from ..._support.modules import in_evaluation
from ..._support.results import provenance
from ..._support.streams import normal_batch, stream
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import NoiseLevelError
from ...theory.denoiser import Denoiser

VARIANTS = ("centred", "raw")
METRICS = {
    "linearity": "E cos(D(a x1 + b x2), a D(x1) + b D(x2)), a^2 + b^2 = 1",
    "nonlinearity": "E |D(a x1 + b x2) - (a D(x1) + b D(x2))| / |D(a x1 + b x2)|, a^2 + b^2 = 1",
}


class _Pairs:
    """Pairs of noised data; pair j is the same at every noise level and for every number of pairs."""

    def __init__(self, data: torch.Tensor, n_pairs: int, seed: int) -> None:
        indices = np.array([stream(seed, "linearity-datum", j).integers(len(data), size=2) for j in range(n_pairs)])
        shape = (2, *data.shape[1:])
        self.x0 = data[torch.from_numpy(indices).to(data.device)]
        self.noise = normal_batch(seed, "linearity-noise", range(n_pairs), shape, dtype=data.dtype, device=data.device)

    def at(self, sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = (self.x0 + sigma * self.noise).unbind(1)
        return first, second


def _cosine(u: torch.Tensor, v: torch.Tensor) -> np.ndarray:
    """Cosines of rows; two vectors of which one is zero count as parallel."""
    u, v = u.double().flatten(1), v.double().flatten(1)
    norms = u.norm(dim=1) * v.norm(dim=1)
    return torch.where(norms > 0, (u * v).sum(1) / norms, torch.ones_like(norms)).numpy(force=True)


def _relative_distance(u: torch.Tensor, v: torch.Tensor) -> np.ndarray:
    distance, norm = (u - v).double().flatten(1).norm(dim=1), u.double().flatten(1).norm(dim=1)
    return torch.where(distance > 0, distance / norm, torch.zeros_like(norm)).numpy(force=True)


@partial(typed, says={"x": "data"})
def linearity(
    denoiser: Denoiser,
    data: ArrayLike,
    sigmas: ArrayLike,
    *,
    alpha_squared: ArrayLike = 0.5,
    variant: str = "centred",
    centre: ArrayLike | None = None,
    n_pairs: int = 100,
    seed: int = 0,
    show: bool | None = None,
) -> xr.Dataset:
    """How linear a denoiser is at each noise level: is the denoised sum the sum of the denoised?

    For x1, x2 = x0 + sigma n with x0 from `data`, a^2 = `alpha_squared` and a^2 + b^2 = 1, which keeps the variance of
    the noise, the linearity score of [@Li2024] is

        linearity = E cos(D(a x1 + b x2), a D(x1) + b D(x2)),

    and `nonlinearity` is the mean distance of the two relative to the first (eq. 12). "centred", the default, takes
    both of u -> D(mu + u) - mu with mu = `centre` and keeps the sign, so that *every affine map through (mu, mu), the
    Wiener filter above all, has exactly 1*. "raw" is the score as published: D itself and |cos|; an exactly affine
    denoiser with mu != 0 then has less than 1, by as much as 1 % for images, so that only the difference from the
    Gaussian optimum's means anything.

    Parameters
    ----------
    denoiser : Denoiser
        The network, or any other denoiser.
    data : array_like, shape (n, *event)
        Clean points, two at least.
    sigmas : array_like, shape (levels,)
        Noise levels > 0.
    alpha_squared : array_like, optional
        One or more shares a^2, inside (0, 1).
    variant : {"centred", "raw"}, optional
        Which score.
    centre : array_like, shape event, optional
        The point mu of "centred" (default: the mean of `data`).
    n_pairs : int, optional
        Pairs of points, at least 2; the same at every noise level.
    seed : int, optional
        Of the pairs and their noise.
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        `linearity` and `nonlinearity` over `(alpha_squared, sigma)`, each with its `_stderr` over pairs.

    Raises
    ------
    EmptyDataError
        If there are fewer than two points.
    NoiseLevelError
        Unless 0 < alpha_squared < 1 and sigma > 0.
    UnknownNameError
        If `variant` is unknown.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> x0 = torch.tensor([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0]], dtype=torch.float64)
    >>> gaussian = GaussianDenoiser.fit(x0)
    >>> [round(linearity(gaussian, x0, [1.0], variant=v).linearity.item(), 6) for v in ("centred", "raw")]
    [1.0, 0.998423]
    """
    data = check.points("data", data, minimum=2)
    grid = check.positive_sigmas("sigmas", sigmas)
    shares = check.positive_sigmas("alpha_squared", alpha_squared)
    if (shares >= 1).any():
        raise NoiseLevelError("alpha_squared", f"is {alpha_squared}", "pass values inside (0, 1)")
    check.choice("variant", variant, VARIANTS)
    denoiser = in_evaluation(denoiser)
    pairs = _Pairs(data, check.integer("n_pairs", n_pairs, 2), seed)
    if variant == "raw":
        mu = torch.zeros_like(data[0])
    else:
        image = data.mean(0) if centre is None else check.as_float_tensor("centre", centre)
        mu = check.batch("centre", image[None], data.shape[1:])[0]
    found = np.empty((len(METRICS), 2, len(shares), len(grid)))
    for j, sigma in enumerate(progress.bar(grid, label="linearity", show=show)):
        for i, share in enumerate(shares):
            denoised = _superposed(denoiser, pairs, mu, float(share), float(sigma))
            cosine = _cosine(*denoised)
            found[0, :, i, j] = mean_error(np.abs(cosine) if variant == "raw" else cosine)
            found[1, :, i, j] = mean_error(_relative_distance(*denoised))
    dims = ("alpha_squared", "sigma")
    variables = estimates(dims, **dict(zip(METRICS, found, strict=True)))
    attributes = provenance(seed=seed, device=str(data.device)) | {"variant": variant, "n_pairs": n_pairs}
    result = xr.Dataset(variables, coords={"alpha_squared": shares, "sigma": grid}, attrs=attributes)
    for name, meaning in METRICS.items():
        result[name].attrs["long_name"] = meaning
    return result


def _superposed(
    denoiser: Denoiser, pairs: _Pairs, mu: torch.Tensor, share: float, sigma: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """D~(a u1 + b u2) and a D~(u1) + b D~(u2) of the centred map D~(u) = D(mu + u) - mu."""
    a, b = math.sqrt(share), math.sqrt(1 - share)
    first, second = pairs.at(sigma)
    with torch.no_grad():
        whole = denoiser(mu + a * (first - mu) + b * (second - mu), sigma) - mu
        parts = a * (denoiser(first, sigma) - mu) + b * (denoiser(second, sigma) - mu)
    return whole, parts
