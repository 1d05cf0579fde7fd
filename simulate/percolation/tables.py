"""The table of bonds from which the kernels grow clusters, made from a lattice or from a graph."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ...errors import LatticeError
from ...theory.percolation.lattices import Lattice

NONE = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Table:
    """What the kernels read (their letters are explained there) and the number of sites and bonds."""

    rows: np.ndarray
    first: np.ndarray
    jumps: np.ndarray
    seams: np.ndarray
    bits: int
    n_basis: int
    tails: np.ndarray
    entries: np.ndarray
    members: np.ndarray
    n_sites: int
    n_bonds: int
    n_directions: int
    winding_type: np.dtype

    def arguments(self, kind: str) -> tuple[int | np.ndarray, ...]:
        """The arguments of the kernel that describe the table, for kind "site" or "bond"."""
        tails, entries = (self.tails, self.entries) if kind == "bond" else (NONE, NONE)
        return self.rows, self.first, self.jumps, self.seams, self.bits, self.n_basis, tails, entries


def winding_code(n_sites: int, sides: tuple[int, ...], reach: int) -> tuple[int, np.dtype]:
    """Bits per component of a winding vector and the integer type that holds it without overflow.

    A way through distinct sites that winds w times around a side of length L visits at least w L / reach of them, so
    that |w| <= n_sites reach / L. Raises LatticeError where 64 bits are too few (high dimensions only).
    """
    bound = n_sites * reach // min(sides) + 1
    for dtype in (np.dtype(np.int32), np.dtype(np.int64)):
        bits = 8 * dtype.itemsize // len(sides)
        if bound < 2 ** (bits - 1):
            return bits, dtype
    raise LatticeError("size", f"{sides} allows windings of up to {bound}", "choose a smaller size or periodic=False")


def _sides_touched(side: int, reach: int) -> tuple[np.ndarray, list[int]]:
    """Class of each coordinate along a side (0: bulk, then one per place near an end) and one place of each class."""
    if side <= 2 * reach:
        return np.arange(side), list(range(side))
    places = [reach, *range(reach), *range(side - reach, side)]
    classes = np.zeros(side, int)
    classes[places] = np.arange(len(places))
    return classes, places


def lattice_table(lattice: Lattice, sides: tuple[int, ...], periodic: bool) -> Table:
    """The table of `lattice` with `sides[i]` cells along vector i.

    Cell (x_0, x_1, ...) has number x_0 + sides[0] (x_1 + sides[1] (...)); its sites follow one another. A bond that
    would leave an open box jumps back to its own site, where the kernels skip it.
    """
    n_basis, n_cells = lattice.n_basis, int(np.prod(sides))
    bits, dtype = winding_code(n_cells * n_basis, sides, lattice.reach)
    steps: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in range(n_basis)]
    entries = []
    for u, v, offset in lattice.bonds:
        entries.append(len(steps[u]))
        steps[u].append((v, offset))
        steps[v].append((u, tuple(-step for step in offset)))

    strides = np.cumprod([1, *sides[:-1]])
    classed = [_sides_touched(side, lattice.reach) for side in sides]
    jumps, seams = [], []
    for place in product(*(reversed([places for _, places in classed]))):
        cell = np.array(place[::-1])
        for u in range(n_basis):
            for v, offset in steps[u]:
                moved = cell + offset
                crossed = np.floor_divide(moved, sides)
                kept = periodic or not crossed.any()
                jump = int(((moved - crossed * sides - cell) * strides).sum()) * n_basis + v - u
                jumps.append(jump if kept else 0)
                seams.append(sum(int(c) << (bits * i) for i, c in enumerate(crossed)) if kept else 0)
    per_site = np.tile([len(step) for step in steps], len(jumps) // sum(map(len, steps)))
    first = np.concatenate([[0], np.cumsum(per_site)])

    kinds = np.zeros(1, np.uint16)
    for classes, places in reversed(classed):
        kinds = (kinds[:, None] * np.uint16(len(places)) + classes.astype(np.uint16)).ravel()
    if len(per_site) > np.iinfo(np.uint16).max:
        raise LatticeError("lattice", f"'{lattice.name}' has too many kinds of sites", "choose a shorter reach")
    rows = (kinds[:, None] * np.uint16(n_basis) + np.arange(n_basis, dtype=np.uint16)).ravel()

    tails = np.array([u for u, _, _ in lattice.bonds], np.int32)
    jumps = np.array(jumps, np.int32)
    table = Table(
        rows, first, jumps, np.array(seams, np.int64), bits, n_basis, tails, np.array(entries, np.int32), NONE,
        n_cells * n_basis, n_cells * len(tails), len(sides) if periodic else 0, dtype,
    )  # fmt: skip
    return table if periodic else _without_missing_bonds(table)


def _without_missing_bonds(table: Table) -> Table:
    """An open box keeps only the bonds that end inside it."""
    bonds = np.arange(table.n_bonds)
    cell, j = np.divmod(bonds, len(table.tails))
    u = cell * table.n_basis + table.tails[j]
    there = table.jumps[table.first[table.rows[u]] + table.entries[j]] != 0
    members = bonds[there].astype(np.int32)
    return Table(**{**table.__dict__, "members": members, "n_bonds": len(members)})


def graph_table(n_nodes: int, edges: np.ndarray) -> Table:
    """The table of an undirected graph with nodes 0 ... n_nodes - 1 and `edges` (n_edges, 2), each listed once."""
    n_edges = len(edges)
    ends = np.concatenate([edges[:, 0], edges[:, 1]])
    others = np.concatenate([edges[:, 1], edges[:, 0]])
    by_node = np.argsort(ends, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n_nodes))])
    place = np.empty(2 * n_edges, np.int64)
    place[by_node] = np.arange(2 * n_edges)
    tails = edges[:, 0].astype(np.int32)
    entries = (place[:n_edges] - first[tails]).astype(np.int32)
    jumps = (others - ends)[by_node].astype(np.int32)
    return Table(
        np.arange(n_nodes, dtype=np.int32), first, jumps, np.zeros(2 * n_edges, np.int64), 16, n_nodes,
        tails, entries, NONE, n_nodes, n_edges, 0, np.dtype(np.int32),
    )  # fmt: skip
