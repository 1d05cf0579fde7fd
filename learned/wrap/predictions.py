"""What foreign networks predict, and the denoiser that follows from it."""

from __future__ import annotations

import torch

from ..._support.shapes import per_row

PREDICTIONS = ("x0", "noise", "v", "score", "flow")


def to_denoised(
    predicts: str, x: torch.Tensor, out: torch.Tensor, sigma: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """E[x0 | x] from a prediction made at `scale` * x.

    x0       D = f                            noise   D = x - sigma f
    score    D = x + sigma^2 scale f          flow    D = (x - sigma f) / (1 + sigma)
    v        D = x / (1 + sigma^2) - sigma f / sqrt(1 + sigma^2)
    """
    s = per_row(sigma, x)
    if predicts == "x0":
        return out
    if predicts == "noise":
        return x - s * out
    if predicts == "score":
        return x + s**2 * per_row(scale, x) * out
    if predicts == "flow":
        return (x - s * out) / (1 + s)
    return x / (1 + s**2) - s * out / (1 + s**2).sqrt()
