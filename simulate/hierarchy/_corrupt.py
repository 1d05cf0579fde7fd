"""Noise on the leaves of strings, each string with its own random stream [@Sclocchi2025]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.streams import stream
from ...errors import ArgumentError, ShapeError
from ...theory.belief_propagation.channels import LeafChannel, channel_of

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike


def noise_grid(noises: ArrayLike) -> Array:
    """Noises of a channel, one or more, `(k,)`."""
    grid = np.atleast_1d(check.float_array("noises", noises))
    if grid.ndim != 1 or not grid.size:
        raise ShapeError("noises", f"has shape {grid.shape}", "pass a number or a list of them")
    return grid


def corrupt(
    strings: Array, v: int, channel: str | LeafChannel, noise: float, seed: int = 0, *, first: int = 0
) -> Array:
    """An observation of each string through a noisy channel, each on the stream of its index [@Sclocchi2025].

    Parameters
    ----------
    strings : array of int
        Leaves, shape (n, leaves), symbols 0 ... v - 1.
    v : int
        Size of the vocabulary.
    channel : str or LeafChannel
        "gaussian", "masking", "uniform", "epsilon", or an object with the methods of a channel.
    noise : float
        Noise of the channel in its own unit: sigma, or a fraction of the leaves.
    seed : int
        Seed of the noise.
    first : int
        Index of the first string.

    Returns
    -------
    array
        The observations: integers (n, leaves), -1 where masked, or numbers (n, leaves, v) of the Gaussian channel.

    Raises
    ------
    UnknownNameError
        For an unknown channel.
    NoiseLevelError
        For a fraction outside [0, 1].
    ArgumentError
        For a sigma that is negative or not finite, or symbols outside the vocabulary.

    Examples
    --------
    >>> corrupt(np.array([[0, 1, 1, 0]]), 2, "masking", 1.0)
    array([[-1, -1, -1, -1]])
    """
    channel, strings = channel_of(channel), check.array("strings", strings)
    v, first = check.integer("v", v, 2), check.integer("first", first, 0)
    if strings.ndim != 2 or not len(strings):
        raise ShapeError("strings", f"has shape {strings.shape}", "pass symbols (n, leaves) with n >= 1")
    if not np.issubdtype(strings.dtype, np.integer):
        raise ArgumentError("strings", f"holds {strings.dtype}", "pass integer symbols")
    rows = ((row[None], stream(seed, "corrupt", first + i)) for i, row in enumerate(strings))
    return np.concatenate([channel.corrupt(row, v, noise, generator) for row, generator in rows])
