r"""From a fixed number of occupied sites to a fixed probability: the canonical convolution [@Newman2001].

    Q(p) = sum_n  N! / (n! (N - n)!)  p^n (1 - p)^{N - n}  Q_n

and its Poisson analogue for objects in the continuum [@Mertens2012].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, ShapeError
from ._canonical_kernels import convolve, window

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike

TAIL = 1e-12


def canonical(q_n: ArrayLike, p: ArrayLike) -> Array:
    r"""Averages at fixed probability from averages at fixed number [@Newman2001].

        Q(p) = sum_n  N! / (n! (N - n)!)  p^n (1 - p)^{N - n}  Q_n

    The weights start from the largest and follow the ratio of neighbours outward until they fall below 1e-18 of it,
    so that nothing overflows or underflows at any N.

    Parameters
    ----------
    q_n : array
        Averages Q_n at n = 0 ... N occupied sites or bonds along the first axis, shape (N + 1, ...).
    p : float or array
        Occupation probabilities within [0, 1]: a number, or shape (n_p,).

    Returns
    -------
    array
        Q(p), shape (n_p, ...); without the first axis where `p` is a number.

    Raises
    ------
    ArgumentError
        Where p lies outside [0, 1].
    ShapeError
        Where `q_n` has fewer than two entries along its first axis, or `p` has more than one axis.
    NotFiniteError
        Where `q_n` holds NaN or infinite values.

    Examples
    --------
    >>> canonical(np.arange(11) / 10, [0.0, 0.25, 1.0]).round(12)
    array([0.  , 0.25, 1.  ])
    """
    grid = probabilities("p", p)
    values = check.finite("q_n", check.float_array("q_n", q_n))
    if values.ndim == 0 or values.shape[0] < 2:
        raise ShapeError("q_n", f"has shape {values.shape}", "pass the values at n = 0 ... N with N >= 1")
    n_total = values.shape[0] - 1
    table = np.ascontiguousarray(values.reshape(n_total + 1, -1))
    out = convolve(table, np.arange(n_total + 1), n_total, grid * n_total, True)
    out = out.reshape(len(grid), *values.shape[1:])
    return out[0] if np.ndim(p) == 0 else out


def binomial_window(n_total: int, p: float) -> tuple[int, Array]:
    """The first n and the binomial weights around the peak that are not negligible; they sum to one.

    >>> first, weights = binomial_window(4, 0.5)
    >>> first, (16 * weights).round(12).tolist()
    (0, [1.0, 4.0, 6.0, 4.0, 1.0])
    """
    n_total = check.integer("n_total", n_total, 1)
    return window(n_total, n_total * float(probabilities("p", p)[0]), True)


def probabilities(argument: str, p: ArrayLike) -> Array:
    """`p` as a one-dimensional float64 array within [0, 1]."""
    grid = np.atleast_1d(check.float_array("p", p))
    if grid.ndim != 1 or grid.size == 0:
        raise ShapeError(argument, f"has shape {grid.shape}", "pass a number or a list of numbers")
    if not bool(((grid >= 0) & (grid <= 1)).all()):
        raise ArgumentError(argument, "holds values outside [0, 1]", "pass probabilities")
    return grid


def poisson_means(argument: str, means: Array, n_max: int) -> Array:
    """`means` if a Poisson variable of each exceeds `n_max` with probability below 1e-12."""
    from scipy.stats import poisson

    beyond = float(poisson.sf(n_max, means.max()))
    if not beyond < TAIL:
        raise ArgumentError(
            argument,
            f"reaches beyond the {n_max} objects that were placed (probability {beyond:.1e})",
            "sweep to a larger maximum",
        )
    return means


def objects_for(mean: float) -> int:
    """How many objects to place so that a Poisson variable of this mean exceeds them with probability below 1e-12."""
    return int(mean + 8 * mean**0.5 + 24)


def largest_mean(n_max: int) -> float:
    """The mean for which `n_max` objects are enough: the inverse of `objects_for`."""
    return (max(n_max - 8, 16) ** 0.5 - 4) ** 2
