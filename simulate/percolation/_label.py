"""Clusters of one configuration, by the union-find of the sweeps [@Newman2001]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...theory.percolation.lattices import Lattice, find_lattice
from ._kernels import label_roots
from .inputs import field_of, require_memory
from .runs import grow_ordered
from .tables import lattice_table

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike


def label(field: ArrayLike, p: float, lattice: str | Lattice = "square", *, periodic: bool = True) -> tuple[Array, int]:
    """Clusters of the sites whose value lies below `p`, numbered 1, 2, ... in the order in which the array meets them.

    Parameters
    ----------
    field : array
        A value of each site: one axis per lattice vector (the last runs along the first vector) and, where the cell
        has several sites, a last axis over them.
    p : float
        Sites with values below p are occupied; within [0, 1].
    lattice : str or Lattice
        A name in `theory.percolation.LATTICES`, or a `Lattice`.
    periodic : bool
        Whether the box closes on itself.

    Returns
    -------
    labels : array of int32
        The number of each site's cluster in the shape of `field`; 0 where the site is empty.
    n_clusters : int
        How many clusters there are.

    Raises
    ------
    ArgumentError
        Where p lies outside [0, 1], or a side of the field is too short for the lattice.
    ShapeError
        Where `field` does not have the axes of the lattice.
    NotFiniteError
        Where `field` holds NaN.
    UnknownNameError
        For an unknown lattice.
    DeviceMemoryError
        Where the work would not fit into memory.

    Examples
    --------
    >>> label([[0.1, 0.9, 0.2], [0.9, 0.9, 0.9], [0.9, 0.1, 0.9]], 0.5)
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
    parent = grow_ordered(table, order, (), nowhere, np.zeros((1, 0)), np.zeros(0, np.int32))
    labels = np.zeros(values.size, np.int32)
    n_clusters = label_roots(parent, labels)
    return labels.reshape(np.shape(field)), int(n_clusters)
