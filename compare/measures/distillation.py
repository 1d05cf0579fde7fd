r"""Linear distillation: the affine map nearest to a denoiser, and how near that is to the Wiener filter.

At one noise level, over x = x0 + sigma n with x0 from a set of inputs, least squares has the closed form

    W = Cov[D(x), x] Cov[x]^-1,    b = E D(x) - W E x,

whose moments are summed up batch by batch; no optimiser is needed where [@Li2024] use one.

What a small distance to the Wiener filter W_G = C (C + sigma^2)^-1 does and does not say: for the exact posterior
mean D* and any affine A, E|A - x0|^2 = E|A - D*|^2 + const, because x0 - D* is orthogonal to all functions of x. So on
inputs from the distribution of x0 the distilled map of D* *is* the Wiener filter, however non-linear D* may be. In
particular the memorising optimum distilled on its own training images is the Wiener filter of their covariance. The
null expectation is W = W_G; it takes held-out inputs to tell a memorising network from one that generalises, and an
absolute distance of the network itself from D_G to call it Gaussian. `distill_linear` therefore does to every optimum
passed as `theories` what it does to the network.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from ..._support.types import ArrayLike
from ...errors import CovarianceError, NoiseLevelError, UnknownNameError
from ...theory.denoiser import Denoiser
from ...theory.gaussian import GaussianDenoiser
from .affine import AffineDenoiser, absolute, batches, enough, moments

METRICS = {
    "weight_distance": "|W - W_G| / |W_G| (Frobenius), corrected for noise",
    "rmse_linear_gaussian": "E sqrt(|D_L - D_G|^2 / d)",
    "rmse_model_linear": "E sqrt(|D - D_L|^2 / d)",
    "rmse_model_gaussian": "E sqrt(|D - D_G|^2 / d)",
    "nmse_model_gaussian": "E |D - D_G| / |D|",
}


def _squared_distance(difference: torch.Tensor, deviations: torch.Tensor) -> tuple[float, float]:
    """|W - W_G|^2 without the part that the noise in W adds, and its standard error.

    `deviations` `(g, d, d)` are those of the jackknife, whose squares sum up to the variance V of W: E|W - W_G|^2 is
    the true square plus tr V, and the variance of the corrected square is 4 (W - W_G) V (W - W_G) + 2 tr V^2. The inner
    products of normal deviations are, but for c (1 - 1/g) with c the mean square, a Gaussian orthogonal matrix of
    variance tr V^2 / g^2 in m = g - 1 dimensions, whose squares sum up to (m^2 + m - 2) times that.
    """
    flat = deviations.flatten(1)
    products, m = flat @ flat.T, len(flat) - 1
    projector = torch.eye(m + 1, dtype=flat.dtype, device=flat.device) - 1 / (m + 1)
    residual = products - products.trace() / m * projector
    trace_of_square = (m + 1) ** 2 * residual.square().sum() / (m**2 + m - 2)
    variance = 4 * (flat @ difference.flatten()).square().sum() + 2 * trace_of_square
    return float(difference.square().sum() - products.trace()), float(variance.sqrt())


def _distances(
    denoiser: Denoiser, gaussian: GaussianDenoiser, data: torch.Tensor, sigma: float, n_noise: int, seed: int, size: int
) -> xr.Dataset:
    """All metrics at one noise level, for one denoiser on one set of inputs."""
    groups, origin = moments(denoiser, data, sigma, n_noise, seed, size)
    total = sum(groups[1:], groups[0])
    weight, bias = total.affine()
    left_out = torch.stack([(total - group).affine()[0] for group in groups])
    deviations = (left_out - left_out.mean(0)) * ((len(groups) - 1) / len(groups)) ** 0.5
    identity = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
    level = torch.full((len(weight),), sigma, dtype=weight.dtype, device=weight.device)
    wiener = gaussian.covariance.wiener(identity.to(gaussian.mean), level.to(gaussian.mean)).to(weight)
    modes = _modes(gaussian).to(weight)
    square, square_error = _squared_distance(weight - wiener, deviations)
    distance = max(square, 0.0) ** 0.5
    error = square_error / (2 * distance) if square > square_error else square_error**0.5
    norm = float(wiener.norm())
    gain, wiener_gain = (((w @ modes) * modes).sum(0) for w in (weight, wiener))
    gain_error = ((deviations @ modes) * modes).sum(1).square().sum(0).sqrt()
    apart, apart_error = ((weight - wiener) @ modes).norm(dim=0), (deviations @ modes).square().sum((0, 1)).sqrt()
    by_mode = {"gain": (gain, gain_error), "mode_distance": (apart, apart_error)}
    linear = absolute(weight, bias, origin, sigma)
    pointwise = _pointwise(denoiser, linear, gaussian, data, sigma, n_noise, seed, size)
    whole = {"weight_distance": (distance / norm, error / norm)}
    whole |= {name: mean_error(values) for name, values in pointwise.items()}
    modewise = {name: (v.numpy(force=True), e.numpy(force=True)) for name, (v, e) in by_mode.items()}
    found = {**estimates((), **whole), **estimates("mode", **modewise)}
    return xr.Dataset({**found, "wiener_gain": ("mode", wiener_gain.numpy(force=True))})


def _modes(gaussian: GaussianDenoiser) -> torch.Tensor:
    """`(d, r)`: the eigenvectors of positive variance, largest first."""
    covariance = gaussian.covariance
    if covariance.basis is not None:
        return covariance.basis
    order = covariance.eigenvalues.argsort(descending=True)
    return torch.eye(covariance.dim, dtype=covariance.floor.dtype, device=covariance.floor.device)[:, order]


def _pointwise(
    denoiser: Denoiser,
    linear: AffineDenoiser,
    gaussian: GaussianDenoiser,
    data: torch.Tensor,
    sigma: float,
    n_noise: int,
    seed: int,
    size: int,
) -> dict[str, np.ndarray]:
    """Distances at each datum, averaged over fresh noise that the fit has not seen."""
    names = [name for name in METRICS if name != "weight_distance"]
    draws: dict[str, list[np.ndarray]] = {name: [] for name in names}
    with torch.no_grad():
        for x in batches(data, sigma, range(n_noise, 2 * n_noise), seed, size):
            model, line, wiener = (d(x, sigma).double().flatten(1) for d in (denoiser, linear, gaussian))
            root = x[0].numel() ** 0.5
            values = (
                (line - wiener).norm(dim=1) / root,
                (model - line).norm(dim=1) / root,
                (model - wiener).norm(dim=1) / root,
                (model - wiener).norm(dim=1) / model.norm(dim=1).clamp_min(torch.finfo(torch.float64).tiny),
            )
            for name, value in zip(names, values, strict=True):
                draws[name].append(value.numpy(force=True))
    return {name: np.concatenate(parts).reshape(n_noise, len(data)).mean(0) for name, parts in draws.items()}


@partial(typed, says={"x": "training", "covariance": "training"})
def distill_linear(
    denoiser: Denoiser,
    training: ArrayLike,
    sigmas: ArrayLike,
    *,
    held_out: ArrayLike | None = None,
    theories: Mapping[str, Denoiser] | None = None,
    n_noise: int = 8,
    seed: int = 0,
    batch_size: int = 1024,
    show: bool | None = None,
) -> xr.Dataset:
    """Distil a denoiser, and every theory, into affine maps and hold these against the Wiener filter.

    Parameters
    ----------
    denoiser : Denoiser
        The network.
    training : array_like, shape (n, *event)
        The training points, d numbers each, which give the Gaussian optimum D_G; they are inputs as well.
    sigmas : array_like, shape (levels,)
        Noise levels > 0.
    held_out : array_like, shape (m, *event), optional
        A second set of inputs.
    theories : mapping of str to Denoiser, optional
        The null curves, by name: pass D_G, D_M, a mixture. No name may be "network".
    n_noise : int, optional
        How often each input is noised, at least 4.
    seed : int, optional
        Of the noise.
    batch_size : int, optional
        Points denoised at once; it changes nothing but the memory needed.
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        Over `(model, inputs, sigma)`, `model` being "network" and the names of `theories`, with a `_stderr` to each:

        - `weight_distance` = |W - W_G| / |W_G|, without what the finite number of noise draws adds to it (a jackknife
          over draws gives that, and the error); for a distance that is compatible with zero the error is its upper
          limit;
        - `rmse_linear_gaussian`, `rmse_model_linear`, `rmse_model_gaussian` = E sqrt(|D_1 - D_2|^2 / d) ([@Li2024],
          eq. 10), of D_L and D_G, of D and D_L (what is not linear) and of D and D_G, on noise not used for the fit;
        - `nmse_model_gaussian` = E |D - D_G| / |D|;

        and over `mode` too, the eigenvectors u_k of the training covariance, `gain` = u_k . W u_k next to `wiener_gain`
        = lambda_k / (lambda_k + sigma^2), and `mode_distance` = |(W - W_G) u_k|, whose `_stderr` is what noise alone
        gives.

    Raises
    ------
    EmptyDataError
        If a set of inputs has fewer than 2 d noised points.
    CovarianceError
        If all training points are equal (the Wiener filter is 0).
    ShapeError
        If the inputs differ in shape.
    UnknownNameError
        If a theory is called "network".

    Examples
    --------
    >>> x0 = torch.linspace(-1, 1, 40, dtype=torch.float64).reshape(20, 2)
    >>> found = distill_linear(GaussianDenoiser.fit(x0), x0, [1.0])
    >>> bool(found.weight_distance < 1e-12), bool(found.rmse_model_linear < 1e-12)
    (True, True)
    """
    training = check.points("training", training, minimum=2)
    grid = check.positive_sigmas("sigmas", sigmas)
    n_noise = check.integer("n_noise", n_noise, 4)
    denoiser = in_evaluation(denoiser)
    batch_size = check.integer("batch_size", batch_size, 1)
    sets = {"training": training}
    if held_out is not None:
        sets["held-out"] = check.batch("held_out", held_out, training.shape[1:])
    if bool((training == training[0]).all()):
        raise CovarianceError("training", f"holds {len(training)} equal points", "pass data that differ")
    if len(np.unique(grid)) < len(grid):
        raise NoiseLevelError("sigmas", "repeat a level", "pass each once")
    for data in sets.values():
        enough(len(data) * n_noise, training[0].numel())
    models = {"network": denoiser, **(theories or {})}
    if len(models) <= len(theories or {}):
        raise UnknownNameError("theories", "network", ["any other name"])
    gaussian = GaussianDenoiser.fit(training)
    jobs = [(model, name, float(sigma)) for model in models for name in sets for sigma in grid]
    parts = [
        _distances(models[model], gaussian, sets[name], sigma, n_noise, seed, batch_size).expand_dims(
            model=[model], inputs=[name], sigma=[sigma]
        )
        for model, name, sigma in progress.bar(jobs, label="distilling", show=show)
    ]
    result = xr.combine_by_coords(parts, combine_attrs="drop")
    assert isinstance(result, xr.Dataset)
    result = result.reindex(model=list(models), inputs=list(sets), sigma=grid)
    result.attrs = provenance(seed=seed, device=str(training.device)) | {"n_noise": n_noise}
    for metric, meaning in METRICS.items():
        result[metric].attrs["long_name"] = meaning
    return result
