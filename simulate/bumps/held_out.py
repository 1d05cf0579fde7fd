"""Which centres are held out: bands, lesions, and interior or exterior windows of the canvas [@Liang2024]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._support import checks as check
from ...errors import ArgumentError, EmptyDataError
from .canvas import ROUNDING

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike

SHAPES = ("band", "lesion", "interior", "exterior")
REGIONS = ("neither", "x", "y", "both")


@dataclass(frozen=True)
class HeldOut:
    """Centres that are kept from training, by an interval of pixels [@Liang2024].

    Parameters
    ----------
    low, high : float
        The interval [low, high] of a coordinate in pixels, both ends included.
    shape : str
        What is held out: "band" (x or y in the interval), "lesion" (x in it), "interior" (both in it), "exterior"
        (not both).

    Raises
    ------
    ArgumentError
        For low > high.
    UnknownNameError
        For an unknown shape.

    Examples
    --------
    >>> from idealscore.simulate.bumps import BumpCanvas
    >>> centres = BumpCanvas(8).centres()
    >>> {shape: int(HeldOut(3, 4, shape).mask(centres).sum()) for shape in SHAPES}
    {'band': 28, 'lesion': 16, 'interior': 4, 'exterior': 60}
    """

    low: float
    high: float
    shape: str = "band"

    def __post_init__(self) -> None:
        check.choice("shape", self.shape, SHAPES)
        if check.real("low", self.low) > check.real("high", self.high):
            raise ArgumentError("low", f"is {self.low:g}, above high = {self.high:g}", "pass low <= high")

    def regions(self, centres: ArrayLike) -> Array:
        """Which coordinates of each centre lie in the interval, up to rounding.

        Parameters
        ----------
        centres : array
            x and y in pixels, shape (n, 2).

        Returns
        -------
        array of int
            Index into `REGIONS` ("neither", "x", "y", "both"), shape (n,).
        """
        place = check.float_array("centres", centres)
        slack = ROUNDING * max(abs(self.low), abs(self.high), 1.0)
        inside = (place >= self.low - slack) & (place <= self.high + slack)
        return inside[:, 0] + 2 * inside[:, 1]

    def mask(self, centres: ArrayLike) -> Array:
        """Which centres are held out.

        Parameters
        ----------
        centres : array
            x and y in pixels, shape (n, 2).

        Returns
        -------
        array of bool
            True where a centre is held out, shape (n,).

        Raises
        ------
        EmptyDataError
            Where no centre, or every centre, is held out.
        """
        region = self.regions(centres)
        out = {"band": region > 0, "lesion": region % 2 == 1, "interior": region == 3, "exterior": region != 3}
        held_out = out[self.shape]
        if not held_out.any() or held_out.all():
            what = "no centre" if not held_out.any() else "every centre"
            problem = f"the {self.shape} from {self.low:g} to {self.high:g} holds {what} of the lattice"
            raise EmptyDataError("held_out", problem, "pass an interval that leaves centres on both sides")
        return held_out
