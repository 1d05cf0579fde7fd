r"""Percolation of lattices by the algorithm of Newman and Ziff [@Newman2000] [@Newman2001].

Sites (or bonds) are occupied one by one in random order and clusters are merged by union-find, so that one run gives
every observable at every number n of occupied sites in a time proportional to the size. A cluster wraps around a
periodic box when a new bond closes a cycle whose winding number is not zero [@Machta1996]. Averages at fixed
probability p follow by the convolution in `simulate.percolation.canonical`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ...theory.percolation.lattices import Lattice, find_lattice
from .inputs import KINDS, QUANTITIES, curves_of, field_of, marks_of, quantities_of, require_memory, sides_of
from .runs import grow_ordered, grow_runs
from .sweep_result import Sweep
from .tables import lattice_table, winding_code

if TYPE_CHECKING:
    from ..._support.types import ArrayLike


def sweep(
    lattice: str | Lattice,
    kind: str,
    size: int | Sequence[int],
    n_runs: int,
    seed: int = 0,
    *,
    periodic: bool = True,
    quantities: Sequence[str] = QUANTITIES,
    workers: int = 1,
    show: bool | None = None,
) -> Sweep:
    """Grow clusters on a lattice, site by site or bond by bond, `n_runs` times [@Newman2000; @Newman2001; @Machta1996].

    Run number r draws from the stream (seed, "percolation", r), and the result has the same bits for any number of
    workers. Curves are kept at every n as long as they fit into 256 MiB, else at equally spaced n, far closer
    together than the width of the binomial.

    Parameters
    ----------
    lattice : str or Lattice
        A name in `theory.percolation.LATTICES`, or a `Lattice`.
    kind : str
        "site" or "bond": what is occupied.
    size : int or sequence of int
        Cells along each lattice vector: one number, or one per vector.
    n_runs : int
        Number of independent runs.
    seed : int
        Seed of the runs.
    periodic : bool
        Whether the box closes on itself. An open box has no wrapping quantities.
    quantities : sequence of str
        What is measured, among "largest", "second_largest", "mean_size", "n_clusters", "wrapping". Leave out what is
        not needed: with "wrapping" alone a run stops once it has wrapped.
    workers : int
        Threads that share the runs.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    Sweep
        The runs, with averages by number (`.n`) and by probability (`.canonical(p)`).

    Raises
    ------
    UnknownNameError
        For an unknown lattice, kind or quantity.
    ArgumentError
        For a size, a number of runs or workers, or a seed that is not a whole number in its range.
    ShapeError
        Where `size` does not have one number per lattice vector.
    EmptyDataError
        Where no quantity is left to measure.
    LatticeError
        Where windings around the box could overflow (high dimensions only).
    DeviceMemoryError
        With the estimate, where the work would not fit into memory.

    Examples
    --------
    >>> result = sweep("square", "site", 16, n_runs=200, seed=1)
    >>> result
    Sweep(square site, L=16, runs=200, seed=1)
    >>> bool(abs(result.canonical(0.5927).wrapping_horizontal[0] - 0.521) < 0.12)
    True
    """
    lattice = find_lattice(lattice)
    kind = check.choice("kind", kind, KINDS)
    sides = sides_of(lattice, size)
    n_runs = check.integer("n_runs", n_runs, 1)
    wanted = quantities_of(quantities, periodic)
    n_sites = int(np.prod(sides, dtype=object)) * lattice.n_basis
    n_total = n_sites if kind == "site" else n_sites // lattice.n_basis * len(lattice.bonds)
    winding_bytes = winding_code(n_sites, sides, lattice.reach)[1].itemsize if "wrapping" in wanted else 0
    require_memory(n_sites, n_total, n_runs, wanted, check.integer("workers", workers, 1), winding_bytes)
    stream_seed(seed, "percolation", 0)
    table = lattice_table(lattice, sides, periodic)
    modulus = _modulus(lattice, sides, periodic)
    return grow_runs(table, lattice.name, kind, sides, n_runs, seed, wanted, workers, show, modulus)


def sweep_field(
    field: ArrayLike,
    lattice: str | Lattice = "square",
    *,
    periodic: bool = True,
    quantities: Sequence[str] = QUANTITIES,
) -> Sweep:
    """One run of site percolation that occupies the sites in the order of a given field, lowest first.

    At n = the number of values below p its curves are those of the clusters that `label(field, p)` finds.

    Parameters
    ----------
    field : array
        A value of each site: one axis per lattice vector (the last runs along the first vector) and, where the cell
        has several sites, a last axis over them.
    lattice : str or Lattice
        A name in `theory.percolation.LATTICES`, or a `Lattice`.
    periodic : bool
        Whether the box closes on itself.
    quantities : sequence of str
        What is measured; see `sweep`.

    Returns
    -------
    Sweep
        One run.

    Raises
    ------
    ShapeError
        Where `field` does not have the axes of the lattice.
    NotFiniteError
        Where `field` holds NaN.
    UnknownNameError
        For an unknown lattice or quantity.
    ArgumentError
        For a mask, which has no order, or where a side of the field is too short for the lattice.
    DeviceMemoryError
        Where the work would not fit into memory.

    Examples
    --------
    >>> sweep_field([[0.1, 0.9], [0.2, 0.8]]).n.largest.values.tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    lattice = find_lattice(lattice)
    values, sides = field_of(field, lattice)
    wanted = quantities_of(quantities, periodic)
    require_memory(values.size, values.size, 1, wanted, 1, extra=12 * values.size)
    table = lattice_table(lattice, sides, periodic)
    order = np.argsort(values, kind="stable").astype(np.int32)
    marks = marks_of(values.size, len(curves_of(wanted)), 1)
    sums = np.zeros((1, len(marks), len(curves_of(wanted))))
    wraps = np.full((1, table.n_directions if "wrapping" in wanted else 0), -1, np.int32)
    grow_ordered(table, order, wanted, marks, sums[0], wraps[0])
    return Sweep(
        lattice.name,
        "site",
        sides,
        values.size,
        values.size,
        wanted,
        marks,
        sums,
        np.ones(1, int),
        wraps,
        _modulus(lattice, sides, periodic),
        attributes=provenance(),
    )


def _modulus(lattice: Lattice, sides: tuple[int, ...], periodic: bool) -> complex | None:
    """The shape of the torus, where there is one in two dimensions."""
    return lattice.modulus * sides[1] / sides[0] if periodic and lattice.dimension == 2 else None
