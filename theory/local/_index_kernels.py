# type: ignore
"""The tree of a `WindowIndex`, and the comparison of one window with a sample of those in its leaves.

Node k of the tree has the children 2 k + 1 and 2 k + 2; below its cut along its dimension a window goes to the first.
"""

import math

import numpy as np
from numba import njit

from ._kernels import LOG2_E, exp2

OPTIONS = dict(cache=True, nogil=True, error_model="numpy")
SUMS = {"reassoc", "contract", "nsz", "arcp", "nnan"}

HIGHEST = 60.0
"""Logarithm of the largest modelled weight, relative to that of the nearest window compared, that serves as control."""


@njit(**OPTIONS)
def grow(points, depth, dimensions, cuts):
    """Fill `dimensions` and `cuts`: every node is cut at the median of its widest direction."""
    n, p = points.shape
    order = np.arange(n)
    for level in range(depth):
        for node in range(2**level):
            first, last = n * node // 2**level, n * (node + 1) // 2**level
            inside = points[order[first:last]]
            widest, best = 0, -1.0
            for k in range(p):
                spread = inside[:, k].var()
                if spread > best:
                    widest, best = k, spread
            ranks = np.argsort(inside[:, widest])
            order[first:last] = order[first:last][ranks]
            middle = n * (2 * node + 1) // 2 ** (level + 1) - first
            dimensions[2**level - 1 + node] = widest
            cuts[2**level - 1 + node] = inside[ranks[middle], widest]


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
def sort(leaves, starts, codes, order, sorted_codes):
    """The windows and their codes in the order of their leaves, those of a leaf in their own."""
    place = starts[:-1].copy()
    for i in range(len(leaves)):
        target = place[leaves[i]]
        order[target] = i
        sorted_codes[target] = codes[i]
        place[leaves[i]] = target + 1


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


@njit(**OPTIONS)
def shares(masses, counts, budget, evenly):
    """Turn the masses of the leaves into the expected numbers of their windows to be compared, `budget` in all.

    The share `evenly` goes to the leaves by their size. No leaf is given more windows than it has.
    """
    everything, mass = 0.0, 0.0
    for k in range(len(masses)):
        everything += counts[k]
        mass += masses[k]
    if budget >= everything:
        masses[:] = counts
        return
    for k in range(len(masses)):
        masses[k] = (1 - evenly) * masses[k] / mass + evenly * counts[k] / everything
    scale = 0.0
    for _ in range(8):
        full, left = 0.0, 0.0
        for k in range(len(masses)):
            if masses[k] * scale >= counts[k]:
                full += counts[k]
            else:
                left += masses[k]
        if left <= 0 or budget <= full:
            break
        scale = max(scale, (budget - full) / left)
    for k in range(len(masses)):
        masses[k] = min(masses[k] * scale, np.float64(counts[k]))


@njit(**OPTIONS, fastmath=SUMS)
def screen(codes, first, last, point, step, left, step_left, sigma, others, logs):
    """Modelled logs of the weights of the windows with `codes` from `first` to `last`.

    `point` is the projection of the query relative to the leaf's mean in units of sigma, `step` the unit of the codes
    in the same units; `left` and `step_left` are the like for what the components leave, in `others` directions.
    """
    p = codes.shape[1] - 1
    for i in range(first, last):
        square = np.float32(0)
        for k in range(p):
            difference = point[k] - step * np.float32(codes[i, k])
            square += difference * difference
        theirs = step_left * np.float32(codes[i, p])
        mixed = left * theirs
        bonus = mixed * mixed / (2 * others + mixed)
        logs[i - first] = bonus - np.float32(0.5) * (square + left * left + theirs * theirs)


@njit(**OPTIONS, fastmath=SUMS)
def soften(logs, top, temper, weights):
    """exp(temper (logs - top))."""
    rate, floor = np.float32(temper * LOG2_E), np.float32(-100)
    for i in range(len(logs)):
        t = (logs[i] - top) * rate
        weights[i] = exp2(min(np.float32(0), max(t, floor)))


@njit(**OPTIONS)
def compare(
    images, across, channels, order, codes, starts, counts, coordinates, steps, means, point, left, others, logs,
    squares, query, sigma, seen, budget, evenly, temper, key, masses, weights, scanned, places, chosen, out,
):  # fmt: skip
    """Posterior mean of the centre of `query`, from a sample of the windows in an index.

    images (n, rows, columns * channels); across: number of windows in a row; logs (leaves): modelled log of the sum
    of the weights in each leaf; means (leaves, channels): mean centres; coordinates, steps: of the codes. About `seen`
    windows are screened by their codes, leaf by leaf as `shares` says; about `budget` of these are compared.
    scanned (2, room) and places (2, room) keep modelled weight and probability, number and leaf of the first;
    `chosen` (budget, 3 + channels) keeps probability, energy, leaf and centre of the second. out: mean by channel,
    variance by channel, lowest energy, number of windows compared, sum of weights.
    """
    size, length = query.shape
    windows = (images.shape[1] - size + 1) * across
    middle, rate, p = size // 2, 1 / (sigma * sigma), len(point)
    highest = -np.inf
    for k in range(len(logs)):
        if counts[k]:
            highest = max(highest, squares[k] + math.log(counts[k]))
    for k in range(len(logs)):
        masses[k] = math.exp(0.5 * (squares[k] + math.log(counts[k]) - highest)) if counts[k] else 0.0
    shares(masses, counts, seen, evenly)

    model, kept, number_of, leaf_of = scanned[0], scanned[1], places[0], places[1]
    relative = np.empty(p, np.float32)
    n = 0
    for k in range(len(logs)):
        number = min(int(masses[k] + uniform(key, k)), counts[k], len(model) - n)
        if number <= 0:
            continue
        first = int(uniform(key, k + len(logs)) * counts[k])
        for c in range(p):
            relative[c] = (point[c] - coordinates[k, c]) / sigma
        step, step_left, mine = (
            np.float32(steps[k, 0] / sigma),
            np.float32(steps[k, 1] / sigma),
            np.float32(left / sigma),
        )
        some = min(number, counts[k] - first)
        begin = starts[k]
        screen(codes, begin + first, begin + first + some, relative, step, mine, step_left, sigma, others, model[n:])
        screen(codes, begin, begin + number - some, relative, step, mine, step_left, sigma, others, model[n + some :])
        share = masses[k] / counts[k]
        for m in range(number):
            number_of[n + m] = begin + (first + m) % counts[k]
            leaf_of[n + m] = k
            kept[n + m] = share
        n += number

    top = model[0]
    for s in range(n):
        top = max(top, model[s])
    soften(model[:n], top, temper, model[:n])
    full_of = 0.0
    for s in range(n):
        model[s] /= kept[s]
        full_of += model[s]
    for s in range(n):
        model[s] = (1 - evenly) * model[s] / full_of + evenly / kept[s] / n
    scale = np.inf if budget >= n else 0.0
    for _ in range(6):
        full, part = 0.0, 0.0
        for s in range(n):
            if model[s] * scale >= 1:
                full += 1
            else:
                part += model[s]
        if part <= 0 or budget <= full:
            break
        scale = max(scale, (budget - full) / part)

    seen_now, low = n, np.inf
    n = 0
    for s in range(seen_now):
        probability = min(1.0, model[s] * scale)
        if n == len(chosen) or uniform(key + np.uint64(1), number_of[s]) >= probability:
            continue
        window = order[number_of[s]]
        image, place = window // windows, window % windows
        i, j = place // across, place % across
        energy = half_square(query, images[image], i, j * channels, length)
        low = min(low, energy)
        chosen[n, 0], chosen[n, 1], chosen[n, 2] = probability * kept[s], energy, leaf_of[s]
        for c in range(channels):
            chosen[n, 3 + c] = images[image, i + middle, (j + middle) * channels + c]
        n += 1

    total = 0.0
    out[:] = 0
    for s in range(n):
        weight = math.exp((low - chosen[s, 1]) * rate)
        chosen[s, 1] = weight
        total += weight / chosen[s, 0]
        for c in range(channels):
            out[c] += weight * chosen[s, 3 + c] / chosen[s, 0]
    for c in range(channels):
        out[c] /= total

    # The same sums of the modelled weights serve as control: their results are known. Where nothing of a leaf was seen,
    # the model also tells how likely it holds a window that outweighs all that were seen.
    for k in range(len(logs)):
        weights[k] = math.exp(min(logs[k] + low * rate, HIGHEST)) if counts[k] else 0.0
    for c in range(channels):
        known, expected = 0.0, 0.0
        for k in range(len(logs)):
            if counts[k]:
                gap, probability = means[k, c] - out[c], masses[k] / counts[k]
                known += weights[k] * gap
                scatter = math.exp(min(squares[k] + 2 * low * rate, HIGHEST)) / total**2
                expected += min(max(0.0, 1 / probability - 1) * scatter, 1 - probability) * gap * gap
        estimated, both, square = 0.0, 0.0, 0.0
        for s in range(n):
            probability, k = chosen[s, 0], int(chosen[s, 2])
            modelled = weights[k] / counts[k] * (means[k, c] - out[c])
            factor = (1 - probability) / probability**2
            estimated += modelled / probability
            both += factor * modelled * chosen[s, 1] * (chosen[s, 3 + c] - out[c])
            square += factor * modelled * modelled
        slope = min(max(both / square, 0.0), 1.0) if square > 0 else 0.0
        variance = 0.0
        for s in range(n):
            probability, k = chosen[s, 0], int(chosen[s, 2])
            if probability < 1:
                missed = chosen[s, 1] * (chosen[s, 3 + c] - out[c])
                missed -= slope * weights[k] / counts[k] * (means[k, c] - out[c])
                variance += (1 - probability) / probability**2 * missed * missed
        out[channels + c] = max(variance / total**2, expected)
        out[c] += slope * (known - estimated) / total
    out[2 * channels], out[2 * channels + 1], out[2 * channels + 2] = low, n, total


@njit(**OPTIONS)
def compare_all(
    images, across, channels, order, codes, starts, counts, coordinates, steps, means, points, lefts, others, logs,
    squares, queries, sigma, seen, budgets, evenly, temper, keys, masses, weights, scanned, places, chosen, out,
):  # fmt: skip
    """`compare` for each of `queries`."""
    for q in range(len(queries)):
        compare(
            images, across, channels, order, codes, starts, counts, coordinates, steps, means, points[q], lefts[q],
            others, logs[q], squares[q], queries[q], sigma, seen[q], budgets[q], evenly, temper, keys[q], masses,
            weights, scanned, places, chosen, out[q],
        )  # fmt: skip
