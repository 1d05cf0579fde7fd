r"""Where is the bump? A closed-form fit of its centre, with confidence intervals [@Liang2024].

Around the brightest pixel, the logarithm of a bump of known width is linear in what is sought,

    ln I(i) + i^2 / (2 sigma^2) = c + mu i / sigma^2        (along each axis; i relative to the brightest pixel),

so one weighted least-squares fit per image gives mu. Pixel noise of variance s^2 has variance s^2 / I^2 in ln I, hence
the weights I^2, and the covariance of mu is sigma^4 s^2 times the inverse normal matrix, s^2 estimated from what the
fitted bump leaves of the image. Only pixels above a fifth of the brightest enter; where it is the only one, the centre
is taken there, and the error is how far it may lie away. A sum of stripes is fitted axis by axis on its row and column
means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ..._support.typed import typed
from ...errors import ArgumentError, EmptyDataError, ShapeError
from ...simulate.bumps import BumpCanvas, bump_images
from ...simulate.bumps._bump_images import KINDS

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike

ROUNDING = 1e-9  # of fitted centres, as a share of the canvas, and of similarities
FLOOR = 0.2  # share of the largest value below which a pixel does not enter the fit


@dataclass(frozen=True, eq=False)
class CentreFit(Boxed):
    """Fitted centres of bumps, with their errors.

    Parameters
    ----------
    centres : numpy.ndarray
        `(n, 2)` in pixels, nan where nothing was bright.
    stderr : numpy.ndarray
        Their standard errors, `(n, 2)`, in pixels.
    similarity : numpy.ndarray
        `(n,)`, how much each image is like the fitted one: the cosine between them.
    canvas : BumpCanvas
        Where the bumps lie.

    Raises
    ------
    ShapeError
        By `correct`, where there is not one wanted centre per image.

    Examples
    --------
    >>> canvas = BumpCanvas(9)
    >>> fit_centres(bump_images([[2.0, 6.0], [4.0, 4.0]], canvas), canvas)
    CentreFit(n=2, median stderr=0.00 pixels, median similarity=1.000)
    """

    centres: np.ndarray
    stderr: np.ndarray
    similarity: np.ndarray
    canvas: BumpCanvas

    def __repr__(self) -> str:
        seen = np.isfinite(self.stderr).all(axis=1)
        if not seen.any():
            return f"CentreFit(n={len(self.centres)}, nothing bright)"
        stderr, similarity = np.median(self.stderr[seen]), np.median(self.similarity[seen])
        return (
            f"CentreFit(n={len(self.centres)}, median stderr={stderr:.2f} pixels, median similarity={similarity:.3f})"
        )

    def interval(self, z: float = 1.96) -> tuple[Array, Array]:
        """Confidence intervals of the centres.

        Parameters
        ----------
        z : float
            Half their width in standard errors.

        Returns
        -------
        tuple of numpy.ndarray
            Lower and upper ends, each `(n, 2)`.
        """
        return self.centres - z * self.stderr, self.centres + z * self.stderr

    def correct(self, wanted: ArrayLike, radius: float | None = None, similarity: float = 0.8) -> Array:
        """Which images show a bump where it shall be.

        Parameters
        ----------
        wanted : array_like
            Wanted centres `(n, 2)`; a coordinate that is nan is free.
        radius : float, optional
            How far from it the centre may lie, in pixels (up to rounding); by default 3/4 of the spacing, so that the
            neighbour's bump does not count.
        similarity : float
            How much the image must be like the fitted one (up to rounding).

        Returns
        -------
        numpy.ndarray
            `(n,)` booleans.

        Raises
        ------
        ShapeError
            Where there is not one centre per image.
        """
        radius = 0.75 * self.canvas.spacing if radius is None else check.real("radius", radius, 0.0)
        wanted = self.canvas.check_centres(wanted)
        if len(wanted) != len(self.centres):
            raise ShapeError("wanted", f"has {len(wanted)} centres", f"pass one per image ({len(self.centres)})")
        apart = np.where(np.isnan(wanted), 0.0, self.canvas.offset(self.centres, wanted))
        near = np.hypot(apart[:, 0], apart[:, 1]) <= radius + ROUNDING * self.canvas.size
        return near & (self.similarity >= similarity - ROUNDING)


@typed
def fit_centres(images: ArrayLike, canvas: BumpCanvas, kind: str = "bump") -> CentreFit:
    """Fit the centre of the bump in each image in closed form.

    Weighted least squares of ln I(i) + i^2 / (2 sigma^2) = c + mu i / sigma^2 around the brightest pixel, with weights
    I^2 [@Liang2024].

    Parameters
    ----------
    images : array_like
        `(n, 1, size, size)`, values of a bump or a sum of stripes.
    canvas : BumpCanvas
        Size, borders and width of the bumps.
    kind : {"bump", "sum"}
        What the images show; a sum of stripes is fitted axis by axis on its row and column means.

    Returns
    -------
    CentreFit
        Centres, standard errors, similarities.

    Raises
    ------
    UnknownNameError
        On an unknown kind.
    ShapeError
        Where the images have another shape.
    NotFiniteError
        Where they hold NaN or infinite values.
    ArgumentError
        For bumps narrower than a quarter of a pixel, whose centre the pixels do not show.

    Examples
    --------
    >>> canvas = BumpCanvas(9)
    >>> fit = fit_centres(bump_images([[2.3, 6.1]], canvas), canvas)
    >>> fit.centres.round(6).tolist(), bool(fit.correct([[2.0, 6.0]])[0])
    ([[2.3, 6.1]], True)
    """
    check.choice("kind", kind, KINDS)
    images = check.squarable("images", check.float_array("images", images))
    if len(images) == 0:
        raise EmptyDataError("images", "holds no image", "pass at least one")
    if images.ndim != 4 or images.shape[1:] != (1, canvas.size, canvas.size):
        raise ShapeError("images", f"has shape {images.shape}", f"pass (n, 1, {canvas.size}, {canvas.size})")
    if canvas.width < 0.25:
        raise ArgumentError("canvas", f"has bumps of {canvas.width:g} pixels", "fit bumps of at least 0.25 pixels")
    flat = images[:, 0]
    if kind == "bump":
        peak = flat.reshape(len(flat), -1).argmax(axis=1)
        corner = np.column_stack([peak % canvas.size, peak // canvas.size])
        centres, covariance, bright = _fit_plane(flat, corner, canvas)
    else:
        centres, covariance, bright = _fit_sides(flat, canvas)
    seen = bright & np.isfinite(centres).all(axis=1)
    held = np.where(seen[:, None], centres, 0.0)
    held = held % canvas.size if canvas.periodic else np.clip(held, 0.0, canvas.extent)
    similarity, noise = _likeness(flat, bump_images(held, canvas, kind)[:, 0], kind)
    centres = np.where(seen[:, None], held if canvas.periodic else centres, np.nan)
    stderr = np.sqrt(np.maximum(covariance, 0.0)) * noise[:, None]
    stderr = np.where(covariance > 1e-12, stderr, _lone_pixel(canvas.width))
    return CentreFit(centres, np.where(seen[:, None], stderr, np.nan), np.where(seen, similarity, 0.0), canvas)


def _relative(corner: np.ndarray, canvas: BumpCanvas) -> np.ndarray:
    """Pixel minus the brightest pixel along one axis, `(n, size)`."""
    return canvas.offset(np.arange(canvas.size), corner[:, None])


def _solve(design: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares for each image: coefficients and the diagonal of the inverse normal matrix."""
    normal = np.einsum("npa,np,npb->nab", design, weight, design)
    inverse = np.linalg.pinv(normal, hermitian=True)
    solved = np.einsum("nab,npb,np,np->na", inverse, design, weight, target)
    return solved, np.einsum("naa->na", inverse)


def _fit_plane(flat: np.ndarray, corner: np.ndarray, canvas: BumpCanvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dx, dy = _relative(corner[:, 0], canvas), _relative(corner[:, 1], canvas)
    n, size = len(flat), canvas.size
    x = np.broadcast_to(dx[:, None, :], (n, size, size)).reshape(n, -1)
    y = np.broadcast_to(dy[:, :, None], (n, size, size)).reshape(n, -1)
    value, weight, bright = _values(flat.reshape(n, -1), np.maximum(abs(x), abs(y)), canvas)
    target = np.log(value) + (x**2 + y**2) / (2 * canvas.width**2)
    design = np.stack([np.ones_like(x), x, y], axis=-1)
    solved, variance = _solve(design, target, weight)
    scale = canvas.width**2
    return corner + scale * solved[:, 1:], scale**2 * variance[:, 1:], bright


def _fit_sides(flat: np.ndarray, canvas: BumpCanvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each axis from the mean over the other, less its smallest value, which is the other stripe's share."""
    centres, variances, brights = [], [], []
    for axis in (1, 2):
        side = flat.mean(axis=axis)
        side = side - np.median(side, axis=1, keepdims=True)
        corner = side.argmax(axis=1)
        u = _relative(corner, canvas)
        value, weight, bright = _values(side, abs(u), canvas)
        target = np.log(value) + u**2 / (2 * canvas.width**2)
        solved, variance = _solve(np.stack([np.ones_like(u), u], axis=-1), target, weight)
        centres.append(corner + canvas.width**2 * solved[:, 1])
        variances.append(canvas.width**4 * variance[:, 1] / canvas.size)
        brights.append(bright)
    return np.stack(centres, 1), np.stack(variances, 1), brights[0] & brights[1]


def _values(image: np.ndarray, apart: np.ndarray, canvas: BumpCanvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values that have a logarithm, their weights (0 for dim or distant pixels), and whether anything is bright."""
    top = image.max(axis=1, keepdims=True)
    used = (image > FLOOR * top) & (apart <= max(1.0, 3 * canvas.width)) & (top > 0)
    value = np.where(used, image, 1.0)
    return value, np.where(used, image**2, 0.0), top[:, 0] > 0


def _lone_pixel(width: float) -> float:
    """How far the centre of a bump may lie from the only pixel that it lights: g(1 - u) < FLOOR g(u)."""
    return max(0.0, (1 - 2 * width**2 * np.log(1 / FLOOR)) / 2)


def _likeness(flat: np.ndarray, fitted: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Cosine between image and fit (about their means for sums), and the noise: rms of what the scaled fit leaves."""
    a, b = flat.reshape(len(flat), -1), fitted.reshape(len(flat), -1)
    if kind == "sum":
        a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    size = np.linalg.norm(b, axis=1)
    amplitude = (a * b).sum(1) / np.maximum(size**2, 1e-300)
    left = a - amplitude[:, None] * b
    cosine = amplitude * size / np.maximum(np.linalg.norm(a, axis=1), 1e-300)
    return cosine, np.sqrt((left**2).sum(1) / max(a.shape[1] - 3, 1))
