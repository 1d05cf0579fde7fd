"""A noisy linear measurement of clean points [@Song2023]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from ..._support import checks as check
from ..._support.streams import normal_batch
from ..._support.types import Points
from ..diffusion._noised import indices_of

Operator: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""A linear function of a batch of events, `(batch, *event)` -> `(batch, *observed)`."""


def measure(
    operator: Operator, x0: Points, noise: float, seed: int = 0, indices: Sequence[int] | None = None
) -> torch.Tensor:
    """y = A x0 + s n with n ~ N(0, I), the noise of measurement i depending on (seed, i) alone.

    Parameters
    ----------
    operator : callable
        The linear operator A, (batch, *event) -> (batch, *observed).
    x0 : tensor
        Clean points, shape (batch, *event).
    noise : float
        Standard deviation s of the measurement, >= 0.
    seed : int
        Seed of the noise.
    indices : sequence of int, optional
        Index of each measurement; 0 ... batch - 1 unless given.

    Returns
    -------
    tensor
        The measurements, shape (batch, *observed).

    Raises
    ------
    ArgumentError
        For a noise that is negative or not finite, an `x0` that is not an array of finite real numbers, or a seed that
        is not a whole number >= 0.

    Examples
    --------
    >>> from idealscore.simulate import inpainting
    >>> measure(inpainting([True, False]), torch.tensor([[1.0, 2.0]]), 0.0)
    tensor([[1.]])
    """
    check.function("operator", operator, "operator(x)")
    x0 = check.dataset("x0", x0)
    with check.speaking_of("x0"):
        clean = operator(x0)
    rows = indices_of(indices, len(x0))
    noise = check.real("noise", noise, 0.0)
    return clean + noise * normal_batch(seed, "measurement", rows, clean.shape[1:], dtype=clean.dtype).to(clean.device)
