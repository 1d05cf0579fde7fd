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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error
from ..._support.results import provenance
from ...errors import CovarianceError, EmptyDataError, NoiseLevelError, UnknownNameError
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser
from ...theory.gaussian import GaussianDenoiser

GROUPS = 8
METRICS = {
    "weight_distance": "|W - W_G| / |W_G| (Frobenius), corrected for noise",
    "rmse_linear_gaussian": "E sqrt(|D_L - D_G|^2 / d)",
    "rmse_model_linear": "E sqrt(|D - D_L|^2 / d)",
    "rmse_model_gaussian": "E sqrt(|D - D_G|^2 / d)",
    "nmse_model_gaussian": "E |D - D_G| / |D|",
}


@dataclass(frozen=True)
class AffineDenoiser:
    """D_L(x) = W x + b at the noise level `sigma`: `weight` `(d, d)`, `bias` `(d,)`. It refuses other noise levels."""

    weight: torch.Tensor
    bias: torch.Tensor
    sigma: float

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        if bool((check.sigmas("sigma", sigma, x.double()) != self.sigma).any()):
            raise NoiseLevelError("sigma", "is not the level of the fit", f"pass {self.sigma!r}")
        return (x.flatten(1).to(self.weight) @ self.weight.T + self.bias).reshape(x.shape).to(x)


@dataclass
class Moments:
    """Sums of (u, v), (u u^T) and (v u^T) over points, u and v being x and D(x) relative to a common origin."""

    n: int
    first: torch.Tensor
    inputs: torch.Tensor
    cross: torch.Tensor

    @classmethod
    def of(cls, u: torch.Tensor, v: torch.Tensor) -> Moments:
        return cls(len(u), torch.stack([u.sum(0), v.sum(0)]), u.T @ u, v.T @ u)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.first + other.first, self.inputs + other.inputs, self.cross + other.cross)

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.n - other.n, self.first - other.first, self.inputs - other.inputs, self.cross - other.cross)

    def affine(self) -> tuple[torch.Tensor, torch.Tensor]:
        """W `(d, d)` and b `(d,)`, relative to the origin."""
        mean_u, mean_v = self.first / self.n
        covariance = self.inputs / self.n - torch.outer(mean_u, mean_u)
        cross = self.cross / self.n - torch.outer(mean_v, mean_u)
        weight = torch.linalg.solve(covariance, cross, left=False)
        return weight, mean_v - weight @ mean_u


def _batches(data: torch.Tensor, sigma: float, draws: range, seed: int, size: int) -> Iterator[torch.Tensor]:
    for draw in draws:
        for start in range(0, len(data), size):
            x0 = data[start : start + size]
            yield noised(x0, sigma, seed, range(start, start + len(x0)), draw)


def _moments(
    denoiser: Denoiser, data: torch.Tensor, sigma: float, n_noise: int, seed: int, size: int
) -> tuple[list[Moments], torch.Tensor]:
    """Moments of up to `GROUPS` groups of noise draws, and the origin they are relative to."""
    origin = data.double().flatten(1).mean(0)
    groups: dict[int, Moments] = {}
    with torch.no_grad():
        for draw in range(n_noise):
            for x in _batches(data, sigma, range(draw, draw + 1), seed, size):
                u = x.double().flatten(1) - origin
                new, key = Moments.of(u, denoiser(x, sigma).double().flatten(1) - origin), draw % GROUPS
                groups[key] = groups[key] + new if key in groups else new
    return list(groups.values()), origin


def _absolute(weight: torch.Tensor, bias: torch.Tensor, origin: torch.Tensor, sigma: float) -> AffineDenoiser:
    return AffineDenoiser(weight, bias + origin - weight @ origin, sigma)


def _enough(n: int, dim: int) -> None:
    if n < 2 * dim:
        raise EmptyDataError("data", f"give {n} noised points for {dim} dimensions", "raise n_noise, or pass more data")


def fit_affine(
    denoiser: Denoiser, data: Any, sigma: float, *, n_noise: int = 1, seed: int = 0, batch_size: int = 1024
) -> AffineDenoiser:
    """The affine map that is nearest to `denoiser` in mean square over `data` `(n, *event)` noised to `sigma`.

    Raises EmptyDataError where there are fewer than 2 d noised points.

    >>> x0 = torch.arange(40, dtype=torch.float64).reshape(20, 2) / 10
    >>> fitted = fit_affine(lambda x, sigma: 1 - 0.5 * x, x0, 1.0)
    >>> bool(torch.allclose(fitted.weight, -torch.eye(2).double() / 2)), fitted.bias.round(decimals=6).tolist()
    (True, [1.0, 1.0])
    """
    data = check.dataset("data", data, minimum=2)
    sigma = float(check.positive_sigmas("sigma", sigma)[0])
    n_noise = check.integer("n_noise", n_noise, 1)
    _enough(len(data) * n_noise, data[0].numel())
    batch_size = check.integer("batch_size", batch_size, 1)
    groups, origin = _moments(denoiser, data, sigma, n_noise, seed, batch_size)
    return _absolute(*sum(groups[1:], groups[0]).affine(), origin, sigma)


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
    groups, origin = _moments(denoiser, data, sigma, n_noise, seed, size)
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
    linear = _absolute(weight, bias, origin, sigma)
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
        for x in _batches(data, sigma, range(n_noise, 2 * n_noise), seed, size):
            model, line, wiener = (d(x, sigma).double().flatten(1) for d in (denoiser, linear, gaussian))
            root = x[0].numel() ** 0.5
            values = (
                (line - wiener).norm(dim=1) / root,
                (model - line).norm(dim=1) / root,
                (model - wiener).norm(dim=1) / root,
                (model - wiener).norm(dim=1) / model.norm(dim=1).clamp_min(torch.finfo(torch.float64).tiny),
            )
            for name, value in zip(names, values):
                draws[name].append(value.numpy(force=True))
    return {name: np.concatenate(parts).reshape(n_noise, len(data)).mean(0) for name, parts in draws.items()}


def distill_linear(
    denoiser: Denoiser,
    training: Any,
    sigmas: Any,
    *,
    held_out: Any = None,
    theories: Mapping[str, Denoiser] | None = None,
    n_noise: int = 8,
    seed: int = 0,
    batch_size: int = 1024,
    show: bool | None = None,
) -> xr.Dataset:
    """Distil a denoiser, and every theory beside it, into affine maps and hold these against the Wiener filter.

    `training` `(n, *event)` gives the Gaussian optimum D_G; the inputs are `training` and, where given, `held_out`,
    each noised `n_noise` >= 4 times. A Dataset over `(model, inputs, sigma)`, `model` being "network" and the names of
    `theories` (the null curves; pass D_G, D_M, a mixture), with a `_stderr` to each:

    - `weight_distance` = |W - W_G| / |W_G|, without what the finite number of noise draws adds to it (a jackknife over
      draws gives that, and the error); for a distance that is compatible with zero the error is its upper limit;
    - `rmse_linear_gaussian`, `rmse_model_linear`, `rmse_model_gaussian` = E sqrt(|D_1 - D_2|^2 / d) ([@Li2024],
      eq. 10), of D_L and D_G, of D and D_L (what is not linear) and of D and D_G, on noise not used for the fit;
    - `nmse_model_gaussian` = E |D - D_G| / |D|;

    and over `mode` too, the eigenvectors u_k of the training covariance, `gain` = u_k . W u_k beside `wiener_gain`
    = lambda_k / (lambda_k + sigma^2), and `mode_distance` = |(W - W_G) u_k|, whose `_stderr` is what noise alone gives.

    Raises EmptyDataError where a set of inputs has fewer than 2 d noised points, CovarianceError where all training
    points are equal (the Wiener filter is 0), ShapeError where shapes disagree.

    >>> x0 = torch.linspace(-1, 1, 40, dtype=torch.float64).reshape(20, 2)
    >>> found = distill_linear(GaussianDenoiser.fit(x0), x0, [1.0])
    >>> bool(found.weight_distance < 1e-12), bool(found.rmse_model_linear < 1e-12)
    (True, True)
    """
    training = check.dataset("training", training, minimum=2)
    grid = check.positive_sigmas("sigmas", sigmas)
    n_noise = check.integer("n_noise", n_noise, 4)
    batch_size = check.integer("batch_size", batch_size, 1)
    sets = {"training": training}
    if held_out is not None:
        sets["held-out"] = check.batch("held_out", held_out, training.shape[1:])
    if bool((training == training[0]).all()):
        raise CovarianceError("training", f"holds {len(training)} equal points", "pass data that differ")
    for data in sets.values():
        _enough(len(data) * n_noise, training[0].numel())
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
