r"""Giant components and thresholds of random graphs, from generating functions [@Newman2001a].

A graph with degree distribution p_k, otherwise random, has G_0(x) = sum_k p_k x^k and G_1(x) = G_0'(x) / G_0'(1).
With a fraction p of sites or bonds kept, u is the chance that the branch behind a neighbour stays finite,

    u = 1 - p + p G_1(u),     S = 1 - G_0(u) for bonds,  S = p (1 - G_0(u)) for sites,
    p_c = 1 / G_1'(1) = <k> / (<k^2> - <k>).

The Bethe lattice is the case where every site has z neighbours, the Erdos-Renyi graph that of Poisson degrees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, EmptyDataError, LatticeError, ShapeError

if TYPE_CHECKING:
    import networkx as nx

KINDS = ("site", "bond")


def degree_counts(argument: str, degrees: Any) -> np.ndarray:
    """Distribution p_k as an array over k, from a degree sequence or a networkx graph (undirected)."""
    if hasattr(degrees, "number_of_nodes"):
        if degrees.is_directed():
            raise LatticeError(argument, "is a directed graph", "pass graph.to_undirected()")
        degrees = [degree for _, degree in degrees.degree()]
    sequence = np.asarray(degrees)
    if sequence.ndim != 1:
        raise ShapeError(argument, f"has shape {sequence.shape}", "pass a list of degrees or a graph")
    if sequence.size == 0:
        raise EmptyDataError(argument, "is empty", "pass at least one degree")
    if sequence.dtype.kind not in "iu" or sequence.min() < 0:
        raise ArgumentError(argument, "holds values that are no integers >= 0", "pass degrees")
    if sequence.max() == 0:
        raise LatticeError(argument, "has no edges", "pass a graph with at least one")
    return np.bincount(sequence) / sequence.size


def excess(distribution: np.ndarray) -> np.ndarray:
    """Distribution of the number of further neighbours of a site reached along a bond: (k + 1) p_{k+1} / <k>."""
    k = np.arange(1, len(distribution))
    weights = k * distribution[1:]
    return weights / weights.sum()


def polynomial(distribution: np.ndarray, x: float) -> float:
    """Generating function sum_k p_k x^k."""
    return float(np.polynomial.polynomial.polyval(x, distribution))


def smallest_root(branch: Callable[[float], float], slope: float) -> float:
    """The smallest u in [0, 1] with u = branch(u), for a convex branch with branch(1) = 1 and `slope` there."""
    from scipy.optimize import root_scalar

    if slope <= 1 or branch(0.0) <= 0.0:
        return 1.0 if slope <= 1 else 0.0
    gap = 0.5
    while branch(1 - gap) >= 1 - gap:
        gap /= 2
        if gap < 1e-15:
            return 1.0
    return float(root_scalar(lambda u: branch(u) - u, bracket=(0.0, 1 - gap), xtol=1e-16).root)


def giant_component(
    degrees: float | Sequence[int] | np.ndarray | nx.Graph, p: float = 1.0, kind: str = "bond"
) -> float:
    """Fraction of all nodes in the giant component when a fraction `p` of the bonds (or sites) is kept.

    `degrees` is a number (mean degree of an Erdos-Renyi graph), a degree sequence, or an undirected networkx graph,
    of which only the degrees are used (a random graph with the same degrees). Erdos-Renyi:
    S = 1 - e^{-cS}, S = 1 + W(-c e^{-c}) / c with c = p <k> and Lambert's W. Raises ArgumentError for p outside
    [0, 1] or a negative mean degree, LatticeError for a directed graph or one without edges.

    >>> round(giant_component(2.0), 6)
    0.796812
    >>> giant_component([3, 3, 3, 3], p=0.5)
    0.0
    """
    p, kind = check.real("p", p, 0.0, 1.0), check.choice("kind", kind, KINDS)
    if isinstance(degrees, Real):
        reached = _poisson_giant(p * check.real("degrees", degrees, 0.0))
    else:
        distribution = degree_counts("degrees", degrees)
        further = excess(distribution)
        slope = p * float(np.arange(len(further)) @ further)
        u = smallest_root(lambda x: 1 - p + p * polynomial(further, x), slope)
        reached = 1 - polynomial(distribution, u)
    return p * reached if kind == "site" else reached


def _poisson_giant(mean: float) -> float:
    from scipy.special import lambertw

    if mean <= 1:
        return 0.0
    return float(1 + lambertw(-mean * np.exp(-mean)).real / mean)


def graph_threshold(degrees: float | Sequence[int] | np.ndarray | nx.Graph) -> float:
    """p_c = <k> / (<k^2> - <k>) for sites and bonds alike; infinite where even p = 1 leaves no giant component's seed.

    `degrees` as in `giant_component`; an Erdos-Renyi graph of mean degree c has p_c = 1 / c.

    >>> graph_threshold([1, 3, 1, 3])
    0.6666666666666666
    """
    if isinstance(degrees, Real):
        mean = check.real("degrees", degrees, 0.0)
        return 1 / mean if mean > 0 else float("inf")
    further = excess(degree_counts("degrees", degrees))
    branching = float(np.arange(len(further)) @ further)
    return 1 / branching if branching > 0 else float("inf")


def bethe_threshold(coordination: int) -> float:
    """p_c = 1 / (z - 1) of the Bethe lattice, for sites and bonds.

    >>> bethe_threshold(3)
    0.5
    """
    return 1 / (check.integer("coordination", coordination, 3) - 1)


def bethe_order_parameter(coordination: int, p: float, kind: str = "site") -> float:
    """Chance that a site of the Bethe lattice belongs to an infinite cluster.

    For z = 3 and sites it is p (1 - ((1 - p) / p)^3) above p_c = 1/2 [@Stauffer1994].

    >>> abs(bethe_order_parameter(3, 0.75) - 0.75 * (1 - (1 / 3) ** 3)) < 1e-14
    True
    """
    return giant_component([check.integer("coordination", coordination, 3)], p, kind)


def bipartite_threshold(n_entities: int, n_properties: int) -> float:
    """p_c = 1 / sqrt(|E| |K|): the chance per cell at which a random concept matrix percolates [@Lubana2024].

    Entities and properties that are joined with probability p form a random bipartite graph: an entity has p |K|
    properties and each of those p |E| entities, so that the branching ratio over two steps is p^2 |E| |K|.

    >>> bipartite_threshold(400, 100)
    0.005
    """
    entities = check.integer("n_entities", n_entities, 1)
    return 1 / (entities * check.integer("n_properties", n_properties, 1)) ** 0.5


def bipartite_giant(n_entities: int, n_properties: int, p: float) -> tuple[float, float]:
    """Fractions (S_E, S_K) of entities and properties in the giant component at probability `p` per cell.

    S_E = 1 - exp(-p |K| S_K), S_K = 1 - exp(-p |E| S_E), exact for large |E| and |K| with p |E|, p |K| fixed.

    >>> [round(s, 4) for s in bipartite_giant(200_000, 50_000, 1e-5 * 1.5)]
    [0.413, 0.7103]
    """
    below = bipartite_threshold(n_entities, n_properties)
    p = check.real("p", p, 0.0, 1.0)
    per_entity, per_property = p * n_properties, p * n_entities

    def branch(u: float) -> float:
        """Chance that an entity is outside, given that it is u for the entities behind its properties."""
        return float(np.exp(per_entity * np.expm1(per_property * (u - 1))))

    outside = smallest_root(branch, (p / below) ** 2)
    return 1 - outside, float(-np.expm1(per_property * (outside - 1)))


def hypergraph_branching(degrees: Sequence[int], sizes: Sequence[int]) -> float:
    """(<k^2>/<k> - 1) (<q^2>/<q> - 1) of node degrees k and hyperedge sizes q; above 1 there is a giant component.

    Nodes and hyperedges form a bipartite graph with these two degree sequences [@Newman2001a]. Keeping a fraction p
    of the hyperedges (or of the nodes) multiplies it by p, keeping a fraction p of the memberships by p^2.

    >>> hypergraph_branching([2, 2, 2], [3, 3])
    2.0
    """
    means = []
    for argument, sequence in (("degrees", degrees), ("sizes", sizes)):
        further = excess(degree_counts(argument, sequence))
        means.append(float(np.arange(len(further)) @ further))
    return means[0] * means[1]


def hypergraph_giant(degrees: Sequence[int], sizes: Sequence[int]) -> tuple[float, float]:
    """Fractions of nodes and of hyperedges in the giant component of a random hypergraph with these sequences.

    u = G_1(H_1(u)) with G of the degrees and H of the sizes; S = 1 - G_0(H_1(u)) of the nodes, 1 - H_0(u) of the
    hyperedges.

    >>> hypergraph_giant([1, 1, 1, 1], [2, 2])
    (0.0, 0.0)
    """
    branching = hypergraph_branching(degrees, sizes)
    nodes, edges = degree_counts("degrees", degrees), degree_counts("sizes", sizes)
    more_edges, more_nodes = excess(nodes), excess(edges)
    u = smallest_root(lambda x: polynomial(more_edges, polynomial(more_nodes, x)), branching)
    return 1 - polynomial(nodes, polynomial(more_nodes, u)), 1 - polynomial(edges, u)
