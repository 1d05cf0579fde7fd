r"""Overlapping disks and spheres, placed one by one [@Mertens2012].

The n-th object joins the clusters of those it overlaps; averages at a reduced density eta = (number per volume) x
(volume of one) follow with Poisson weights. Objects of diameter 1 in a periodic box whose side `size` is in diameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from ..._support import checks as check
from ..._support import progress
from ..._support.results import provenance
from ..._support.streams import stream_seed
from ...errors import ArgumentError
from ._continuum_kernels import place, sort_by_cell, table_of_pairs, touching
from ._kernels import grow
from .batches import run_batches
from .canonical_average import objects_for
from .inputs import MAX_BATCHES, QUANTITIES, curves_of, marks_of, quantities_of, require_memory
from .result import Sweep, columns_of
from .tables import NONE, winding_code

VOLUME = {2: math.pi / 4, 3: math.pi / 6}
HALF: dict[int, tuple[tuple[int, ...], ...]] = {2: ((0, 0, 0), (1, 0, 0), (-1, 1, 0), (0, 1, 0), (1, 1, 0))}
HALF[3] = (*HALF[2], *((x, y, 1) for x, y in product((-1, 0, 1), repeat=2)))


class Objects:
    """Room for one run of n objects, used again from run to run."""

    def __init__(self, n: int, size: float, dimension: int) -> None:
        self.n, self.size, self.dimension = n, size, dimension
        self.bits, self.winding_type = winding_code(n, (int(size),) * dimension, 1)
        side = int(size)
        self.cells = np.array([side] * dimension + [1] * (3 - dimension))
        self.half = np.array(HALF[dimension])
        self.positions = np.empty((n, 3))
        self._sorted, self._owner = np.empty((n, 3)), np.empty(n, np.int32)
        self._start = np.empty(int(self.cells.prod()) + 1, np.int64)
        self._first = np.empty(n + 1, np.int64)
        self._pairs(8 * n + 64)

    def _pairs(self, room: int) -> None:
        self._later, self._earlier = np.empty(room, np.int32), np.empty(room, np.int32)
        self._pair_seams, self._jumps = np.empty(room, np.int64), np.empty(room, np.int32)
        self._seams = np.empty(room, np.int64)

    def place(self, seed: int) -> None:
        """New positions."""
        place(np.uint64(seed), self.size, self.dimension, self.positions)

    def table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Earlier neighbours of each object: `first`, `jumps` and `seams` of the kernels' table."""
        sort_by_cell(self.positions, self.size, self.cells, self._start, self._sorted, self._owner)
        while True:
            found = touching(
                self._sorted, self._owner, self._start, self.size, self.cells, self.half, self.bits,
                self._later, self._earlier, self._pair_seams,
            )  # fmt: skip
            if found >= 0:
                break
            self._pairs(2 * -found)
        table_of_pairs(
            self._later[:found], self._earlier[:found], self._pair_seams[:found], self._first, self._jumps, self._seams
        )
        return self._first, self._jumps, self._seams


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
    """Percolation of disks of diameter 1 in a square box of side `size` (>= 2), up to the density `eta_max`.

    `canonical(eta)` of the result averages over the Poisson number of disks at eta. Objects within one diameter are
    neighbours, so this is the random geometric graph too. See `simulate.percolation.sweep` for the other arguments.

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
    """Percolation of spheres of diameter 1 in a cubic box of side `size` (>= 2); see `disks`.

    >>> spheres(4, n_runs=5).parameter
    'eta'
    """
    return _objects(3, size, n_runs, seed, eta_max, quantities, workers, show)


def disk_clusters(size: float, eta: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One picture: centres `(n, 2)` of disks at density `eta` in a box of side `size`, and each one's cluster label.

    Labels count from 1, by size, the largest first. The number of disks is the mean one, rounded.

    >>> centres, labels = disk_clusters(10, 1.0)
    >>> centres.shape, int(labels.min())
    ((127, 2), 1)
    """
    size, eta = check.real("size", size, 2.0), check.real("eta", eta, 0.0)
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
    size = check.real("size", size, 2.0)
    n_runs, workers = check.integer("n_runs", n_runs, 1), check.integer("workers", workers, 1)
    eta_max = check.real("eta_max", eta_max, 0.0, 100.0)
    if eta_max == 0.0:
        raise ArgumentError("eta_max", "is 0", "pass the largest density wanted")
    wanted = quantities_of(quantities, True)
    density = size**dimension / VOLUME[dimension]
    mean = eta_max * density
    n = objects_for(mean)
    require_memory(n, n, n_runs, wanted, workers, extra=workers * n * (60 + 8 * 28))
    n_batches = min(MAX_BATCHES, n_runs)
    marks, columns = marks_of(n, len(curves_of(wanted)), n_batches), columns_of(wanted)
    purpose = f"percolation {dimension}d"
    stream_seed(seed, purpose, 0)

    def grow_batch(replicas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        objects = Objects(n, size, dimension)
        wrapping = "wrapping" in wanted
        state = (
            np.empty(n, np.int32),
            np.empty(n if wrapping else 0, objects.winding_type),
            np.empty(4, np.int64),
            np.empty(n + 1 if "second_largest" in wanted else 0, np.int32),
        )
        everyone = np.arange(n, dtype=np.int32)
        sums = np.zeros((len(marks), len(curves_of(wanted))))
        wraps = np.full((len(replicas), dimension if wrapping else 0), -1, np.int32)
        for run, replica in enumerate(replicas):
            objects.place(stream_seed(seed, purpose, int(replica)))
            first, jumps, seams = objects.table()
            grow(
                everyone, first, jumps, seams, objects.bits, n, NONE, NONE,
                *state, everyone, wraps.shape[1], marks, columns, sums, wraps[run],
            )  # fmt: skip
        return sums, wraps

    with progress.message("compiling the percolation kernels (once)", show):
        grow_batch(np.zeros(1, int)) if not grow.signatures else None
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
