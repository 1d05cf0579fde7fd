r"""The canvas of Gaussian bumps and stripes: pixels, and the lattice of their centres [@Liang2024].

With g(u) = exp(-u^2 / (2 sigma^2)), pixel i = 0 ... N - 1 and a centre (mu_x, mu_y) in pixels,

    bump               I(i_x, i_y) = g(i_x - mu_x) g(i_y - mu_y)
    stripe             the factor of one coordinate alone: a bump whose other coordinate is absent (nan)
    sum of stripes     [g(i_x - mu_x) + g(i_y - mu_y)] / 2, a missing coordinate adding nothing

so that one label, (mu_x, mu_y) with nan for "absent", serves all three. On a periodic canvas g is wrapped, the sum of
its copies N pixels apart, and the canvas is a torus. Values lie in [0, 1]; images are `(n, 1, N, N)`, rows along y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, EmptyDataError, ShapeError

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike

ROUNDING = 1e-9
MOST_POSITIONS = 10**6
"""Share of the canvas, or of a spacing, by which a computed coordinate may miss its place."""


@dataclass(frozen=True)
class BumpCanvas:
    """A square canvas of pixels for bumps of one width, their centres on a square lattice [@Liang2024].

    Parameters
    ----------
    size : int
        Pixels along a side, >= 2.
    width : float
        Standard deviation sigma of a bump in pixels, > 0.
    spacing : float
        Distance of neighbouring centres in pixels, > 0; on a periodic canvas it must divide the size.
    periodic : bool
        Whether the canvas is a torus.

    Raises
    ------
    ArgumentError
        For a size below 2, a width or spacing that is not > 0, a spacing that leaves fewer than two centres along a
        side, or one that does not divide the size of a periodic canvas.

    Examples
    --------
    >>> canvas = BumpCanvas(size=9, width=1.0, spacing=2.0)
    >>> canvas
    BumpCanvas(size=9, width=1.0, spacing=2.0, periodic=False)
    >>> canvas.positions.tolist(), canvas.centres().shape
    ([0.0, 2.0, 4.0, 6.0, 8.0], (25, 2))
    """

    size: int = 16
    width: float = 1.0
    spacing: float = 1.0
    periodic: bool = False

    def __post_init__(self) -> None:
        check.integer("size", self.size, 2)
        for name in ("width", "spacing"):
            if check.real(name, getattr(self, name), 0.0) == 0.0:
                raise ArgumentError(name, "is 0", "pass a number of pixels > 0")
        if self.extent > MOST_POSITIONS * self.spacing:
            problem = f"{self.spacing:g} makes more than {MOST_POSITIONS} positions along {self.size} pixels"
            raise ArgumentError("spacing", problem, f"pass at least {self.extent / MOST_POSITIONS:g} pixels")
        if len(self.positions) < 2:
            raise ArgumentError("spacing", f"{self.spacing:g} leaves one centre", f"pass at most {self.size - 1}")
        if self.periodic and abs(self.size / self.spacing - len(self.positions)) > ROUNDING:
            raise ArgumentError("spacing", f"{self.spacing:g} does not divide {self.size} pixels", "pass a divisor")

    @property
    def positions(self) -> Array:
        """The values that each coordinate of a centre takes, `(n,)`: 0, d, 2 d, ... within the canvas."""
        steps = int(np.floor(self.extent / self.spacing + ROUNDING))
        return np.arange(steps if self.periodic else steps + 1) * self.spacing

    @property
    def extent(self) -> float:
        """Largest coordinate of a centre; on a periodic canvas the period."""
        return float(self.size if self.periodic else self.size - 1)

    def centres(self) -> Array:
        """All centres of the lattice.

        Returns
        -------
        array
            x and y of each centre in pixels, shape (n^2, 2); x varies slowest.
        """
        x, y = np.meshgrid(self.positions, self.positions, indexing="ij")
        return np.column_stack([x.ravel(), y.ravel()])

    def check_centres(self, centres: ArrayLike, argument: str = "centres") -> Array:
        """The centres as an array if they lie on the canvas.

        Parameters
        ----------
        centres : array
            x and y in pixels, shape (n, 2); nan stands for an absent coordinate.
        argument : str
            The name under which an error speaks of them.

        Returns
        -------
        array
            The centres in float64, shape (n, 2).

        Raises
        ------
        ShapeError
            For another shape.
        EmptyDataError
            Without a centre.
        ArgumentError
            For infinite values, a centre without any coordinate, or one outside the canvas.
        """
        centres = check.float_array(argument, centres)
        if centres.ndim != 2 or centres.shape[1] != 2:
            raise ShapeError(argument, f"has shape {centres.shape}", "pass (n, 2): x and y of each, nan where absent")
        if len(centres) == 0:
            raise EmptyDataError(argument, "is empty", "pass at least one centre")
        if np.isinf(centres).any() or np.isnan(centres).all(axis=1).any():
            raise ArgumentError(argument, "holds infinite values or no coordinate at all", "pass one or two per image")
        slack = ROUNDING * self.extent
        outside = np.flatnonzero(((centres < -slack) | (centres > self.extent + slack)).any(axis=1))
        if len(outside):
            x, y = centres[outside[0]]
            problem = f"holds ({x:g}, {y:g}), outside the canvas"
            raise ArgumentError(argument, problem, f"pass coordinates from 0 to {self.extent:g} pixels")
        return centres

    def offset(self, a: ArrayLike, b: ArrayLike) -> Array:
        """a - b along one axis, the short way round where the canvas is periodic.

        Parameters
        ----------
        a, b : array
            Coordinates in pixels, of shapes that broadcast.

        Returns
        -------
        array
            Their differences in pixels.
        """
        difference = check.float_array("a", a) - check.float_array("b", b)
        return difference - self.size * np.round(difference / self.size) if self.periodic else difference

    def profile(self, positions: ArrayLike) -> Array:
        """g at every pixel along one axis.

        Parameters
        ----------
        positions : array
            Centres along the axis in pixels, shape (n,).

        Returns
        -------
        array
            Values within [0, 1], shape (n, size).
        """
        copies = np.arange(-_copies(self), _copies(self) + 1) * self.size
        apart = np.arange(self.size) - check.float_array("positions", positions)[:, None]
        return np.exp(-((apart[..., None] + copies) ** 2) / (2 * self.width**2)).sum(-1)


def _copies(canvas: BumpCanvas) -> int:
    """Copies on each side of a wrapped bump beyond which nothing is left in double precision."""
    return int(np.ceil(9 * canvas.width / canvas.size)) + 1 if canvas.periodic else 0
