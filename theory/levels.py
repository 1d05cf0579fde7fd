"""The noise levels that a denoiser knows: those of its own steps, or those of the range that it was made for."""

from __future__ import annotations

import math

import numpy as np

from .._support import checks as check
from .._support.types import Array, ArrayLike
from ..errors import ArgumentError, NoiseLevelError
from .denoiser import Denoiser
from .noise import karras_sigmas

NETWORK = "network"
"""What stands for noise levels where those of the network's own steps are asked for."""

WIDEST = (0.002, 80.0)


def known_range(denoiser: object) -> tuple[float, float]:
    """The noise levels between which a denoiser is defined: its `noise_range`, else (0, inf).

    Parameters
    ----------
    denoiser : object
        Any denoiser.

    Returns
    -------
    (float, float)
        The lowest and the highest.

    Examples
    --------
    >>> known_range(lambda x, sigma: x)
    (0.0, inf)
    """
    found = getattr(denoiser, "noise_range", None)
    return (0.0, math.inf) if found is None else (float(found[0]), float(found[1]))


def within_known_range(denoiser: object, low: float, high: float) -> tuple[float, float]:
    """The part of a range of noise levels for which a denoiser is defined.

    Parameters
    ----------
    denoiser : object
        Any denoiser.
    low, high : float
        The range asked for.

    Returns
    -------
    (float, float)
        The part that both have in common.

    Raises
    ------
    NoiseLevelError
        Where they have none.

    Examples
    --------
    >>> within_known_range(lambda x, sigma: x, 0.1, 10.0)
    (0.1, 10.0)
    """
    least, most = known_range(denoiser)
    low, high = check.number("low", low, 0.0), check.number("high", high, 0.0)
    if low > most or high < least:
        problem = f"from {low:.4g} to {high:.4g} lie beyond the network's, {least:.4g} ... {most:.4g}"
        raise NoiseLevelError("sigmas", problem, "ask for noise levels that the network knows")
    return max(low, least), min(high, most)


def known_levels(denoiser: Denoiser, sigmas: ArrayLike | None = None) -> Array:
    """The noise levels nearest to those asked for that a denoiser knows.

    Of a network in steps (it has a `grid`) they are levels of whole steps, nearest in log sigma and each once; of any
    other denoiser they are those asked for, without what lies beyond its `noise_range`.

    Parameters
    ----------
    denoiser : Denoiser
        Any denoiser.
    sigmas : array_like, shape (n,), optional
        Noise levels > 0 (default: 18 of [@Karras2022] within the range of the denoiser, falling).

    Returns
    -------
    array
        Noise levels in the order of those asked for.

    Raises
    ------
    NoiseLevelError
        Where none of them is known to the denoiser.

    Examples
    --------
    >>> from idealscore import DiscreteSchedule
    >>> from idealscore.learned import wrap
    >>> net = wrap.function(lambda z, t: z, clock="index", schedule=DiscreteSchedule.linear())
    >>> known_levels(net, [0.001, 0.0101, 1.0]).round(4).tolist()
    [0.01, 0.9995]
    """
    if sigmas is None:
        low, high = within_known_range(denoiser, *WIDEST)
        sigmas = karras_sigmas(18, low, high)
    levels = check.positive_sigmas("sigmas", sigmas)
    grid = getattr(denoiser, "grid", None)
    if grid is None:
        low, high = known_range(denoiser)
        found = levels[(levels >= low) & (levels <= high)]
    else:
        found = _nearest(check.float_array("grid", grid), levels)
    if not found.size:
        within_known_range(denoiser, float(levels.min()), float(levels.max()))
        raise NoiseLevelError("sigmas", "hold no level that the network knows", "ask for more of them")
    return found


def _nearest(grid: Array, levels: Array) -> Array:
    """Of every level the nearest of the grid in the logarithm, each once, in the order of the levels."""
    nearest = np.abs(np.log(grid)[None] - np.log(levels)[:, None]).argmin(1)
    return grid[list(dict.fromkeys(nearest.tolist()))]


def asked_levels(denoiser: Denoiser, sigmas: ArrayLike | str) -> ArrayLike:
    """`sigmas`, or the levels of the network's own steps where they are "network".

    Parameters
    ----------
    denoiser : Denoiser
        Any denoiser.
    sigmas : array_like or "network"
        Noise levels.

    Returns
    -------
    array_like
        Noise levels, falling where they are those of the network.

    Raises
    ------
    ArgumentError
        For another word.

    Examples
    --------
    >>> asked_levels(lambda x, sigma: x, [1.0, 2.0])
    [1.0, 2.0]
    """
    if not isinstance(sigmas, str):
        return sigmas
    if sigmas != NETWORK:
        raise ArgumentError("sigmas", f"is {sigmas!r}", f"pass noise levels, or '{NETWORK}' for those of its steps")
    return known_levels(denoiser)


def falling_levels(sigmas: ArrayLike, infinite: bool = False) -> Array:
    """`sigmas` as a strictly falling grid, if it is one.

    Parameters
    ----------
    sigmas : array_like, shape (n,)
        Two noise levels or more, the last of which may be 0.
    infinite : bool
        Whether the first may be inf.

    Returns
    -------
    array (n,)
        Float64.

    Raises
    ------
    NoiseLevelError
        For levels that rise, repeat, are negative or not finite, or fewer than two.

    Examples
    --------
    >>> falling_levels([2, 1, 0])
    array([2., 1., 0.])
    """
    grid = check.float_array("sigmas", sigmas).reshape(-1).copy()  # what is given may be read-only
    finite = grid[1:] if infinite and grid.size and grid[0] == math.inf else grid
    if grid.size < 2 or not np.isfinite(finite).all() or not (grid[1:] < grid[:-1]).all() or grid[-1] < 0:
        problem = "is not a strictly decreasing list of two or more finite levels >= 0"
        raise NoiseLevelError("sigmas", problem, "sort it, largest first")
    if (finite > 0).any():
        check.positive_sigmas("sigmas", finite[finite > 0])
    return grid
