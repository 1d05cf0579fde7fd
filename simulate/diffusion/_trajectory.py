"""Backward sampling with any denoiser, each sample on its own random streams.

All samplers walk a decreasing grid of noise levels. With r = sigma' / sigma for a step from sigma to sigma' < sigma:

    euler   x' = D + r (x - D), that is x + (sigma' - sigma) (x - D) / sigma    first order [@Karras2022]
    heun    the same with the slope averaged over both ends                     second order [@Karras2022]
    ddim    another name for euler: in this convention they are one [@Song2021]
    ddpm    x' = D + r^2 (x - D) + sigma' sqrt(1 - r^2) n                       ancestral [@Ho2020]

The first three follow the probability flow dx/dsigma = (x - D(x, sigma)) / sigma. A last level 0 is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from ..._support import checks as check
from ..._support import progress
from ..._support.modules import guarded, in_evaluation
from ..._support.streams import normal_batch
from ..._support.types import ArrayLike, Points
from ...theory.denoiser import Denoiser
from ...theory.levels import asked_levels, falling_levels
from ._noised import indices_of

METHODS = ("heun", "euler", "ddim", "ddpm")


def trajectory(
    denoiser: Denoiser,
    x: Points,
    sigmas: ArrayLike | str,
    method: str = "heun",
    seed: int = 0,
    indices: Sequence[int] | None = None,
    show: bool | None = None,
) -> Iterator[tuple[float, Points]]:
    """The points at every noise level on the way back to the data [@Karras2022; @Song2021; @Ho2020].

    With r = sigma' / sigma for a step from sigma to sigma' < sigma:

        euler   x' = D + r (x - D), that is x + (sigma' - sigma) (x - D) / sigma    first order [@Karras2022]
        heun    the same with the slope averaged over both ends                     second order [@Karras2022]
        ddim    another name for euler: in this convention they are one [@Song2021]
        ddpm    x' = D + r^2 (x - D) + sigma' sqrt(1 - r^2) n                       ancestral [@Ho2020]

    Parameters
    ----------
    denoiser : callable
        `denoiser(x, sigma)`, the posterior mean E[x0 | x].
    x : tensor
        Points noised to sigmas[0], shape (batch, *event).
    sigmas : array or "network"
        Strictly decreasing noise levels, two or more; the last may be 0. "network": `known_levels(denoiser)`, then 0.
    method : str
        "heun", "euler", "ddim" or "ddpm".
    seed : int
        Seed of the stochastic steps of "ddpm", per sample and step.
    indices : sequence of int, optional
        Index of each sample, so that a sample does not depend on its batch; 0 ... batch - 1 unless given.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Yields
    ------
    sigma : float
        The noise level, from sigmas[0] on.
    x : tensor
        The points at that level, shape (batch, *event).

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
    >>> D = lambda x, sigma: x / (1 + sigma**2)
    >>> [sigma for sigma, _ in trajectory(D, torch.ones(1, 1), [2.0, 1.0, 0.0])]
    [2.0, 1.0, 0.0]
    """
    grid = falling_levels(sampling_levels(denoiser, sigmas))
    check.choice("method", method, METHODS)
    check.function("denoiser", denoiser, "denoiser(x, sigma)")
    check.seed("seed", seed)
    denoiser = guarded(in_evaluation(denoiser))
    x = check.as_float_tensor("x", x)
    indices = indices_of(indices, len(x))
    yield float(grid[0]), x
    steps = progress.bar(range(len(grid) - 1), label=f"sampling ({method})", show=show)
    with torch.no_grad():
        for k in steps:
            sigma, end = float(grid[k]), float(grid[k + 1])
            if method == "ddpm":
                noise = normal_batch(seed, "ancestral", indices, x.shape[1:], k, x.dtype, x.device)
                x = _ddpm_step(denoiser, x, sigma, end, noise)
            else:
                x = _STEPS[method](denoiser, x, sigma, end)
            yield end, x


def sampling_levels(denoiser: Denoiser, sigmas: ArrayLike | str) -> ArrayLike:
    """`sigmas`, or the levels of the network's own steps, followed by 0."""
    return [*np.asarray(asked_levels(denoiser, sigmas)), 0.0] if isinstance(sigmas, str) else sigmas


def _euler_step(denoiser: Denoiser, x: torch.Tensor, sigma: float, end: float) -> torch.Tensor:
    """One step along the probability flow, first order."""
    denoised = denoiser(x, sigma)
    return denoised + end / sigma * (x - denoised)


def _heun_step(denoiser: Denoiser, x: torch.Tensor, sigma: float, end: float) -> torch.Tensor:
    """One step along the probability flow, second order."""
    slope = (x - denoiser(x, sigma)) / sigma
    predicted = x + (end - sigma) * slope
    if end == 0:
        return predicted
    return x + (end - sigma) * (slope + (predicted - denoiser(predicted, end)) / end) / 2


def _ddpm_step(denoiser: Denoiser, x: torch.Tensor, sigma: float, end: float, noise: torch.Tensor) -> torch.Tensor:
    """One ancestral step, with fresh noise."""
    denoised, ratio = denoiser(x, sigma), end / sigma
    return denoised + ratio**2 * (x - denoised) + end * (1 - ratio**2) ** 0.5 * noise


_STEPS: dict[str, Callable[[Denoiser, torch.Tensor, float, float], torch.Tensor]] = {
    "heun": _heun_step,
    "euler": _euler_step,
    "ddim": _euler_step,
}
