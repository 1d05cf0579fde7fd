# type: ignore
"""Posterior sums of some windows over the leaves of a `WindowIndex`, a sample of which is read as a whole.

For each query the leaves are drawn with probabilities pi that grow with their modelled weights (`draw`); a leaf that is
drawn is read by its codes, once for all queries that drew it (`read`): its weights W, their moments, and the windows
that carry most. Those are compared with the query itself, and D = sum W V / pi / sum W / pi (`settle`). With g the
modelled weights, of which the sum over all leaves is known, as control variate of slope b,

    Var D = sum (1 - pi) / pi^2 (z - b g)^2,    z = W (V - D) / sum W / pi    (leaves drawn independently).

How much depends on single leaves is told by sum (W / sum W)^2.
"""

import math

import numpy as np
from numba import njit

from ._index_kernels import OPTIONS, SUMS, half_square, uniform
from ._kernels import LANES, LOG2_E, exp2

TRIED = 2048
"""Leaves by which the probabilities of all are settled."""

STEEPEST, FALL = 0.7, 3.0
"""Probabilities grow as this power of modelled weights at most, and fall by e^-FALL up to four times their number."""

ROWS = 6
"""Rows of codes in one pass: of more arrays at once a compiler does not see that they do not overlap."""

LOWEST = np.float32(-1e30)

NEGLIGIBLE = -20.0
"""Leaves with modelled weights below e^NEGLIGIBLE of the largest are left out of the control variate."""

BELOW = 30.0
"""Leaves of which the largest weight is below e^-BELOW of the largest so far count as seen and empty."""


@njit(**OPTIONS)
def threshold(values, many):
    """Two values: more than `many` reach the first, at most so many exceed the second; by bisection, nothing is sorted.

    It ends where not many fewer than `many` exceed the second, or where the two enclose equal ones.
    """
    low, high = np.inf, -np.inf
    for value in values:
        low, high = min(low, value), max(high, value)
    for _ in range(64):
        middle, above = 0.5 * (low + high), 0
        for value in values:
            above += value > middle
        if above > many:
            low = middle
        else:
            high = middle
            if 8 * above >= 7 * many:
                break
    return low, high


@njit(**OPTIONS)
def settings(logs, counts, share):
    """(level, power): a leaf is drawn with probability min(1, exp(power (log - level))), `share` of all on average."""
    stride = max(1, len(logs) // TRIED)
    some = np.empty(len(logs) // stride + 1, np.float64)
    n = 0
    for k in range(0, len(logs), stride):
        if counts[k] > 0:
            some[n] = logs[k]
            n += 1
    some, wanted = some[:n], share * n
    first, last = threshold(some, int(0.5 * wanted))[1], threshold(some, int(2 * wanted))[1]
    power = min(STEEPEST, FALL / max(first - last, 1e-9))
    low, high = some.min(), some.max() + 50 / power
    for _ in range(24):
        level, expected = 0.5 * (low + high), 0.0
        for s in range(n):
            if some[s] >= level:
                expected += 1
            else:
                rest = power * (some[s] - level)
                expected += math.exp(rest) if rest > -12 else 0.0
        if expected > wanted:
            low = level
        else:
            high = level
    return high, power


@njit(**OPTIONS)
def draw(logs, counts, centres, share, evenly, key, leaves, chances, models, total):
    """Draw the leaves of one query; returns their number, or -1 where there is no room for them.

    leaves, chances, models: their numbers, probabilities and modelled weights relative to the largest, written in;
    total (1 + channels): sum of the modelled weights of all leaves, and of these times the mean centres.
    """
    top = -np.inf
    for k in range(len(logs)):
        if counts[k] > 0 and logs[k] > top:
            top = logs[k]
    total[:] = 0
    all_of_them = share >= 1
    level, power = (0.0, 0.0) if all_of_them else settings(logs, counts, (1 - evenly) * share)
    least = evenly * share
    lowest_rest = math.log(least)
    n = 0
    for k in range(len(logs)):
        if counts[k] == 0:
            continue
        model = 0.0
        if logs[k] > top + NEGLIGIBLE:
            model = math.exp(logs[k] - top)
            total[0] += model
            for c in range(centres.shape[1]):
                total[1 + c] += model * centres[k, c]
        chance = 1.0
        if not all_of_them:
            rest = power * (logs[k] - level)
            chance = 1.0 if rest >= 0 else least if rest <= lowest_rest else math.exp(rest)
            if uniform(key, k) >= chance:
                continue
        if n == len(leaves):
            return -1
        leaves[n], chances[n], models[n] = k, chance, model
        n += 1
    return n


@njit(**OPTIONS, fastmath=SUMS)
def decode(codes, first, p, count, numbers, halves, others):
    """The codes (p + 1, count) of a leaf, from `first` on, as float32, and half the sum of their squares."""
    for d in range(p):
        row, source = numbers[d, :count], codes[first + d * count : first + (d + 1) * count]
        for l in range(count):
            row[l] = np.float32(source[l])
    halves[:count] = 0
    for d in range(p):
        row = numbers[d, :count]
        for l in range(count):
            halves[l] += np.float32(0.5) * row[l] * row[l]
    source = codes[first + p * count : first + (p + 1) * count]
    for l in range(count):
        others[l] = np.float32(source[l])


@njit(**OPTIONS, fastmath=SUMS)
def add_products(numbers, factors, count, out):
    """out[l] += sum over d of factors[d] numbers[d, l], ROWS in one pass; their number is a multiple of ROWS."""
    for d in range(0, len(factors), ROWS):
        a, b, c = numbers[d, :count], numbers[d + 1, :count], numbers[d + 2, :count]
        e, f, g = numbers[d + 3, :count], numbers[d + 4, :count], numbers[d + 5, :count]
        q, r, s = factors[d], factors[d + 1], factors[d + 2]
        t, u, v = factors[d + 3], factors[d + 4], factors[d + 5]
        for l in range(count):
            out[l] += (q * a[l] + r * b[l]) + (s * c[l] + t * e[l]) + (u * f[l] + v * g[l])


@njit(**OPTIONS, fastmath=SUMS)
def start(halves, others, count, constant, square, left, step, directions, out):
    """The part of the logs that the products leave: squares, and what the components leave in so many `directions`."""
    for l in range(count):
        theirs = step * others[l]
        mixed = left * theirs
        out[l] = constant - square * halves[l] - np.float32(0.5) * theirs * theirs
        out[l] += mixed * mixed / (np.float32(2) * directions + mixed)


@njit(**OPTIONS, fastmath=SUMS)
def highest(logs, count, work):
    """The largest of the first `count` logs, LANES side by side; what is behind them is overwritten."""
    last = (count + LANES - 1) // LANES * LANES
    logs[count:last] = LOWEST
    work[:] = LOWEST
    for first in range(0, last, LANES):
        some = logs[first : first + LANES]
        for l in range(LANES):
            work[l] = some[l] if some[l] > work[l] else work[l]
    best = work[0]
    for l in range(1, LANES):
        best = work[l] if work[l] > best else best
    return best


@njit(**OPTIONS, fastmath=SUMS)
def weigh_all(logs, count, top, weights):
    """The weights exp(logs - top), and their sum."""
    rate, floor, total = np.float32(LOG2_E), np.float32(-100), np.float32(0)
    for l in range(count):
        value = (logs[l] - top) * rate
        value = value if value > floor else floor
        weights[l] = exp2(value if value < np.float32(0) else np.float32(0))
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
    """Weights times `factor` in the sums of W, of its moments and of W^2; a loop, for slices compile slowly."""
    for c in range(len(sums) - 1):
        sums[c] *= factor
    sums[len(sums) - 1] *= factor * factor


@njit(**OPTIONS)
def read(
    codes, middles, starts, counts, origin, steps, means, points, constants, lefts, directions, sigma,
    visits, queries, chances, models, numbers, halves, others, tops, sums, spread, keys, places, inverse, kept, least,
):  # fmt: skip
    """Read every leaf that was drawn, for all queries that drew it.

    visits (leaves + 1): where the visits of each leaf begin among `queries`, `chances` and `models`. By query: tops,
    the largest log weight; sums (queries, 2 + channels), of W, of its moments and of W^2, over pi; spread (queries, 3,
    1 + channels, 1 + channels), sums of (1 - pi) / pi^2 times products of what belongs to a leaf: weight and moments by
    the same, weight and moments by the modelled ones, and these by themselves; keys, places, inverse (queries, room),
    the logs of weights over pi, places and 1 / pi of the windows that carry most; kept, their numbers; least, the
    lowest key that is of interest.
    """
    p, channels = points.shape[1], len(sums[0]) - 2
    room = numbers.shape[1]
    logs, weights = np.empty(room, np.float32), np.empty(room, np.float32)
    factors, work = np.zeros(len(numbers), np.float32), np.empty(LANES, np.float32)
    mine, modelled = np.empty(1 + channels), np.empty(1 + channels)
    for k in range(len(counts)):
        if visits[k] == visits[k + 1]:
            continue
        count, begin = counts[k], starts[k]
        decode(codes, begin * (p + 1), p, count, numbers, halves, others)
        unit, other_unit = steps[k, 0] / sigma, steps[k, 1] / sigma
        for v in range(visits[k], visits[k + 1]):
            q, chance = queries[v], chances[v]
            constant = constants[q] / sigma / sigma
            for d in range(p):
                gap = (points[q, d] - origin[k, d]) / sigma
                constant += gap * gap
                factors[d] = gap * unit
            start(
                halves, others, count, np.float32(-0.5 * constant), np.float32(unit * unit),
                np.float32(lefts[q] / sigma), np.float32(other_unit), np.float32(directions), logs,
            )  # fmt: skip
            add_products(numbers, factors, count, logs)
            best = np.float64(highest(logs, count, work))
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
                mine[0] = weigh_all(logs, count, np.float32(tops[q]), weights)
                for c in range(channels):
                    first = channels * begin + c * count
                    mine[1 + c] = product(weights, middles[first : first + count], count)
                for c in range(1 + channels):
                    sums[q, c] += mine[c] / chance
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
                    if logs[l] + shift > least[q]:
                        if kept[q] == keys.shape[1]:
                            kept[q], least[q] = prune(keys[q], places[q], inverse[q], kept[q])
                        keys[q, kept[q]], places[q, kept[q]] = logs[l] + shift, begin + l
                        inverse[q, kept[q]] = 1 / chance
                        kept[q] += 1


@njit(**OPTIONS)
def settle(images, across, channels, order, query, sigma, top, sums, keys, places, inverse, known, drawn, spread, out):
    """Compare the windows that carry most with the query; what is found goes to `out`, as in `survey`.

    known, drawn (1 + channels): sums of the modelled weights over all leaves, and over those drawn by their pi.
    """
    size, length = query.shape
    windows = (images.shape[1] - size + 1) * across
    middle, low, n = size // 2, np.inf, len(keys)
    energies = np.empty(n)
    for s in range(n):
        window = np.int64(order[places[s]])
        image, place = window // windows, window % windows
        energies[s] = half_square(query, images[image], place // across, place % across * channels, length)
        low = min(low, energies[s])
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
    out[2 * channels], out[2 * channels + 1] = low, min(sums[-1] / (total * total), 1.0)


@njit(**OPTIONS)
def draw_all(logs, counts, centres, share, evenly, keys, leaves, chances, models, known, drawn, numbers):
    """`draw` for all queries, their numbers of leaves in `numbers`; returns False where there is no room for them.

    drawn (queries, 1 + channels): sums of the modelled weights of the leaves drawn by their probabilities, and of these
    times the mean centres.
    """
    for q in range(len(keys)):
        n = draw(logs[q], counts, centres, share, evenly, keys[q], leaves[q], chances[q], models[q], known[q])
        if n < 0:
            return False
        numbers[q] = n
        for s in range(n):
            weight = models[q, s] / chances[q, s]
            drawn[q, 0] += weight
            for c in range(centres.shape[1]):
                drawn[q, 1 + c] += weight * centres[leaves[q, s], c]
    return True


@njit(**OPTIONS)
def by_leaf(leaves, chances, models, numbers, visits, queries, sorted_chances, sorted_models):
    """What was drawn, (queries, room), in the order of the leaves; visits: where those of each leaf begin."""
    for q in range(len(numbers)):
        for s in range(numbers[q]):
            visits[leaves[q, s] + 1] += 1
    for k in range(len(visits) - 1):
        visits[k + 1] += visits[k]
    place = visits[:-1].copy()
    for q in range(len(numbers)):
        for s in range(numbers[q]):
            at = place[leaves[q, s]]
            queries[at], sorted_chances[at], sorted_models[at] = q, chances[q, s], models[q, s]
            place[leaves[q, s]] += 1


@njit(**OPTIONS)
def settle_all(
    images, across, channels, order, windows, sigma, tops, sums, keys, places, inverse, kept, known, drawn, spread, out
):
    """`settle` for all queries, of which so many windows were `kept`."""
    for q in range(len(windows)):
        n = kept[q]
        settle(
            images, across, channels, order, windows[q], sigma, tops[q], sums[q], keys[q, :n], places[q, :n],
            inverse[q, :n], known[q], drawn[q], spread[q], out[q],
        )  # fmt: skip
