# type: ignore
"""Posterior sums of some windows over the leaves of a `WindowIndex`, a sample of which is read as a whole.

A leaf that a query has drawn with probability pi is read by its codes (`read`): its weights W, their moments, and the
windows that carry most. Those are compared with the query itself (`compare`), and D = sum W V / pi / sum W / pi
(`settle`). With g the modelled weights, of which the sum over all leaves is known, as control variate of slope b,

    Var D = sum (1 - pi) / pi^2 (z - b g)^2,    z = W (V - D) / sum W / pi    (leaves drawn independently).

How much depends on single leaves is told by sum (W / sum W)^2.
"""

import math

import numpy as np
from numba import njit

from ._draw_kernels import threshold
from ._index_kernels import LARGEST, OPTIONS, SUMS, half_square
from ._kernels import LOG2_E, exp2, lowest

TOGETHER = 4
"""Queries for which the codes of a leaf are read at once, four rows in one pass."""

BELOW = 30.0
"""Leaves of which the largest weight is below e^-BELOW of the largest so far count as seen and empty."""


@njit(**OPTIONS, fastmath=SUMS)
def squares(codes, p, count, halves, others):
    """Half the sums of the squares of p rows of codes, and the row behind them, as float32."""
    halves[:count] = 0
    for d in range(p):
        row = codes[d * count : (d + 1) * count]
        for l in range(count):
            value = np.float32(row[l])
            halves[l] += np.float32(0.5) * value * value
    last = codes[p * count : (p + 1) * count]
    for l in range(count):
        others[l] = np.float32(last[l])


@njit(**OPTIONS, fastmath={"contract"})
def add_products(codes, factors, count, out):
    """out[q LARGEST + l] += sum over d of factors[d, q] codes[d count + l], for TOGETHER queries q.

    That the results lie a known length apart tells a compiler that they do not overlap.
    """
    one, two, three = LARGEST, 2 * LARGEST, 3 * LARGEST
    whole = len(factors) // 4 * 4
    for d in range(0, whole, 4):
        row_a, row_b = codes[d * count : (d + 1) * count], codes[(d + 1) * count : (d + 2) * count]
        row_c, row_d = codes[(d + 2) * count : (d + 3) * count], codes[(d + 3) * count : (d + 4) * count]
        a0, a1, a2, a3 = factors[d, 0], factors[d, 1], factors[d, 2], factors[d, 3]
        b0, b1, b2, b3 = factors[d + 1, 0], factors[d + 1, 1], factors[d + 1, 2], factors[d + 1, 3]
        c0, c1, c2, c3 = factors[d + 2, 0], factors[d + 2, 1], factors[d + 2, 2], factors[d + 2, 3]
        d0, d1, d2, d3 = factors[d + 3, 0], factors[d + 3, 1], factors[d + 3, 2], factors[d + 3, 3]
        for l in range(count):
            w, x, y, z = np.float32(row_a[l]), np.float32(row_b[l]), np.float32(row_c[l]), np.float32(row_d[l])
            out[l] = (((out[l] + a0 * w) + b0 * x) + c0 * y) + d0 * z
            out[one + l] = (((out[one + l] + a1 * w) + b1 * x) + c1 * y) + d1 * z
            out[two + l] = (((out[two + l] + a2 * w) + b2 * x) + c2 * y) + d2 * z
            out[three + l] = (((out[three + l] + a3 * w) + b3 * x) + c3 * y) + d3 * z
    for d in range(whole, len(factors)):
        row = codes[d * count : (d + 1) * count]
        a0, a1, a2, a3 = factors[d, 0], factors[d, 1], factors[d, 2], factors[d, 3]
        for l in range(count):
            w = np.float32(row[l])
            out[l] += a0 * w
            out[one + l] += a1 * w
            out[two + l] += a2 * w
            out[three + l] += a3 * w


@njit(**OPTIONS, fastmath=SUMS)
def start(halves, others, count, constant, square, left, step, directions, energies):
    """The part of the energies that the products leave: squares, and what the components leave in so many
    `directions`."""
    for l in range(count):
        theirs = step * others[l]
        mixed = left * theirs
        energies[l] = constant + square * halves[l] + np.float32(0.5) * theirs * theirs
        energies[l] -= mixed * mixed / (np.float32(2) * directions + mixed)


@njit(**OPTIONS, fastmath=SUMS)
def weigh_all(energies, count, low, weights):
    """The weights exp(low - energies), and their sum; no energy is below `low`."""
    rate, floor, total = np.float32(LOG2_E), np.float32(-100), np.float32(0)
    for l in range(count):
        value = (low - energies[l]) * rate
        weights[l] = exp2(value if value > floor else floor)
        total += weights[l]
    return total


@njit(**OPTIONS, fastmath=SUMS)
def product(weights, values, count):
    total = np.float32(0)
    for l in range(count):
        total += weights[l] * values[l]
    return total


@njit(**OPTIONS)
def prune(keys, places, inverse, n):
    """Keep the better half of n candidates; returns the number of those left, and what more must exceed."""
    (low, high), left, spare = threshold(keys[:n], n // 2), 0, n // 2
    for s in range(n):
        spare -= keys[s] > high
    for s in range(n):
        fills = low <= keys[s] <= high and spare > 0
        if fills or keys[s] > high:
            keys[left], places[left], inverse[left] = keys[s], places[s], inverse[s]
            left, spare = left + 1, spare - fills
    return left, high


@njit(**OPTIONS)
def shrink(sums, factor):
    """Weights times `factor` in the sums of W, of W V, W V^2 and W^2; a loop, for slices compile slowly."""
    for c in range(len(sums) - 1):
        sums[c] *= factor
    sums[len(sums) - 1] *= factor * factor


@njit(**OPTIONS)
def read(
    codes, middles, starts, counts, origin, steps, means, points, constants, lefts, directions, sigma,
    visits, queries, chances, models, tops, sums, spread, keys, places, inverse, kept, least,
):  # fmt: skip
    """Read every leaf that was drawn, for all queries that drew it.

    visits (leaves + 1): where the visits of each leaf begin among `queries`, `chances` and `models`. By query: tops,
    the largest log weight; sums (queries, 2 + 2 channels), of W, W V, W V^2 and W^2, over pi; spread (queries, 3,
    1 + channels, 1 + channels), sums of (1 - pi) / pi^2 times products of what belongs to a leaf: weight and moments by
    the same, weight and moments by the modelled ones, and these by themselves; keys, places, inverse (queries, room),
    the logs of weights over pi, places and 1 / pi of the windows that carry most; kept, their numbers; least, the
    lowest key that is of interest.
    """
    p, channels = points.shape[1], (len(sums[0]) - 2) // 2
    together, weights = np.empty(TOGETHER * LARGEST, np.float32), np.empty(LARGEST, np.float32)
    halves, others = np.empty(LARGEST, np.float32), np.empty(LARGEST, np.float32)
    factors = np.zeros((p + 1, TOGETHER), np.float32)
    mine, modelled = np.empty(1 + channels), np.empty(1 + channels)
    for k in range(len(counts)):
        if visits[k] == visits[k + 1]:
            continue
        count, begin = counts[k], starts[k]
        own = codes[begin * (p + 1) : (begin + count) * (p + 1)]
        squares(own, p, count, halves, others)
        unit, other_unit = steps[k, 0] / sigma, steps[k, 1] / sigma
        for v in range(visits[k], visits[k + 1]):
            q, chance, t = queries[v], chances[v], (v - visits[k]) % TOGETHER
            if t == 0:
                for s in range(min(TOGETHER, visits[k + 1] - v)):
                    other = queries[v + s]
                    constant = constants[other] / sigma / sigma
                    for d in range(p):
                        gap = (points[other, d] - origin[k, d]) / sigma
                        constant += gap * gap
                        factors[d, s] = -gap * unit
                    start(
                        halves, others, count, np.float32(0.5 * constant), np.float32(unit * unit),
                        np.float32(lefts[other] / sigma), np.float32(other_unit), np.float32(directions),
                        together[s * LARGEST : (s + 1) * LARGEST],
                    )  # fmt: skip
                add_products(own, factors, count, together)
            energies = together[t * LARGEST : t * LARGEST + count]
            best = -np.float64(lowest(energies))
            if best > tops[q]:
                factor = math.exp(tops[q] - best)
                shrink(sums[q], factor)
                for a in range(1 + channels):
                    for b in range(1 + channels):
                        spread[q, 0, a, b] *= factor * factor
                        spread[q, 1, a, b] *= factor
                tops[q] = best
            mine[:] = 0
            if best > tops[q] - BELOW:
                mine[0] = weigh_all(energies, count, np.float32(-tops[q]), weights)
                for c in range(channels):
                    first = channels * begin + c * count
                    mine[1 + c] = product(weights, middles[first : first + count], count)
                for c in range(1 + channels):
                    sums[q, c] += mine[c] / chance
                for c in range(1, 1 + channels):
                    sums[q, channels + c] += mine[c] * mine[c] / (mine[0] * chance)
                sums[q, -1] += mine[0] * mine[0] / chance
            if chance < 1:
                modelled[0] = models[v]
                for c in range(channels):
                    modelled[1 + c] = models[v] * means[k, c]
                factor = (1 - chance) / (chance * chance)
                for a in range(1 + channels):
                    for b in range(1 + channels):
                        spread[q, 0, a, b] += factor * mine[a] * mine[b]
                        spread[q, 1, a, b] += factor * mine[a] * modelled[b]
                        spread[q, 2, a, b] += factor * modelled[a] * modelled[b]
            shift = -math.log(chance)
            if best + shift > least[q]:
                for l in range(count):
                    if shift - energies[l] > least[q]:
                        if kept[q] == keys.shape[1]:
                            kept[q], least[q] = prune(keys[q], places[q], inverse[q], kept[q])
                        keys[q, kept[q]], places[q, kept[q]] = shift - energies[l], begin + l
                        inverse[q, kept[q]] = 1 / chance
                        kept[q] += 1


@njit(**OPTIONS)
def compare(images, across, channels, windows, numbers, queries, places, energies):
    """Energies of the windows with these numbers for some of the `windows` that are asked about, written to `energies`
    (queries, places); in the order of the images, each is in the cache for all queries."""
    size, length = windows.shape[1:]
    each = (images.shape[1] - size + 1) * across
    for s in range(len(numbers)):
        number = np.int64(numbers[s])
        image, place = number // each, number % each
        row, column = place // across, place % across * channels
        energies[queries[s], places[s]] = half_square(windows[queries[s]], images[image], row, column, length)


@njit(**OPTIONS)
def settle(
    images, across, channels, order, size, sigma, top, sums, keys, places, inverse, energies, known, drawn, spread, out
):
    """Put the windows that carry most to their true `energies`; what is found goes to `out`, as in `survey`: without a
    leaf that was drawn, an infinite lowest energy.

    known, drawn (1 + channels): sums of the modelled weights over all leaves, and over those drawn by their pi.
    """
    windows = (images.shape[1] - size + 1) * across
    middle, n, low = size // 2, len(keys), np.inf
    for energy in energies:
        low = min(low, energy)
    for c in range(channels):
        mean = sums[1 + c] / sums[0]
        out[2 * channels + c] = max(sums[1 + channels + c] / sums[0] - mean * mean, 0.0)
    highest_log = max(top, -low / sigma / sigma)
    factor = math.exp(top - highest_log)
    shrink(sums, factor)
    for s in range(n):
        window = np.int64(order[places[s]])
        image, place = window // windows, window % windows
        coded = math.exp(keys[s] - math.log(inverse[s]) - highest_log)
        change = (math.exp(-energies[s] / sigma / sigma - highest_log) - coded) * inverse[s]
        sums[0] += change
        for c in range(channels):
            sums[1 + c] += change * images[image, place // across + middle, (place % across + middle) * channels + c]
    total = max(sums[0], 1e-300)
    one = factor / total
    for c in range(channels):
        mean = sums[1 + c] / total
        own = spread[0, 1 + c, 1 + c] - 2 * mean * spread[0, 0, 1 + c] + mean * mean * spread[0, 0, 0]
        both = spread[1, 1 + c, 1 + c] - mean * (spread[1, 0, 1 + c] + spread[1, 1 + c, 0] - mean * spread[1, 0, 0])
        model = spread[2, 1 + c, 1 + c] - 2 * mean * spread[2, 0, 1 + c] + mean * mean * spread[2, 0, 0]
        own, both = own * one * one, both * one
        slope = max(both / model, 0.0) if model > 0 else 0.0
        gap = (known[1 + c] - drawn[1 + c]) - mean * (known[0] - drawn[0])
        out[c] = mean + slope * gap
        out[channels + c] = max(own - (2 * both - slope * model) * slope, 0.0)
    out[3 * channels], out[3 * channels + 1] = low, min(sums[-1] / (total * total), 1.0)


@njit(**OPTIONS)
def settle_all(
    images, across, channels, order, size, sigma, tops, sums, keys, places, inverse, kept, energies, known, drawn,
    spread, out,
):  # fmt: skip
    """`settle` for all queries, of which so many windows were `kept`."""
    for q in range(len(kept)):
        n = kept[q]
        settle(
            images, across, channels, order, size, sigma, tops[q], sums[q], keys[q, :n], places[q, :n], inverse[q, :n],
            energies[q, :n], known[q], drawn[q], spread[q], out[q],
        )  # fmt: skip
