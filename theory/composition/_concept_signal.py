"""How strongly each concept variable moves the data [@Park2024]."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike


def concept_signal(generate: Callable[[np.ndarray], ArrayLike], values: ArrayLike, step: float = 1e-3) -> Array:
    """sigma_i = |dG/dz_i|: how strongly each concept variable moves the data [@Park2024].

    Concepts with a larger signal are learned sooner. The derivative is a central difference over 2 `step`.

    Parameters
    ----------
    generate : callable
        G, from `(k,)` variables to an array of any shape.
    values : array_like (k,)
        Where to differentiate.
    step : float, default 1e-3
        Half of the difference, at least 1e-12.

    Returns
    -------
    array (k,)
        sigma_i.

    Raises
    ------
    NotFiniteError
        For values that are not finite.
    ArgumentError
        For a step below 1e-12.

    Examples
    --------
    >>> concept_signal(lambda z: np.array([3 * z[0], z[1] ** 2]), [1.0, 2.0]).round(6).tolist()
    [3.0, 4.0]
    """
    check.function("generate", generate, "generate(values)")
    point = np.atleast_1d(check.finite("values", check.float_array("values", values)))
    if point.ndim != 1:
        raise ShapeError("values", f"has shape {point.shape}", "pass one value per concept, (k,)")
    step = check.real("step", step, 1e-12, 1e150)
    shifts = step * np.eye(len(point))
    with np.errstate(over="ignore", invalid="ignore"):
        apart = [generated(generate, point + s) - generated(generate, point - s) for s in shifts]
        return check.representable("values", np.array([np.linalg.norm(one) for one in apart]) / (2 * step))


def generated(generate: Callable[[np.ndarray], ArrayLike], values: Array) -> Array:
    """What `generate` makes of values, as float64; an error of its own says that it cannot take them."""
    try:
        return check.float_array("generate", generate(values))
    except (ValueError, TypeError, IndexError) as error:
        problem = f"cannot be passed to generate ({error})"
        raise ArgumentError("values", problem, "pass the values that generate takes") from error
