"""Labels (mu_x, mu_y) of what is painted on a canvas: all stripes, a random share of the centres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.streams import stream
from .canvas import BumpCanvas

if TYPE_CHECKING:
    from ..._support.types import Array


def stripe_labels(canvas: BumpCanvas) -> Array:
    """Labels of all stripes of a canvas: every x with y absent, then every y with x absent.

    Parameters
    ----------
    canvas : BumpCanvas
        The canvas with n positions along a side.

    Returns
    -------
    array
        Labels in pixels, shape (2 n, 2), nan for the absent coordinate.

    Raises
    ------
    ArgumentError
        Where `canvas` is none.

    Examples
    --------
    >>> stripe_labels(BumpCanvas(4)).shape
    (8, 2)
    """
    positions = check.instance("canvas", canvas, BumpCanvas).positions
    absent = np.full_like(positions, np.nan)
    return np.concatenate([np.column_stack([positions, absent]), np.column_stack([absent, positions])])


def random_share(centres: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """A random fraction of the centres, at least one; for one seed the smaller shares are contained in the larger.

    >>> few, many = (random_share(np.arange(20.0).reshape(10, 2), f) for f in (0.2, 0.5))
    >>> bool((few == many[:2]).all())
    True
    """
    share = check.real("share", share, 0.0, 1.0)
    count = max(1, round(share * len(centres)))
    return centres[stream(seed, "bump share").permutation(len(centres))[:count]]
