"""The Gaussian optimum of n samples, averaged over training sets."""

from __future__ import annotations

import math
from typing import Self, final

import torch

from ..._support import checks as check
from ..._support.types import ArrayLike, Points, Sigma
from ...errors import ShapeError
from ..closed_form import AroundMean
from ..covariance import Covariance, moments
from ._kappa import check_spectrum, scaled_level, solve


@final
class FiniteSampleDenoiser(AroundMean):
    r"""E D(x, sigma) = mu + C (C + kappa(sigma))^-1 (x - mu): the Gaussian optimum of n samples, on the average.

    The mean of the Gaussian optima of all training sets of n data [@Dobriban2018]: the sample acts as more noise,
    sigma^2 -> kappa >= sigma^2 (`finite_sample.kappa`). Being a mean of optima it is no posterior mean itself and
    obeys no Tweedie identity of second order; one training set scatters around it by half of `disagreement`. C is the
    covariance of the *distribution*: fitted on the n training data themselves it would count the sample twice.

    Parameters
    ----------
    mean : array (*event)
        The mean mu of the distribution; its dtype is that of the theory.
    covariance : array (d, d) or Covariance
        Its covariance C.
    n : int
        Size of the training sets, at least 2.

    Attributes
    ----------
    mean : tensor (*event)
        mu.
    covariance : Covariance
        C by its eigenvectors.
    n : int
        Size of the training sets.

    Raises
    ------
    ArgumentError
        For n < 2.
    CovarianceError, EmptyDataError
        Unless `covariance` is symmetric positive semi-definite and not 0.
    ShapeError
        Where shapes disagree.
    NotFiniteError
        On NaN or inf.

    Examples
    --------
    >>> D = FiniteSampleDenoiser(torch.zeros(2), torch.eye(2), n=4)
    >>> D
    FiniteSampleDenoiser(n=4, event=(2,), float32, cpu)
    >>> D(torch.ones(1, 2), 1.0)
    tensor([[0.4384, 0.4384]])
    """

    mean: torch.Tensor
    covariance: Covariance
    n: int

    def __init__(self, mean: ArrayLike, covariance: ArrayLike | Covariance, n: int) -> None:
        super().__init__()
        mean = check.as_float_tensor("mean", mean)
        if not isinstance(covariance, Covariance):
            covariance = Covariance.full(check.as_float_tensor("covariance", covariance, mean.dtype))
        if mean.ndim == 0 or covariance.dim != mean.numel():
            problem = f"has {covariance.dim} dimensions, the mean has shape {tuple(mean.shape)}"
            raise ShapeError("covariance", problem, "pass a mean (*event) and a covariance of its entries")
        self.n = check.integer("n", n, 2)
        with check.speaking_of("covariance"):
            self._eigenvalues = check_spectrum(covariance.spectrum)
        self.register_buffer("mean", mean.clone())
        self.covariance = covariance

    @classmethod
    def fit(cls, data: ArrayLike, n: int) -> Self:
        """For training sets of n data of a distribution whose mean and covariance are those of `data`.

        Parameters
        ----------
        data : array (m, *event)
            Many more data than n: they stand for the distribution.
        n : int
            Size of the training sets.

        Returns
        -------
        FiniteSampleDenoiser
            In the dtype of the moments, float64.
        """
        data = check.dataset("data", data)
        mean, covariance = moments(data.flatten(1))
        return cls(mean.reshape(data.shape[1:]), covariance, n)

    def _facts(self) -> dict[str, object]:
        return {"n": self.n}

    def effective_noise(self, sigma: Sigma) -> torch.Tensor:
        """sqrt(kappa), the noise level as which sigma acts; differentiable in sigma.

        Parameters
        ----------
        sigma : float or tensor
            Noise levels from 0 to inf.

        Returns
        -------
        tensor
            Like `sigma`, float64 for a number.
        """
        level = sigma if isinstance(sigma, torch.Tensor) else torch.tensor(float(sigma), dtype=torch.float64)
        top = float(self._eigenvalues.max())
        scaled = self._eigenvalues / top
        values, slopes = [], []
        for one in level.detach().double().reshape(-1).tolist():
            value = solve(scaled, float(self.n), scaled_level(one, top))
            values.append(math.sqrt(top * value))
            kept = scaled / (scaled + value)
            # d sqrt(kappa) / d sigma = sigma / sqrt(kappa) / (1 - df2 / n)
            steep = one / values[-1] if 0 < values[-1] < math.inf else 1.0
            slopes.append(steep / max(1 - float(kept @ kept) / self.n, 1e-300))
        found = torch.tensor(values, dtype=level.dtype, device=level.device).reshape(level.shape)
        if not level.requires_grad:
            return found
        slope = torch.tensor(slopes, dtype=level.dtype, device=level.device).reshape(level.shape)
        return found + torch.where(level.isfinite(), slope * (level - level.detach()), torch.zeros_like(level))

    def forward(self, x: Points, sigma: Sigma) -> Points:
        """The mean, over training sets, of the posterior mean under the Gaussian of the set.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level from 0 to inf.

        Returns
        -------
        tensor (batch, *event)
            Like `x`.
        """
        check.batch("x", x, self.mean.shape)
        u = (x.to(self.mean) - self.mean).flatten(1)
        levels = self.effective_noise(check.sigmas("sigma", sigma, u))
        return (self.mean + self.covariance.wiener(u, levels).reshape(x.shape)).to(x)

    def reference(self, x: Points, sigma: Sigma) -> Points:
        """mu + C (C + kappa)^-1 (x - mu) with kappa by bisection, one linear system per sample, in float64.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch, *event), float64
            The mean of D.
        """
        mean, C = self.mean.double().flatten(), self.covariance.dense().double()
        c, identity = torch.linalg.eigvalsh(C), torch.eye(len(mean), dtype=torch.float64, device=mean.device)
        flat, rows = x.double().flatten(1), []
        for row, s in zip(flat, check.sigmas("sigma", sigma, flat), strict=True):
            low, high = s**2, s**2 + c.sum() / self.n
            for _ in range(200):
                kappa = (low + high) / 2
                low, high = (low, kappa) if kappa > s**2 + kappa / self.n * (c / (c + kappa)).sum() else (kappa, high)
            rows.append(mean + C @ torch.linalg.solve(C + high * identity, row - mean))
        return torch.stack(rows).reshape(x.shape)
