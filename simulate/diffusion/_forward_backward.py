"""There and back: noise and denoise, and see what survives [@Sclocchi2025]."""

from __future__ import annotations

from collections.abc import Sequence

from ..._support import checks as check
from ..._support.types import Points
from ...theory.denoiser import Denoiser
from ...theory.noise import karras_sigmas
from ._noised import noised
from ._sample import sample


def forward_backward(
    denoiser: Denoiser,
    x0: Points,
    sigma: float,
    n_steps: int = 40,
    method: str = "ddpm",
    seed: int = 0,
    indices: Sequence[int] | None = None,
    sigma_min: float = 0.002,
    rho: float = 7.0,
    show: bool | None = None,
) -> Points:
    """Noise clean points to a level and denoise them back to 0: what survives the round trip [@Sclocchi2025]?

    With the exact denoiser and "ddpm" in the limit of many steps the result is a draw of the posterior p(x0 | x).

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma)`, the posterior mean E[x0 | x].
    x0 : tensor
        Clean points, shape (batch, *event).
    sigma : float
        Noise level where the way back starts; 0 returns `x0`.
    n_steps : int
        Number of levels of the Karras grid from `sigma` to `sigma_min`, >= 2; then comes 0.
    method : str
        "ddpm", "heun", "euler" or "ddim"; see `trajectory`.
    seed : int
        Seed of the noise and of the stochastic steps.
    indices : sequence of int, optional
        Index of each sample; 0 ... batch - 1 unless given.
    sigma_min : float
        Last level above 0; half of `sigma` where that is smaller.
    rho : float
        Exponent of the Karras grid.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    tensor
        Points at noise level 0, shape (batch, *event).

    Raises
    ------
    ArgumentError
        For a sigma that is negative or not finite, `n_steps` below 2, an `x0` that is not an array of finite real
        numbers, or a seed that is not a whole number >= 0.
    UnknownNameError
        For an unknown method.
    ShapeError
        Where `indices` does not have one entry per sample.

    Examples
    --------
    >>> import torch
    >>> D = lambda x, sigma: x / (1 + sigma**2)
    >>> forward_backward(D, torch.zeros(3, 2), 1.0, n_steps=4).shape
    torch.Size([3, 2])
    """
    sigma = check.real("sigma", sigma, 0.0)
    if sigma == 0:
        return check.as_float_tensor("x0", x0)
    sigma = check.positive_sigma("sigma", sigma)
    sigma_min = check.real("sigma_min", sigma_min, 1e-150)
    grid = [*karras_sigmas(check.integer("n_steps", n_steps, 2), min(sigma_min, sigma / 2), sigma, rho), 0.0]
    return sample(denoiser, noised(x0, sigma, seed, indices), grid, method, seed, indices, show)
