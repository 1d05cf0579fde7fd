"""The Gaussian (linear, Wiener) optimum: the posterior mean if the data were Gaussian."""

from __future__ import annotations

import math
from typing import Self, final

import torch

from .._support import checks as check
from .._support.streams import normal_batch
from .._support.types import ArrayLike, Points, Sigma
from ..errors import NoiseLevelError, ShapeError
from .closed_form import AroundMean
from .covariance import Covariance, moments


@final
class GaussianDenoiser(AroundMean):
    """D(x, sigma) = mu + C (C + sigma^2 I)^-1 (x - mu) for data N(mu, C) ([@Li2024], eq. 6; the Wiener filter).

    Defined for every sigma from 0 (projection on the range of C) to inf (the mean).

    Parameters
    ----------
    mean : array (*event)
        The mean mu of the data; its dtype is that of the theory.
    covariance : array (d, d) or Covariance
        The covariance C, d being the number of entries of an event.

    Attributes
    ----------
    mean : tensor (*event)
        mu.
    covariance : Covariance
        C by its eigenvectors.

    Raises
    ------
    CovarianceError
        Unless `covariance` is symmetric positive semi-definite.
    ShapeError
        Where shapes disagree.
    NotFiniteError
        On NaN or inf.

    Examples
    --------
    >>> D = GaussianDenoiser(torch.zeros(2), torch.diag(torch.tensor([3.0, 0.0])))
    >>> D
    GaussianDenoiser(rank=1, event=(2,), float32, cpu)
    >>> D(torch.ones(1, 2), 1.0)
    tensor([[0.7500, 0.0000]])
    """

    mean: torch.Tensor
    covariance: Covariance

    def __init__(self, mean: ArrayLike, covariance: ArrayLike | Covariance) -> None:
        super().__init__()
        mean = check.as_float_tensor("mean", mean)
        if mean.ndim == 0:
            raise ShapeError("mean", "is a scalar", "pass a mean (*event)")
        if not isinstance(covariance, Covariance):
            covariance = Covariance.full(check.as_float_tensor("covariance", covariance, mean.dtype))
        if covariance.dim != mean.numel():
            raise ShapeError(
                "covariance",
                f"has {covariance.dim} dimensions, the mean {mean.numel()}",
                f"pass a covariance ({mean.numel()}, {mean.numel()})",
            )
        self.register_buffer("mean", mean.clone())
        self.covariance = covariance

    @classmethod
    def fit(cls, data: ArrayLike) -> Self:
        """The Gaussian with the mean and covariance of `data`, in float64.

        Parameters
        ----------
        data : array (n, *event)
            Training data; n may be smaller than the number of entries of an event.

        Returns
        -------
        GaussianDenoiser
            Its covariance is divided by n.
        """
        data = check.dataset("data", data)
        mean, covariance = moments(data.flatten(1))
        return cls(mean.reshape(data.shape[1:]), covariance)

    def _facts(self) -> dict[str, object]:
        return {"rank": self.covariance.rank}

    def _centred(self, x: Points, sigma: Sigma) -> tuple[torch.Tensor, torch.Tensor]:
        check.batch("x", x, self.mean.shape)
        u = (x.to(self.mean) - self.mean).flatten(1)
        return u, check.sigmas("sigma", sigma, u)

    def forward(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level from 0 to inf.

        Returns
        -------
        tensor (batch, *event)
            E[x0 | x], like `x`.
        """
        u, sigma = self._centred(x, sigma)
        return (self.mean + self.covariance.wiener(u, sigma).reshape(x.shape)).to(x)

    def reference(self, x: Points, sigma: Sigma) -> Points:
        """mu + C (C + sigma^2 I)^-1 (x - mu), one linear system per sample, in float64 ([@Li2024], eq. 6).

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch, *event), float64
            E[x0 | x].
        """
        mean, C = self.mean.double().flatten(), self.covariance.dense().double()
        identity = torch.eye(len(mean), dtype=torch.float64, device=mean.device)
        flat = x.double().flatten(1)
        levels = check.sigmas("sigma", sigma, flat)
        rows = [
            mean + C @ torch.linalg.solve(C + s**2 * identity, row - mean) for row, s in zip(flat, levels, strict=True)
        ]
        return torch.stack(rows).reshape(x.shape)

    def log_density(self, x: Points, sigma: Sigma) -> torch.Tensor:
        """log N(x; mu, C + sigma^2 I); raises NoiseLevelError where the density does not exist.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, sigma < inf; 0 only where C has full rank.

        Returns
        -------
        tensor (batch,)
            In nats, in the dtype of `x`.
        """
        u, sigma = self._centred(x, sigma)
        if not check.holds(sigma.isfinite()) or (
            not check.holds(sigma > 0) and self.covariance.rank < self.covariance.dim
        ):
            raise NoiseLevelError("sigma", "is inf, or 0 with a singular covariance", "there is no density there")
        finite = torch.where(sigma > 0, sigma, torch.ones_like(sigma))
        constant, square = self.covariance.log_normal(u, finite)
        value = (constant - square) / 2 - self.covariance.dim * (math.log(2 * math.pi) / 2 + finite.log())
        return torch.where(sigma > 0, value, self.covariance.log_normal_limit(u)[2]).to(x)

    def trajectory(self, x: Points, sigmas: ArrayLike) -> torch.Tensor:
        """The exact probability-flow path from `x` at sigmas[0].

        x(sigma) = mu + sqrt((C + sigma^2) (C + sigma_0^2)^-1) (x - mu) ([@Li2024], eq. 7). Raises NoiseLevelError
        unless sigmas[0] > 0 and all levels are finite.

        Parameters
        ----------
        x : tensor (batch, *event)
            Points at noise level sigmas[0].
        sigmas : array (n,)
            Noise levels, in any order; the first one is that of `x`.

        Returns
        -------
        tensor (n, batch, *event)
            The path, like `x`.
        """
        grid = torch.as_tensor(sigmas, dtype=self.mean.dtype, device=self.mean.device).reshape(-1)
        if grid.numel() == 0 or not bool(((grid >= 0) & grid.isfinite()).all()) or float(grid[0]) == 0:
            raise NoiseLevelError("sigmas", "is empty, negative, infinite or begins with 0", "pass finite levels >= 0")
        u, _ = self._centred(x, grid[0])
        path = [self.mean + self.covariance.flow(u, grid[0], sigma).reshape(x.shape) for sigma in grid]
        return torch.stack(path).to(x)

    def sample(self, n: int, seed: int = 0) -> torch.Tensor:
        """Draws of N(mu, C); draw i does not depend on n.

        Parameters
        ----------
        n : int
            How many.
        seed : int
            Which ones.

        Returns
        -------
        tensor (n, *event)
            In the dtype and on the device of the theory.
        """
        z = normal_batch(seed, "gaussian", range(check.integer("n", n, 1)), (self.covariance.dim,)).to(self.mean)
        return self.mean + self.covariance.colour(z).reshape(-1, *self.mean.shape)
