"""At which noise levels does a network denoise at all? For networks that do not say on which they were trained."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error, ratio_error
from ..._support.modules import in_evaluation
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser

BEYOND = 1.1  # times the error of an answer that needs no network
CLEAR = 3.0  # standard errors of the paired difference
SHOWN = 3


@partial(typed, says={"x": "data"})
def probed_range(
    network: Denoiser, data: ArrayLike, sigmas: ArrayLike, *, n_images: int = 16, seed: int = 0
) -> xr.Dataset:
    """Try a network at noise levels against its two limits: the point itself at small noise, the mean at large.

    The optimum is never worse than leaving the noise in, whose error is sigma^2 per entry, nor than answering the mean
    image, whose error is the variance of the data. A network that is, by more than a tenth and by three standard
    errors on the same images, was most likely not trained at that noise level.

    Parameters
    ----------
    network : Denoiser
        The network, or any other denoiser; it stays as it is.
    data : array_like, shape (n, *event)
        Clean images, best held out from training; two at least.
    sigmas : array_like, shape (levels,)
        Noise levels > 0.
    n_images : int, optional
        At most so many images are noised.
    seed : int, optional
        Of the noise.

    Returns
    -------
    xarray.Dataset
        Over `sigma`, with `_stderr`: `to_identity` = E|D - x0|^2 / |x - x0|^2 and `to_mean` = E|D - x0|^2 / |m - x0|^2;
        `failed`, whether either is clearly above 1. NaN and inf have failed.

    Raises
    ------
    EmptyDataError
        If there are fewer than two images.
    NoiseLevelError
        If a noise level is not finite and > 0.

    Examples
    --------
    A network that was trained on noise levels up to 2, and takes any other for 2:

    >>> from idealscore.theory import GaussianDenoiser
    >>> x0 = torch.randn(80, 30, generator=torch.Generator().manual_seed(0))
    >>> gaussian = GaussianDenoiser.fit(x0)
    >>> found = probed_range(lambda x, sigma: gaussian(x, min(sigma, 2.0)), x0, [0.1, 1.0, 10.0])
    >>> found.failed.values.tolist()
    [False, False, True]
    """
    data = check.varied("data", check.points("data", data, minimum=2))
    levels = check.positive_sigmas("sigmas", sigmas)
    images, safe = data[: check.integer("n_images", n_images, 2)], in_evaluation(network)
    rows = []
    mean = _squares(data.mean(0) - images)
    for sigma in levels.tolist():
        x = noised(images, sigma, seed)
        with torch.no_grad():
            error, nothing = _squares(safe(x, sigma).to(images) - images), _squares(x - images)
        if not np.isfinite(error).all():
            rows.append((*[(np.nan, np.nan)] * 2, True))
            continue
        above = [_exceeds(error, other) for other in (nothing, mean)]
        rows.append((ratio_error(error, nothing), ratio_error(error, mean), any(above)))
    to_identity, to_mean, failed = zip(*rows, strict=True)
    values = {"to_identity": np.array(to_identity).T, "to_mean": np.array(to_mean).T}
    result = xr.Dataset(estimates("sigma", **values), coords={"sigma": levels})  # pyright: ignore[reportArgumentType]
    return result.assign(failed=("sigma", np.array(failed))).assign_attrs(n=len(images))


def failures(found: xr.Dataset) -> list[str]:
    """What `probed_range` found, as a warning; nothing where no level failed."""
    levels = found.sigma.values[found.failed.values]
    if not len(levels):
        return []
    told = []
    for sigma in levels[:SHOWN]:
        identity, mean = (float(found[name].sel(sigma=sigma)) for name in ("to_identity", "to_mean"))
        times, what = max((identity, "leaving the noise in"), (mean, "answering the mean image"))
        told.append(f"{times:.3g} times the error of {what} at {sigma:.3g}")
    return [
        "the network does not say its noise levels and was tried: it fails at sigma ="
        f" {', '.join(f'{sigma:.3g}' for sigma in levels)} ({'; '.join(told)}{'; ...' if len(levels) > SHOWN else ''});"
        " most likely it was not trained there: leave these levels out (sigma_min, sigma_max)"
    ]


def _squares(gap: torch.Tensor) -> np.ndarray:
    return gap.double().flatten(1).square().mean(1).numpy(force=True)


def _exceeds(error: np.ndarray, other: np.ndarray) -> bool:
    gap, stderr = mean_error(error - BEYOND * other)
    return bool(gap > CLEAR * stderr)
