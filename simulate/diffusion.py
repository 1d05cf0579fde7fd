"""Forward noising and backward sampling with any denoiser, each sample on its own random streams.

All samplers walk a decreasing grid of noise levels. With r = sigma' / sigma for a step from sigma to sigma' < sigma:

    euler   x' = D + r (x - D), that is x + (sigma' - sigma) (x - D) / sigma    first order [@Karras2022]
    heun    the same with the slope averaged over both ends                     second order [@Karras2022]
    ddim    another name for euler: in this convention they are one [@Song2021]
    ddpm    x' = D + r^2 (x - D) + sigma' sqrt(1 - r^2) n                       ancestral [@Ho2020]

The first three follow the probability flow dx/dsigma = (x - D(x, sigma)) / sigma. A last level 0 is allowed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from .._support import checks as check
from .._support import progress
from .._support.streams import normal_batch
from ..errors import NoiseLevelError, ShapeError
from ..theory.denoiser import Denoiser
from ..theory.noise import karras_sigmas

METHODS = ("heun", "euler", "ddim", "ddpm")


def sampling_grid(sigmas: Any) -> np.ndarray:
    """`sigmas` as a strictly decreasing grid of at least two finite levels, the last of which may be 0."""
    grid = np.asarray(sigmas, dtype=np.float64).reshape(-1)
    if grid.size < 2 or not np.isfinite(grid).all() or not (np.diff(grid) < 0).all() or grid[-1] < 0:
        raise NoiseLevelError(
            "sigmas", "is no strictly decreasing list of two or more finite levels >= 0", "sort it, largest first"
        )
    return grid


def _indices(indices: Sequence[int] | None, count: int) -> Sequence[int]:
    if indices is None:
        return range(count)
    if len(indices) != count:
        raise ShapeError("indices", f"has {len(indices)} entries", f"pass one per sample ({count})")
    return indices


def noised(
    x0: torch.Tensor, sigma: Any, seed: int = 0, indices: Sequence[int] | None = None, draw: int = 0
) -> torch.Tensor:
    """x = x0 + sigma n for `x0` `(batch, *event)`, `sigma` a float or `(batch,)`.

    The noise of a sample depends on (seed, its index, draw) alone; `indices` defaults to 0 ... batch - 1.

    >>> x0 = torch.zeros(3, 2, dtype=torch.float64)
    >>> bool((noised(x0, 1.0)[2:] == noised(x0[2:], 1.0, indices=[2])).all())
    True
    """
    x0 = check.as_float_tensor("x0", x0)
    sigma = check.sigmas("sigma", sigma, x0).reshape(-1, *[1] * (x0.ndim - 1))
    noise = normal_batch(seed, "forward", _indices(indices, len(x0)), x0.shape[1:], draw, x0.dtype, x0.device)
    return x0 + sigma * noise


def starting_noise(
    n: int, event_shape: Sequence[int], sigma: float, seed: int = 0, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """`(n, *event_shape)` draws of N(0, sigma^2 I), where sampling starts; sample i does not depend on n."""
    n = check.integer("n", n, 1)
    return check.real("sigma", sigma, 0.0) * normal_batch(seed, "start", range(n), event_shape, dtype=dtype)


def euler_step(denoiser: Denoiser, x: torch.Tensor, sigma: float, end: float) -> torch.Tensor:
    denoised = denoiser(x, sigma)
    return denoised + end / sigma * (x - denoised)


def heun_step(denoiser: Denoiser, x: torch.Tensor, sigma: float, end: float) -> torch.Tensor:
    slope = (x - denoiser(x, sigma)) / sigma
    predicted = x + (end - sigma) * slope
    if end == 0:
        return predicted
    return x + (end - sigma) * (slope + (predicted - denoiser(predicted, end)) / end) / 2


def ddpm_step(denoiser: Denoiser, x: torch.Tensor, sigma: float, end: float, noise: torch.Tensor) -> torch.Tensor:
    denoised, ratio = denoiser(x, sigma), end / sigma
    return denoised + ratio**2 * (x - denoised) + end * (1 - ratio**2) ** 0.5 * noise


STEPS = {"heun": heun_step, "euler": euler_step, "ddim": euler_step}


def trajectory(
    denoiser: Denoiser,
    x: torch.Tensor,
    sigmas: Any,
    method: str = "heun",
    seed: int = 0,
    indices: Sequence[int] | None = None,
    show: bool | None = None,
) -> Iterator[tuple[float, torch.Tensor]]:
    """Yield (sigma, x) at each level of `sigmas`, from `x` at sigmas[0]; see `sample`."""
    grid = sampling_grid(sigmas)
    check.choice("method", method, METHODS)
    x = check.as_float_tensor("x", x)
    indices = _indices(indices, len(x))
    yield float(grid[0]), x
    steps = progress.bar(range(len(grid) - 1), label=f"sampling ({method})", show=show)
    with torch.no_grad():
        for k in steps:
            sigma, end = float(grid[k]), float(grid[k + 1])
            if method == "ddpm":
                noise = normal_batch(seed, "ancestral", indices, x.shape[1:], k, x.dtype, x.device)
                x = ddpm_step(denoiser, x, sigma, end, noise)
            else:
                x = STEPS[method](denoiser, x, sigma, end)
            yield end, x


def sample(
    denoiser: Denoiser,
    x: torch.Tensor,
    sigmas: Any,
    method: str = "heun",
    seed: int = 0,
    indices: Sequence[int] | None = None,
    show: bool | None = None,
) -> torch.Tensor:
    """Carry `x` `(batch, *event)`, noised to sigmas[0], down the decreasing grid `sigmas` to its last level.

    `method` is "heun", "euler", "ddim" (deterministic) or "ddpm" (stochastic, seeded per sample and step by `seed`
    and `indices`, so that a sample does not depend on its batch). Raises NoiseLevelError for a grid that does not
    decrease, UnknownNameError for an unknown method.

    >>> D = lambda x, sigma: x / (1 + sigma**2)
    >>> x = sample(D, 80 * torch.ones(1, 1, dtype=torch.float64), [80.0, 10.0, 1.0, 0.1, 0.0])
    >>> tuple(x.shape)
    (1, 1)
    """
    [(_, last)] = deque(trajectory(denoiser, x, sigmas, method, seed, indices, show), maxlen=1)
    return last


def forward_backward(
    denoiser: Denoiser,
    x0: torch.Tensor,
    sigma: float,
    n_steps: int = 40,
    method: str = "ddpm",
    seed: int = 0,
    indices: Sequence[int] | None = None,
    sigma_min: float = 0.002,
    rho: float = 7.0,
    show: bool | None = None,
) -> torch.Tensor:
    """Noise `x0` to `sigma` and denoise it back to 0 [@Sclocchi2025]: what survives the round trip?

    The way back is the part of a Karras grid with `n_steps` levels from `sigma` to `sigma_min`, then 0. With the exact
    denoiser and "ddpm" in the limit of many steps the result is a draw of the posterior p(x0 | x).
    """
    sigma = check.real("sigma", sigma, 0.0)
    if sigma == 0:
        return check.as_float_tensor("x0", x0)
    grid = [*karras_sigmas(check.integer("n_steps", n_steps, 2), min(sigma_min, sigma / 2), sigma, rho), 0.0]
    return sample(denoiser, noised(x0, sigma, seed, indices), grid, method, seed, indices, show)
