"""The Gaussian (linear, Wiener) optimum: the posterior mean if the data were Gaussian."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from .._support import checks as check
from .._support.streams import normal_batch
from ..errors import NoiseLevelError, ShapeError
from .covariance import Covariance, moments


class GaussianDenoiser(nn.Module):
    """D(x, sigma) = mu + C (C + sigma^2 I)^-1 (x - mu) for data N(mu, C) ([@Li2024], eq. 6; the Wiener filter).

    `mean` `(*event)`; `covariance` `(d, d)` with d the number of entries of an event, or a `Covariance`. Defined for
    every sigma from 0 (projection on the range of C) to inf (the mean). Raises CovarianceError unless `covariance` is
    symmetric positive semi-definite, ShapeError where shapes disagree, NotFiniteError on NaN or inf.

    >>> D = GaussianDenoiser(torch.zeros(2), torch.diag(torch.tensor([3.0, 0.0])))
    >>> D(torch.ones(1, 2), 1.0)
    tensor([[0.7500, 0.0000]])
    """

    mean: torch.Tensor

    def __init__(self, mean: Any, covariance: Any) -> None:
        super().__init__()
        mean = check.as_float_tensor("mean", mean)
        if mean.ndim == 0:
            raise ShapeError("mean", "is a scalar", "pass a mean (*event)")
        if not isinstance(covariance, Covariance):
            covariance = Covariance.full(check.as_float_tensor("covariance", covariance, mean.dtype))
        if covariance.dim != mean.numel():
            raise ShapeError(
                "covariance", f"has {covariance.dim} dimensions", f"pass one of {mean.numel()}, as the mean has"
            )
        self.register_buffer("mean", mean.clone())
        self.covariance = covariance

    @classmethod
    def fit(cls, data: Any) -> GaussianDenoiser:
        """Mean and covariance (divided by n) of `data` `(n, *event)`, in float64; n may be smaller than d."""
        data = check.dataset("data", data)
        mean, covariance = moments(data.flatten(1))
        return cls(mean.reshape(data.shape[1:]), covariance)

    def _centred(self, x: torch.Tensor, sigma: Any) -> tuple[torch.Tensor, torch.Tensor]:
        check.batch("x", x, self.mean.shape)
        u = (x.to(self.mean) - self.mean).flatten(1)
        return u, check.sigmas("sigma", sigma, u)

    def forward(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        u, sigma = self._centred(x, sigma)
        return (self.mean + self.covariance.wiener(u, sigma).reshape(x.shape)).to(x)

    def log_density(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """log N(x; mu, C + sigma^2 I) as `(batch,)`; raises NoiseLevelError where the density does not exist."""
        u, sigma = self._centred(x, sigma)
        if bool(sigma.isinf().any()) or (bool((sigma == 0).any()) and self.covariance.rank < self.covariance.dim):
            raise NoiseLevelError("sigma", "is inf, or 0 with a singular covariance", "there is no density there")
        finite = torch.where(sigma > 0, sigma, torch.ones_like(sigma))
        constant, square = self.covariance.log_normal(u, finite)
        value = (constant - square) / 2 - self.covariance.dim * (math.log(2 * math.pi) / 2 + finite.log())
        return torch.where(sigma > 0, value, self.covariance.log_normal_limit(u)[2]).to(x)

    def trajectory(self, x: torch.Tensor, sigmas: Any) -> torch.Tensor:
        """The exact probability-flow path from `x` at sigmas[0], as `(len(sigmas), batch, *event)`.

        x(sigma) = mu + sqrt((C + sigma^2) (C + sigma_0^2)^-1) (x - mu) ([@Li2024], eq. 7), for sigmas[0] > 0.
        """
        grid = torch.as_tensor(sigmas, dtype=self.mean.dtype, device=self.mean.device).reshape(-1)
        if grid.numel() == 0 or not bool(((grid >= 0) & grid.isfinite()).all()) or float(grid[0]) == 0:
            raise NoiseLevelError("sigmas", "is empty, negative, infinite or begins with 0", "pass finite levels >= 0")
        u, _ = self._centred(x, grid[0])
        path = [self.mean + self.covariance.flow(u, grid[0], sigma).reshape(x.shape) for sigma in grid]
        return torch.stack(path).to(x)

    def sample(self, n: int, seed: int = 0) -> torch.Tensor:
        """`(n, *event)` draws of N(mu, C); draw i does not depend on n."""
        z = normal_batch(seed, "gaussian", range(check.integer("n", n, 1)), (self.covariance.dim,)).to(self.mean)
        return self.mean + self.covariance.colour(z).reshape(-1, *self.mean.shape)
