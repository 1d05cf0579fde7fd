# type: ignore
"""The windows of a `WindowIndex` on their way down its tree, and what it keeps of them in its leaves."""

import math

import numpy as np
from numba import njit

OPTIONS = dict(cache=True, nogil=True, error_model="numpy")
LARGEST = 1024
"""Windows of a leaf at most."""

SUMS = {"reassoc", "contract", "nsz", "arcp", "nnan"}


@njit(**OPTIONS)
def descend(points, rest, centres, depth, dimensions, cuts, leaves, counts, sums):
    """The leaf of each point; sums of its coordinates, their squares, `rest` and `centres` are added to the leaf's."""
    p = points.shape[1]
    for i in range(len(points)):
        node = 0
        for _ in range(depth):
            node = 2 * node + (1 if points[i, dimensions[node]] < cuts[node] else 2)
        leaf = node - (2**depth - 1)
        leaves[i] = leaf
        counts[leaf] += 1
        for k in range(p):
            value = np.float64(points[i, k])
            sums[leaf, k] += value
            sums[leaf, p + k] += value * value
        sums[leaf, 2 * p] += rest[i]
        for c in range(centres.shape[1]):
            sums[leaf, 2 * p + 1 + c] += centres[i, c]


@njit(**OPTIONS)
def encode(points, rest, leaves, means, steps, codes):
    """Coordinates relative to the leaf's mean, and the root of `rest`, in units of the leaf's steps, as integers."""
    p = points.shape[1]
    for i in range(len(points)):
        leaf = leaves[i]
        for k in range(p):
            codes[i, k] = np.int8(min(max(round((points[i, k] - means[leaf, k]) / steps[leaf, 0]), -127), 127))
        codes[i, p] = np.int8(min(round(math.sqrt(rest[i]) / steps[leaf, 1]), 127))


@njit(**OPTIONS)
def sort(leaves, starts, order):
    """The windows in the order of their leaves, those of a leaf in their own."""
    place = starts[:-1].copy()
    for i in range(len(leaves)):
        order[place[leaves[i]]] = i
        place[leaves[i]] += 1


@njit(**OPTIONS)
def arrange(images, across, size, channels, order, starts, codes, sorted_codes, middles):
    """Codes and middle pixels leaf by leaf, those of a leaf number by number."""
    windows, middle, rows = (images.shape[1] - size + 1) * across, size // 2, codes.shape[1]
    for k in range(len(starts) - 1):
        first, count = starts[k], starts[k + 1] - starts[k]
        for l in range(count):
            window = np.int64(order[first + l])
            for d in range(rows):
                sorted_codes[first * rows + d * count + l] = codes[window, d]
            image, place = window // windows, window % windows
            i, j = place // across + middle, (place % across + middle) * channels
            for c in range(channels):
                middles[first * channels + c * count + l] = images[image, i, j + c]


@njit(**OPTIONS)
def uniform(key, index):
    """A number from [0, 1) that follows from `key` and `index` alone (the finaliser of SplitMix64)."""
    z = np.uint64(key) + np.uint64(index + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.float64((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@njit(**OPTIONS, fastmath=SUMS)
def half_square(query, image, i, j, length):
    """Half the squared distance of `query` (rows, length) to the window of `image` at its corner (i, j)."""
    total = 0.0
    for a in range(len(query)):
        mine, theirs = query[a], image[i + a, j : j + length]
        row = query.dtype.type(0)
        for b in range(length):
            difference = mine[b] - theirs[b]
            row += difference * difference
        total += row
    return 0.5 * total
