"""Covariances by their eigenvectors, C = U diag(lambda) U^T + s I, so that no inverse is ever formed.

All that Gaussian denoisers need of C + sigma^2 I is a function of its eigenvalues. `U` has orthonormal columns and
may have fewer of them than there are dimensions (then the other directions have variance `s`), or be absent (then
the coordinates are the eigenvectors).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from .._support import checks as check
from ..errors import CovarianceError, ShapeError


def _rank_cut(eigenvalues: torch.Tensor, dim: int) -> torch.Tensor:
    """Eigenvalues below the rounding of the largest become zero; clearly negative ones are refused."""
    largest = float(eigenvalues.abs().max()) if eigenvalues.numel() else 0.0
    rounding = dim * torch.finfo(eigenvalues.dtype).eps * largest
    if bool((eigenvalues < -max(rounding, 1e-10 * largest)).any()):
        lowest = float(eigenvalues.min())
        raise CovarianceError(
            "covariance",
            f"is not positive semi-definite (eigenvalue {lowest:.3g})",
            "pass a covariance, or clip its negative eigenvalues",
        )
    return torch.where(eigenvalues > rounding, eigenvalues, torch.zeros_like(eigenvalues))


class Covariance(nn.Module):
    """C = U diag(lambda) U^T + s I on `dim` dimensions; build it by `full`, `diagonal`, `isotropic`, `low_rank`.

    >>> C = Covariance.full(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))
    >>> C.spectrum.flip(0)
    tensor([1., 3.], dtype=torch.float64)
    """

    eigenvalues: torch.Tensor
    basis: torch.Tensor | None
    floor: torch.Tensor

    def __init__(self, eigenvalues: torch.Tensor, basis: torch.Tensor | None, floor: torch.Tensor, dim: int) -> None:
        super().__init__()
        self.register_buffer("eigenvalues", eigenvalues)
        self.register_buffer("basis", basis)
        self.register_buffer("floor", floor)
        self.dim = dim

    @classmethod
    def full(cls, matrix: Any) -> Covariance:
        """From a symmetric positive semi-definite `(d, d)`; raises CovarianceError otherwise."""
        matrix = check.as_float_tensor("covariance", matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.numel() == 0:
            raise ShapeError("covariance", f"has shape {tuple(matrix.shape)}", "pass a square matrix (d, d)")
        asymmetry = float((matrix - matrix.T).abs().max())
        if asymmetry > 1e3 * torch.finfo(matrix.dtype).eps * float(matrix.abs().max()):
            raise CovarianceError(
                "covariance", f"is not symmetric (by {asymmetry:.3g})", "pass (C + C.T) / 2 if it should be"
            )
        eigenvalues, basis = torch.linalg.eigh((matrix + matrix.T) / 2)
        dim = matrix.shape[0]
        eigenvalues = _rank_cut(eigenvalues, dim).flip(0)
        rank = int((eigenvalues > 0).sum())
        return cls(eigenvalues[:rank], basis.flip(1)[:, :rank].contiguous(), matrix.new_zeros(()), dim)

    @classmethod
    def diagonal(cls, variances: Any) -> Covariance:
        """From the variances `(d,)` of independent coordinates."""
        variances = check.as_float_tensor("covariance", variances)
        if variances.ndim != 1 or variances.numel() == 0:
            raise ShapeError("covariance", f"has shape {tuple(variances.shape)}", "pass variances (d,)")
        return cls(_rank_cut(variances, 1), None, variances.new_zeros(()), variances.numel())

    @classmethod
    def isotropic(cls, variance: Any, dim: int) -> Covariance:
        """variance times the identity of `dim` dimensions."""
        floor = _rank_cut(check.as_float_tensor("covariance", variance).reshape(()), 1)
        return cls(floor.new_zeros(0), floor.new_zeros(dim, 0), floor, dim)

    @classmethod
    def low_rank(cls, factor: Any, floor: Any = 0.0) -> Covariance:
        """factor factor^T + floor I, from `factor` `(d, r)`."""
        factor = check.as_float_tensor("covariance", factor)
        if factor.ndim != 2 or factor.shape[0] == 0:
            raise ShapeError("covariance", f"has shape {tuple(factor.shape)}", "pass a factor (d, r)")
        floor = _rank_cut(torch.as_tensor(floor, dtype=factor.dtype, device=factor.device).reshape(()), 1)
        basis, singular, _ = torch.linalg.svd(factor, full_matrices=False)
        eigenvalues = _rank_cut(singular**2, factor.shape[0])
        rank = int((eigenvalues > 0).sum())
        return cls(eigenvalues[:rank], basis[:, :rank].contiguous(), floor, factor.shape[0])

    @property
    def spectrum(self) -> torch.Tensor:
        """All `dim` eigenvalues, those of the basis first."""
        rest = self.floor.expand(self.dim - self.eigenvalues.numel())
        return torch.cat([self.eigenvalues + self.floor, rest])

    @property
    def trace(self) -> float:
        return float(self.eigenvalues.sum() + self.dim * self.floor)

    @property
    def rank(self) -> int:
        return int((self.spectrum > 0).sum())

    def dense(self) -> torch.Tensor:
        """`(dim, dim)`."""
        identity = torch.eye(self.dim, dtype=self.floor.dtype, device=self.floor.device)
        if self.basis is None:
            return torch.diag(self.eigenvalues + self.floor)
        return (self.basis * self.eigenvalues) @ self.basis.T + self.floor * identity

    def split(self, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Coefficients of `u` `(batch, dim)` on the basis, and what lies off it (None where nothing can)."""
        if self.basis is None:
            return u, None
        coefficients = u @ self.basis
        if self.eigenvalues.numel() == self.dim:
            return coefficients, None
        return coefficients, u - coefficients @ self.basis.T

    def rescale(self, u: torch.Tensor, on: torch.Tensor, off: torch.Tensor) -> torch.Tensor:
        """f(C) u, given f at the basis' eigenvalues `on` `(batch or 1, r)` and elsewhere `off` `(batch or 1, 1)`."""
        coefficients, rest = self.split(u)
        scaled = coefficients * on
        if self.basis is not None:
            scaled = scaled @ self.basis.T
        return scaled if rest is None else scaled + off * rest

    def wiener(self, u: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """C (C + sigma^2 I)^-1 u for `u` `(batch, dim)`, `sigma` `(batch,)`; at 0 the projection on C's range."""
        sigma = sigma[:, None]
        return self.rescale(u, _shrink(self.eigenvalues + self.floor, sigma), _shrink(self.floor, sigma))

    def flow(self, u: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        """sqrt((C + end^2) / (C + start^2)) u: the probability-flow path of a centred Gaussian ([@Li2024], eq. 7)."""

        def gain(eigenvalue: torch.Tensor) -> torch.Tensor:
            root = eigenvalue.sqrt()
            return torch.hypot(root, end) / torch.hypot(root, start)

        return self.rescale(u, gain(self.eigenvalues + self.floor), gain(self.floor).reshape(1, 1))

    def colour(self, z: torch.Tensor) -> torch.Tensor:
        """sqrt(C) z: turns white noise `(batch, dim)` into noise of this covariance."""
        return self.rescale(z, (self.eigenvalues + self.floor).sqrt(), self.floor.sqrt())

    def log_normal(self, u: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """log N(u; 0, C + sigma^2 I) = (constant - square) / 2 + log N(0; 0, sigma^2 I), for sigma in (0, inf].

        Returns `(constant, square)`, each `(batch,)`, apart, since the square may dwarf the rest.
        """
        sigma = sigma[:, None]
        on, off = self.eigenvalues + self.floor, self.floor.reshape(1)
        coefficients, rest = self.split(u)
        constant, square = -_log_ratio(on, sigma).sum(1), _square_ratio(coefficients, on, sigma)
        if rest is not None:
            constant = constant - (self.dim - on.numel()) * _log_ratio(off, sigma)[:, 0]
            square = square + _square_ratio(rest, off, sigma)
        return constant, square

    def log_normal_limit(self, u: torch.Tensor) -> tuple[torch.Tensor, int, torch.Tensor]:
        """The limit of log N(u; 0, C + sigma^2 I) as sigma -> 0, term by term.

        Returns `(q, k, rest)`: it behaves as -q / (2 sigma^2) - k log(sigma) + rest, with q `(batch,)` the squared
        length of `u` outside C's range and k the number of dimensions there.
        """
        on, off = self.eigenvalues + self.floor, self.floor.reshape(1)
        coefficients, rest = self.split(u)
        q, value, null = torch.zeros_like(u[:, 0]), torch.zeros_like(u[:, 0]), 0
        pieces = [(on.expand(coefficients.shape[1]), coefficients, coefficients.shape[1])]
        if rest is not None:
            pieces.append((off.expand(self.dim), rest, self.dim - on.numel()))
        for eigenvalue, part, count in pieces:
            alive = eigenvalue > 0
            q = q + part[:, ~alive].square().sum(1)
            value = value + (part[:, alive].square() / eigenvalue[alive]).sum(1)
            fraction = count / max(part.shape[1], 1)
            null += round(fraction * int((~alive).sum()))
            value = value + fraction * eigenvalue[alive].log().sum()
        return q, null, -(value + (self.dim - null) * math.log(2 * math.pi)) / 2


def _shrink(eigenvalue: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    ratio = sigma / eigenvalue.sqrt()
    return torch.where(eigenvalue > 0, 1 / (1 + ratio.square()), torch.zeros_like(ratio))


def _log_ratio(eigenvalue: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """log((eigenvalue + sigma^2) / sigma^2) without overflow."""
    return torch.logaddexp(eigenvalue.log() - 2 * sigma.log(), torch.zeros_like(sigma))


def _square_ratio(part: torch.Tensor, eigenvalue: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return (part / torch.hypot(eigenvalue.sqrt(), sigma)).square().sum(1)


def moments(data: torch.Tensor, block_size: int = 4096) -> tuple[torch.Tensor, Covariance]:
    """Mean `(d,)` and covariance (divided by n) of `data` `(n, d)` in float64.

    With n <= d the eigenvectors come from a singular value decomposition of the centred data and no `(d, d)` matrix
    is formed; else the covariance is summed up block by block.
    """
    n, dim = data.shape
    mean = sum((block.double().sum(0) for block in data.split(block_size)), data.new_zeros(dim).double()) / n
    if n <= dim:
        return mean, Covariance.low_rank((data.double() - mean).T / math.sqrt(n))
    scatter = data.new_zeros(dim, dim).double()
    for block in data.split(block_size):
        centred = block.double() - mean
        scatter.addmm_(centred.T, centred)
    return mean, Covariance.full(scatter / n)
