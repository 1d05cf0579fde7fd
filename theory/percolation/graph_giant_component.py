r"""Giant components and thresholds of random graphs with given degrees, from generating functions [@Newman2001a].

A graph with degree distribution p_k, otherwise random, has G_0(x) = sum_k p_k x^k and G_1(x) = G_0'(x) / G_0'(1).
With a fraction p of sites or bonds kept, u is the chance that the branch behind a neighbour stays finite,

    u = 1 - p + p G_1(u),     S = 1 - G_0(u) for bonds,  S = p (1 - G_0(u)) for sites,
    p_c = 1 / G_1'(1) = <k> / (<k^2> - <k>).

The Bethe lattice is the case where every site has z neighbours, the Erdos-Renyi graph that of Poisson degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..._support import checks as check
from ._generating_functions import ROUNDING, Degrees, degree_counts, excess, mean, polynomial, smallest_root

if TYPE_CHECKING:
    import networkx as nx

KINDS = ("site", "bond")


def giant_component(
    degrees: float | Sequence[int] | np.ndarray | nx.Graph[Any], p: float = 1.0, kind: str = "bond"
) -> float:
    """Fraction of all nodes in the giant component when a fraction `p` of the bonds (or sites) is kept.

    Erdos-Renyi: S = 1 - e^{-cS}, S = 1 + W(-c e^{-c}) / c with c = p <k> and Lambert's W. A degree sequence:
    S = 1 - G_0(u) with u = 1 - p + p G_1(u) [@Newman2001a]. `reference` iterates these equations as they stand.

    Parameters
    ----------
    degrees : float, sequence of int, array or networkx.Graph
        The mean degree of an Erdos-Renyi graph; or a degree sequence; or an undirected graph, of which only the
        degrees are used (a random graph with the same degrees).
    p : float, default 1.0
        The fraction of bonds or sites that is kept, in [0, 1].
    kind : str, default "bond"
        What is kept: "bond" or "site".

    Returns
    -------
    float
        S in [0, 1]; 0.0 at and below the threshold.

    Raises
    ------
    ArgumentError
        For p outside [0, 1], a negative mean degree, an unknown kind, or degrees that are not integers >= 0.
    LatticeError
        For a directed graph, or one without edges.
    EmptyDataError
        For an empty degree sequence.
    ShapeError
        For degrees that are not a plain list.

    Examples
    --------
    >>> round(giant_component(2.0), 6)
    0.796812
    >>> giant_component([3, 3, 3, 3], p=0.5)
    0.0
    """
    p, kind = check.real("p", p, 0.0, 1.0), check.choice("kind", kind, KINDS)
    if isinstance(degrees, Real):
        reached = _poisson_giant(p * check.real("degrees", degrees, 0.0))
    else:
        distribution = degree_counts("degrees", cast("Degrees", degrees))
        further = excess(distribution)
        u = smallest_root(lambda x: 1 - p + p * polynomial(further, x), p * mean(further))
        reached = 1 - polynomial(distribution, u)
    return p * reached if kind == "site" else reached


def reference(degrees: Sequence[int], p: float = 1.0, kind: str = "bond", steps: int = 2000) -> float:
    """`giant_component` of a degree sequence, with u = 1 - p + p G_1(u) iterated from u = 0."""
    share = np.bincount(degrees) / len(degrees)
    k = np.arange(len(share))
    mean_degree, u = (k * share).sum(), 0.0
    for _ in range(steps):
        u = 1 - p + p * (k * share * u ** np.maximum(k - 1, 0)).sum() / mean_degree
    reached = 1 - (share * u**k).sum()
    return float(p * reached if kind == "site" else reached)


def _poisson_giant(mean_degree: float) -> float:
    """S = 1 - e^{-cS} by Lambert's W."""
    from scipy.special import lambertw

    if mean_degree <= 1 + ROUNDING:
        return 0.0
    return float(1 + lambertw(-mean_degree * np.exp(-mean_degree)).real / mean_degree)


def graph_threshold(degrees: float | Sequence[int] | np.ndarray | nx.Graph[Any]) -> float:
    """p_c = <k> / (<k^2> - <k>) of a random graph, for sites and bonds alike [@Newman2001a].

    An Erdos-Renyi graph of mean degree c has p_c = 1 / c. A value above 1 means that even the whole graph has no
    giant component.

    Parameters
    ----------
    degrees : float, sequence of int, array or networkx.Graph
        As in `giant_component`.

    Returns
    -------
    float
        p_c; infinite where no site reached along a bond has a further neighbour.

    Raises
    ------
    ArgumentError
        For a negative mean degree, or degrees that are not integers >= 0.
    LatticeError
        For a directed graph, or one without edges.
    EmptyDataError
        For an empty degree sequence.
    ShapeError
        For degrees that are not a plain list.

    Examples
    --------
    >>> round(graph_threshold([1, 3, 1, 3]), 12)
    0.666666666667
    """
    if isinstance(degrees, Real):
        branching = check.real("degrees", degrees, 0.0)
    else:
        branching = mean(excess(degree_counts("degrees", cast("Degrees", degrees))))
    return 1 / branching if branching > 0 else float("inf")
