r"""How much two bumps overlap: the normalised inner product of their images, in closed form [@Liang2024].

Along one axis, for centres a and b, m = (a + b) / 2 and D = a - b,

    g(x - a) g(x - b) = exp(-D^2 / (4 sigma^2)) exp(-(x - m)^2 / sigma^2),

so that every overlap is exp(-D^2 / (4 sigma^2)) W(m) / sqrt(W(a) W(b)), with the weight W of what is summed over:

    continuous, no border        W = 1
    continuous, borders 0 and L  W(m) = [erf((L - m) / sigma) + erf(m / sigma)] / 2
    pixels, no border            W(m) = 1 + 2 sum_k exp(-pi^2 sigma^2 k^2) cos(2 pi k m)       (Poisson summation)
    pixels 0 ... N - 1           W(m) = sum_i exp(-(i - m)^2 / sigma^2)

and on a torus the sum over copies. A pixelised overlap of wide bumps is the continuous one up to 2 exp(-pi^2 sigma^2);
below a quarter of a pixel it has little to do with it. Two dimensions multiply the overlaps of both axes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError
from .canvas import BumpCanvas

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike

Kernel: TypeAlias = Callable[[np.ndarray, np.ndarray, BumpCanvas], np.ndarray]
MODES = ("continuous", "pixels")
FINEST = 0.25  # pixels; below it the pixels no longer see the shape of a bump


def continuous_overlap(distance: ArrayLike, width: float) -> Array:
    """exp(-D^2 / (4 sigma^2)): the overlap of two equal bumps on a plane without borders [@Liang2024].

    Parameters
    ----------
    distance : float or array
        Distance D of the centres in pixels, any shape.
    width : float
        Standard deviation sigma of the bumps in pixels, > 0.

    Returns
    -------
    array
        Overlaps within (0, 1], of the shape of `distance`.

    Raises
    ------
    ArgumentError
        For a width that is not > 0.

    Examples
    --------
    >>> round(float(continuous_overlap(4.6036, 1.0)), 6)
    0.005
    """
    return np.exp(-((_places("distance", distance) / (2 * _width(width))) ** 2))


def pixel_overlap(a: ArrayLike, b: ArrayLike, width: float) -> Array:
    """The overlap along one axis, summed over the pixels ..., -1, 0, 1, ...: the theta series [@Liang2024].

    Parameters
    ----------
    a, b : float or array
        Coordinates of the two bumps in pixels, of shapes that broadcast.
    width : float
        Standard deviation sigma of the bumps in pixels, > 0.

    Returns
    -------
    array
        Overlaps, of the common shape of `a` and `b`.

    Raises
    ------
    ArgumentError
        For a width that is not > 0.

    Examples
    --------
    >>> round(float(pixel_overlap(0.0, 1.0, 1.0) - continuous_overlap(1.0, 1.0)), 6)
    -0.000161
    """
    one, two, width = _places("a", a), _places("b", b), _width(width)
    weight = _theta((one + two) / 2, width) / np.sqrt(_theta(one, width) * _theta(two, width))
    return continuous_overlap(one - two, width) * weight


def bump_overlap(first: ArrayLike, second: ArrayLike, canvas: BumpCanvas, mode: str = "continuous") -> Array:
    """The overlap of bumps on a canvas with its borders: the normalised inner product of two images [@Liang2024].

    Warns where the pixels are too coarse for the width.

    Parameters
    ----------
    first, second : array
        Centres in pixels, both of shape (n, 2).
    canvas : BumpCanvas
        Where the bumps lie.
    mode : str
        "continuous" integrates over the canvas, 0 to size - 1 (or around the torus); "pixels" sums over its pixels
        and is the cosine similarity of the images.

    Returns
    -------
    array
        Overlaps, shape (n,).

    Raises
    ------
    ArgumentError
        For a centre outside the canvas, or an absent coordinate.
    ShapeError, EmptyDataError
        Where the centres do not have shape (n, 2) with n >= 1.
    UnknownNameError
        For another mode.

    Examples
    --------
    >>> canvas = BumpCanvas(12, periodic=True)
    >>> around = bump_overlap([[0.0, 3.0]], [[11.0, 3.0]], canvas)
    >>> bool(abs(around - np.exp(-0.25)) < 1e-8)
    True
    """
    check.choice("mode", mode, MODES)
    check.instance("canvas", canvas, BumpCanvas)
    pair = [canvas.check_centres(centres, name) for name, centres in (("first", first), ("second", second))]
    for name, centres in zip(("first", "second"), pair, strict=True):
        if np.isnan(centres).any():
            raise ArgumentError(name, "holds an absent coordinate", "pass bumps, not stripes")
    if mode == "pixels":
        warn_where_too_coarse(canvas.width)
    kernel = _pixel_kernel if mode == "pixels" else _continuous_kernel
    factors = [_normalised(kernel, pair[0][:, k], pair[1][:, k], canvas) for k in (0, 1)]
    return factors[0] * factors[1]


def aliasing(width: float, resolution: int = 64) -> float:
    """Largest difference of pixelised and continuous overlap along one axis, over all sub-pixel offsets [@Liang2024].

    Near 2 exp(-pi^2 sigma^2) for wide bumps.

    Parameters
    ----------
    width : float
        Standard deviation sigma of the bumps in pixels, > 0.
    resolution : int
        Number of sub-pixel offsets per pixel.

    Returns
    -------
    float
        The largest difference.

    Raises
    ------
    ArgumentError
        For a width that is not > 0.

    Examples
    --------
    >>> [float(f"{aliasing(sigma):.2g}") for sigma in (1.5, 1.0, 0.75, 0.5)]
    [8.2e-10, 0.00016, 0.011, 0.19]
    """
    width, resolution = _width(width), check.integer("resolution", resolution, 1, 1024)
    offsets = np.arange(resolution) / resolution
    distances = np.arange(1, math.ceil(8 * max(width, 0.1)) * resolution + 1) / resolution
    a, b = offsets[:, None], offsets[:, None] + distances
    return float(np.abs(pixel_overlap(a, b, width) - continuous_overlap(distances, width)).max())


def warn_where_too_coarse(width: float) -> None:
    """Warn, with the measured aliasing, where a bump is narrower than a quarter of a pixel."""
    if width < FINEST:
        warnings.warn(
            f"width {width:g} is below {FINEST:g} pixels: pixelised and continuous overlaps differ by up to "
            f"{aliasing(width):.2g}; use mode='continuous', or wider bumps",
            stacklevel=3,
        )


def _width(width: float) -> float:
    """`width` if it is > 0."""
    width = check.real("width", width, 0.0, 1e6)
    if width < 1e-6:
        raise ArgumentError("width", f"is {width:g}", "pass a number of pixels from 1e-6 to 1e6")
    return width


def _places(argument: str, value: ArrayLike) -> np.ndarray:
    """Places in pixels, near enough for squares of their distances to be numbers."""
    places = check.finite(argument, check.float_array(argument, value))
    if places.size and np.abs(places).max() > check.LARGEST_SIGMA:
        raise ArgumentError(
            argument, "holds places that are too far away", f"pass places up to {check.LARGEST_SIGMA:g}"
        )
    return places


def _theta(m: np.ndarray, width: float) -> np.ndarray:
    """sum_i exp(-(i - m)^2 / sigma^2) over all integers, over sigma sqrt(pi): the series that converges faster."""
    if width > 1 / math.sqrt(math.pi):
        k = np.arange(1, math.ceil(6.2 / (math.pi * width)) + 1)
        return 1 + 2 * (np.exp(-((math.pi * width * k) ** 2)) * np.cos(2 * math.pi * m[..., None] * k)).sum(-1)
    i = np.arange(-math.ceil(27 * width) - 1, math.ceil(27 * width) + 2)
    apart = m[..., None] - np.round(m[..., None]) - i
    return np.exp(-((apart / width) ** 2)).sum(-1) / (width * math.sqrt(math.pi))


def _normalised(kernel: Kernel, a: np.ndarray, b: np.ndarray, canvas: BumpCanvas) -> np.ndarray:
    """The inner product along one axis over the root of those of each bump with itself."""
    return kernel(a, b, canvas) / np.sqrt(kernel(a, a, canvas) * kernel(b, b, canvas))


def _continuous_kernel(a: np.ndarray, b: np.ndarray, canvas: BumpCanvas) -> np.ndarray:
    """The integral of g_a g_b over the canvas, over sigma sqrt(pi)."""
    from scipy.special import erf

    if canvas.periodic:
        reach = math.ceil(13 * canvas.width / canvas.size) + 1
        copies = np.arange(-reach, reach + 1) * canvas.size
        return continuous_overlap((a - b)[:, None] + copies, canvas.width).sum(-1)
    middle, width = (a + b) / 2, canvas.width
    return continuous_overlap(a - b, width) * (erf((canvas.extent - middle) / width) + erf(middle / width)) / 2


def _pixel_kernel(a: np.ndarray, b: np.ndarray, canvas: BumpCanvas) -> np.ndarray:
    """The sum of g_a g_b over the pixels."""
    if canvas.periodic:
        return (canvas.profile(a) * canvas.profile(b)).sum(-1)
    weight = np.exp(-(((np.arange(canvas.size) - (a + b)[:, None] / 2) / canvas.width) ** 2)).sum(-1)
    return continuous_overlap(a - b, canvas.width) * weight
