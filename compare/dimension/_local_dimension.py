r"""The local dimension of the data at each image, as a denoiser sees it.

At a clean point x of the data, the fluctuation-dissipation form of the heat equation counts the directions in which the
data go on [@Kamkari2024],

    LID(x, sigma) = tr dD/dx + |D(x, sigma) - x|^2 / sigma^2,

with the trace by random signs v, E v . (dD/dx) v [@Hutchinson1990]. A memorised image is a point, without directions:
of the empirical optimum LID -> 0 at its training images, and a dimension below that of the data is a sign of memorising
that each image carries for itself [@Ross2025].

At a *noised* point x0 + sigma n the same expression has the mean d, whatever the data: E|D - x|^2 = d sigma^2 - mmse
and E tr dD/dx = mmse / sigma^2. It says nothing about the data there, but it tests the denoiser and the probes.
"""

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
from ..._support.streams import normal_batch
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import CovarianceError, ShapeError
from ...theory.denoiser import Denoiser
from ...theory.dimension import gaussian_dimension
from ...theory.gaussian import GaussianDenoiser
from ...theory.identities.derivatives import along, relative_step

MEANING = {
    "dimension": "tr dD/dx + |D - x|^2 / sigma^2 at each clean image",
    "mean_dimension": "mean of `dimension` over the images",
    "noised_dimension": "the same at noised images, d for the optimum of any data",
    "error_dimension": "E|x0 - D|^2 / sigma^2, the average dimension that a denoising loss shows",
    "dimension_gaussian": "`dimension` of the Gaussian with the mean and covariance of the data",
}


@partial(typed, says={"x": "data", "covariance": "data"})
def local_dimension(
    denoiser: Denoiser,
    data: ArrayLike,
    sigmas: ArrayLike,
    *,
    population: ArrayLike | None = None,
    n_probes: int = 16,
    seed: int = 0,
    batch_size: int = 64,
    show: bool | None = None,
) -> xr.Dataset:
    """How many dimensions the data have around each image, as a denoiser sees it, at each noise level [@Kamkari2024].

    Read it at noise levels far below the distance between neighbouring images, where it no longer changes. A value far
    below those of images that the network has not seen says that this image has been memorised [@Ross2025].

    Parameters
    ----------
    denoiser : Denoiser
        A network, or a closed form; derivatives are automatic, or finite differences where it keeps no graph.
    data : array_like, shape (n, *event)
        Clean images, two or more.
    sigmas : array_like, shape (levels,)
        Noise levels > 0.
    population : array_like, shape (m, *event), optional
        Data that the Gaussian null is made of (default: `data`).
    n_probes : int, optional
        Random signs for each trace, 2 or more; with as many as there are dimensions, or more, the trace is exact.
    seed : int, optional
        Of probes and noise, keyed by image: neither order nor batch changes them.
    batch_size : int, optional
        Images at once.
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        `dimension` over `(sigma, image)` with `dimension_stderr` over probes, its null `dimension_gaussian`; over
        `sigma` with errors over images: `mean_dimension`, `error_dimension`, and the negative test
        `noised_dimension`, which is `attrs["d"]` for an optimum. `long_name` says what each means.

    Raises
    ------
    ArgumentError
        For fewer than two probes.
    CovarianceError
        Where the population does not vary.
    EmptyDataError
        For fewer than two images.
    NoiseLevelError
        Unless every sigma is finite and > 0.
    ShapeError
        Where population and data differ in shape.

    Examples
    --------
    >>> from idealscore.theory import EmpiricalDenoiser
    >>> y = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    >>> found = local_dimension(EmpiricalDenoiser(y), y, [0.1])
    >>> found.mean_dimension.round(6).values.tolist(), found.attrs["d"]
    ([0.0], 2)
    """
    images, grid = check.points("data", data, minimum=2), check.positive_sigmas("sigmas", sigmas)
    n_probes, batch_size = check.integer("n_probes", n_probes, 2), check.integer("batch_size", batch_size, 1)
    whole = population_of(images, population)
    null = gaussian_dimension(GaussianDenoiser.fit(whole), images, grid)
    denoiser, d = in_evaluation(denoiser), images[0].numel()
    values, errors = np.empty((2, len(grid), len(images)))
    noised, missed = np.empty((2, len(grid), len(images)))
    batches = [range(start, min(start + batch_size, len(images))) for start in range(0, len(images), batch_size)]
    steps = [(i, float(sigma), rows) for i, sigma in enumerate(grid) for rows in batches]
    for i, sigma, rows in progress.bar(steps, label="local dimension", show=show):
        clean, at = images[rows.start : rows.stop], slice(rows.start, rows.stop)
        noise = normal_batch(seed, "dimension-noise", rows, images.shape[1:]).to(clean)
        values[i, at], errors[i, at], _ = _dimension(denoiser, clean, sigma, n_probes, seed, rows)
        noised[i, at], _, denoised = _dimension(denoiser, clean + sigma * noise, sigma, n_probes, seed, rows)
        missed[i, at] = (denoised - clean).double().flatten(1).square().sum(1).numpy(force=True) / sigma**2
    both = ("sigma", "image")
    found = {"mean_dimension": values, "noised_dimension": noised, "error_dimension": missed}
    result = xr.Dataset(
        estimates(both, dimension=(values, errors))
        | estimates("sigma", **{name: mean_error(each, axis=1) for name, each in found.items()}),
        coords={"sigma": grid, "image": np.arange(len(images))},
        attrs=provenance(seed=seed, device=str(images.device)),
    )
    result["dimension_gaussian"] = both, null
    result.attrs |= {"d": d, "n_probes": min(n_probes, d), "reference": "Kamkari2024"}
    for name, meaning in MEANING.items():
        result[name].attrs["long_name"] = meaning
    return result


def population_of(images: torch.Tensor, population: ArrayLike | None) -> torch.Tensor:
    """The data that the Gaussian null is made of: as the images, and they vary."""
    whole = images if population is None else check.points("population", population, minimum=2)
    name = "data" if population is None else "population"
    if whole.shape[1:] != images.shape[1:]:
        raise ShapeError(name, f"has events {tuple(whole.shape[1:])}", f"pass {tuple(images.shape[1:])}")
    if bool((whole == whole[:1]).all()):
        raise CovarianceError(name, "holds the same image only", "pass images that vary")
    return whole


def _dimension(
    denoiser: Denoiser, x: torch.Tensor, sigma: float, n_probes: int, seed: int, rows: range
) -> tuple[Array, Array, torch.Tensor]:
    """Trace plus squared distance over sigma^2 at points `x`, its error over probes, and D there."""
    with torch.no_grad():
        denoised = denoiser(x, sigma)
    distance = (denoised - x).double().flatten(1).square().sum(1).numpy(force=True) / sigma**2
    d, event = x[0].numel(), x.shape[1:]
    step = sigma * relative_step(x.dtype) / math.sqrt(d)
    exact, traces = n_probes >= d, []
    for k in range(min(n_probes, d)):
        if exact:
            v = torch.eye(d, dtype=x.dtype, device=x.device)[k].reshape(event).expand_as(x)
        else:
            v = normal_batch(seed, "dimension-probe", rows, event, step=k).sign().to(x)
        traces.append(_slope(denoiser, x, v, sigma, step).double().numpy(force=True))
    if exact:
        return np.sum(traces, axis=0) + distance, np.zeros(len(x)), denoised
    trace, error = mean_error(np.array(traces))
    return trace + distance, error, denoised


def _slope(denoiser: Denoiser, x: torch.Tensor, v: torch.Tensor, sigma: float, step: float) -> torch.Tensor:
    """v . (dD/dx) v for each point."""
    return along(lambda y: (v * denoiser(y, sigma)).flatten(1).sum(1), x, v, 1, step)[0]
