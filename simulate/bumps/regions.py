"""Which centres are held out: bands, lesions, and interior or exterior windows of the canvas [@Liang2024]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, EmptyDataError

SHAPES = ("band", "lesion", "interior", "exterior")
REGIONS = ("neither", "x", "y", "both")


@dataclass(frozen=True)
class HeldOut:
    """Centres that are kept from training, by an interval [low, high] of pixels.

    shape: "band" (x or y in the interval), "lesion" (x in it), "interior" (both in it), "exterior" (not both).

    Raises ArgumentError for low > high; `mask` raises EmptyDataError where nothing, or everything, is held out.

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

    def regions(self, centres: np.ndarray) -> np.ndarray:
        """Index into `REGIONS` of each centre: which of its coordinates lie in the interval, `(n,)`."""
        inside = (centres >= self.low) & (centres <= self.high)
        return inside[:, 0] + 2 * inside[:, 1]

    def mask(self, centres: np.ndarray) -> np.ndarray:
        """True where a centre is held out, `(n,)`."""
        region = self.regions(np.asarray(centres, dtype=np.float64))
        out = {"band": region > 0, "lesion": region % 2 == 1, "interior": region == 3, "exterior": region != 3}
        held_out = out[self.shape]
        if not held_out.any() or held_out.all():
            what = "no centre" if not held_out.any() else "every centre"
            problem = f"the {self.shape} from {self.low:g} to {self.high:g} holds {what} of the lattice"
            raise EmptyDataError("held_out", problem, "pass an interval that leaves centres on both sides")
        return held_out
