"""Random hypergraphs with given node degrees and hyperedge sizes: a bipartite graph of the two [@Newman2001a]."""

from __future__ import annotations

from collections.abc import Sequence

from ._generating_functions import degree_counts, excess, mean, polynomial, smallest_root


def hypergraph_branching(degrees: Sequence[int], sizes: Sequence[int]) -> float:
    """(<k^2>/<k> - 1) (<q^2>/<q> - 1) of node degrees k and hyperedge sizes q; above 1 there is a giant component.

    Nodes and hyperedges form a bipartite graph with these two degree sequences [@Newman2001a]. Keeping a fraction p
    of the hyperedges (or of the nodes) multiplies it by p, keeping a fraction p of the memberships by p^2.

    Parameters
    ----------
    degrees : sequence of int
        The number of hyperedges of each node.
    sizes : sequence of int
        The number of nodes of each hyperedge.

    Returns
    -------
    float
        The branching ratio over two steps.

    Raises
    ------
    ArgumentError
        For values that are not integers >= 0.
    EmptyDataError
        For an empty sequence.
    LatticeError
        For a sequence of zeros.
    ShapeError
        For a sequence that is not a plain list.

    Examples
    --------
    >>> round(hypergraph_branching([2, 2, 2], [3, 3]), 12)
    2.0
    """
    return mean(excess(degree_counts("degrees", degrees))) * mean(excess(degree_counts("sizes", sizes)))


def hypergraph_giant(degrees: Sequence[int], sizes: Sequence[int]) -> tuple[float, float]:
    """Fractions of nodes and of hyperedges in the giant component of a random hypergraph with these sequences.

    u = G_1(H_1(u)) with G of the degrees and H of the sizes; S = 1 - G_0(H_1(u)) of the nodes, 1 - H_0(u) of the
    hyperedges [@Newman2001a].

    Parameters
    ----------
    degrees : sequence of int
        The number of hyperedges of each node.
    sizes : sequence of int
        The number of nodes of each hyperedge.

    Returns
    -------
    tuple of two float
        The fractions; (0.0, 0.0) at and below the threshold.

    Raises
    ------
    ArgumentError, EmptyDataError, LatticeError, ShapeError
        As in `hypergraph_branching`.

    Examples
    --------
    >>> hypergraph_giant([1, 1, 1, 1], [2, 2])
    (0.0, 0.0)
    """
    branching = hypergraph_branching(degrees, sizes)
    nodes, edges = degree_counts("degrees", degrees), degree_counts("sizes", sizes)
    more_edges, more_nodes = excess(nodes), excess(edges)
    u = smallest_root(lambda x: polynomial(more_edges, polynomial(more_nodes, x)), branching)
    return 1 - polynomial(nodes, polynomial(more_nodes, u)), 1 - polynomial(edges, u)
