"""What covariances do with eigenvalues and noise levels, one number at a time, without overflow."""

from __future__ import annotations

import torch

from ..errors import CovarianceError


def rank_cut(eigenvalues: torch.Tensor, dim: int, argument: str = "covariance") -> torch.Tensor:
    """Eigenvalues below the rounding of the largest become zero; clearly negative ones are refused."""
    largest = float(eigenvalues.detach().abs().max()) if eigenvalues.numel() else 0.0
    rounding = dim * torch.finfo(eigenvalues.dtype).eps * largest
    if bool((eigenvalues < -max(rounding, 1e-10 * largest)).any()):
        lowest = float(eigenvalues.detach().min())
        raise CovarianceError(
            argument,
            f"is not positive semi-definite (eigenvalue {lowest:.3g})",
            "pass a covariance, or clip its negative eigenvalues",
        )
    return torch.where(eigenvalues > rounding, eigenvalues, torch.zeros_like(eigenvalues))


def shrink(eigenvalue: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """eigenvalue / (eigenvalue + sigma^2), 0 where the eigenvalue is 0."""
    positive = eigenvalue > 0
    ratio = sigma / torch.where(positive, eigenvalue, torch.ones_like(eigenvalue)).sqrt()  # no 0 / 0 in its derivative
    return torch.where(positive, 1 / (1 + ratio.square()), torch.zeros_like(ratio))


def log_ratio(eigenvalue: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """log((eigenvalue + sigma^2) / sigma^2) without overflow."""
    return torch.logaddexp(eigenvalue.log() - 2 * sigma.log(), torch.zeros_like(sigma))


def square_ratio(part: torch.Tensor, eigenvalue: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """sum of part^2 / (eigenvalue + sigma^2), without overflow."""
    return (part / torch.hypot(eigenvalue.sqrt(), sigma)).square().sum(1)
