"""What percolation is asked for, checked before any work: sides, quantities, graphs, fields and memory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from ..._support import checks as check
from ..._support.memory import available_memory
from ...errors import ArgumentError, DeviceMemoryError, EmptyDataError, LatticeError, NotFiniteError, ShapeError
from ...theory.percolation.lattices import Lattice
from .sweep_result import CURVES, Sweep

if TYPE_CHECKING:
    import networkx as nx

    from ..._support.types import ArrayLike

KINDS = ("site", "bond")
QUANTITIES = (*CURVES, "wrapping")
MAX_BATCHES = 32
MARK_BYTES = 2**28
MAX_SITES = 2**31 - 2


def sides_of(lattice: Lattice, size: int | Sequence[int]) -> tuple[int, ...]:
    """One side per lattice vector, long enough that no site is its own neighbour."""
    given = check.array("size", size)
    sides = np.atleast_1d(given).tolist() * (1 if given.ndim else lattice.dimension)
    if len(sides) != lattice.dimension:
        problem = f"expected {lattice.dimension} numbers for {lattice.name}, got {len(sides)}"
        raise ShapeError("size", problem, "pass one number, or one per lattice vector")
    least = max(2, lattice.reach + 1)
    return tuple(check.integer("size", side, least) for side in sides)


def quantities_of(quantities: Sequence[str], periodic: bool) -> tuple[str, ...]:
    """The wanted quantities in their fixed order; an open box has no wrapping."""
    if isinstance(quantities, str):
        quantities = (quantities,)
    quantities = check.items("quantities", quantities)
    for name in quantities:
        check.choice("quantities", name, QUANTITIES)
    wanted = tuple(q for q in QUANTITIES if q in quantities and (periodic or q != "wrapping"))
    if not wanted:
        raise EmptyDataError("quantities", "leave nothing to measure", f"choose among {', '.join(QUANTITIES)}")
    return wanted


def curves_of(wanted: Sequence[str]) -> tuple[str, ...]:
    """The wanted quantities that are curves over n."""
    return tuple(q for q in CURVES if q in wanted)


def edges_of(graph: nx.Graph[Any] | ArrayLike, n_nodes: int | None) -> tuple[int, np.ndarray, str]:
    """Number of nodes, edges as integers (n_edges, 2) and a name."""
    name = "edge list"
    if _is_graph(graph):
        if graph.is_directed():
            raise LatticeError("graph", "is directed", "pass graph.to_undirected()")
        number = {node: i for i, node in enumerate(graph.nodes)}
        n_nodes, name = len(number), graph.name or "graph"
        edges = np.array([(number[u], number[v]) for u, v in graph.edges()], np.int64).reshape(-1, 2)
    else:
        edges = check.array("graph", graph)
        if edges.size and (edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu"):
            problem = f"expected integers of shape (n_edges, 2), got {edges.dtype} of shape {edges.shape}"
            raise ShapeError("graph", problem, "pass a list of pairs of node numbers")
        edges = edges.astype(np.int64).reshape(-1, 2)
        found = int(edges.max()) + 1 if len(edges) else 0
        n_nodes = check.integer("n_nodes", n_nodes, max(found, 1), MAX_SITES) if n_nodes is not None else found
        if len(edges) and edges.min() < 0:
            raise LatticeError("graph", "names negative nodes", "number the nodes from 0")
        _notice_both_ways(edges)
    if len(edges) == 0:
        raise LatticeError("graph", f"has {n_nodes} nodes and no edges", "pass a graph with at least one edge")
    if bool((edges[:, 0] == edges[:, 1]).any()):
        raise LatticeError("graph", "has self-loops", "remove them (networkx.selfloop_edges): they join nothing")
    return n_nodes, edges, name


def _notice_both_ways(edges: np.ndarray) -> None:
    """Warn where every edge is listed once in each direction, as in the non-zero entries of an adjacency matrix."""
    forward = edges[edges[:, 0] < edges[:, 1]]
    backward = edges[edges[:, 0] > edges[:, 1]][:, ::-1]
    twice = len(forward) > 0 and len(forward) == len(backward)
    if twice and np.array_equal(np.unique(forward, axis=0), np.unique(backward, axis=0)):
        text = (
            f"graph: every edge is listed in both directions, so that {len(edges)} bonds are parallel in pairs; "
            "for the graph itself pass edges[edges[:, 0] < edges[:, 1]]"
        )
        warnings.warn(text, stacklevel=4)


def _is_graph(graph: nx.Graph[Any] | ArrayLike) -> TypeGuard[nx.Graph[Any]]:
    return hasattr(graph, "number_of_nodes")


def field_of(field: ArrayLike, lattice: Lattice) -> tuple[np.ndarray, tuple[int, ...]]:
    """The values of all sites in order, and the sides of the box."""
    if check.array("field", field).dtype == np.bool_:
        raise ArgumentError("field", "is a mask, whose sites have no order", "label(mask) finds its clusters")
    values = check.float_array("field", field)
    axes = lattice.dimension + (lattice.n_basis > 1)
    if values.ndim != axes or (lattice.n_basis > 1 and values.shape[-1] != lattice.n_basis):
        sites = f" and {lattice.n_basis} sites of the cell last" if lattice.n_basis > 1 else ""
        raise ShapeError("field", f"has shape {values.shape}", f"pass {lattice.dimension} axes of cells{sites}")
    if bool(np.isnan(values).any()):
        raise NotFiniteError("field", "holds NaN", "give every site a value")
    cells = values.shape[: lattice.dimension][::-1]
    with check.speaking_of("field"):
        return values.ravel(), sides_of(lattice, tuple(int(side) for side in cells))


def require_memory(
    n_sites: int,
    n_total: int,
    n_runs: int,
    wanted: Sequence[str],
    workers: int,
    winding_bytes: int = 8,
    extra: int = 0,
) -> None:
    """Refuse work that needs more sites than an index can name or more memory than there is."""
    if max(n_sites, n_total) > MAX_SITES:
        raise DeviceMemoryError("size", f"makes {max(n_sites, n_total):.3g} sites or bonds", "choose at most 2^31 - 2")
    per_site = 4 + 2 + winding_bytes * ("wrapping" in wanted) + 4 * ("second_largest" in wanted)
    curves = len(curves_of(wanted)) and min(8 * (n_total + 1) * len(curves_of(wanted)) * MAX_BATCHES, 2 * MARK_BYTES)
    need = workers * (per_site * n_sites + 4 * n_total) + curves + 16 * n_runs + extra
    free = available_memory()
    if need > free:
        raise DeviceMemoryError(
            "size", f"needs about {need / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free", "choose a smaller one"
        )


def marks_of(n_total: int, n_curves: int, n_batches: int) -> np.ndarray:
    """The occupied numbers at which curves are kept: all, or evenly spaced ones and the last."""
    if n_curves == 0:
        return np.zeros(0, np.int64)
    stride = -(-(n_total + 1) * n_curves * n_batches * 8 // MARK_BYTES)
    marks = np.arange(0, n_total + 1, stride)
    return marks if marks[-1] == n_total else np.append(marks, n_total)


def sweeps_of(sweeps: Sweep | Sequence[Sweep], least: int) -> list[Sweep]:
    """At least `least` sweeps of one lattice at different sizes, the smallest first, each of two runs or more."""
    listed = [sweeps] if isinstance(sweeps, Sweep) else check.items("sweeps", sweeps)
    if len(listed) < least or not all(isinstance(sweep, Sweep) for sweep in listed):
        raise EmptyDataError("sweeps", f"holds {len(listed)} sweep(s)", f"pass at least {least}")
    if len({(sweep.name, sweep.kind) for sweep in listed}) > 1:
        raise ArgumentError("sweeps", "are of different lattices or kinds", "pass one lattice at several sizes")
    if len({sweep.size[0] for sweep in listed}) < len(listed):
        raise ArgumentError("sweeps", "repeat a size", "pass one sweep per size")
    if any(sweep.n_runs < 2 for sweep in listed):
        raise ArgumentError("n_runs", "is 1", "an error needs at least two runs per size")
    return sorted(listed, key=lambda sweep: sweep.size[0])
