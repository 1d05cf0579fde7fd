"""Clusters of one configuration, by the union-find of the sweeps [@Newman2001]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError
from ...theory.percolation.lattices import Lattice, find_lattice
from ._kernels import label_roots
from .inputs import field_of, require_memory
from .runs import grow_ordered
from .tables import lattice_table

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike


def label(
    field: ArrayLike, p: float | None = None, lattice: str | Lattice = "square", *, periodic: bool = True
) -> tuple[Array, int]:
    """Clusters of the sites whose value lies below `p`, numbered 1, 2, ... in the order in which the array meets them.

    Of a mask, an array of truth values, the clusters of its true sites.

    Parameters
    ----------
    field : array
        A value of each site: one axis per lattice vector (the last runs along the first vector) and, where the cell
        has several sites, a last axis over them. Or a mask of the same shape: True where a site is occupied.
    p : float, optional
        Sites with values below p are occupied: any number, in the unit of the field. A mask needs none.
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
        For a field without p, a mask with p, integers that are all 0 or 1 (which may be meant as a mask), or a side
        that is too short for the lattice.
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
    >>> label([[True, False, True], [False, False, False], [False, True, False]])[1]
    2
    """
    lattice = find_lattice(lattice)
    occupied, sides = _occupied(field, p, lattice)
    require_memory(occupied.size, occupied.size, 1, (), 1)
    table = lattice_table(lattice, sides, periodic)
    order = np.flatnonzero(occupied).astype(np.int32)
    nowhere = np.full(1, -1)
    parent = grow_ordered(table, order, (), nowhere, np.zeros((1, 0)), np.zeros(0, np.int32))
    labels = np.zeros(occupied.size, np.int32)
    n_clusters = label_roots(parent, labels)
    return labels.reshape(np.shape(field)), int(n_clusters)


def _occupied(field: ArrayLike, p: float | None, lattice: Lattice) -> tuple[np.ndarray, tuple[int, ...]]:
    """Which sites are occupied, in order, and the sides of the box."""
    given = check.array("field", field)
    if given.dtype == np.bool_:
        if p is not None:
            problem = f"is {p!r}, but the field is a mask, whose true sites are the occupied ones"
            raise ArgumentError("p", problem, "leave p out (or pass ~mask for the false sites)")
        values, sides = field_of(given.astype(np.float64), lattice)
        return values > 0, sides
    if given.dtype.kind in "iu" and given.size and given.min() >= 0 and given.max() <= 1:
        problem = "holds only the integers 0 and 1: a mask, or values of which those below p are occupied?"
        raise ArgumentError("field", problem, "pass field.astype(bool) for the ones, or field.astype(float) with p")
    if p is None:
        raise ArgumentError("p", "is missing", "pass the value below which a site of the field is occupied")
    values, sides = field_of(given, lattice)
    return values < check.real("p", p), sides
