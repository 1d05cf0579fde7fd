"""Posterior sums of some windows over a `WindowIndex`: leaves are drawn, read, and what they tell is put together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..._support.types import Array
from . import _draw_kernels, _survey_kernels
from .window_index import LeafMasses, WindowIndex

# numba's functions have no types that a checker could read.
draw_all: Callable[..., bool] = _draw_kernels.draw_all
by_leaf: Callable[..., None] = _draw_kernels.by_leaf
read: Callable[..., None] = _survey_kernels.read
compare: Callable[..., None] = _survey_kernels.compare
settle_all: Callable[..., None] = _survey_kernels.settle_all

EVENLY = 0.05
"""Probability of a leaf that does not seem to matter, relative to the share."""


def survey(
    index: WindowIndex,
    masses: LeafMasses,
    windows: Array,
    projected: tuple[Array, Array, Array],
    sigma: float,
    share: float,
    seeds: Array,
    most: int,
) -> Array:
    """For each of the `windows`: mean, its variance and that of the leaves by channel, lowest energy, sum (W / sum W)^2
    of the leaves.

    `masses` are those at `sigma`, `projected` is what `index.project` tells of the windows, `share` that of the leaves
    that are drawn, with a seed for each window, `most` the number of windows of the images compared themselves.
    """
    points, constants, lefts = projected
    q, sums_of = len(windows), 1 + index.channels
    known, drawn = np.zeros((q, sums_of)), np.zeros((q, sums_of))
    visits, *visiting = _drawn(index, masses(points, lefts), share, seeds, known, drawn)
    tops, sums, spread = np.full(q, -np.inf), np.zeros((q, 2 * sums_of)), np.zeros((q, 3, sums_of, sums_of))
    keys, places, inverse = np.empty((q, 2 * most)), np.empty((q, 2 * most), np.int64), np.empty((q, 2 * most))
    kept, out = np.zeros(q, np.int64), np.empty((q, 3 * sums_of - 1))
    read(
        index.codes, index.middles, index.starts, index.counts, index.origin, index.steps, index.centres, points,
        constants, lefts, float(max(1, index.others)), sigma, visits, *visiting, tops, sums, spread, keys,
        places, inverse, kept, np.full(q, -np.inf),
    )  # fmt: skip
    asking, place = (np.arange(2 * most) < kept[:, None]).nonzero()
    number, energies = index.order[places[asking, place]], np.empty((q, 2 * most))
    by_image = number.argsort(kind="stable")
    compare(
        index.images, index.across, index.channels, windows, number[by_image], asking[by_image], place[by_image],
        energies,
    )  # fmt: skip
    settle_all(
        index.images, index.across, index.channels, index.order, index.size, sigma, tops, sums, keys, places, inverse,
        kept, energies, known, drawn, spread, out,
    )  # fmt: skip
    return out


def _drawn(index: WindowIndex, logs: Array, share: float, seeds: Array, known: Array, drawn: Array) -> list[Array]:
    """Where the visits of each leaf begin, and for each visit the window, its probability and its modelled weight."""
    q, leaves = logs.shape
    room, numbers = (leaves if share >= 1 else min(leaves, int(3 * share * leaves) + 64)), np.empty(q, np.int64)
    while True:
        found = np.empty((q, room), np.int32), np.empty((q, room)), np.empty((q, room))
        drawn[:] = 0
        if draw_all(logs, index.counts, index.centres, share, EVENLY, seeds, *found, known, drawn, numbers):
            break
        room = min(leaves, 2 * room)
    total, visits = int(numbers.sum()), np.zeros(leaves + 1, np.int64)
    visiting = np.empty(total, np.int32), np.empty(total), np.empty(total)
    by_leaf(*found, numbers, visits, *visiting)
    return [visits, *visiting]
