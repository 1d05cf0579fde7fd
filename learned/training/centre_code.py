r"""Where a bump shall be, as the condition of a network.

A label (mu_x, mu_y) becomes the code [cos(k w mu), sin(k w mu), k = 1 ... K; 1] for each coordinate, zeros where it
is absent, with w = 2 pi / P and P the period of the canvas (twice its size where it has borders) [@Liang2024]. The
code resolves P / (2 K) pixels: two labels closer than that look alike to the network from the start.
"""

from __future__ import annotations

import numpy as np
import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError
from ...simulate.bumps.canvas import BumpCanvas

FINEST = 1e-3


@typed
def encode_centres(centres: ArrayLike, canvas: BumpCanvas, resolution: float = 2.0) -> torch.Tensor:
    """The condition [cos(k w mu), sin(k w mu), k = 1 ... K; 1] of labels, w = 2 pi / P [@Liang2024].

    Parameters
    ----------
    centres : array_like
        Labels (mu_x, mu_y) in pixels, `(n, 2)`, nan for an absent coordinate.
    canvas : BumpCanvas
        Where the bumps lie; it has the period P.
    resolution : float
        Smallest distance in pixels that the code tells apart; K = P / (2 resolution), at least 1.

    Returns
    -------
    torch.Tensor
        `(n, 4 K + 2)`, float32; zeros where a coordinate is absent.

    Raises
    ------
    ArgumentError
        Where `resolution` is not positive.
    ShapeError, ArgumentError
        Where the centres do not fit the canvas.

    Examples
    --------
    >>> encode_centres([[1.0, np.nan]], BumpCanvas(4))[0, 5:].tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    centres = canvas.check_centres(centres)
    period = _period(canvas)
    orders = np.arange(1, harmonics(canvas, resolution) + 1)
    parts = []
    for k in (0, 1):
        present = ~np.isnan(centres[:, k, None])
        angle = 2 * np.pi / period * np.where(present, centres[:, k, None], 0.0) * orders
        parts += [present * np.cos(angle), present * np.sin(angle), present]
    return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))


def _period(canvas: BumpCanvas) -> int:
    return canvas.size if canvas.periodic else 2 * canvas.size


def harmonics(canvas: BumpCanvas, resolution: float) -> int:
    """K, the number of harmonics of the code."""
    if check.real("resolution", resolution, 0.0) < FINEST:
        raise ArgumentError("resolution", f"is {resolution:g}", f"pass a number of pixels >= {FINEST:g}")
    return max(1, round(_period(canvas) / (2 * resolution)))
