"""The nearest of a set of points to each query, exact even where points nearly coincide."""

from __future__ import annotations

import numpy as np
import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ShapeError

CANDIDATES = 8


@typed
def nearest_neighbours(
    queries: ArrayLike, reference: ArrayLike, k: int = 2, exclude_self: bool = False, batch_size: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the nearest of a set of points to each query, nearest first.

    Matrix products of centred points in float64 find the candidates, differences give their distances, so that a copy
    has distance 0.

    Parameters
    ----------
    queries : array_like, shape (n, *event)
        The points whose neighbours are wanted.
    reference : array_like, shape (m, *event)
        The points among which they are sought.
    k : int, optional
        How many, at most m.
    exclude_self : bool, optional
        Leave out item i for query i, for a set's distances to itself.
    batch_size : int, optional
        Queries at once; it changes nothing but the memory needed.

    Returns
    -------
    distances, indices : ndarray, shape (n, k)
        Euclidean distances, and places in `reference`.

    Raises
    ------
    ShapeError
        If the events differ in shape.
    ArgumentError
        If `reference` has fewer than k others.

    Examples
    --------
    >>> nearest_neighbours([[0.0], [3.0]], [[0.0], [1.0], [5.0]])[0].tolist()
    [[0.0, 1.0], [2.0, 2.0]]
    """
    queries, reference = check.points("queries", queries), check.points("reference", reference)
    if queries.shape[1:] != reference.shape[1:]:
        raise ShapeError(
            "queries", f"have shape {tuple(queries.shape[1:])}", f"pass events {tuple(reference.shape[1:])}"
        )
    batch_size = check.integer("batch_size", batch_size, 1)
    k = check.integer("k", k, 1, len(reference) - int(exclude_self))
    points = reference.double().flatten(1)
    centre = points.mean(0)
    points = points - centre
    half = points.square().sum(1) / 2
    distances, indices = [], []
    for start in range(0, len(queries), batch_size):
        x = queries[start : start + batch_size].to(points).flatten(1) - centre
        energy = torch.addmm(half, x, points.T, alpha=-1)
        if exclude_self:
            rows = torch.arange(len(x), device=x.device)
            energy[rows, rows + start] = torch.inf
        candidates = energy.topk(min(max(k, CANDIDATES), len(points) - int(exclude_self)), largest=False).indices
        exact = (x[:, None] - points[candidates]).norm(dim=2)
        nearest = exact.sort(dim=1, stable=True)
        distances.append(nearest.values[:, :k].numpy(force=True))
        indices.append(candidates.gather(1, nearest.indices[:, :k]).numpy(force=True))
    return np.concatenate(distances), np.concatenate(indices)
