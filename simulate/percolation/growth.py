r"""Percolation by the algorithm of Newman and Ziff [@Newman2000] [@Newman2001].

Sites (or bonds) are occupied one by one in random order and clusters are merged by union-find, so that one run gives
every observable at every number n of occupied sites in a time proportional to the size. A cluster wraps around a
periodic box when a new bond closes a cycle whose winding number is not zero [@Machta1996]. Averages at fixed
probability p follow by the convolution in `simulate.percolation.canonical_average`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support import progress
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ...theory.percolation.lattices import Lattice, find_lattice
from ._kernels import grow, grow_many, label_roots
from .batches import run_batches
from .canonical_average import canonical
from .continuum import disks, spheres
from .finite_size import critical_exponents, estimate_threshold, finite_size_scaling
from .inputs import (
    MAX_BATCHES,
    QUANTITIES,
    curves_of,
    edges_of,
    field_of,
    marks_of,
    quantities_of,
    require_memory,
    sides_of,
)
from .result import CURVES, Sweep, columns_of
from .tables import NONE, Table, graph_table, lattice_table, winding_code

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    "Sweep",
    "canonical",
    "critical_exponents",
    "disks",
    "estimate_threshold",
    "finite_size_scaling",
    "graph",
    "label",
    "spheres",
    "sweep",
    "sweep_field",
]

KINDS = ("site", "bond")


def sweep(
    lattice: str | Lattice,
    kind: str,
    size: int | Sequence[int],
    n_runs: int,
    seed: int = 0,
    *,
    periodic: bool = True,
    quantities: Sequence[str] = QUANTITIES,
    workers: int = 1,
    show: bool | None = None,
) -> Sweep:
    """Grow clusters on a lattice of `size` cells along each vector, `n_runs` times (`kind` "site" or "bond").

    `lattice` is a name in `theory.percolation.LATTICES` or a `Lattice`; `size` is one number or one per vector. Leave
    out of `quantities` what is not needed ("largest", "second_largest", "mean_size", "n_clusters", "wrapping"): with
    "wrapping" alone a run stops once it has wrapped. `workers` threads share the runs; run number r draws from the
    stream (seed, "percolation", r), and the result has the same bits for any number of workers. An open box
    (`periodic=False`) has no wrapping quantities. Curves are kept at every n as long as they fit into 256 MiB, else
    at equally spaced n, far closer together than the width of the binomial.

    Raises UnknownNameError (lattice, kind, quantities), ArgumentError (size, runs, seed), DeviceMemoryError with the
    estimate when the work would not fit into memory.

    >>> result = sweep("square", "site", 16, n_runs=200, seed=1)
    >>> float(result.canonical(1.0).largest[0])
    1.0
    >>> bool(abs(result.canonical(0.5927).wrapping_horizontal[0] - 0.521) < 0.12)
    True
    """
    lattice = find_lattice(lattice)
    kind = check.choice("kind", kind, KINDS)
    sides = sides_of(lattice, size)
    n_runs = check.integer("n_runs", n_runs, 1)
    wanted = quantities_of(quantities, periodic)
    n_sites = int(np.prod(sides, dtype=object)) * lattice.n_basis
    n_total = n_sites if kind == "site" else n_sites // lattice.n_basis * len(lattice.bonds)
    winding_bytes = winding_code(n_sites, sides, lattice.reach)[1].itemsize if "wrapping" in wanted else 0
    require_memory(n_sites, n_total, n_runs, wanted, check.integer("workers", workers, 1), winding_bytes)
    stream_seed(seed, "percolation", 0)
    table = lattice_table(lattice, sides, periodic)
    modulus = _modulus(lattice, sides, periodic)
    return _run(table, lattice.name, kind, sides, n_runs, seed, wanted, workers, show, modulus)


def graph(
    graph: nx.Graph | np.ndarray | Sequence[tuple[int, int]],
    kind: str,
    n_runs: int,
    seed: int = 0,
    *,
    n_nodes: int | None = None,
    quantities: Sequence[str] = CURVES,
    workers: int = 1,
    show: bool | None = None,
) -> Sweep:
    """Site or bond percolation on any undirected graph: a networkx graph or an edge list (n_edges, 2) of integers.

    Nodes of an edge list are 0 ... n_nodes - 1 (n_nodes is the largest number plus one unless given, which matters
    where there are isolated nodes). Parallel edges count as separate bonds. Raises LatticeError for a directed graph,
    a graph with self-loops (remove them: they join nothing) or without edges. See `sweep` for the other arguments.

    >>> import networkx as nx
    >>> graph(nx.path_graph(3), "bond", n_runs=10).n.largest.values.round(3).tolist()
    [0.333, 0.667, 1.0]
    """
    kind = check.choice("kind", kind, KINDS)
    n_runs = check.integer("n_runs", n_runs, 1)
    wanted = quantities_of(quantities, periodic=False)
    n_sites, edges, name = edges_of(graph, n_nodes)
    n_total = n_sites if kind == "site" else len(edges)
    require_memory(n_sites, n_total, n_runs, wanted, check.integer("workers", workers, 1), extra=72 * len(edges))
    stream_seed(seed, "percolation", 0)
    return _run(graph_table(n_sites, edges), name, kind, (n_sites,), n_runs, seed, wanted, workers, show, None)


def sweep_field(
    field: np.ndarray,
    lattice: str | Lattice = "square",
    *,
    periodic: bool = True,
    quantities: Sequence[str] = QUANTITIES,
) -> Sweep:
    """One run of site percolation that occupies the sites in the order of a given field, lowest first.

    `field` has one axis per lattice vector (the last runs along the first vector) and, where the cell has several
    sites, a last axis over them. At n = the number of values below p its curves are those of `label(field, p)`.

    >>> sweep_field(np.array([[0.1, 0.9], [0.2, 0.8]])).n.largest.values.tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    lattice = find_lattice(lattice)
    values, sides = field_of(field, lattice)
    wanted = quantities_of(quantities, periodic)
    require_memory(values.size, values.size, 1, wanted, 1, extra=12 * values.size)
    table = lattice_table(lattice, sides, periodic)
    order = np.argsort(values, kind="stable").astype(np.int32)
    marks = marks_of(values.size, len(curves_of(wanted)), 1)
    sums = np.zeros((1, len(marks), len(curves_of(wanted))))
    wraps = np.full((1, table.n_directions if "wrapping" in wanted else 0), -1, np.int32)
    _grow_ordered(table, order, wanted, marks, sums[0], wraps[0])
    return Sweep(
        lattice.name,
        "site",
        sides,
        values.size,
        values.size,
        wanted,
        marks,
        sums,
        np.ones(1, int),
        wraps,
        _modulus(lattice, sides, periodic),
        attributes=provenance(),
    )


def label(
    field: np.ndarray, p: float, lattice: str | Lattice = "square", *, periodic: bool = True
) -> tuple[np.ndarray, int]:
    """Clusters of the sites whose value lies below `p`: labels in the shape of `field` (0: empty) and their number.

    Clusters are numbered 1, 2, ... in the order in which the array meets them. The layout of `field` is that of
    `sweep_field`. Raises ArgumentError for p outside [0, 1].

    >>> label(np.array([[0.1, 0.9, 0.2], [0.9, 0.9, 0.9], [0.9, 0.1, 0.9]]), 0.5)
    (array([[1, 0, 1],
           [0, 0, 0],
           [0, 2, 0]], dtype=int32), 2)
    """
    lattice = find_lattice(lattice)
    p = check.real("p", p, 0.0, 1.0)
    values, sides = field_of(field, lattice)
    require_memory(values.size, values.size, 1, (), 1)
    table = lattice_table(lattice, sides, periodic)
    order = np.flatnonzero(values < p).astype(np.int32)
    nowhere = np.full(1, -1)
    parent = _grow_ordered(table, order, (), nowhere, np.zeros((1, 0)), np.zeros(0, np.int32))
    labels = np.zeros(values.size, np.int32)
    n_clusters = label_roots(parent, labels)
    return labels.reshape(np.shape(field)), int(n_clusters)


def _modulus(lattice: Lattice, sides: tuple[int, ...], periodic: bool) -> complex | None:
    """The shape of the torus, where there is one in two dimensions."""
    return lattice.modulus * sides[1] / sides[0] if periodic and lattice.dimension == 2 else None


def _workspace(table: Table, n_steps: int, wanted: Sequence[str]) -> tuple[np.ndarray, ...]:
    """The kernel's state: parent, winding, stats, count, order."""
    return (
        np.empty(table.n_sites, np.int32),
        np.empty(table.n_sites if "wrapping" in wanted else 0, table.winding_type),
        np.empty(4, np.int64),
        np.empty(table.n_sites + 1 if "second_largest" in wanted else 0, np.int32),
        np.empty(n_steps, np.int32),
    )


def _grow_ordered(
    table: Table,
    order: np.ndarray,
    wanted: Sequence[str],
    marks: np.ndarray,
    sums: np.ndarray,
    wraps: np.ndarray,
    kind: str = "site",
) -> np.ndarray:
    """One run in a given order, into `sums` and `wraps`; returns the parents."""
    state = _workspace(table, 0, wanted)[:-1]
    with progress.message("compiling the percolation kernels (once)", None if not grow.signatures else False):
        grow(*table.arguments(kind), *state, order, wraps.size, marks, columns_of(wanted), sums, wraps)  # pyright: ignore[reportCallIssue]
    return state[0]


def _run(
    table: Table,
    name: str,
    kind: str,
    sides: tuple[int, ...],
    n_runs: int,
    seed: int,
    wanted: tuple[str, ...],
    workers: int,
    show: bool | None,
    modulus: complex | None,
) -> Sweep:
    """All runs, in batches that the threads share; the batches depend on `n_runs` alone."""
    n_batches = min(MAX_BATCHES, n_runs)
    replicas = np.array_split(np.arange(n_runs), n_batches)
    n_total, members = (table.n_sites, NONE) if kind == "site" else (table.n_bonds, table.members)
    n_directions = table.n_directions if "wrapping" in wanted else 0
    n_curves = len(curves_of(wanted))
    marks, columns = marks_of(n_total, n_curves, n_batches), columns_of(wanted)

    def grow_batch(replicas: np.ndarray, n_steps: int = n_total) -> tuple[np.ndarray, np.ndarray]:
        seeds = np.array([stream_seed(seed, "percolation", int(r)) for r in replicas], np.uint64)
        sums = np.zeros((len(marks), n_curves))
        wraps = np.zeros((len(replicas), n_directions), np.int32)
        state = _workspace(table, n_steps, wanted)
        grow_many(seeds, members, *table.arguments(kind), *state, marks, columns, sums, wraps)  # pyright: ignore[reportCallIssue]
        return sums, wraps

    with progress.message("compiling the percolation kernels (once)", show):
        grow_batch(np.zeros(0, int), 0)
    parts = run_batches(grow_batch, replicas, workers, f"{name} {kind}", show)
    return Sweep(
        name,
        kind,
        sides,
        table.n_sites,
        n_total,
        wanted,
        marks,
        np.stack([sums for sums, _ in parts]),
        np.array([len(part) for part in replicas]),
        np.concatenate([wraps for _, wraps in parts]),
        modulus,
        attributes=provenance(seed=seed),
    )
