r"""The engine: what a solver makes of the standard deviation of each mode, relative to the exact one.

For a mode of variance c at noise level sigma let tan(theta) = sigma / sqrt(c), so that the exact standard deviation
hypot(sqrt(c), sigma) is sqrt(c) / cos(theta). With Delta = theta - theta' a step from sigma to sigma' multiplies
std / exact std by

    euler    cos(Delta)
    heun     cos(Delta) + sin^2(Delta) / 2 * cos(theta') / cos(theta),    its last step to 0 by cos(Delta)

and an ancestral step makes of the missing share e of the variance, std^2 = (1 - e) exact^2,

    ddpm     e' = e cos^2(theta) / cos^2(theta') + sin^2(theta) cos^2(theta') (1 - sigma'^2 / sigma^2)^2.
"""

from __future__ import annotations

import torch


def relative_std(c: torch.Tensor, sigmas: torch.Tensor, solver: str, start: str = "data") -> torch.Tensor:
    """Standard deviation after the last step over the exact one there, `(d,)`, differentiable in c > 0 and sigmas."""
    sigma = sigmas[:, None]
    root = c.sqrt()
    exact = torch.hypot(root, sigma)
    alive = exact > 0
    size = torch.where(alive, exact, 1.0)
    cos = torch.where(alive, root / size, 1.0)
    sin = torch.where(sigma.isinf(), 1.0, torch.where(alive, sigma / size, 0.0))
    begin = torch.ones_like(root) if start == "data" else sin[0]
    if solver == "ddpm":
        return _ancestral(cos, sin, size, sigma, 1 - begin.square())
    cosine = cos[:-1] * cos[1:] + sin[:-1] * sin[1:]
    if solver == "euler":
        return begin * cosine.prod(0)
    sine = sin[:-1] * cos[1:] - cos[:-1] * sin[1:]
    heun = cosine + sine.square() / 2 * size[:-1] / size[1:]
    return begin * torch.cat([heun[:-1], torch.where(sigmas[-1] > 0, heun[-1:], cosine[-1:])]).prod(0)


def _ancestral(
    cos: torch.Tensor, sin: torch.Tensor, size: torch.Tensor, sigma: torch.Tensor, missing: torch.Tensor
) -> torch.Tensor:
    """All steps at once: the share that a step loses is multiplied by all later exact steps."""
    ratio = sigma[1:] / sigma[:-1]
    lost = cos[1:].square() * sin[:-1].square() * (1 - ratio.square()).square()
    kept = (size[-1] / size).square()
    return (1 - missing * kept[0] - (lost * kept[1:]).sum(0)).clamp(min=0).sqrt()
