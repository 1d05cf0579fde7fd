"""The look of all figures: one colour per theory, small type, panel letters; what a journal asks for, on top."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .. import _style
from .._style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "COLUMN", "PAGE", "panel_letter", "shades", "style"]

SEQUENTIAL = "viridis"
COLUMN, PAGE = 3.5, 7.2  # widths in inches


def shades(n: int) -> list[tuple[float, float, float, float]]:
    """`n` colours in the order of a parameter (size, noise level), dark to light."""
    import matplotlib as mpl

    return [mpl.colormaps[SEQUENTIAL](0.9 * i / max(n - 1, 1)) for i in range(n)]


@contextmanager
def style() -> Iterator[None]:
    """Settings for the figure drawn inside."""
    with _style.style(**{"figure.constrained_layout.use": True}):
        yield


def panel_letter(ax: Axes, letter: str) -> None:
    """A bold letter above the left corner of a panel."""
    ax.set_title(letter, loc="left", fontweight="bold")
