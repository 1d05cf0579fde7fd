"""What it costs to reveal several symbols at once, for any schedule."""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ._entropy_profile import EntropyProfile


def schedule_cost(profile: EntropyProfile | ArrayLike, sizes: ArrayLike) -> float:
    r"""Mean relative entropy between the data and what is sampled by revealing blocks of symbols in random order.

    A block is drawn symbol by symbol from exact marginals given what was revealed before, as if its symbols were
    independent. With a symbols revealed before a block of s, averaged over all orders,

        E KL = sum_blocks [ s f(a) - sum_{j < s} f(a + j) ],

    a left Riemann sum of f less its integral [@Austin2021]. It bounds the relative entropy of the sampler with its
    order drawn at random, whose law is a mixture.

    Parameters
    ----------
    profile : EntropyProfile or array (length,)
        f(a), or its values for a = 0 ... length - 1.
    sizes : integers (K,)
        Sizes of the blocks in their order, which sum to length.

    Returns
    -------
    float
        In nats, 0 for blocks of 1.

    Raises
    ------
    ArgumentError
        For sizes that are not positive integers or do not sum to the length.

    Examples
    --------
    >>> from idealscore.theory.masked_diffusion import entropy_profile
    >>> twins = entropy_profile([[0, 0], [1, 1]])
    >>> round(schedule_cost(twins, [2]), 4), schedule_cost(twins, [1, 1])
    (0.6931, 0.0)
    """
    f = profile_values(profile)
    blocks = check_sizes(sizes, len(f))
    starts = np.cumsum(blocks) - blocks
    return max(float(blocks @ f[starts]) - float(f.sum()), 0.0)


def uniform_blocks(length: int, steps: int) -> Array:
    """Blocks of equal size, the first ones larger by one where they must be.

    Parameters
    ----------
    length : int
        Number of symbols.
    steps : int
        Number of blocks, 1 to `length`.

    Returns
    -------
    integer array (steps,)
        Sizes.

    Raises
    ------
    ArgumentError
        For steps outside their range.

    Examples
    --------
    >>> uniform_blocks(8, 3).tolist()
    [3, 3, 2]
    """
    length = check.integer("length", length, 1)
    steps = check.integer("steps", steps, 1, length)
    return np.diff(-(-length * np.arange(steps + 1) // steps))


def cosine_blocks(length: int, steps: int) -> Array:
    """Blocks of the cosine schedule of [@Chang2022]: after a share t of the steps, cos(pi t / 2) is still hidden.

    Parameters
    ----------
    length : int
        Number of symbols.
    steps : int
        Number of blocks, 1 to `length`.

    Returns
    -------
    integer array (steps,)
        Sizes, each at least 1.

    Raises
    ------
    ArgumentError
        For steps outside their range.

    Examples
    --------
    >>> cosine_blocks(16, 4).tolist()
    [1, 4, 5, 6]
    """
    length = check.integer("length", length, 1)
    steps = check.integer("steps", steps, 1, length)
    hidden = np.round(length * np.cos(np.pi / 2 * np.arange(steps + 1) / steps)).astype(int)
    hidden[-1] = 0
    for k in range(1, steps + 1):  # at least one symbol in each block, now and later
        hidden[k] = max(min(hidden[k], hidden[k - 1] - 1), steps - k)
    return -np.diff(hidden)


def profile_values(profile: EntropyProfile | ArrayLike) -> Array:
    """f(a) for a = 0 ... length - 1."""
    if isinstance(profile, EntropyProfile):
        return profile.full
    values = check.finite("profile", check.float_array("profile", profile))
    if values.ndim != 1 or values.size == 0:
        raise ArgumentError("profile", f"has shape {values.shape}", "pass an EntropyProfile, or its values (length,)")
    if values.min() < 0:
        raise ArgumentError("profile", "holds negative entropies", "pass f(a) >= 0 in nats")
    return values


def check_sizes(sizes: ArrayLike, length: int) -> Array:
    """Block sizes that fill the string."""
    blocks = np.atleast_1d(check.array("sizes", sizes))
    if blocks.ndim != 1 or not np.issubdtype(blocks.dtype, np.integer) or not bool((blocks >= 1).all()):
        raise ArgumentError("sizes", f"are {sizes!r}", "pass integers >= 1")
    if int(blocks.sum()) != length:
        raise ArgumentError(
            "sizes", f"sum to {int(blocks.sum())}, not to the length {length}", "reveal every symbol once"
        )
    return blocks
