"""Steps of belief propagation on the CPU, in blocks of columns that stay in the cache; see belief_propagation.

Messages are (symbols, columns), those of children (v, s, columns). Each step divides its result by the largest entry
of the column, which it also returns; a column without any weight stays zero.
"""

import numpy as np

from ..._support.compiled import compiled

WIDTH = 256


@compiled(nogil=True)
def _rescale(w, largest):
    """Divide the columns of `w` (rows, width) by their largest entry."""
    for row in range(w.shape[0]):
        for c in range(w.shape[1]):
            largest[c] = max(largest[c], w[row, c])
    for row in range(w.shape[0]):
        for c in range(w.shape[1]):
            if largest[c] > 0:
                w[row, c] /= largest[c]


@compiled(nogil=True)
def upward(children, rules, m):
    """sum_k prod_i children[rules[y m + k, i], i] as (n_symbols, columns)."""
    _, s, columns = children.shape
    out = np.zeros((rules.shape[0] // m, columns), children.dtype)
    largest = np.zeros(columns, children.dtype)
    product = np.empty(WIDTH, children.dtype)
    for start in range(0, columns, WIDTH):
        width = min(WIDTH, columns - start)
        for rule in range(rules.shape[0]):
            first = children[rules[rule, 0], 0, start : start + width]
            for c in range(width):
                product[c] = first[c]
            for i in range(1, s):
                factor = children[rules[rule, i], i, start : start + width]
                for c in range(width):
                    product[c] *= factor[c]
            total = out[rule // m, start : start + width]
            for c in range(width):
                total[c] += product[c]
        _rescale(out[:, start : start + width], largest[start : start + width])
    return out, largest


@compiled(nogil=True)
def downward(parent, children, rules, m):
    """Sum over the rules with x at position i of parent[y] prod_{j != i} children[., j], as (v, s, columns)."""
    _, s, columns = children.shape
    out = np.zeros(children.shape, children.dtype)
    largest = np.zeros((s, columns), children.dtype)
    product = np.empty(WIDTH, children.dtype)
    for start in range(0, columns, WIDTH):
        width = min(WIDTH, columns - start)
        for rule in range(rules.shape[0]):
            above = parent[rule // m, start : start + width]
            for i in range(s):
                for c in range(width):
                    product[c] = above[c]
                for j in range(s):
                    if j != i:
                        factor = children[rules[rule, j], j, start : start + width]
                        for c in range(width):
                            product[c] *= factor[c]
                total = out[rules[rule, i], i, start : start + width]
                for c in range(width):
                    total[c] += product[c]
        for i in range(s):
            _rescale(out[:, i, start : start + width], largest[i, start : start + width])
    return out, largest


@compiled(nogil=True)
def marginals(up, down, place, batch):
    """up x down as probabilities (batch, nodes, symbols) with the nodes at `place`, and their sums (columns,)."""
    symbols, columns = up.shape
    out = np.empty((batch, columns // batch, symbols), up.dtype)
    total = np.zeros(columns, up.dtype)
    for x in range(symbols):
        for c in range(columns):
            total[c] += up[x, c] * down[x, c]
    for node in range(columns // batch):
        stored = place[node] * batch
        for b in range(batch):
            norm = total[stored + b] if total[stored + b] > 0 else 1.0
            for x in range(symbols):
                out[b, node, x] = up[x, stored + b] * down[x, stored + b] / norm
    return out, total


@compiled(nogil=True)
def evolve(messages, drawn, rules, m):
    """Upward messages (n, v) of parents whose i-th child sends the row `messages[drawn[., i]]`."""
    n, s = drawn.shape
    v = messages.shape[1]
    out = np.empty((n, rules.shape[0] // m))
    children = np.empty((v, s, WIDTH))
    for start in range(0, n, WIDTH):
        width = min(WIDTH, n - start)
        for c in range(width):
            for i in range(s):
                sender = messages[drawn[start + c, i]]
                for x in range(v):
                    children[x, i, c] = sender[x]
        out[start : start + width] = upward(children, rules, m)[0][:, :width].T
    return out
