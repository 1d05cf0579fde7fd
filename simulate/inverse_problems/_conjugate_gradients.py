"""Linear systems of a batch, each row on its own, from products with the matrix alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch


def conjugate_gradients(
    system: Callable[[torch.Tensor], torch.Tensor], right: torch.Tensor, tolerance: float = 1e-6
) -> torch.Tensor:
    """u with system(u) = right, `(batch, *observed)`, for a positive definite linear `system`, each row on its own.

    Ends when every residual is below `tolerance` of its right-hand side, or, rounding allowed for, after twice as many
    steps as there are unknowns, with the iterate of least residual. A row that meets a direction in which `system` is
    not positive ends there, with a warning.

    >>> conjugate_gradients(lambda u: torch.tensor([1.0, 4.0]) * u, torch.ones(1, 2)).round(decimals=5)
    tensor([[1.0000, 0.2500]])
    """
    shape, b = right.shape, right.flatten(1)
    u, residual = torch.zeros_like(b), b.clone()
    direction, square = residual.clone(), residual.square().sum(1)
    goal, best, least, odd = tolerance**2 * square, u.clone(), square.clone(), False
    for _ in range(2 * b.shape[1]):
        active = square > goal
        if not bool(active.any()):
            break
        image = system(direction.reshape(shape)).flatten(1)
        curvature = (direction * image).sum(1)
        going = active & (curvature > 0)
        odd |= bool((active & ~going).any())
        step = torch.where(going, square / curvature.where(going, torch.ones_like(curvature)), 0.0)
        u, residual = u + step[:, None] * direction, residual - step[:, None] * image
        fresh = torch.where(going, residual.square().sum(1), torch.zeros_like(square))
        ratio = torch.where(going, fresh / square.where(going, torch.ones_like(square)), 0.0)
        direction, square = residual + ratio[:, None] * direction, fresh
        better = going & (fresh < least)
        best, least = torch.where(better[:, None], u, best), torch.where(better, fresh, least)
    if odd:
        warnings.warn(
            "the denoiser's Jacobian is not positive everywhere, as an optimum's is, and guidance ends early; "
            "start at less noise, or pass covariance='isotropic'",
            stacklevel=2,
        )
    return best.reshape(shape)
