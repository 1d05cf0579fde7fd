"""The literal ratio, from the velocity itself: what the tests compare with."""

from __future__ import annotations

import torch

from ..denoiser import Denoiser, velocity


def reference(denoiser: Denoiser, x0: torch.Tensor, noise: torch.Tensor, sigma: float) -> float:
    """E|u*|^2 / E|u|^2 as flow matching writes it: the mean velocity and the target at the same points, in float64.

    Parameters
    ----------
    denoiser : Denoiser
        The posterior mean of the data.
    x0, noise : tensor (n, *event)
        Draws of the data and standard normal noise.
    sigma : float
        Noise level, 0 < sigma < inf.

    Returns
    -------
    float
        The ratio of the two means over the draws.

    Examples
    --------
    >>> x0, noise = torch.tensor([[1.0], [-1.0]]).double(), torch.tensor([[2.0], [1.0]]).double()
    >>> round(reference(lambda x, sigma: 0 * x, x0, noise, 1.0), 3)
    1.8
    """
    x0, noise = x0.double(), noise.double()
    u = noise - x0
    mean_u = velocity(denoiser, x0 + sigma * noise, sigma, kind="flow")
    return float(mean_u.square().sum() / u.square().sum())
