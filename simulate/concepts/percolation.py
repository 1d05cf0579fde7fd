"""Percolation of a concept matrix: entities and properties joined at random [@Lubana2024]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error
from ..._support.results import provenance
from ..._support.streams import stream
from ...errors import EmptyDataError

if TYPE_CHECKING:
    import xarray as xr


def concept_percolation(
    n_entities: int, n_properties: int, probabilities: Sequence[float], n_runs: int = 10, seed: int = 0
) -> xr.Dataset:
    """Shares of entities and properties in the largest component of a random concept matrix [@Lubana2024].

    Each cell of the matrix is filled with probability p, which joins its entity to its property.

    Parameters
    ----------
    n_entities, n_properties : int
        Rows and columns of the matrix, >= 1.
    probabilities : sequence of float
        Probabilities p within [0, 1], n_p of them.
    n_runs : int
        Random matrices per probability, >= 1.
    seed : int
        Seed of the matrices.

    Returns
    -------
    xarray.Dataset
        `entities` and `properties` over `p`, each with `_stderr` over the runs; `predicted_entities` and
        `predicted_properties` are the giant component of theory, which opens at p_c = 1 / sqrt(|E| |K|), the
        attribute `threshold`.

    Raises
    ------
    ArgumentError
        For numbers below 1, a probability outside [0, 1], or a seed that is not a whole number >= 0.

    Examples
    --------
    >>> result = concept_percolation(400, 100, [0.001, 0.02], n_runs=4)
    >>> (result.entities > 0.5).values.tolist()
    [False, True]
    """
    import xarray as xr

    from ...theory.percolation import bipartite_giant, bipartite_threshold

    threshold = bipartite_threshold(n_entities, n_properties)
    n_runs = check.integer("n_runs", n_runs, 1)
    probabilities = [check.real("probabilities", p, 0.0, 1.0) for p in check.items("probabilities", probabilities)]
    if not probabilities:
        raise EmptyDataError("probabilities", "is empty", "pass at least one")
    shares = np.array(
        [
            [
                _largest_shares(n_entities, n_properties, p, stream(seed, "concept matrix", i, run))
                for run in range(n_runs)
            ]
            for i, p in enumerate(probabilities)
        ]
    )
    predicted = np.array([bipartite_giant(n_entities, n_properties, p) for p in probabilities])
    mean, error = mean_error(shares, axis=1)
    variables: dict[str, tuple] = {}
    for k, name in enumerate(("entities", "properties")):
        variables |= estimates("p", **{name: (mean[:, k], error[:, k])})
        variables[f"predicted_{name}"] = ("p", predicted[:, k])
    attributes = {"threshold": threshold, "n_entities": n_entities, "n_properties": n_properties, "n_runs": n_runs}
    return xr.Dataset(variables, {"p": probabilities}, {**provenance(seed=seed), **attributes})


def _largest_shares(
    n_entities: int, n_properties: int, p: float, generator: np.random.Generator
) -> tuple[float, float]:
    """(share of the entities, of the properties) in the component with the most members."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = generator.binomial(n_entities * n_properties, p)
    cells = generator.choice(n_entities * n_properties, count, replace=False, shuffle=False)
    entity, attribute = np.divmod(cells, n_properties)
    size = n_entities + n_properties
    joined = coo_matrix((np.ones(count, np.int8), (entity, n_entities + attribute)), shape=(size, size))
    labels = connected_components(joined, directed=False)[1]
    members = labels == np.bincount(labels).argmax()
    return float(members[:n_entities].mean()), float(members[n_entities:].mean())
