"""Noise added to clean points and noise to start from, each sample with its own random stream [@Karras2022]."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..._support import checks as check
from ..._support.streams import normal_batch
from ..._support.types import Points, Sigma
from ...errors import ShapeError
from ...theory.denoiser import per_sample


def noised(x0: Points, sigma: Sigma, seed: int = 0, indices: Sequence[int] | None = None, draw: int = 0) -> Points:
    """x = x0 + sigma n with n ~ N(0, I).

    The noise of a sample depends on (seed, its index, draw) alone.

    Parameters
    ----------
    x0 : tensor
        Clean points, shape (batch, *event).
    sigma : float or tensor
        Noise level, a number or shape (batch,).
    seed : int
        Seed of the noise.
    indices : sequence of int, optional
        Index of each sample, whose stream it draws from; 0 ... batch - 1 unless given.
    draw : int
        Number of the draw, for several independent ones.

    Returns
    -------
    tensor
        Noisy points, shape (batch, *event).

    Raises
    ------
    NoiseLevelError
        Where sigma is negative or NaN.
    ShapeError
        Where `sigma` or `indices` do not have one entry per sample.
    ArgumentError
        Where `x0` is not an array of finite real numbers, or the seed is not a whole number >= 0.

    Examples
    --------
    >>> x0 = torch.zeros(3, 2, dtype=torch.float64)
    >>> torch.equal(noised(x0, 1.0)[2:], noised(x0[2:], 1.0, indices=[2]))
    True
    """
    x0, draw = check.as_float_tensor("x0", x0), check.integer("draw", draw, 0)
    levels = per_sample(sigma, x0)
    noise = normal_batch(seed, "forward", indices_of(indices, len(x0)), x0.shape[1:], draw, x0.dtype, x0.device)
    return x0 + levels * noise


def starting_noise(
    n: int, event_shape: Sequence[int], sigma: float, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Points:
    """Draws of N(0, sigma^2 I), where sampling starts; sample i does not depend on n.

    Parameters
    ----------
    n : int
        Number of samples.
    event_shape : sequence of int
        Shape of one sample.
    sigma : float
        Noise level, >= 0.
    seed : int
        Seed of the noise.
    dtype : torch.dtype
        Floating-point type of the result.

    Returns
    -------
    tensor
        The noise, shape (n, *event_shape).

    Raises
    ------
    ArgumentError
        For n below 1, a sigma that is negative or not finite, or a seed that is not a whole number >= 0.

    Examples
    --------
    >>> x = starting_noise(4, (2,), 80.0)
    >>> x.shape, torch.equal(x[:2], starting_noise(2, (2,), 80.0))
    (torch.Size([4, 2]), True)
    """
    n = check.integer("n", n, 1)
    check.instance("dtype", dtype, torch.dtype)
    event_shape = [check.integer("event_shape", size, 1) for size in check.items("event_shape", event_shape)]
    if not event_shape:
        raise ShapeError("event_shape", "is empty", "pass the length of each axis of one sample")
    return check.real("sigma", sigma, 0.0) * normal_batch(seed, "start", range(n), event_shape, dtype=dtype)


def indices_of(indices: Sequence[int] | None, count: int) -> Sequence[int]:
    """The index of each sample: those given, or 0 ... count - 1."""
    if indices is None:
        return range(count)
    indices = [check.integer("indices", index, 0) for index in check.items("indices", indices)]
    if len(indices) != count:
        problem = f"expected one index per sample ({count}), got {len(indices)}"
        raise ShapeError("indices", problem, "pass a sequence (batch,)")
    return indices
