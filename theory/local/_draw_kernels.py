# type: ignore
"""Which leaves of a `WindowIndex` are read for which windows: drawn with probabilities that follow modelled weights."""

import math

import numpy as np
from numba import njit

from ._index_kernels import OPTIONS, SUMS, uniform
from ._kernels import LOG2_E, exp2

TRIED = 2048
"""Leaves by which the probabilities of all are settled."""

STEEPEST, FALL = 1.0, 3.0
"""Probabilities grow as this power of modelled weights at most, and fall by e^-FALL up to four times their number."""

NEGLIGIBLE = -20.0
"""Leaves with modelled weights below e^NEGLIGIBLE of the largest are left out of the control variate."""


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


@njit(**OPTIONS, fastmath=SUMS)
def number_above(values, level, power):
    """Sum of min(1, exp(power (value - level)))."""
    total, rate, floor = np.float32(0), np.float32(power * LOG2_E), np.float32(-100)
    for l in range(len(values)):
        t = (values[l] - np.float32(level)) * rate
        t = t if t > floor else floor
        total += exp2(t if t < np.float32(0) else np.float32(0))
    return total


@njit(**OPTIONS)
def settings(logs, counts, share):
    """(level, power): a leaf is drawn with probability min(1, exp(power (log - level))), `share` of all on average."""
    stride = max(1, len(logs) // TRIED)
    some = np.empty(len(logs) // stride + 1, np.float32)
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
        level = 0.5 * (low + high)
        expected = number_above(some, level, power)
        if expected > wanted:
            low = level
        else:
            high = level
            if expected > 0.98 * wanted:
                break
    return high, power


@njit(**OPTIONS, fastmath=SUMS)
def probabilities(logs, level, power, least, chances):
    """min(1, exp(power (log - level))), or `least` where it is less."""
    rate, floor = np.float32(power * LOG2_E), np.float32(math.log2(least))
    for k in range(len(logs)):
        t = (logs[k] - np.float32(level)) * rate
        t = t if t > floor else floor
        chances[k] = exp2(t if t < np.float32(0) else np.float32(0))


@njit(**OPTIONS, fastmath=SUMS)
def modelled(logs, top, centres, models, total):
    """The weights exp(log - top), without those that are negligible; their sum, and that of them times the centres."""
    rate, least = np.float32(LOG2_E), np.float32(NEGLIGIBLE)
    for k in range(len(logs)):
        t = logs[k] - np.float32(top)
        models[k] = exp2(t * rate) if t > least else np.float32(0)
    total[:] = 0
    for k in range(len(logs)):
        total[0] += models[k]
    for c in range(len(total) - 1):
        row, moment = centres[c], 0.0
        for k in range(len(logs)):
            moment += models[k] * row[k]
        total[1 + c] = moment


@njit(**OPTIONS)
def draw(logs, counts, centres, share, evenly, key, leaves, chances, models, total, some, all_models):
    """Draw the leaves of one query; returns their number, or -1 where there is no room for them.

    leaves, chances, models: their numbers, probabilities and modelled weights relative to the largest, written in;
    total (1 + channels): sum of the modelled weights of all leaves, and of these times the mean `centres` (channels,
    leaves); some, all_models (leaves): work space. The logs of leaves without windows are -inf.
    """
    modelled(logs, logs.max(), centres, all_models, total)
    if share >= 1:
        some[:] = 1
    else:
        level, power = settings(logs, counts, (1 - evenly) * share)
        probabilities(logs, level, power, evenly * share, some)
    n = 0
    for k in range(len(logs)):
        if counts[k] == 0 or uniform(key, k) >= some[k]:
            continue
        if n == len(leaves):
            return -1
        leaves[n], chances[n], models[n] = k, some[k], all_models[k]
        n += 1
    return n


@njit(**OPTIONS)
def draw_all(logs, counts, centres, share, evenly, keys, leaves, chances, models, known, drawn, numbers):
    """`draw` for all queries, their numbers of leaves in `numbers`; returns False where there is no room for them.

    drawn (queries, 1 + channels): sums of the modelled weights of the leaves drawn by their probabilities, and of these
    times the mean centres.
    """
    some, all_models = np.empty(len(counts), np.float32), np.empty(len(counts), np.float32)
    rows = np.ascontiguousarray(centres.T)
    for q in range(len(keys)):
        n = draw(
            logs[q], counts, rows, share, evenly, keys[q], leaves[q], chances[q], models[q], known[q], some, all_models
        )
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
