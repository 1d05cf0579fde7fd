r"""Generating functions of degrees, G_0(x) = sum_k p_k x^k and G_1(x) = G_0'(x) / G_0'(1) [@Newman2001a]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, EmptyDataError, LatticeError, ShapeError

if TYPE_CHECKING:
    import networkx as nx

Degrees: TypeAlias = "Sequence[int] | np.ndarray | nx.Graph[Any]"

ROUNDING = 1e-14  # a branching ratio this close to 1 is 1: the last bits do not make a giant component


def degree_counts(argument: str, degrees: Degrees) -> np.ndarray:
    """Distribution p_k as an array over k, from a degree sequence or a networkx graph (undirected)."""
    if hasattr(degrees, "number_of_nodes"):
        graph = cast("nx.Graph[Any]", degrees)
        if graph.is_directed():
            raise LatticeError(argument, "is a directed graph", "pass graph.to_undirected()")
        degrees = [graph.degree[node] for node in graph]
    sequence = check.array(argument, degrees)
    if sequence.ndim != 1:
        raise ShapeError(argument, f"has shape {sequence.shape}", "pass a list of degrees or a graph")
    if sequence.size == 0:
        raise EmptyDataError(argument, "is empty", "pass at least one degree")
    if sequence.dtype.kind not in "iu" or sequence.min() < 0:
        raise ArgumentError(argument, "holds values that are not integers >= 0", "pass degrees")
    if sequence.max() == 0:
        raise LatticeError(argument, "has no edges", "pass a graph with at least one")
    return np.bincount(sequence) / sequence.size


def excess(distribution: np.ndarray) -> np.ndarray:
    """Distribution of the number of further neighbours of a site reached along a bond: (k + 1) p_{k+1} / <k>."""
    k = np.arange(1, len(distribution))
    weights = k * distribution[1:]
    return weights / weights.sum()


def mean(distribution: np.ndarray) -> float:
    """sum_k k p_k, which for `excess` is the branching ratio G_1'(1)."""
    return float(np.arange(len(distribution)) @ distribution)


def polynomial(distribution: np.ndarray, x: float) -> float:
    """sum_k p_k x^k."""
    return float(np.polynomial.polynomial.polyval(x, distribution))


def smallest_root(branch: Callable[[float], float], slope: float) -> float:
    """The smallest u in [0, 1] with u = branch(u), for a convex branch with branch(1) = 1 and `slope` there."""
    from scipy.optimize import root_scalar

    if slope <= 1 + ROUNDING:
        return 1.0
    if branch(0.0) <= 0.0:
        return 0.0
    gap = 0.5
    while branch(1 - gap) >= 1 - gap:
        gap /= 2
        if gap < 1e-15:
            return 1.0
    return float(root_scalar(lambda u: branch(u) - u, bracket=(0.0, 1 - gap), xtol=1e-16).root)
