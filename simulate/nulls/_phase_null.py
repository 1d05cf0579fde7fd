"""Phase-randomised images: the power spectrum of each image is kept, where its edges are is not."""

from __future__ import annotations

import math

import torch

from ..._support.streams import stream
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ShapeError
from ._gaussian_null import varying

BLOCK = 4096


@typed
def phase_null(data: ArrayLike, seed: int = 0) -> torch.Tensor:
    r"""Each image with its own Fourier amplitudes and random phases ([@Theiler1992]): \( F_k e^{i \varphi_k} \).

    The phases are those of white noise, hence odd in k, and the same for all channels of an image: image by image the
    mean, the power spectrum and the correlation of channels stay as they are. The covariance of the null is stationary:
    what depended on the place in the image, the mean image and the classes' means but for their brightness, is gone.

    Parameters
    ----------
    data : array_like, shape (n, ..., height, width) or (n, length)
        Images, two or more; the last two dimensions are transformed, of vectors the only one.
    seed : int
        Of the phases, one stream for each block of 4,096 images.

    Returns
    -------
    tensor (n, *event)
        In the dtype and on the device of the data.

    Raises
    ------
    CovarianceError
        Where the data do not vary.
    EmptyDataError
        For fewer than two data.
    ShapeError
        For images of a single pixel.

    Examples
    --------
    >>> y = torch.arange(12.0).reshape(3, 4)
    >>> null = phase_null(y)
    >>> torch.allclose(null.mean(1), y.mean(1))
    True
    """
    points = varying(data)
    axes = (-1,) if points.ndim == 2 else (-2, -1)
    shape = points.shape[axes[0] :]
    if points.ndim < 2 or math.prod(shape) < 2:
        raise ShapeError(
            "data", f"has events of shape {tuple(points.shape[1:])}", "pass images (n, ..., height, width)"
        )
    exact = torch.promote_types(points.dtype, torch.float32)  # there are no transforms in half precision
    parts = []
    for index, block in enumerate(points.to(exact).split(BLOCK)):
        noise = torch.from_numpy(stream(seed, "phase-null", index).standard_normal((len(block), *shape))).to(block)
        white = torch.fft.rfftn(noise, dim=axes)
        phases = white / white.abs().clamp(min=torch.finfo(white.real.dtype).tiny)
        phases[(slice(None), *[0] * len(axes))] = 1  # the mean of an image keeps its sign
        phases = phases.reshape(len(block), *[1] * (block.ndim - 1 - len(axes)), *phases.shape[1:])
        parts.append(torch.fft.irfftn(torch.fft.rfftn(block, dim=axes) * phases, s=shape, dim=axes))
    return torch.cat(parts).to(points.dtype)
