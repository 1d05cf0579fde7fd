"""Percolation of any graph by the algorithm of Newman and Ziff [@Newman2000] [@Newman2001]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..._support import checks as check
from ..._support.streams import stream_seed
from .inputs import CURVES, KINDS, edges_of, quantities_of, require_memory
from .runs import grow_runs
from .sweep_result import Sweep
from .tables import graph_table

if TYPE_CHECKING:
    import networkx as nx

    from ..._support.types import ArrayLike


def graph(
    graph: nx.Graph[Any] | ArrayLike,
    kind: str,
    n_runs: int,
    seed: int = 0,
    *,
    n_nodes: int | None = None,
    quantities: Sequence[str] = CURVES,
    workers: int = 1,
    show: bool | None = None,
) -> Sweep:
    """Site or bond percolation on any undirected graph [@Newman2000; @Newman2001].

    Parameters
    ----------
    graph : networkx.Graph or array of int
        A networkx graph, or an edge list of shape (n_edges, 2) whose nodes are 0 ... n_nodes - 1. Parallel edges
        count as separate bonds; where every edge is listed in both directions, as in the non-zero entries of an
        adjacency matrix, a warning says so.
    kind : str
        "site" or "bond": what is occupied.
    n_runs : int
        Number of independent runs.
    seed : int
        Seed of the runs.
    n_nodes : int, optional
        Number of nodes of an edge list; the largest number plus one unless given, which matters where there are
        isolated nodes.
    quantities : sequence of str
        What is measured, among "largest", "second_largest", "mean_size", "n_clusters".
    workers : int
        Threads that share the runs; the result has the same bits for any number of them.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    Sweep
        The runs, with averages by number (`.n`) and by probability (`.canonical(p)`).

    Raises
    ------
    LatticeError
        For a directed graph, a graph with self-loops (remove them: they join nothing) or without edges, or negative
        nodes.
    ShapeError
        For an edge list that is not of integers (n_edges, 2).
    UnknownNameError
        For an unknown kind or quantity.
    ArgumentError
        For a number of runs, nodes or workers, or a seed that is not a whole number in its range.
    EmptyDataError
        Where no quantity is left to measure.
    DeviceMemoryError
        With the estimate, where the work would not fit into memory.

    Examples
    --------
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
    return grow_runs(graph_table(n_sites, edges), name, kind, (n_sites,), n_runs, seed, wanted, workers, show)
