"""The affine map that is nearest to a denoiser at one noise level, from moments summed batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ..._support.modules import in_evaluation
from ..._support.typed import typed
from ..._support.types import ArrayLike, Points, Sigma
from ...errors import EmptyDataError, NoiseLevelError, ShapeError
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser

GROUPS = 8
SAME_LEVEL = 1e-6  # relative: a level in single precision is still the level of the fit


@typed
@dataclass(frozen=True)
class AffineDenoiser(Boxed):
    """The affine denoiser D_L(x) = W x + b of one noise level; it refuses others.

    Parameters
    ----------
    weight : Tensor, shape (d, d)
        W, on flattened events.
    bias : Tensor, shape (d,)
        b.
    sigma : float
        The noise level of the fit.

    Raises
    ------
    NoiseLevelError
        When it is called with another noise level, by more than rounding in single precision.

    Examples
    --------
    >>> halve = AffineDenoiser(torch.eye(2) / 2, torch.ones(2), sigma=1.0)
    >>> halve(torch.tensor([[2.0, 4.0]]), 1.0)
    tensor([[2., 3.]])
    """

    weight: torch.Tensor
    bias: torch.Tensor
    sigma: float

    def __post_init__(self) -> None:
        check.positive_sigma("sigma", self.sigma)
        weight, bias = (check.as_float_tensor(name, getattr(self, name)) for name in ("weight", "bias"))
        if bias.ndim != 1 or weight.shape != (len(bias), len(bias)):
            raise ShapeError(
                "weight", f"has shape {tuple(weight.shape)}, bias {tuple(bias.shape)}", "pass (d, d), (d,)"
            )
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)

    def __call__(self, x: Points, sigma: Sigma) -> Points:
        levels = check.sigmas("sigma", sigma, x.double())
        if bool(((levels - self.sigma).abs() > SAME_LEVEL * self.sigma).any()):
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


def batches(data: torch.Tensor, sigma: float, draws: range, seed: int, size: int) -> Iterator[torch.Tensor]:
    for draw in draws:
        for start in range(0, len(data), size):
            x0 = data[start : start + size]
            yield noised(x0, sigma, seed, range(start, start + len(x0)), draw)


def moments(
    denoiser: Denoiser, data: torch.Tensor, sigma: float, n_noise: int, seed: int, size: int
) -> tuple[list[Moments], torch.Tensor]:
    """Moments of up to `GROUPS` groups of noise draws, and the origin they are relative to."""
    origin = data.double().flatten(1).mean(0)
    groups: dict[int, Moments] = {}
    with torch.no_grad():
        for draw in range(n_noise):
            for x in batches(data, sigma, range(draw, draw + 1), seed, size):
                u = x.double().flatten(1) - origin
                new, key = Moments.of(u, denoiser(x, sigma).double().flatten(1) - origin), draw % GROUPS
                groups[key] = groups[key] + new if key in groups else new
    return list(groups.values()), origin


def absolute(weight: torch.Tensor, bias: torch.Tensor, origin: torch.Tensor, sigma: float) -> AffineDenoiser:
    return AffineDenoiser(weight, bias + origin - weight @ origin, sigma)


def enough(n: int, dim: int) -> None:
    if n < 2 * dim:
        raise EmptyDataError("data", f"give {n} noised points for {dim} dimensions", "raise n_noise, or pass more data")


@partial(typed, says={"x": "data", "weight": "data"})
def fit_affine(
    denoiser: Denoiser, data: ArrayLike, sigma: float, *, n_noise: int = 1, seed: int = 0, batch_size: int = 1024
) -> AffineDenoiser:
    """The affine map that is nearest to a denoiser in mean square over noised data.

    Parameters
    ----------
    denoiser : Denoiser
        The network, or any other denoiser.
    data : array_like, shape (n, *event)
        Clean points, d numbers each.
    sigma : float
        The noise level.
    n_noise : int, optional
        How often each point is noised.
    seed : int, optional
        Of the noise.
    batch_size : int, optional
        Points denoised at once; it changes nothing but the memory needed.

    Returns
    -------
    AffineDenoiser
        The least-squares fit.

    Raises
    ------
    EmptyDataError
        If there are fewer than 2 d noised points.
    NoiseLevelError
        Unless sigma > 0.

    Examples
    --------
    >>> x0 = torch.arange(40, dtype=torch.float64).reshape(20, 2) / 10
    >>> fitted = fit_affine(lambda x, sigma: 1 - 0.5 * x, x0, 1.0)
    >>> bool(torch.allclose(fitted.weight, -torch.eye(2).double() / 2)), fitted.bias.round(decimals=6).tolist()
    (True, [1.0, 1.0])
    """
    data = check.points("data", data, minimum=2)
    sigma = check.positive_sigma("sigma", sigma)
    n_noise = check.integer("n_noise", n_noise, 1)
    enough(len(data) * n_noise, data[0].numel())
    batch_size = check.integer("batch_size", batch_size, 1)
    groups, origin = moments(in_evaluation(denoiser), data, sigma, n_noise, seed, batch_size)
    return absolute(*sum(groups[1:], groups[0]).affine(), origin, sigma)
