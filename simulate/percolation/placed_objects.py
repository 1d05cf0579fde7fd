"""Disks and spheres of diameter 1 placed at random in a periodic box, and who overlaps whom."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ._continuum_kernels import place, sort_by_cell, table_of_pairs, touching
from .tables import winding_code

VOLUME = {2: math.pi / 4, 3: math.pi / 6}
HALF: dict[int, tuple[tuple[int, ...], ...]] = {2: ((0, 0, 0), (1, 0, 0), (-1, 1, 0), (0, 1, 0), (1, 1, 0))}
HALF[3] = (*HALF[2], *((x, y, 1) for x, y in product((-1, 0, 1), repeat=2)))
"""The cell itself and half of its neighbours, so that each pair of cells is met once."""


class Objects:
    """Room for one run of n objects, used again from run to run."""

    def __init__(self, n: int, size: float, dimension: int) -> None:
        self.n: int = n
        self.size: float = size
        self.dimension: int = dimension
        self.bits: int
        self.winding_type: np.dtype
        self.bits, self.winding_type = winding_code(n, (int(size),) * dimension, 1)
        side = int(size)
        self.cells: np.ndarray = np.array([side] * dimension + [1] * (3 - dimension))
        self.half: np.ndarray = np.array(HALF[dimension])
        self.positions: np.ndarray = np.empty((n, 3))
        self._sorted, self._owner = np.empty((n, 3)), np.empty(n, np.int32)
        self._start = np.empty(int(self.cells.prod()) + 1, np.int64)
        self._first = np.empty(n + 1, np.int64)
        self._pairs(8 * n + 64)

    def __repr__(self) -> str:
        return f"Objects(n={self.n}, size={self.size:g}, dimension={self.dimension})"

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
