"""How many symbols to reveal in each step: the best block sizes by dynamic programming, and their density."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ._entropy_profile import EntropyProfile
from ._kernels import best_blocks
from ._schedule_cost import profile_values


class BlockDensity(NamedTuple):
    """The continuum of many steps: where blocks begin, and what they cost.

    Parameters
    ----------
    sizes : integer array (K,)
        The density rounded to blocks.
    cost : float
        What the limit says of the cost of the best K blocks.

    Examples
    --------
    >>> block_density([3.0, 2.0, 1.0, 0.0], 2).sizes.tolist()
    [2, 2]
    """

    sizes: Array
    cost: float


def optimal_blocks(profile: EntropyProfile | ArrayLike, steps: int) -> Array:
    """The sizes of K blocks in which a string is revealed at the least cost of `schedule_cost`.

    By dynamic programming over the number revealed, K length^2 / 2 operations. One rule follows from it: the flatter f,
    the larger the block.

    Parameters
    ----------
    profile : EntropyProfile or array (length,)
        f(a), or its values for a = 0 ... length - 1.
    steps : int
        Number of blocks K, 1 to length.

    Returns
    -------
    integer array (steps,)
        Sizes in their order; of equally good ones those with the larger blocks last.

    Raises
    ------
    ArgumentError
        For steps outside their range, or a profile that is none.

    Examples
    --------
    >>> optimal_blocks([3.0, 1.0, 1.0, 1.0], 2).tolist()
    [1, 3]
    """
    f = profile_values(profile)
    steps = check.integer("steps", steps, 1, len(f))
    return best_blocks(np.ascontiguousarray(f, dtype=np.float64), steps)


def block_density(profile: EntropyProfile | ArrayLike, steps: int) -> BlockDensity:
    r"""The best blocks in the limit of many symbols and steps: their density is proportional to sqrt(-df/da).

    A block of s at a costs s (s - 1) |f'(a)| / 2. At a density rho of blocks, s = 1 / rho and the cost is
    int (1 / rho - 1) |f'| da / 2, least for rho ~ sqrt(|f'|) at int rho da = K:

        E KL = (int sqrt(-f') da)^2 / (2 K) - (f(0) - f(d - 1)) / 2.

    Parameters
    ----------
    profile : EntropyProfile or array (length,)
        f(a), or its values for a = 0 ... length - 1; where it increases by its error, it counts as flat.
    steps : int
        Number of blocks K, 1 to length.

    Returns
    -------
    BlockDensity
        The sizes that the density gives, and the cost that the limit predicts. The limit takes f as straight within a
        block: both are good where K is large next to one over the width of the steepest part of f.

    Raises
    ------
    ArgumentError
        For steps outside their range, or a profile that is none.

    Examples
    --------
    >>> from idealscore.theory.masked_diffusion import schedule_cost
    >>> linear = np.linspace(1.0, 0.0, 1001)[:-1]
    >>> round(block_density(linear, 10).cost / schedule_cost(linear, optimal_blocks(linear, 10)), 2)
    1.0
    """
    f = profile_values(profile)
    steps = check.integer("steps", steps, 1, len(f))
    root = np.sqrt(np.maximum(-np.diff(f, append=f[-1]), 0.0))
    total = float(root.sum())
    share = np.concatenate([[0.0], np.cumsum(root)]) / total if total > 0 else np.linspace(0, 1, len(f) + 1)
    places = np.arange(len(f) + 1)
    ends = np.round(np.interp(np.linspace(0, 1, steps + 1), share, places)).astype(int)
    ends[0], ends[-1] = 0, len(f)
    for k in range(1, steps):  # every block has a symbol, and leaves one to each that follows
        ends[k] = min(max(ends[k], ends[k - 1] + 1), len(f) - (steps - k))
    return BlockDensity(np.diff(ends), max(total**2 / (2 * steps) - float(root @ root) / 2, 0.0))
