"""Covariances by their eigenvectors, C = U diag(lambda) U^T + s I, so that no inverse is ever formed.

All that Gaussian denoisers need of C + sigma^2 I is a function of its eigenvalues. `U` has orthonormal columns and
may have fewer of them than there are dimensions (then the other directions have variance `s`), or be absent (then
the coordinates are the eigenvectors).
"""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import nn

from .._support import checks as check
from .._support.types import ArrayLike
from ..errors import CovarianceError, ShapeError
from ._eigenvalues import log_ratio, rank_cut, shrink, square_ratio
from ._products import product
from ._scatter import BLOCK, mean_of, scatter_of


class Covariance(nn.Module):
    """C = U diag(lambda) U^T + s I on `dim` dimensions; build it by `full`, `diagonal`, `isotropic`, `low_rank`.

    Parameters
    ----------
    eigenvalues : tensor (r,)
        lambda, without s.
    basis : tensor (dim, r) or None
        Orthonormal columns U; None where the coordinates are the eigenvectors (then r = dim).
    floor : tensor ()
        s, the variance that every direction has.
    dim : int
        Number of dimensions.

    Raises
    ------
    CovarianceError
        By the constructors named above, on what is not symmetric positive semi-definite.
    ShapeError
        By the same, on other shapes.

    Examples
    --------
    >>> C = Covariance.full(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))
    >>> C
    Covariance(dim=2, rank=2, trace=4, float64, cpu)
    >>> C.spectrum.flip(0).round(decimals=6)
    tensor([1., 3.], dtype=torch.float64)
    """

    eigenvalues: torch.Tensor
    basis: torch.Tensor | None
    floor: torch.Tensor
    dim: int

    def __init__(self, eigenvalues: torch.Tensor, basis: torch.Tensor | None, floor: torch.Tensor, dim: int) -> None:
        super().__init__()
        self.register_buffer("eigenvalues", eigenvalues)
        self.register_buffer("basis", basis)
        self.register_buffer("floor", floor)
        self.dim = dim

    @classmethod
    def full(cls, matrix: ArrayLike, argument: str = "covariance") -> Self:
        """From a symmetric positive semi-definite matrix; raises CovarianceError otherwise.

        Parameters
        ----------
        matrix : array (d, d)
            Symmetric to rounding; eigenvalues below the rounding of the largest become zero.
        argument : str
            The name under which an error speaks of the matrix.

        Returns
        -------
        Covariance
            With the eigenvectors of nonzero variance.
        """
        matrix = check.as_float_tensor(argument, matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.numel() == 0:
            raise ShapeError(argument, f"has shape {tuple(matrix.shape)}", "pass a square matrix (d, d)")
        asymmetry = float((matrix - matrix.T).detach().abs().max())
        if asymmetry > 1e3 * torch.finfo(matrix.dtype).eps * float(matrix.detach().abs().max()):
            raise CovarianceError(
                argument, f"is not symmetric (by {asymmetry:.3g})", "pass (C + C.T) / 2 if it should be"
            )
        working = matrix.float() if matrix.dtype.itemsize < 4 else matrix  # no decomposition exists in half precision
        eigenvalues, basis = (part.to(matrix.dtype) for part in torch.linalg.eigh((working + working.T) / 2))
        dim = matrix.shape[0]
        eigenvalues = rank_cut(eigenvalues, dim, argument).flip(0)
        rank = int((eigenvalues > 0).sum())
        return cls(eigenvalues[:rank], basis.flip(1)[:, :rank].contiguous(), matrix.new_zeros(()), dim)

    @classmethod
    def diagonal(cls, variances: ArrayLike) -> Self:
        """From the variances of independent coordinates.

        Parameters
        ----------
        variances : array (d,)
            0 or more.

        Returns
        -------
        Covariance
            Without a basis.
        """
        variances = check.as_float_tensor("covariance", variances)
        if variances.ndim != 1 or variances.numel() == 0:
            raise ShapeError("covariance", f"has shape {tuple(variances.shape)}", "pass variances (d,)")
        return cls(rank_cut(variances, 1), None, variances.new_zeros(()), variances.numel())

    @classmethod
    def isotropic(cls, variance: ArrayLike, dim: int) -> Self:
        """Variance times the identity.

        Parameters
        ----------
        variance : float
            0 or more.
        dim : int
            Number of dimensions.

        Returns
        -------
        Covariance
            With a floor alone.
        """
        floor = rank_cut(check.as_float_tensor("covariance", variance).reshape(()), 1)
        return cls(floor.new_zeros(0), floor.new_zeros(dim, 0), floor, dim)

    @classmethod
    def low_rank(cls, factor: ArrayLike, floor: float | torch.Tensor = 0.0) -> Self:
        """factor factor^T + floor I.

        Parameters
        ----------
        factor : array (d, r)
            Any matrix; r may be smaller than d.
        floor : float
            0 or more.

        Returns
        -------
        Covariance
            With at most r eigenvectors.
        """
        factor = check.as_float_tensor("covariance", factor)
        if factor.ndim != 2 or factor.shape[0] == 0:
            raise ShapeError("covariance", f"has shape {tuple(factor.shape)}", "pass a factor (d, r)")
        floor = rank_cut(torch.as_tensor(floor, dtype=factor.dtype, device=factor.device).reshape(()), 1)
        basis, singular, _ = torch.linalg.svd(factor, full_matrices=False)
        eigenvalues = rank_cut(singular**2, factor.shape[0])
        rank = int((eigenvalues > 0).sum())
        return cls(eigenvalues[:rank], basis[:, :rank].contiguous(), floor, factor.shape[0])

    @property
    def spectrum(self) -> torch.Tensor:
        """All `dim` eigenvalues, those of the basis first."""
        rest = self.floor.expand(self.dim - self.eigenvalues.numel())
        return torch.cat([self.eigenvalues + self.floor, rest])

    @property
    def trace(self) -> float:
        """The sum of all eigenvalues."""
        return float((self.eigenvalues.sum() + self.dim * self.floor).detach())

    @property
    def rank(self) -> int:
        """Number of directions with a variance."""
        return int((self.spectrum > 0).sum())

    def __repr__(self) -> str:
        dtype = str(self.floor.dtype).removeprefix("torch.")
        return f"Covariance(dim={self.dim}, rank={self.rank}, trace={self.trace:.4g}, {dtype}, {self.floor.device})"

    def dense(self) -> torch.Tensor:
        """The matrix C.

        Returns
        -------
        tensor (dim, dim)
            Symmetric to rounding.
        """
        identity = torch.eye(self.dim, dtype=self.floor.dtype, device=self.floor.device)
        if self.basis is None:
            return torch.diag(self.eigenvalues + self.floor)
        return (self.basis * self.eigenvalues) @ self.basis.T + self.floor * identity

    def split(self, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Coefficients on the basis, and what lies off it.

        Parameters
        ----------
        u : tensor (batch, dim)
            Vectors, already centred.

        Returns
        -------
        (tensor (batch, r), tensor (batch, dim) or None)
            None where nothing can lie off the basis.
        """
        if self.basis is None:
            return u, None
        coefficients = product(u, self.basis)
        if self.eigenvalues.numel() == self.dim:
            return coefficients, None
        return coefficients, u - product(coefficients, self.basis.T)

    def rescale(self, u: torch.Tensor, on: torch.Tensor, off: torch.Tensor) -> torch.Tensor:
        """f(C) u for a function f of the eigenvalues.

        Parameters
        ----------
        u : tensor (batch, dim)
            Vectors, already centred.
        on : tensor (batch or 1, r)
            f at the eigenvalues of the basis.
        off : tensor (batch or 1, 1)
            f at the floor.

        Returns
        -------
        tensor (batch, dim)
            f(C) u.
        """
        coefficients, rest = self.split(u)
        scaled = coefficients * on
        if self.basis is not None:
            scaled = product(scaled, self.basis.T)
        return scaled if rest is None else scaled + off * rest

    def wiener(self, u: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """C (C + sigma^2 I)^-1 u; at sigma = 0 the projection on the range of C.

        Parameters
        ----------
        u : tensor (batch, dim)
            Vectors, already centred.
        sigma : tensor (batch,)
            Noise level, from 0 to inf.

        Returns
        -------
        tensor (batch, dim)
            u, shrunk along every eigenvector.
        """
        sigma = sigma[:, None]
        return self.rescale(u, shrink(self.eigenvalues + self.floor, sigma), shrink(self.floor, sigma))

    def flow(self, u: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        """sqrt((C + end^2) / (C + start^2)) u: the probability-flow path of a centred Gaussian ([@Li2024], eq. 7).

        Parameters
        ----------
        u : tensor (batch, dim)
            Vectors, already centred.
        start : tensor ()
            Noise level of `u`, > 0.
        end : tensor ()
            Noise level to go to, 0 or more.

        Returns
        -------
        tensor (batch, dim)
            Where the flow takes u.
        """

        def gain(eigenvalue: torch.Tensor) -> torch.Tensor:
            root = eigenvalue.sqrt()
            return torch.hypot(root, end) / torch.hypot(root, start)

        return self.rescale(u, gain(self.eigenvalues + self.floor), gain(self.floor).reshape(1, 1))

    def colour(self, z: torch.Tensor) -> torch.Tensor:
        """sqrt(C) z: turns white noise into noise of this covariance.

        Parameters
        ----------
        z : tensor (batch, dim)
            White noise.

        Returns
        -------
        tensor (batch, dim)
            Noise of covariance C.
        """
        return self.rescale(z, (self.eigenvalues + self.floor).sqrt(), self.floor.sqrt())

    def log_normal(self, u: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """log N(u; 0, C + sigma^2 I) = (constant - square) / 2 + log N(0; 0, sigma^2 I), for sigma in (0, inf].

        Parameters
        ----------
        u : tensor (batch, dim)
            Vectors, already centred.
        sigma : tensor (batch,)
            Noise level, 0 < sigma <= inf.

        Returns
        -------
        constant, square : tensor (batch,)
            Apart from each other, since the square may dwarf the rest.
        """
        sigma = sigma[:, None]
        on, off = self.eigenvalues + self.floor, self.floor.reshape(1)
        coefficients, rest = self.split(u)
        constant, square = -log_ratio(on, sigma).sum(1), square_ratio(coefficients, on, sigma)
        if rest is not None:
            constant = constant - (self.dim - on.numel()) * log_ratio(off, sigma)[:, 0]
            square = square + square_ratio(rest, off, sigma)
        return constant, square

    def log_normal_limit(self, u: torch.Tensor) -> tuple[torch.Tensor, int, torch.Tensor]:
        """The limit of log N(u; 0, C + sigma^2 I) as sigma -> 0, term by term.

        It behaves as -q / (2 sigma^2) - k log(sigma) + rest.

        Parameters
        ----------
        u : tensor (batch, dim)
            Vectors, already centred.

        Returns
        -------
        q : tensor (batch,)
            Squared length of `u` outside the range of C.
        k : int
            Number of dimensions there.
        rest : tensor (batch,)
            What stays finite.
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


def moments(data: torch.Tensor, block_size: int = BLOCK) -> tuple[torch.Tensor, Covariance]:
    """Mean and covariance (divided by n) of data, in float64.

    With n <= d the eigenvectors come from a singular value decomposition of the centred data and no `(d, d)` matrix
    is formed; else the covariance is summed up block by block.

    Parameters
    ----------
    data : tensor (n, d)
        Points of any floating dtype.
    block_size : int
        Number of points read at once.

    Returns
    -------
    mean : tensor (d,)
        Float64.
    covariance : Covariance
        Float64.

    Examples
    --------
    >>> mean, covariance = moments(torch.tensor([[0.0], [2.0], [1.0], [1.0]]))
    >>> mean.tolist(), covariance
    ([1.0], Covariance(dim=1, rank=1, trace=0.5, float64, cpu))
    """
    n, dim = data.shape
    mean = mean_of(data, block_size)
    if n <= dim:
        return mean, Covariance.low_rank((data.double() - mean).T / math.sqrt(n))
    return mean, Covariance.full(scatter_of(data, mean, block_size) / n)
