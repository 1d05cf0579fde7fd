"""Entropy of every subset of positions of a set of strings, by splitting groups of equal strings; see `enumerated`."""

import numpy as np

from ..._support.compiled import compiled


@compiled(nogil=True)
def _split(groups, symbols, v, table, out):
    """`out`: the groups of `groups` split by `symbols`, numbered anew from 0; their number. `table` stays -1."""
    found = 0
    for i in range(groups.size):
        code = groups[i] * v + symbols[i]
        if table[code] < 0:
            table[code] = found
            found += 1
        out[i] = table[code]
    for i in range(groups.size):
        table[groups[i] * v + symbols[i]] = -1
    return found


@compiled(nogil=True)
def _entropy(groups, found, probability, mass):
    mass[:found] = 0.0
    for i in range(groups.size):
        mass[groups[i]] += probability[i]
    total = 0.0
    for g in range(found):
        if mass[g] > 0:
            total -= mass[g] * np.log(mass[g])
    return total


@compiled(nogil=True)
def subset_entropies(columns, probability, v, binomial):
    """Sum over all subsets S of a positions of H(x_S), for a = 0 ... d; `columns` (d, n) are distinct strings.

    Depth first over the positions: each is in S or not. Where the positions in S tell all strings apart, the whole
    branch has the entropy of the strings, and is counted by binomial coefficients.
    """
    d, n = columns.shape
    totals = np.zeros(d + 1)
    table = np.full(n * v, -1, np.int64)
    mass = np.empty(n)
    groups = np.zeros((d + 1, n), np.int64)  # row a: those of the first a positions of S
    counts = np.ones(d + 1, np.int64)
    entropies = np.zeros(d + 1)
    chosen = np.empty(d + 1, np.int64)
    size, next_position = 0, 0
    totals[0] = 0.0
    while True:
        if next_position < d and counts[size] < n:
            position = next_position
            chosen[size] = position
            counts[size + 1] = _split(groups[size], columns[position], v, table, groups[size + 1])
            size += 1
            entropies[size] = _entropy(groups[size], counts[size], probability, mass)
            totals[size] += entropies[size]
            next_position = position + 1
            continue
        if counts[size] == n and next_position < d:  # every larger set of this branch is as good
            rest = d - next_position
            for more in range(1, rest + 1):
                totals[size + more] += binomial[rest, more] * entropies[size]
        if size == 0:
            return totals
        size -= 1
        next_position = chosen[size] + 1


@compiled(nogil=True)
def best_blocks(f, steps):
    """Sizes of the blocks with the least sum of size times f at their start, by dynamic programming."""
    d = f.size
    least = np.full((steps + 1, d + 1), np.inf)  # k blocks from the symbol a on
    size = np.zeros((steps + 1, d + 1), np.int64)
    least[0, d] = 0.0
    for k in range(1, steps + 1):
        for a in range(d - k, -1, -1):
            for s in range(1, d - a - k + 2):
                cost = s * f[a] + least[k - 1, a + s]
                if cost < least[k, a]:
                    least[k, a] = cost
                    size[k, a] = s
    out = np.empty(steps, np.int64)
    a = 0
    for k in range(steps, 0, -1):
        out[steps - k] = size[k, a]
        a += size[k, a]
    return out
