"""Bipartite random graphs: the percolation of a matrix of entities and their properties [@Lubana2024]."""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ._generating_functions import smallest_root


def bipartite_threshold(n_entities: int, n_properties: int) -> float:
    """p_c = 1 / sqrt(|E| |K|): the chance per cell at which a random concept matrix percolates [@Lubana2024].

    Entities and properties that are joined with probability p form a random bipartite graph: an entity has p |K|
    properties and each of those p |E| entities, so that the branching ratio over two steps is p^2 |E| |K|.

    Parameters
    ----------
    n_entities, n_properties : int
        |E| and |K|, each at least 1.

    Returns
    -------
    float
        p_c.

    Raises
    ------
    ArgumentError
        For numbers below 1.

    Examples
    --------
    >>> bipartite_threshold(400, 100)
    0.005
    """
    entities = check.integer("n_entities", n_entities, 1)
    return 1 / (entities * check.integer("n_properties", n_properties, 1)) ** 0.5


def bipartite_giant(n_entities: int, n_properties: int, p: float) -> tuple[float, float]:
    """Fractions (S_E, S_K) of entities and properties in the giant component of a random concept matrix.

    S_E = 1 - exp(-p |K| S_K), S_K = 1 - exp(-p |E| S_E), exact for large |E| and |K| with p |E|, p |K| fixed.

    Parameters
    ----------
    n_entities, n_properties : int
        |E| and |K|, each at least 1.
    p : float
        The chance that a cell of the matrix is set, in [0, 1].

    Returns
    -------
    tuple of two float
        S_E and S_K; (0.0, 0.0) at and below the threshold.

    Raises
    ------
    ArgumentError
        For numbers below 1, or p outside [0, 1].

    Examples
    --------
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
