"""A linear measurement: a blurred image."""

from __future__ import annotations

import torch

from ..._support import checks as check
from ...errors import ArgumentError, ShapeError
from ._measure import Operator


def blurring(width: float, size: int | None = None) -> Operator:
    """The linear operator A that convolves images with a Gaussian.

    The kernel sums to one; beyond the border the image repeats its edge.

    Parameters
    ----------
    width : float
        Standard deviation of the Gaussian in pixels, > 0.
    size : int, optional
        Pixels along a side of the kernel, odd; three widths to each side unless given.

    Returns
    -------
    callable
        `operator(x)` for images x of shape (batch, channels, height, width), which returns images of that shape.

    Raises
    ------
    ArgumentError
        For a width that is not > 0, or a size that is not odd.
    ShapeError
        From the operator, where `x` does not have four axes.

    Examples
    --------
    >>> blurring(1.0)(torch.ones(1, 1, 8, 8)).sub(1).abs().max().item() < 1e-6
    True
    """
    width = check.real("width", width, 1e-6, 1e4)
    reach = max(1, round(3 * width)) if size is None else check.integer("size", size, 1) // 2
    if size is not None and size % 2 == 0:
        raise ArgumentError("size", f"is {size}, which is even", "pass an odd number of pixels")
    line = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float64) ** 2) / (2 * width**2))
    line = line / line.sum()

    def operator(x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 4:
            raise ShapeError("x", f"has shape {tuple(x.shape)}", "pass images (batch, channels, height, width)")
        kernel, channels = line.to(x), x.shape[1]
        padded = torch.nn.functional.pad(x, [reach] * 4, mode="replicate")
        rows = kernel.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1)
        columns = kernel.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1)
        down = torch.nn.functional.conv2d(padded, rows, groups=channels)
        return torch.nn.functional.conv2d(down, columns, groups=channels)

    return operator
