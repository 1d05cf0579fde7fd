"""The denoising objective: how much the error at each noise level counts.

The loss of a sample is w(sigma) |D(x0 + sigma n, sigma) - x0|^2 / d. Its mean is the irreducible part, w times
the posterior variance of x0 per dimension, plus w times the squared distance of D to the optimal denoiser.
"""

from __future__ import annotations

import torch

from ..._support import checks as check
from ...errors import ArgumentError
from ..networks.preconditioning import Preconditioning

WEIGHTINGS = ("output", "x0", "noise")


def stratified_uniforms(n: int, generator: torch.Generator) -> torch.Tensor:
    """`(n,)` float64 values, one uniform draw from each of n equal cells of (0, 1): less variance, no bias."""
    draws = torch.rand(n, generator=generator, dtype=torch.float64, device=generator.device)
    cells = torch.arange(n, dtype=torch.float64, device=generator.device)
    return ((cells + draws) / n).clamp(1e-12, 1 - 1e-12)


def weights(weighting: str, preconditioning: Preconditioning, sigma: torch.Tensor) -> torch.Tensor:
    """w(sigma): "output" 1 / c_out^2 (the plain error of F), "x0" 1, "noise" 1 / sigma^2 (the error of the noise)."""
    check.choice("weighting", weighting, WEIGHTINGS)
    if weighting == "x0":
        return torch.ones_like(sigma)
    return 1 / (sigma if weighting == "noise" else preconditioning(sigma).out) ** 2


def sample_losses(denoised: torch.Tensor, clean: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """w |D - x0|^2 / d, of the shape of `weight`: `(batch,)` or `(replicas, batch)`."""
    if denoised.shape != clean.shape:
        raise ArgumentError("denoised", f"has shape {tuple(denoised.shape)}", f"pass {tuple(clean.shape)}")
    return weight * (denoised - clean).square().flatten(weight.ndim).mean(dim=-1)
