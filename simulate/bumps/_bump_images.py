"""Images of bumps, stripes and sums of stripes [@Liang2024]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from .canvas import BumpCanvas

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike

KINDS = ("bump", "sum")


def bump_images(centres: ArrayLike, canvas: BumpCanvas, kind: str = "bump") -> Array:
    """Images of bumps, g(i_x - mu_x) g(i_y - mu_y), or of sums of stripes, their mean [@Liang2024].

    Parameters
    ----------
    centres : array
        x and y in pixels, shape (n, 2); nan stands for an absent coordinate: a bump becomes a stripe, and a sum of
        stripes loses one.
    canvas : BumpCanvas
        Where they are painted.
    kind : str
        "bump" (the product of two profiles) or "sum" (the mean of two stripes, an absent one being dark).

    Returns
    -------
    array
        Images in float64, shape (n, 1, size, size), values within [0, 1], rows along y.

    Raises
    ------
    ArgumentError
        For a centre outside the canvas.
    ShapeError, EmptyDataError
        Where `centres` does not have shape (n, 2) with n >= 1.
    UnknownNameError
        For another kind.

    Examples
    --------
    >>> image = bump_images([[2.0, 5.0]], BumpCanvas(8))[0, 0]
    >>> [int(i) for i in np.unravel_index(image.argmax(), image.shape)], float(image.max())
    ([5, 2], 1.0)
    >>> stripe = bump_images([[2.0, np.nan]], BumpCanvas(8))[0, 0]
    >>> bool((stripe == stripe[:1]).all())
    True
    """
    check.choice("kind", kind, KINDS)
    given = check.instance("canvas", canvas, BumpCanvas).check_centres(centres)
    present = ~np.isnan(given)
    x, y = (canvas.profile(np.where(present[:, k], given[:, k], 0.0)) for k in (0, 1))
    absent = 1.0 if kind == "bump" else 0.0
    x, y = (np.where(present[:, k, None], side, absent) for k, side in ((0, x), (1, y)))
    if kind == "bump":
        return (x[:, None, None, :] * y[:, None, :, None]).copy()
    return (x[:, None, None, :] + y[:, None, :, None]) / 2
