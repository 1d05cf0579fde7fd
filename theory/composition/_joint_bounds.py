"""Bounds of a joint accuracy that hold whatever the dependence (Frechet)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike
from .laws import _curves


def joint_bounds(curves: ArrayLike, axis: int = 0) -> tuple[Array, Array]:
    """(max(0, sum p_i - n + 1), min_i p_i): any joint accuracy lies between them, whatever the dependence.

    The upper one is reached where the abilities fail together, the lower where they never do: the two nulls of the
    multiplicative law.

    Parameters
    ----------
    curves : array_like
        Accuracies in [0, 1], one curve per concept: `(concepts, steps)`, or any shape.
    axis : int, default 0
        The axis of concepts.

    Returns
    -------
    tuple of two array
        The lower and the upper bound, without the axis of concepts.

    Raises
    ------
    ArgumentError
        For accuracies outside [0, 1].
    ShapeError
        For curves of unequal length.

    Examples
    --------
    >>> [float(bound[0]) for bound in joint_bounds([[0.75], [0.5]])]
    [0.25, 0.5]
    """
    p, _ = _curves(curves, None, axis)
    return np.maximum(p.sum(0) - len(p) + 1, 0.0), p.min(0)
