r"""Gaussian bumps, stripes and sums of stripes on a canvas of pixels [@Liang2024].

With g(u) = exp(-u^2 / (2 sigma^2)), pixel i = 0 ... N - 1 and a centre (mu_x, mu_y) in pixels,

    bump               I(i_x, i_y) = g(i_x - mu_x) g(i_y - mu_y)
    stripe             the factor of one coordinate alone: a bump whose other coordinate is absent (nan)
    sum of stripes     [g(i_x - mu_x) + g(i_y - mu_y)] / 2, a missing coordinate adding nothing

so that one label, (mu_x, mu_y) with nan for "absent", serves all three. On a periodic canvas g is wrapped, the sum of
its copies N pixels apart, and the canvas is a torus. Values lie in [0, 1]; images are `(n, 1, N, N)`, rows along y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._support import checks as check
from ..._support.streams import stream
from ...errors import ArgumentError, EmptyDataError, ShapeError

KINDS = ("bump", "sum")


@dataclass(frozen=True)
class BumpCanvas:
    """A canvas of `size` x `size` pixels for bumps of `width` sigma, their centres `spacing` pixels apart.

    On a periodic canvas the spacing must divide the size. Raises ArgumentError for a width or spacing that is not
    positive, or a spacing that leaves fewer than two centres.

    >>> canvas = BumpCanvas(size=9, width=1.0, spacing=2.0)
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
        if len(self.positions) < 2:
            raise ArgumentError("spacing", f"{self.spacing:g} leaves one centre", f"pass at most {self.size - 1}")
        if self.periodic and abs(self.size / self.spacing - len(self.positions)) > 1e-9:
            raise ArgumentError("spacing", f"{self.spacing:g} does not divide {self.size} pixels", "pass a divisor")

    @property
    def positions(self) -> np.ndarray:
        """The values that each coordinate of a centre takes, `(n,)`: 0, d, 2 d, ... within the canvas."""
        steps = int(np.floor(self.extent / self.spacing + 1e-9))
        return np.arange(steps if self.periodic else steps + 1) * self.spacing

    @property
    def extent(self) -> float:
        """Largest coordinate of a centre; on a periodic canvas the period."""
        return float(self.size if self.periodic else self.size - 1)

    def centres(self) -> np.ndarray:
        """All centres of the lattice, `(n^2, 2)`: x varies slowest."""
        x, y = np.meshgrid(self.positions, self.positions, indexing="ij")
        return np.column_stack([x.ravel(), y.ravel()])

    def check_centres(self, centres: Any) -> np.ndarray:
        """`centres` as float64 `(n, 2)` if they lie on the canvas; nan stands for an absent coordinate."""
        centres = np.asarray(centres, dtype=np.float64)
        if centres.ndim != 2 or centres.shape[1] != 2:
            raise ShapeError("centres", f"has shape {centres.shape}", "pass (n, 2): x and y of each, nan where absent")
        if len(centres) == 0:
            raise EmptyDataError("centres", "is empty", "pass at least one centre")
        if np.isinf(centres).any() or np.isnan(centres).all(axis=1).any():
            raise ArgumentError("centres", "holds infinite values or no coordinate at all", "pass one or two per image")
        outside = np.flatnonzero(((centres < 0) | (centres > self.extent)).any(axis=1))
        if len(outside):
            x, y = centres[outside[0]]
            problem = f"holds ({x:g}, {y:g}), outside of the canvas"
            raise ArgumentError("centres", problem, f"pass coordinates from 0 to {self.extent:g} pixels")
        return centres

    def offset(self, a: Any, b: Any) -> np.ndarray:
        """a - b along one axis, the short way round where the canvas is periodic."""
        difference = np.asarray(a, dtype=np.float64) - b
        return difference - self.size * np.round(difference / self.size) if self.periodic else difference

    def profile(self, positions: np.ndarray) -> np.ndarray:
        """g at every pixel for centres `(n,)` along one axis: `(n, size)`."""
        copies = np.arange(-_copies(self), _copies(self) + 1) * self.size
        apart = np.arange(self.size) - np.asarray(positions, dtype=np.float64)[:, None]
        return np.exp(-((apart[..., None] + copies) ** 2) / (2 * self.width**2)).sum(-1)


def _copies(canvas: BumpCanvas) -> int:
    """Copies on each side of a wrapped bump beyond which nothing is left in double precision."""
    return int(np.ceil(9 * canvas.width / canvas.size)) + 1 if canvas.periodic else 0


def bump_images(centres: Any, canvas: BumpCanvas, kind: str = "bump") -> np.ndarray:
    """Images `(n, 1, size, size)` in float64 of bumps or sums of stripes at `centres` `(n, 2)`, nan where absent.

    `kind` is "bump" (product) or "sum" (mean of the two stripes, an absent one being dark) [@Liang2024]. Raises
    ArgumentError for a centre outside the canvas, UnknownNameError for another kind.

    >>> image = bump_images([[2.0, 5.0]], BumpCanvas(8))[0, 0]
    >>> [int(i) for i in np.unravel_index(image.argmax(), image.shape)], float(image.max())
    ([5, 2], 1.0)
    >>> stripe = bump_images([[2.0, np.nan]], BumpCanvas(8))[0, 0]
    >>> bool((stripe == stripe[:1]).all())
    True
    """
    check.choice("kind", kind, KINDS)
    centres = canvas.check_centres(centres)
    present = ~np.isnan(centres)
    x, y = (canvas.profile(np.where(present[:, k], centres[:, k], 0.0)) for k in (0, 1))
    absent = 1.0 if kind == "bump" else 0.0
    x, y = (np.where(present[:, k, None], side, absent) for k, side in ((0, x), (1, y)))
    if kind == "bump":
        return (x[:, None, None, :] * y[:, None, :, None]).copy()
    return (x[:, None, None, :] + y[:, None, :, None]) / 2


def stripe_labels(canvas: BumpCanvas) -> np.ndarray:
    """Labels `(2 n, 2)` of all stripes: every x with y absent, then every y with x absent.

    >>> stripe_labels(BumpCanvas(4)).shape
    (8, 2)
    """
    positions = canvas.positions
    absent = np.full_like(positions, np.nan)
    return np.concatenate([np.column_stack([positions, absent]), np.column_stack([absent, positions])])


def random_share(centres: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """A random fraction of the centres, at least one; for one seed the smaller shares are contained in the larger.

    >>> few, many = (random_share(np.arange(20.0).reshape(10, 2), f) for f in (0.2, 0.5))
    >>> bool((few == many[:2]).all())
    True
    """
    share = check.real("share", share, 0.0, 1.0)
    count = max(1, round(share * len(centres)))
    return centres[stream(seed, "bump share").permutation(len(centres))[:count]]
