"""Lattices as data: a cell of sites, the bonds that leave it, and the vectors that repeat it.

One engine percolates them all (`simulate.percolation`), so a new lattice is a new entry here and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..._support import checks as check
from ..._support.display import boxes
from ...errors import LatticeError, ShapeError, UnknownNameError

Bond = tuple[int, int, tuple[int, ...]]

HEXAGONAL = ((1.0, 0.0), (0.5, 3**0.5 / 2))
FCC = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
BCC = ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5))

ROUNDING = 1e-14  # relative, of squared distances: a site on the rim of a disk is inside


def _bond(given: Any) -> Bond:
    """A bond of plain integers."""
    listed = check.items("bonds", given)
    if len(listed) != 3:
        raise LatticeError("bonds", f"hold {given!r}", "pass (u, v, offset) each")
    u, v, offset = listed
    whole = [check.integer("bonds", step, -check.LARGEST_COUNT) for step in (u, v, *check.items("bonds", offset))]
    return whole[0], whole[1], tuple(whole[2:])


@dataclass(frozen=True)
class Lattice:
    """A periodic lattice: sites at `positions` (in units of the cell `vectors`) in every cell.

    A bond `(u, v, offset)` joins site u of each cell to site v of the cell `offset` away; each bond is listed once.
    A finite piece has `size` cells along every vector.

    Parameters
    ----------
    name : str
        The name, as in `LATTICES`.
    vectors : tuple of tuple of float
        The vectors that repeat the cell, one of `dimension` coordinates each.
    positions : tuple of tuple of float
        The sites of the cell, in units of the vectors.
    bonds : tuple of (int, int, tuple of int)
        The bonds `(u, v, offset)`.

    Raises
    ------
    LatticeError
        For a bond that names a site outside the cell, has too few or too many offsets, or joins a site to itself.
    ShapeError, NotFiniteError
        For vectors or positions that are not rows of one finite number per vector.

    Examples
    --------
    >>> LATTICES["kagome"]
    Lattice('kagome', 2 dimensions, 3 sites and 6 bonds per cell, 4 neighbours)
    """

    name: str
    vectors: tuple[tuple[float, ...], ...]
    positions: tuple[tuple[float, ...], ...]
    bonds: tuple[Bond, ...]

    def __post_init__(self) -> None:
        check.instance("name", self.name, str)
        for name in ("vectors", "positions"):
            rows = check.finite(name, check.float_array(name, getattr(self, name)))
            if rows.ndim != 2 or not rows.size or rows.shape[1] != self.dimension:
                raise ShapeError(name, f"has shape {rows.shape}", "pass rows of one number per vector")
            object.__setattr__(self, name, tuple(map(tuple, rows.tolist())))
        object.__setattr__(self, "bonds", tuple(map(_bond, check.items("bonds", self.bonds))))
        for u, v, offset in self.bonds:
            if not (0 <= u < self.n_basis and 0 <= v < self.n_basis and len(offset) == self.dimension):
                raise LatticeError(
                    "bonds", f"hold {(u, v, offset)}", "name sites of the cell and one offset per vector"
                )
            if u == v and not any(offset):
                raise LatticeError("bonds", f"hold the self-loop {(u, v, offset)}", "join two different sites")

    def __repr__(self) -> str:
        cell = f"{self.n_basis} sites and {len(self.bonds)} bonds per cell"
        return f"Lattice({self.name!r}, {self.dimension} dimensions, {cell}, {self.coordination:g} neighbours)"

    def _repr_html_(self) -> str:
        cell = {"dimensions": self.dimension, "sites per cell": self.n_basis, "bonds per cell": len(self.bonds)}
        picture = self._drawing() if self.dimension == 2 else ""
        return boxes.box(f"Lattice: {self.name}", {**cell, "neighbours": f"{self.coordination:g}"}, picture)

    def _drawing(self, cells: int = 3, pixels: float = 24.0) -> str:
        """A piece of a plane lattice: its bonds as lines."""
        basis, sites = np.array(self.vectors), np.array(self.positions)
        corners = np.array(list(product(range(cells), repeat=2)))
        ends = [
            ((corners + sites[u]) @ basis, (corners + sites[v] + np.array(offset)) @ basis)
            for u, v, offset in self.bonds
        ]
        lines = pixels * np.stack([np.concatenate(side) for side in zip(*ends, strict=True)], axis=1)
        lines = lines - lines.min((0, 1)) + 2
        width, height = (float(size) + 2 for size in lines.max((0, 1)))
        drawn = "".join(f"M{a:.1f} {height - b:.1f}L{c:.1f} {height - d:.1f}" for (a, b), (c, d) in lines.tolist())
        path = f'<path d="{drawn}" fill="none" stroke="currentColor"/>'
        return boxes.drawing(path, f"bonds of {cells} x {cells} cells", width, height)

    @property
    def dimension(self) -> int:
        """Number of vectors."""
        return len(self.vectors)

    @property
    def n_basis(self) -> int:
        """Sites per cell."""
        return len(self.positions)

    @property
    def coordination(self) -> float:
        """Mean number of neighbours of a site."""
        return 2 * len(self.bonds) / self.n_basis

    @property
    def reach(self) -> int:
        """Largest number of cells that a bond spans along one vector."""
        return max(abs(step) for _, _, offset in self.bonds for step in offset)

    @property
    def modulus(self) -> complex:
        """Ratio tau of the two periods of a torus of equal sides, seen as complex numbers (two dimensions only)."""
        if self.dimension != 2:
            raise LatticeError("lattice", f"'{self.name}' has {self.dimension} dimensions", "pass one of two")
        first, second = (complex(*vector) for vector in self.vectors)
        return second / first


def hypercubic(dimension: int) -> Lattice:
    """Z^d with nearest neighbours: "square" for d = 2, "cubic" for d = 3.

    Parameters
    ----------
    dimension : int
        d, from 2 to 6.

    Returns
    -------
    Lattice
        The lattice.

    Raises
    ------
    ArgumentError
        For a dimension outside 2 ... 6.

    Examples
    --------
    >>> hypercubic(4).coordination
    8.0
    """
    dimension = check.integer("dimension", dimension, 2, 6)
    axes = np.eye(dimension, dtype=int)
    name = {2: "square", 3: "cubic"}.get(dimension, f"hypercubic{dimension}")
    vectors = tuple(tuple(row) for row in axes.astype(float).tolist())
    return Lattice(name, vectors, ((0.0,) * dimension,), tuple((0, 0, tuple(row)) for row in axes.tolist()))


def sites_within(radius: float) -> int:
    """Number of other sites of the square lattice up to `radius` from a site.

    >>> [sites_within(r) for r in (1, 2**0.5, 2, 5**0.5, 8**0.5, 3, 10**0.5)]
    [4, 8, 12, 20, 24, 28, 36]
    """
    limit = check.real("radius", radius, 0.0, 1e6) ** 2 * (1 + ROUNDING)
    x = np.arange(-int(limit**0.5), int(limit**0.5) + 1)
    return int((2 * np.floor(np.sqrt(limit - x * x)) + 1).sum()) - 1


def extended_square(radius: float) -> Lattice:
    """The square lattice with every pair of sites up to `radius` apart joined.

    Parameters
    ----------
    radius : float
        The largest length of a bond in lattice spacings, from 1 to 64.

    Returns
    -------
    Lattice
        "square" for the four nearest neighbours, else "squareZ" with Z neighbours.

    Raises
    ------
    ArgumentError
        For a radius outside 1 ... 64.

    Examples
    --------
    >>> extended_square(2.0).coordination
    12.0
    """
    radius = check.real("radius", radius, 1.0, 64.0)
    span, limit = int(radius + 1e-9), radius**2 * (1 + ROUNDING)
    steps = product(range(-span, span + 1), repeat=2)
    half = sorted((x, y) for x, y in steps if 0 < x * x + y * y <= limit and (y, x) > (0, 0))
    name = "square" if len(half) == 2 else f"square{2 * len(half)}"
    return Lattice(name, hypercubic(2).vectors, ((0.0, 0.0),), tuple((0, 0, step) for step in half))


def _star(name: str, vectors: tuple[tuple[float, ...], ...], offsets: tuple[tuple[int, ...], ...]) -> Lattice:
    """One site per cell, joined to the cells at `offsets` and at their opposites."""
    return Lattice(name, vectors, ((0.0,) * len(vectors),), tuple((0, 0, offset) for offset in offsets))


def _honeycomb() -> Lattice:
    bonds = ((0, 1, (0, 0)), (0, 1, (-1, 0)), (0, 1, (0, -1)))
    return Lattice("honeycomb", HEXAGONAL, ((0.0, 0.0), (1 / 3, 1 / 3)), bonds)


def _kagome() -> Lattice:
    upward = ((0, 1, (0, 0)), (0, 2, (0, 0)), (1, 2, (0, 0)))
    downward = ((1, 0, (1, 0)), (2, 0, (0, 1)), (1, 2, (1, -1)))
    return Lattice("kagome", HEXAGONAL, ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)), upward + downward)


def _three_twelve() -> Lattice:
    """(3,12^2): every site of the honeycomb becomes a triangle."""
    honeycomb = _honeycomb()
    a, b = np.array(honeycomb.positions)
    toward = np.array([b + np.array(offset) - a for _, _, offset in honeycomb.bonds])
    inset = 1 / (2 + 3**0.5)
    positions = np.vstack([a + inset * toward, b - inset * toward])
    triangles = tuple((i + k, i + (k + 1) % 3, (0, 0)) for i in (0, 3) for k in range(3))
    between = tuple((k, 3 + k, offset) for k, (_, _, offset) in enumerate(honeycomb.bonds))
    return Lattice("three-twelve", HEXAGONAL, tuple(map(tuple, positions.tolist())), triangles + between)


def _four_eight() -> Lattice:
    """(4,8^2): every site of the square lattice becomes a square standing on its corner."""
    inset = 1 / (2 + 2**0.5)
    east, north = (inset, 0.0), (0.0, inset)
    positions = (east, north, (-inset, 0.0), (0.0, -inset))
    ring = tuple((k, (k + 1) % 4, (0, 0)) for k in range(4))
    return Lattice("four-eight", hypercubic(2).vectors, positions, (*ring, (0, 2, (1, 0)), (1, 3, (0, 1))))


def _diamond() -> Lattice:
    offsets = ((0, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1))
    return Lattice("diamond", FCC, ((0.0,) * 3, (0.25,) * 3), tuple((0, 1, offset) for offset in offsets))


_UNITS = ((1, 0, 0), (0, 1, 0), (0, 0, 1))

LATTICES: dict[str, Lattice] = {
    lattice.name: lattice
    for lattice in (
        hypercubic(2),
        _star("triangular", HEXAGONAL, ((1, 0), (0, 1), (-1, 1))),
        _honeycomb(),
        _kagome(),
        _three_twelve(),
        _four_eight(),
        *(extended_square(squared**0.5) for squared in (2, 4, 5, 8, 9, 10)),
        hypercubic(3),
        _star("bcc", BCC, (*_UNITS, (1, 1, 1))),
        _star("fcc", FCC, (*_UNITS, (1, -1, 0), (1, 0, -1), (0, 1, -1))),
        _diamond(),
        hypercubic(4),
        hypercubic(5),
        hypercubic(6),
    )
}


def find_lattice(lattice: str | Lattice) -> Lattice:
    """The lattice of that name, or the lattice itself.

    Parameters
    ----------
    lattice : str or Lattice
        A name in `LATTICES`, or a lattice of your own.

    Returns
    -------
    Lattice
        The lattice.

    Raises
    ------
    UnknownNameError
        For a name that is not in `LATTICES`; the message suggests the nearest.

    Examples
    --------
    >>> find_lattice("honeycomb").coordination
    3.0
    """
    if isinstance(lattice, Lattice):
        return lattice
    if not isinstance(lattice, str) or lattice not in LATTICES:
        raise UnknownNameError("lattice", lattice, LATTICES)
    return LATTICES[lattice]
