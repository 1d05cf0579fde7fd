# type: ignore
"""Newman-Ziff growth: one site or bond at a time, merged by union-find that also carries winding numbers.

A lattice and a graph look alike here. Site s has the row `rows[s]` of a table; the entries k from `first[row]` to
`first[row + 1]` are its bonds, to the sites `s + jumps[k]`, across the seams `seams[k]`. A lattice has one row for
each kind of site (place in the cell x side of the box that it touches), a graph one for each node.

`parent[s]` is the parent of s, minus the size of the cluster at its root, EMPTY where s is not occupied.
`winding[s]` says how often the way from s to its parent crosses each seam of the torus. A winding vector w is one
integer, sum_i w_i 2^(bits i), so that adding vectors is adding integers.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..._support.compiled import compiled

# No kernel allocates, so none needs numba's reference counting, whose atomic increments at each call of a helper
# cost more than the helper (measured: a factor 3).
OPTIONS = dict(nogil=True, _nrt=False, error_model="numpy")

EMPTY = np.int32(-(2**31))

LARGEST, SECOND, SQUARES, CLUSTERS = range(4)

# Above this number of sites the state leaves the cache, and lines are fetched this many steps before they are used.
CACHED, AHEAD = 2**17, 12


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for the cache line of `array[index]`."""

    def codegen(context, builder, signature, arguments):
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0]).data
        place = builder.gep(data, [arguments[1]])
        place = builder.bitcast(place, ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(fetch, [place, word(1), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@compiled(**OPTIONS, forceinline=True)
def splitmix(state):
    """64 random bits of the SplitMix64 generator in its `state`."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled(**OPTIONS)
def shuffle(order, state):
    """Uniform permutation in place (Fisher-Yates); unbiased bounded integers by multiply and reject (Lemire).

    The generator is a counter, so that the place of a later swap is known ahead and its cache line can be fetched.
    """
    low, step = np.uint64(0xFFFFFFFF), np.uint64(0x9E3779B97F4A7C15)
    large = order.size > CACHED
    for i in range(order.size - 1, 0, -1):
        bound = np.uint64(i + 1)
        state += step
        if large:
            later = splitmix(state + np.uint64(AHEAD) * step) >> np.uint64(32)
            prefetch(order, np.int64((later * bound) >> np.uint64(32)))
        product = (splitmix(state) >> np.uint64(32)) * bound
        if (product & low) < bound:
            floor = (np.uint64(2**32) - bound) % bound
            while (product & low) < floor:
                state += step
                product = (splitmix(state) >> np.uint64(32)) * bound
        j = product >> np.uint64(32)
        order[i], order[j] = order[j], order[i]


@compiled(**OPTIONS, forceinline=True)
def find(parent, s):
    """Root of s and its cluster's size, halving the path on the way."""
    p = parent[s]
    while p >= 0:
        above = parent[np.uint32(p)]
        if above < 0:
            return np.uint32(p), -np.int64(above)
        parent[s] = above
        s = np.uint32(above)
        p = parent[s]
    return s, -np.int64(p)


@compiled(**OPTIONS, forceinline=True)
def find_winding(parent, winding, s):
    """Root of s, its cluster's size and the winding from s to the root, halving the path on the way."""
    total = np.int64(0)
    p = parent[s]
    while p >= 0:
        above = parent[np.uint32(p)]
        if above < 0:
            return np.uint32(p), -np.int64(above), total + winding[s]
        step = winding[s] + winding[np.uint32(p)]
        parent[s] = above
        winding[s] = step
        total += step
        s = np.uint32(above)
        p = parent[s]
    return s, -np.int64(p), total


@compiled(**OPTIONS)
def note_wrap(cycle, bits, n, wraps):
    """Set the first n at which a cluster winds around each direction; return how many directions are still open."""
    half = np.int64(1) << (bits - 1)
    still_open = 0
    for i in range(wraps.size):
        digit = ((cycle + half) & ((half << 1) - 1)) - half
        cycle = (cycle - digit) >> bits
        if digit != 0 and wraps[i] < 0:
            wraps[i] = n
        if wraps[i] < 0:
            still_open += 1
    return still_open


@compiled(**OPTIONS)
def note_size(size, stats, count):
    """Keep the two largest sizes when a cluster has grown to `size`; `count` is the histogram of sizes."""
    if size > stats[LARGEST]:
        if count[stats[LARGEST]] > 0:
            stats[SECOND] = stats[LARGEST]
        else:
            second = stats[SECOND]
            while second > 0 and count[second] == 0:
                second -= 1
            stats[SECOND] = second
        stats[LARGEST] = size
    elif size > stats[SECOND]:
        stats[SECOND] = size


@compiled(**OPTIONS, forceinline=True)
def note_merge(size, added, stats, count):
    """Two clusters have become one."""
    stats[SQUARES] += 2 * size * added
    stats[CLUSTERS] -= 1
    if count.size > 0:
        count[size] -= 1
        count[added] -= 1
        count[size + added] += 1


@compiled(**OPTIONS, forceinline=True)
def note_growth(size, stats, count):
    """The largest clusters, after one has grown to `size`."""
    if count.size > 0:
        note_size(size, stats, count)
    elif size > stats[LARGEST]:
        stats[LARGEST] = size


@compiled(**OPTIONS, forceinline=True)
def occupy(s, begin, end, jumps, seams, parent, winding, stats, count, bits, n, wraps, n_open):
    """Occupy site s, whose bonds are the entries from `begin` to `end`; return how many directions are still open.

    The clusters around s are merged first, the smaller into the larger, and s joins the result last.
    """
    alone = np.uint32(0xFFFFFFFF)
    root, size, here, there = alone, np.int64(0), np.int64(0), np.int64(0)
    for k in range(begin, end):
        t = np.uint32(s + jumps[np.uint32(k)])
        if parent[t] == EMPTY:
            continue
        if n_open > 0:
            other, added, there = find_winding(parent, winding, t)
            there += seams[np.uint32(k)]
        else:
            other, added = find(parent, t)
        if root == alone:
            root, size, here = other, added, there
        elif other == root:
            if n_open > 0 and there != here:
                n_open = note_wrap(there - here, bits, n, wraps)
        else:
            note_merge(size, added, stats, count)
            if added > size:
                parent[root] = np.int32(other)
                if n_open > 0:
                    winding[root] = there - here
                root, here = other, there
            else:
                parent[other] = np.int32(root)
                if n_open > 0:
                    winding[other] = here - there
            size += added
    stats[SQUARES] += 2 * size + 1
    if root == alone:
        parent[s] = -1
        stats[CLUSTERS] += 1
    else:
        parent[s] = np.int32(root)
        parent[root] = np.int32(-(size + 1))
        if n_open > 0:
            winding[s] = here
    if count.size > 0:
        count[size] -= size > 0
        count[size + 1] += 1
    note_growth(size + 1, stats, count)
    return n_open


@compiled(**OPTIONS, forceinline=True)
def connect(u, v, seam, parent, winding, stats, count, bits, n, wraps, n_open):
    """Add the bond u-v, which crosses the seams `seam`; return how many directions are still open."""
    here, there = np.int64(0), np.int64(0)
    if n_open > 0:
        root, size, here = find_winding(parent, winding, u)
        other, added, there = find_winding(parent, winding, v)
        there += seam
    else:
        root, size = find(parent, u)
        other, added = find(parent, v)
    if root == other:
        if n_open > 0 and here != there:
            n_open = note_wrap(there - here, bits, n, wraps)
        return n_open
    if added > size:
        root, other, here, there = other, root, there, here
    note_merge(size, added, stats, count)
    parent[other] = np.int32(root)
    parent[root] = np.int32(-(size + added))
    if n_open > 0:
        winding[other] = here - there
    note_growth(size + added, stats, count)
    return n_open


@compiled(**OPTIONS)
def clear(parent, winding, stats, count, occupied):
    """The state before the first step: nothing is there, or (bond percolation) every site is alone."""
    n_sites = parent.size
    stats[:] = 0
    count[:] = 0
    winding[:] = 0
    parent[:] = -1 if occupied else EMPTY
    if occupied:
        stats[LARGEST] = 1
        stats[SECOND] = 1 if n_sites > 1 else 0
        stats[SQUARES] = n_sites
        stats[CLUSTERS] = n_sites
        if count.size > 0:
            count[1] = n_sites


@compiled(**OPTIONS, forceinline=True)
def add_row(row, stats, columns, sums):
    """Add the present state to a row of the sums; `columns[q]` is the column of quantity q, -1 if unwanted."""
    if columns[LARGEST] >= 0:
        sums[row, columns[LARGEST]] += stats[LARGEST]
    if columns[SECOND] >= 0:
        sums[row, columns[SECOND]] += stats[SECOND]
    if columns[SQUARES] >= 0:
        sums[row, columns[SQUARES]] += stats[SQUARES]
    if columns[CLUSTERS] >= 0:
        sums[row, columns[CLUSTERS]] += stats[CLUSTERS]


@compiled(**OPTIONS, forceinline=True)
def tail_of(bond, n_basis, tails):
    """The site at which a bond starts, and the bond's number within its cell."""
    cell = bond // tails.size
    j = bond - cell * tails.size
    return cell * n_basis + tails[j], j


@compiled(**OPTIONS, forceinline=True)
def fetch_ahead(n, order, rows, first, jumps, n_basis, tails, entries, parent, winding):
    """Ask for what the step AHEAD from now will need, and for the row of the one after twice as many."""
    if n + 2 * AHEAD >= order.size:
        return
    then, later = np.int64(order[n + AHEAD]), np.int64(order[n + 2 * AHEAD])
    if tails.size > 0:
        s, j = tail_of(then, n_basis, tails)
        later, _ = tail_of(later, n_basis, tails)
        begin = first[np.int64(rows[s])] + entries[j]
        end = begin + 1
        prefetch(parent, s)
    else:
        s = then
        begin, end = first[np.int64(rows[s])], first[np.int64(rows[s]) + 1]
    prefetch(rows, later)
    for k in range(begin, end):
        prefetch(parent, s + jumps[k])
        if winding.size > 0:
            prefetch(winding, s + jumps[k])


@compiled(**OPTIONS)
def grow(
    rows, first, jumps, seams, bits, n_basis, tails, entries,
    parent, winding, stats, count, order, n_open, marks, columns, sums, wraps,
):  # fmt: skip
    """One run in the given order: add to `sums[k]` the state at n = marks[k]; set `wraps` to the first n of each wrap.

    Without `tails` the order is of sites. With them it is of bonds: bond c * len(tails) + j of cell c is entry
    `entries[j]` of its site `tails[j]`; a graph is one cell that holds all nodes.
    """
    large = parent.size > CACHED
    clear(parent, winding, stats, count, tails.size > 0)
    row = 0
    if marks.size > 0 and marks[0] == 0:
        add_row(row, stats, columns, sums)
        row += 1
    for n in range(1, order.size + 1):
        if large:
            fetch_ahead(n, order, rows, first, jumps, n_basis, tails, entries, parent, winding)
        if tails.size > 0:
            tail, j = tail_of(np.int64(order[n - 1]), n_basis, tails)
            u = np.uint32(tail)
            k = first[np.int64(rows[u])] + entries[j]
            v = np.uint32(u + jumps[k])
            n_open = connect(u, v, seams[k], parent, winding, stats, count, bits, n, wraps, n_open)
        else:
            s = np.uint32(order[n - 1])
            kind = np.int64(rows[s])
            begin, end = first[kind], first[kind + 1]
            n_open = occupy(s, begin, end, jumps, seams, parent, winding, stats, count, bits, n, wraps, n_open)
        if row < marks.size:
            if marks[row] == n:
                add_row(row, stats, columns, sums)
                row += 1
        elif n_open == 0:
            break


@compiled(**OPTIONS)
def grow_many(
    seeds, members, rows, first, jumps, seams, bits, n_basis, tails, entries,
    parent, winding, stats, count, order, marks, columns, sums, wraps,
):  # fmt: skip
    """One run per seed, each in a random order of `members` (of 0 ... n - 1 where that is empty)."""
    for run in range(seeds.size):
        for i in range(order.size):
            order[i] = members[i] if members.size > 0 else i
        shuffle(order, seeds[run])
        wraps[run] = -1
        grow(
            rows, first, jumps, seams, bits, n_basis, tails, entries,
            parent, winding, stats, count, order, wraps.shape[1], marks, columns, sums, wraps[run],
        )  # fmt: skip


@compiled(**OPTIONS)
def label_roots(parent, labels):
    """Number the clusters 1, 2, ... in the order of their first sites; return how many there are."""
    n_clusters = 0
    for s in range(parent.size):
        if parent[s] == EMPTY:
            continue
        root, _ = find(parent, np.uint32(s))
        if labels[root] == 0:
            n_clusters += 1
            labels[root] = n_clusters
        labels[s] = labels[root]
    return n_clusters
