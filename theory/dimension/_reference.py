"""The literal formula of the local dimension, with the whole Jacobian: what the tests compare with."""

from __future__ import annotations

import torch

from ..denoiser import Denoiser, jacobian


def reference(denoiser: Denoiser, x: torch.Tensor, sigma: float) -> torch.Tensor:
    r"""tr dD/dx + |D - x|^2 / sigma^2 at clean points x, in float64: FLIPD in x = x0 + sigma n [@Kamkari2024].

    Parameters
    ----------
    denoiser : Denoiser
        The posterior mean, differentiable.
    x : tensor (batch, *event)
        Clean points.
    sigma : float
        Noise level, 0 < sigma < inf.

    Returns
    -------
    tensor (batch,), float64
        The local dimension at each point.

    Examples
    --------
    >>> line = lambda x, sigma: x * torch.tensor([1 / 1.01, 0.0], dtype=x.dtype)
    >>> reference(line, torch.tensor([[1.0, 0.0]]), 0.1).round(decimals=4)
    tensor([0.9999], dtype=torch.float64)
    """
    x = x.double()
    trace = jacobian(denoiser, x, sigma).diagonal(dim1=1, dim2=2).sum(1)
    distance = (denoiser(x, sigma) - x).flatten(1).square().sum(1)
    return trace + distance / sigma**2
