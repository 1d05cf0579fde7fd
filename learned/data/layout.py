"""The order of the axes: which one counts the items, which are channel, height and width."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np

from ..._support.typed import typed
from ..._support.types import Array
from ...errors import ArgumentError, DataFileError

STRIP = 8
"""Times as long as wide: beyond it, three axes may as well be those of a sequence."""
USUAL = ("nhw", "nchw", "nhwc", "hwcn", "nd", "ntd")


@typed
@dataclass(frozen=True)
class Layout:
    """The axes of an array as it was stored.

    Parameters
    ----------
    axes : str
        One letter for each axis: n (the item), c, h, w (channel, height, width), any other letter for what points,
        vectors and sequences have. Without n the array is a single item. "n*" is n and whatever follows.
    found : str
        How it was found.

    Raises
    ------
    ArgumentError
        Where a letter occurs twice or is none.

    Examples
    --------
    >>> Layout("hwcn").arrange(np.zeros((32, 30, 3, 50)), "array").shape
    (50, 3, 32, 30)
    >>> Layout.of((200, 2), "points")
    Layout(n d, by the sizes)
    """

    axes: str
    found: str = "given"

    def __post_init__(self) -> None:
        letters = self.axes.replace(" ", "").replace(",", "").lower()
        plain = letters.removesuffix("*")
        if not plain or not plain.isalpha() or len(set(plain)) != len(plain) or ("*" in letters and plain != "n"):
            usual = ", ".join(USUAL)
            raise ArgumentError(
                "layout", f"has the axes '{self.axes}'", f"name each axis once by a letter: {usual}, n*"
            )
        object.__setattr__(self, "axes", letters)

    def __repr__(self) -> str:
        return f"Layout({self}, {self.found})"

    def __str__(self) -> str:
        return " ".join(self.axes)

    @property
    def image(self) -> bool:
        """Whether the items are images: there are a height and a width, and nothing but channels beside."""
        return {"h", "w"} <= set(self.axes) <= set("nchw")

    @classmethod
    def of(cls, shape: tuple[int, ...], what: str, eight_bits: bool = False) -> Layout:
        """The layout that an array of this shape has beyond doubt.

        Parameters
        ----------
        shape : tuple of int
            Of the array.
        what : str
            What it is called in the message.
        eight_bits : bool
            Whether it holds bytes, as pictures do.

        Returns
        -------
        Layout
            Of images (n, h, w), (n, h, w, c), (n, c, h, w), or of points (n, d).

        Raises
        ------
        DataFileError
            Where the shape may mean one thing or the other.
        """
        if len(shape) < 2:
            raise DataFileError("data", f"{what} has shape {tuple(shape)}", "store (n, d), (n, h, w) or (n, c, h, w)")
        guess = {2: _points, 3: _gray, 4: _colour}.get(len(shape))
        axes = "n*" if guess is None else guess(*shape, eight_bits)
        if " or " in axes:
            raise DataFileError(
                "layout",
                f"{what} has shape {tuple(shape)}, which may be {axes}",
                "say which by --layout, layout= in Python",
            )
        return cls(axes, "by the sizes")

    def arrange(self, array: Array, what: str) -> Array:
        """The array with n in front, then channel, height and width of images; a single item becomes one of one.

        Parameters
        ----------
        array : numpy.ndarray
            As it was stored.
        what : str
            What it is called in the message.

        Returns
        -------
        numpy.ndarray
            `(n, c, h, w)` for images, else `(n, *event)`; a view.

        Raises
        ------
        DataFileError
            Where the array has another number of axes.
        """
        if self.axes == "n*":
            return array[:, None] if array.ndim == 1 else array
        if array.ndim != len(self.axes):
            problem = f"{what} has {array.ndim} axes, {tuple(array.shape)}, not the {len(self.axes)} of '{self}'"
            raise DataFileError("layout", problem, "name each axis once")
        order = "nchw" if self.image else "n" + self.axes.replace("n", "")
        axes = self.axes
        for missing in [axis for axis in ("n", "c") if axis in order and axis not in axes]:
            array, axes = array[None], missing + axes
        array = array.transpose([axes.index(axis) for axis in order])
        return array[:, None] if array.ndim == 1 else array


def _points(n: int, d: int, eight_bits: bool) -> str:
    flat_image = any(d == k * isqrt(d // k) ** 2 for k in (1, 3) if d >= k)
    if n == d >= 8 or (eight_bits and min(n, d) >= 8 and n < d and not flat_image):
        return "one image (hw) or points (nd)"
    return "nd"


def _gray(a: int, b: int, c: int, _eight_bits: bool) -> str:
    if c in (1, 2, 3, 4) and min(a, b) > 4:
        return f"one image of {c} channels (hwc), sequences of {c} numbers (ntd) or images (nhw)"
    if a == 3 and min(b, c) > 4:
        return "one image of 3 channels (chw) or 3 images (nhw)"
    if a == b > 4 and c > b:
        return "images along the last axis (hwn) or along the first (nhw)"
    if max(b, c) > STRIP * min(b, c):
        return "images (nhw), sequences (ntd), or images along the last axis (hwn)"
    return "nhw"


def _colour(a: int, b: int, c: int, d: int, _eight_bits: bool) -> str:
    first, last = b <= 4, d <= 4
    if min(a, b) > 4 and c in (1, 3, 4) and not last:
        return "images along the last axis (hwcn) or along the first (nchw, nhcw)"
    if a in (1, 3, 4) and min(b, c, d) > 4:
        return "images along the last axis (chwn) or the first (nchw)"
    if first and last:
        if c == d and (b != c or b == 1):
            return "nchw"
        return "nhwc" if 1 < b == c != d else "channels first (nchw) or last (nhwc)"
    if first or last:
        return "nchw" if first else "nhwc"
    if b == c != d:
        return "channels last (nhwc), images along the last axis (chwn) or volumes (n*)"
    return "nchw"


def is_bytes(array: Array) -> bool:
    """Whether an array holds what pictures are made of: bytes or bits."""
    return array.dtype in (np.uint8, bool)
