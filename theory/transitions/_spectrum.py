"""The spectrum behind a transition: of data with its sampling error, of a covariance or of a mixture exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import CovarianceError
from .._scatter import BLOCK
from ..covariance import Covariance, moments
from ..mixture import MixtureDenoiser
from .roots import spectral_rounding

ENOUGH = 8192  # data give a standard error to one per cent


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The positive eigenvalues `(r,)` of a covariance, largest first, and the data behind them if there are any.

    To first order in the sampling error an eigenvalue of the covariance of n data moves by the mean of its influence
    function psi_k(y) = (u_k . (y - mu))^2 - lambda_k, which gives every smooth function of the spectrum its standard
    error without a resampling. It holds where the eigenvalue is simple and n is large against the dimension.
    `rounding` is the relative error of the arithmetic.
    """

    eigenvalues: Array
    data: torch.Tensor | None = None
    mean: torch.Tensor | None = None
    basis: torch.Tensor | None = None
    rounding: float = spectral_rounding(1)

    @property
    def n(self) -> int | None:
        """Number of data, None for an exact spectrum."""
        return None if self.data is None else len(self.data)

    def _influence(self, weights: Array) -> Array:
        """`(n, m)`: sum_k psi_k(y) weights_km of each datum, or of every second, third ... one of more than `ENOUGH`,
        for `weights` `(r, m)`."""
        assert self.data is not None and self.mean is not None and self.basis is not None
        weights_, basis = torch.as_tensor(weights).to(self.basis), self.basis[:, : len(weights)]
        some = self.data[:: max(1, len(self.data) // ENOUGH)]
        squares = [((block.to(self.mean) - self.mean) @ basis).square() @ weights_ for block in some.split(BLOCK)]
        return torch.cat(squares).numpy(force=True) - self.eigenvalues[: len(weights)] @ weights

    def stderr(self, gradient: Array) -> float:
        """Standard error of a function of the spectrum with this `gradient` `(r,)`; 0 for an exact spectrum."""
        if self.n is None:
            return 0.0
        return float(self._influence(gradient[:, None]).std(ddof=1) / np.sqrt(self.n))

    def eigenvalue_stderr(self, count: int) -> Array:
        """`(count,)`: standard error of each of the first eigenvalues; zeros for an exact spectrum."""
        if self.data is None or self.mean is None or self.basis is None:
            return np.zeros(len(self.eigenvalues[:count]))
        eigenvalues, basis = torch.as_tensor(self.eigenvalues[:count]).to(self.mean), self.basis[:, :count]
        total = torch.zeros_like(eigenvalues)
        for block in self.data.split(BLOCK):
            total += (((block.to(self.mean) - self.mean) @ basis).square() - eigenvalues).square().sum(0)
        n = len(self.data)
        return (total / (n * (n - 1))).sqrt().numpy(force=True)


def mixture_covariance(mixture: MixtureDenoiser) -> Covariance:
    """sum_k pi_k [C_k + (mu_k - mu)(mu_k - mu)^T], the covariance of a mixture."""
    weights, means = mixture.log_weights.exp(), mixture.means.flatten(1)
    offsets = (means - weights @ means) * weights.sqrt()[:, None]
    within = [weight * component.dense() for weight, component in zip(weights, mixture.covariances, strict=True)]
    return Covariance.full(torch.stack(within).sum(0) + offsets.T @ offsets)


def is_covariance(tensor: torch.Tensor) -> bool:
    """Whether an array is to be read as a covariance `(d, d)`: it is square and symmetric up to rounding."""
    if tensor.ndim != 2 or tensor.shape[0] != tensor.shape[1] or tensor.numel() == 0:
        return False
    return float((tensor - tensor.T).abs().max()) <= 1e3 * torch.finfo(tensor.dtype).eps * float(tensor.abs().max())


Source: TypeAlias = ArrayLike | Covariance | MixtureDenoiser | Spectrum
"""What has a spectrum: data `(n, *event)`, a covariance, a mixture; a spectrum itself."""


def spectrum(source: Source) -> Spectrum:
    """The spectrum of `source`: data `(n, *event)`, a covariance, or a `MixtureDenoiser`; a spectrum is passed through.

    A two-dimensional array that equals its transpose up to rounding is a covariance, any other array is data. Raises
    EmptyDataError for fewer than two data, CovarianceError where nothing varies.
    """
    if isinstance(source, Spectrum):
        return source
    if isinstance(source, MixtureDenoiser):
        covariance = mixture_covariance(source)
    elif isinstance(source, Covariance):
        covariance = source
    else:
        tensor = check.as_float_tensor("source", source).detach()
        if is_covariance(tensor):
            covariance = Covariance.full((tensor + tensor.T).double() / 2, "source")
        else:
            return data_spectrum(check.dataset("source", tensor, minimum=2).flatten(1))
    return _ordered(covariance)


def data_spectrum(data: torch.Tensor) -> Spectrum:
    """The spectrum of data `(n, d)`; raises CovarianceError where nothing varies."""
    if bool((data == data[:1]).all()):
        raise CovarianceError("source", "has a covariance of rank zero", "pass data that vary")
    mean, covariance = moments(data)
    return _ordered(covariance, data, mean)


def _ordered(covariance: Covariance, data: torch.Tensor | None = None, mean: torch.Tensor | None = None) -> Spectrum:
    """The spectrum of a covariance, largest first, and the data behind it."""
    eigenvalues = covariance.spectrum.double()
    order = torch.argsort(eigenvalues, descending=True, stable=True)
    values = eigenvalues[order].numpy(force=True)
    values = values[values > 0]
    if values.size == 0:
        raise CovarianceError("source", "has a covariance of rank zero", "pass data that vary")
    basis = None
    if data is not None and covariance.basis is not None:
        basis = covariance.basis[:, order[: values.size]]
    rounding = spectral_rounding(covariance.dim, covariance.floor.dtype)
    return Spectrum(values, data, mean, basis, rounding)
