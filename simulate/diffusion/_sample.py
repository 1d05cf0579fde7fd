"""The last point of a trajectory back to the data [@Karras2022]."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..._support.types import ArrayLike, Points
from ...theory.denoiser import Denoiser
from ._trajectory import trajectory


def sample(
    denoiser: Denoiser,
    x: Points,
    sigmas: ArrayLike | str,
    method: str = "heun",
    seed: int = 0,
    indices: Sequence[int] | None = None,
    show: bool | None = None,
) -> Points:
    """Carry noisy points down a decreasing grid of noise levels to its last one [@Karras2022; @Song2021; @Ho2020].

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma)`, the posterior mean E[x0 | x].
    x : tensor
        Points noised to sigmas[0], shape (batch, *event).
    sigmas : array or "network"
        Strictly decreasing noise levels, two or more; the last may be 0. "network": `known_levels(denoiser)`, then 0.
    method : str
        "heun", "euler" and "ddim" (another name for euler) are deterministic, "ddpm" is stochastic; see `trajectory`.
    seed : int
        Seed of the stochastic steps.
    indices : sequence of int, optional
        Index of each sample, so that a sample does not depend on its batch; 0 ... batch - 1 unless given.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    tensor
        Points at the last noise level, shape (batch, *event).

    Raises
    ------
    NoiseLevelError
        For a grid that does not decrease.
    UnknownNameError
        For an unknown method.
    ShapeError
        Where `indices` does not have one entry per sample.
    ArgumentError
        Where `x` is not an array of finite real numbers, or the seed is not a whole number >= 0.

    Examples
    --------
    >>> import torch
    >>> D = lambda x, sigma: x / (1 + sigma**2)
    >>> x = sample(D, 80 * torch.ones(1, 1, dtype=torch.float64), [80.0, 10.0, 1.0, 0.1, 0.0])
    >>> tuple(x.shape)
    (1, 1)
    """
    [(_, last)] = deque(trajectory(denoiser, x, sigmas, method, seed, indices, show), maxlen=1)
    return last
