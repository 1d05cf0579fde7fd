"""The look of all figures: one colour per theory, small sans-serif type, panel letters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
    """Settings for the figure drawn inside: tueplots' type sizes and axes where it is installed."""
    import matplotlib as mpl

    settings: dict = {"figure.dpi": 150, "savefig.dpi": 200, "font.family": "sans-serif", "axes.grid": False}
    try:
        from tueplots import axes, fontsizes
    except ImportError:
        settings |= {
            "font.size": 9,
            "axes.labelsize": 9,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
        }
    else:
        settings |= fontsizes.neurips2024() | axes.lines() | axes.spines(right=False, top=False)
    settings |= {"figure.constrained_layout.use": True, "legend.frameon": False}
    with mpl.rc_context(settings):
        yield


def panel_letter(ax: Axes, letter: str) -> None:
    """A bold letter above the left corner of a panel."""
    ax.set_title(letter, loc="left", fontweight="bold")
