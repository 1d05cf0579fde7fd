"""Clusters grown by union-find against every configuration of a small torus, labelled by walking."""

from collections import deque
from itertools import combinations, permutations, product
from math import comb

import numpy as np
import pytest
from numpy.testing import assert_allclose

from idealscore.simulate import percolation
from idealscore.simulate.percolation import canonical
from idealscore.simulate.percolation.inputs import QUANTITIES
from idealscore.simulate.percolation.runs import grow_ordered
from idealscore.simulate.percolation.tables import lattice_table
from idealscore.theory.percolation import LATTICES, find_lattice


def neighbour_lists(lattice, sides, kept=None):
    """[(neighbour, crossings of the box)] of every site, from the definition; `kept` selects bonds by their number."""
    cells = list(product(*(range(side) for side in reversed(sides))))
    number = {cell[::-1]: i for i, cell in enumerate(cells)}
    lists = [[] for _ in range(len(cells) * lattice.n_basis)]
    for c, cell in enumerate(cells):
        for j, (u, v, offset) in enumerate(lattice.bonds):
            if kept is not None and c * len(lattice.bonds) + j not in kept:
                continue
            moved = [x + step for x, step in zip(cell[::-1], offset, strict=True)]
            crossing = tuple(x // side for x, side in zip(moved, sides, strict=True))
            target = number[tuple(x % side for x, side in zip(moved, sides, strict=True))]
            a, b = c * lattice.n_basis + u, target * lattice.n_basis + v
            lists[a].append((b, crossing))
            lists[b].append((a, tuple(-k for k in crossing)))
    return lists


def walk(lists, occupied, dimension):
    """Cluster sizes (largest first) and the set of wrapped directions, by walking the covering space."""
    place, sizes, wrapped = {}, [], set()
    for start in occupied:
        if start in place:
            continue
        place[start] = (0,) * dimension
        queue, size = deque([start]), 0
        while queue:
            s = queue.popleft()
            size += 1
            for t, crossing in lists[s]:
                if t not in occupied:
                    continue
                there = tuple(a + b for a, b in zip(place[s], crossing, strict=True))
                if t not in place:
                    place[t] = there
                    queue.append(t)
                else:
                    wrapped |= {i for i in range(dimension) if place[t][i] != there[i]}
        sizes.append(size)
    return sorted(sizes, reverse=True), wrapped


def grown(table, kind, members):
    """The engine's state after the members, in the given order: [largest, second, sum s^2, clusters], wraps."""
    curves = [q for q in QUANTITIES if q != "wrapping"]
    sums, wraps = np.zeros((1, 4)), np.full(table.n_directions, -1, np.int32)
    order = np.array(members, np.int32)
    marks = np.array([len(members)])
    grow_ordered(table, order, (*curves, "wrapping"), marks, sums, wraps, kind)
    return sums[0], wraps


def compare_subset(lattice, sides, table, kind, subset):
    n_sites = table.n_sites
    if kind == "site":
        sizes, wrapped = walk(neighbour_lists(lattice, sides), set(subset), len(sides))
    else:
        sizes, wrapped = walk(neighbour_lists(lattice, sides, set(subset)), set(range(n_sites)), len(sides))
    state, wraps = grown(table, kind, subset)
    padded = [*sizes, 0, 0]
    assert state.tolist() == [padded[0], padded[1], sum(s * s for s in sizes), len(sizes)], subset
    assert {i for i, n in enumerate(wraps) if n >= 0} == wrapped, subset
    return wrapped


def all_subsets(n, shuffled_by):
    for size in range(n + 1):
        for subset in combinations(range(n), size):
            yield shuffled_by.permutation(subset).astype(int).tolist()


@pytest.mark.parametrize(("size", "vertical", "either", "both"), [(2, 7, 9, 5), (3, 175, 253, 97)])
def test_every_site_configuration_of_a_small_torus(size, vertical, either, both):
    lattice, sides = LATTICES["square"], (size, size)
    table, rng = lattice_table(lattice, sides, True), np.random.default_rng(1)
    wraps = [compare_subset(lattice, sides, table, "site", s) for s in all_subsets(size * size, rng)]
    assert sum(1 in w for w in wraps) == vertical
    assert sum(bool(w) for w in wraps) == either
    assert sum(len(w) == 2 for w in wraps) == both


def test_every_bond_configuration_of_the_2x2_torus():
    lattice, sides = LATTICES["square"], (2, 2)
    table, rng = lattice_table(lattice, sides, True), np.random.default_rng(2)
    for subset in all_subsets(8, rng):
        compare_subset(lattice, sides, table, "bond", subset)


@pytest.mark.parametrize("name", sorted(LATTICES))
@pytest.mark.parametrize("kind", ["site", "bond"])
@pytest.mark.parametrize("periodic", [True, False])
def test_random_configurations_of_every_lattice(name, kind, periodic):
    lattice = LATTICES[name]
    if lattice.dimension > 3:
        sides = (2, 3, *(2,) * (lattice.dimension - 2))
    else:
        least = lattice.reach + 1
        sides = (max(least, 3), max(least, 4), 3)[: lattice.dimension]
    table, rng = lattice_table(lattice, sides, periodic), np.random.default_rng(3)
    lists = neighbour_lists(lattice, sides)
    for fraction in (0.1, 0.3, 0.5, 0.8):
        if periodic:
            total = table.n_sites if kind == "site" else table.n_bonds
            subset = rng.permutation(total)[: max(1, int(fraction * total))].tolist()
            compare_subset(lattice, sides, table, kind, subset)
        elif kind == "site":
            subset = rng.permutation(table.n_sites)[: int(fraction * table.n_sites)].tolist()
            inner = [[(t, c) for t, c in near if not any(c)] for near in lists]
            sizes, _ = walk(inner, set(subset), lattice.dimension)
            state, _ = grown(table, kind, subset)
            assert state[0] == (sizes[0] if sizes else 0) and state[3] == len(sizes)
        else:
            inside = sum(not any(c) for near in lists for _, c in near) // 2
            assert table.n_bonds == len(table.members) == inside


def test_all_orders_of_the_2x2_torus_average_to_the_exact_microcanonical_curve():
    curves = np.zeros(5)
    for order in permutations(range(4)):
        field = np.empty(4)
        field[list(order)] = np.arange(4)
        curves += percolation.sweep_field(field.reshape(2, 2)).n.largest.values / 24
    lists = neighbour_lists(LATTICES["square"], (2, 2))
    exact = [np.mean([walk(lists, set(s), 2)[0][:1] or [0] for s in combinations(range(4), n)]) / 4 for n in range(5)]
    assert_allclose(curves, exact, atol=1e-14)


def exact_wrapping(name, kind, sides):
    """Exact numbers of configurations with n members that wrap direction 0, any, all, by merging equal states.

    Members are added one at a time; two histories that leave the same partition of the sites still to be touched,
    with the same windings inside each part, have the same future. Independent of the engine.
    """
    lattice = find_lattice(name)
    lists = neighbour_lists(lattice, sides)
    n_sites = len(lists)
    pairs = [(s, t, c) for s in range(n_sites) for t, c in lists[s] if s < t]
    if kind == "bond":
        steps = [[pair] for pair in pairs]
        total = len(pairs)
    else:
        steps = [[pair for pair in pairs if pair[1] == s] for s in range(n_sites)]
        total = n_sites
    last = [max(i for i, step in enumerate(steps) if any(s in p[:2] for p in step) or (kind == "site" and i == s))
            for s in range(n_sites)]  # fmt: skip
    start = tuple((s, (0, 0)) if kind == "bond" else None for s in range(n_sites))
    states = {(start, frozenset()): [1] + [0] * total}
    for i, step in enumerate(steps):
        following = {}
        for (parts, wrapped), counts in states.items():
            for taken in (False, True):
                new, wraps = list(parts), set(wrapped)
                if taken:
                    if kind == "site":
                        new[i] = (i, (0, 0))
                    for s, t, crossing in step:
                        here, there = new[s], new[t]
                        if here is None or there is None:
                            continue
                        (a, da), (b, db) = here, there
                        cycle = tuple(x + c - y for x, c, y in zip(da, crossing, db, strict=True))
                        if a == b:
                            wraps |= {k for k in range(2) if cycle[k]}
                        else:
                            for r, part in enumerate(new):
                                if part is not None and part[0] == b:
                                    new[r] = (a, tuple(x + y for x, y in zip(part[1], cycle, strict=True)))
                key = (_canonical_parts(new, i, last), frozenset(wraps))
                row = following.setdefault(key, [0] * (total + 1))
                for n, count in enumerate(counts):
                    if count:
                        row[n + taken] += count
        states = following

    def counted(condition):
        return [sum(row[n] for (_, w), row in states.items() if condition(w)) for n in range(total + 1)]

    return counted(lambda w: 0 in w), counted(bool), counted(lambda w: len(w) == 2)


def _canonical_parts(parts, step, last):
    """The state without the sites that nothing touches any more, parts named and placed by their first site."""
    names, out = {}, []
    for s, part in enumerate(parts):
        if part is None or last[s] <= step:
            out.append(None)
            continue
        if part[0] not in names:
            names[part[0]] = (s, part[1])
        name, origin = names[part[0]]
        out.append((name, tuple(x - y for x, y in zip(part[1], origin, strict=True))))
    return tuple(out)


def test_the_exact_polynomials_are_those_of_enumeration():
    for kind, size in (("site", 2), ("site", 3), ("bond", 2)):
        lattice, sides = LATTICES["square"], (size, size)
        counts = exact_wrapping("square", kind, sides)
        lists, total = neighbour_lists(lattice, sides), size * size * (1 if kind == "site" else 2)
        brute = np.zeros((3, total + 1), int)
        for n in range(total + 1):
            for subset in combinations(range(total), n):
                if kind == "site":
                    wrapped = walk(lists, set(subset), 2)[1]
                else:
                    wrapped = walk(neighbour_lists(lattice, sides, set(subset)), set(range(size * size)), 2)[1]
                brute[:, n] += 0 in wrapped, bool(wrapped), len(wrapped) == 2
        assert brute.tolist() == [list(c) for c in counts], (kind, size)


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [("square", "site", 2), ("square", "site", 3), ("square", "site", 4), ("square", "bond", 2), ("square", "bond", 3),
     pytest.param("square", "bond", 4, marks=pytest.mark.slow), ("triangular", "site", 3)],
)  # fmt: skip
def test_newman_ziff_and_convolution_reproduce_the_exact_polynomials(name, kind, size):
    # False-positive rate: 27 comparisons at 6 standard errors, 5e-8 in all.
    p = np.linspace(0.1, 0.9, 9)
    found = percolation.sweep(name, kind, size, n_runs=20_000, seed=5, quantities=("wrapping",), show=False).canonical(
        p
    )
    polynomials = exact_wrapping(name, kind, (size, size))
    total = len(polynomials[0]) - 1
    for quantity, counts in zip(("horizontal", "either", "both"), polynomials, strict=True):
        q_n = np.array([count / comb(total, n) for n, count in enumerate(counts)])
        exact = canonical(q_n, p)
        difference = np.abs(found[f"wrapping_{quantity}"].values - exact)
        assert (difference <= 6 * found[f"wrapping_{quantity}_stderr"].values + 1e-12).all(), quantity
        wrong = canonical(np.concatenate([q_n[1:], [1.0]]), p)  # one member too many: must be seen
        assert (np.abs(found[f"wrapping_{quantity}"].values - wrong)[3:6]
                > 6 * found[f"wrapping_{quantity}_stderr"].values[3:6]).any()  # fmt: skip


@pytest.mark.slow
def test_every_site_configuration_of_the_4x4_torus():
    lattice, sides = LATTICES["square"], (4, 4)
    table, rng = lattice_table(lattice, sides, True), np.random.default_rng(4)
    lists = neighbour_lists(lattice, sides)
    for subset in all_subsets(16, rng):
        sizes, wrapped = walk(lists, set(subset), 2)
        state, wraps = grown(table, "site", subset)
        assert state[2] == sum(s * s for s in sizes) and {i for i, n in enumerate(wraps) if n >= 0} == wrapped
