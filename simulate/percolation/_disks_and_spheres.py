r"""Overlapping disks and spheres, placed one by one [@Mertens2012].

The n-th object joins the clusters of those it overlaps; averages at a reduced density eta = (number per volume) x
(volume of one) follow with Poisson weights. Objects of diameter 1 in a periodic box whose side `size` is in diameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ...errors import ArgumentError
from ._canonical import objects_for
from .inputs import MAX_BATCHES, QUANTITIES, curves_of, marks_of, quantities_of, require_memory
from .placed_objects import VOLUME, Objects
from .runs import compiled, compiling, grow, run_batches, workspace
from .sweep_result import Sweep, columns_of
from .tables import NONE

if TYPE_CHECKING:
    from ..._support.types import Array

LARGEST_ETA = 100.0


def disks(
    size: float,
    n_runs: int,
    seed: int = 0,
    *,
    eta_max: float = 1.6,
    quantities: Sequence[str] = QUANTITIES,
    workers: int = 1,
    show: bool | None = None,
) -> Sweep:
    """Percolation of overlapping disks of diameter 1 in a periodic square box [@Mertens2012].

    Disks whose centres are closer than one diameter are neighbours, so this is the random geometric graph too.

    Parameters
    ----------
    size : float
        Side of the box in diameters, >= 2.
    n_runs : int
        Number of independent runs.
    seed : int
        Seed of the runs.
    eta_max : float
        Largest reduced density, pi/4 times the number of disks per square diameter, up to which disks are placed.
    quantities : sequence of str
        What is measured, among "largest", "second_largest", "mean_size", "n_clusters", "wrapping".
    workers : int
        Threads that share the runs; the result has the same bits for any number of them.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    Sweep
        The runs; `canonical(eta)` averages over the Poisson number of disks at eta.

    Raises
    ------
    ArgumentError
        For a size below 2, an `eta_max` that is not above 0 and at most 100, or a number of runs or workers below 1.
    UnknownNameError
        For an unknown quantity.
    EmptyDataError
        Where no quantity is left to measure.
    DeviceMemoryError
        With the estimate, where the work would not fit into memory.

    Examples
    --------
    >>> result = disks(8, n_runs=50, seed=1)
    >>> bool(result.canonical(1.5).largest[0] > 0.8 > result.canonical(0.5).largest[0])
    True
    """
    return _objects(2, size, n_runs, seed, eta_max, quantities, workers, show)


def spheres(
    size: float,
    n_runs: int,
    seed: int = 0,
    *,
    eta_max: float = 0.6,
    quantities: Sequence[str] = QUANTITIES,
    workers: int = 1,
    show: bool | None = None,
) -> Sweep:
    """Percolation of overlapping spheres of diameter 1 in a periodic cubic box [@Mertens2012].

    Parameters
    ----------
    size : float
        Side of the box in diameters, >= 2.
    n_runs : int
        Number of independent runs.
    seed : int
        Seed of the runs.
    eta_max : float
        Largest reduced density, pi/6 times the number of spheres per cubic diameter, up to which spheres are placed.
    quantities : sequence of str
        What is measured, among "largest", "second_largest", "mean_size", "n_clusters", "wrapping".
    workers : int
        Threads that share the runs; the result has the same bits for any number of them.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    Sweep
        The runs; `canonical(eta)` averages over the Poisson number of spheres at eta.

    Raises
    ------
    ArgumentError, UnknownNameError, EmptyDataError, DeviceMemoryError
        As `disks`.

    Examples
    --------
    >>> spheres(4, n_runs=5)
    Sweep(spheres continuum, L=4, runs=5, seed=0)
    """
    return _objects(3, size, n_runs, seed, eta_max, quantities, workers, show)


def disk_clusters(size: float, eta: float, seed: int = 0) -> tuple[Array, Array]:
    """One picture of overlapping disks of diameter 1 in a periodic square box, and the cluster of each.

    Parameters
    ----------
    size : float
        Side of the box in diameters, >= 2.
    eta : float
        Reduced density; the number of disks is the mean one, rounded.
    seed : int
        Seed of the picture.

    Returns
    -------
    centres : array
        Centres of the disks in diameters, shape (n, 2).
    labels : array of int
        The cluster of each disk, shape (n,), counted from 1 by size, the largest first.

    Raises
    ------
    ArgumentError
        For a size below 2 or a negative density.

    Examples
    --------
    >>> centres, labels = disk_clusters(10, 1.0)
    >>> centres.shape, int(labels.min())
    ((127, 2), 1)
    """
    size, eta = check.real("size", size, 2.0), check.real("eta", eta, 0.0, LARGEST_ETA)
    n = max(1, round(eta * size**2 / VOLUME[2]))
    objects = Objects(n, size, 2)
    objects.place(stream_seed(seed, "disk picture"))
    first, jumps, _ = objects.table()
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    columns = jumps[: first[-1]] + np.repeat(np.arange(n), np.diff(first))
    graph = csr_array((np.ones(len(columns), np.int8), columns, first), shape=(n, n))
    _, parts = connected_components(graph, directed=False)
    rank = np.argsort(np.argsort(-np.bincount(parts), kind="stable"), kind="stable")
    return objects.positions[:, :2].copy(), rank[parts] + 1


def _objects(
    dimension: int,
    size: float,
    n_runs: int,
    seed: int,
    eta_max: float,
    quantities: Sequence[str],
    workers: int,
    show: bool | None,
) -> Sweep:
    """All runs of disks (2 dimensions) or spheres (3), in batches that the threads share."""
    size = check.real("size", size, 2.0)
    n_runs, workers = check.integer("n_runs", n_runs, 1), check.integer("workers", workers, 1)
    eta_max = check.real("eta_max", eta_max, 0.0, LARGEST_ETA)
    if eta_max == 0.0:
        raise ArgumentError("eta_max", "is 0", "pass the largest density wanted")
    wanted = quantities_of(quantities, True)
    density = size**dimension / VOLUME[dimension]
    n = objects_for(eta_max * density)
    require_memory(n, n, n_runs, wanted, workers, extra=workers * n * (60 + 8 * 28))
    n_batches = min(MAX_BATCHES, n_runs)
    n_directions = dimension if "wrapping" in wanted else 0
    marks, columns = marks_of(n, len(curves_of(wanted)), n_batches), columns_of(wanted)
    purpose = f"percolation {dimension}d"
    stream_seed(seed, purpose, 0)

    def grow_batch(replicas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        objects = Objects(n, size, dimension)
        *state, everyone = workspace(n, objects.winding_type, n, wanted)
        everyone[:] = np.arange(n)
        sums = np.zeros((len(marks), len(curves_of(wanted))))
        wraps = np.full((len(replicas), n_directions), -1, np.int32)
        for run, replica in enumerate(replicas):
            objects.place(stream_seed(seed, purpose, int(replica)))
            first, jumps, seams = objects.table()
            grow(
                everyone, first, jumps, seams, objects.bits, n, NONE, NONE,
                *state, everyone, n_directions, marks, columns, sums, wraps[run],
            )  # fmt: skip
        return sums, wraps

    if not compiled():
        with compiling(show):
            grow_batch(np.zeros(1, int))
    name = {2: "disks", 3: "spheres"}[dimension]
    parts = run_batches(grow_batch, np.array_split(np.arange(n_runs), n_batches), workers, name, show)
    return Sweep(
        name,
        "continuum",
        (size,) * dimension,
        n,
        n,
        wanted,
        marks,
        np.stack([sums for sums, _ in parts]),
        np.array([len(wraps) for _, wraps in parts]),
        np.concatenate([wraps for _, wraps in parts]),
        1j if dimension == 2 else None,
        density,
        provenance(seed=seed),
    )
