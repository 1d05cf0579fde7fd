"""The look of all figures: one colour per theory, small type; what a journal asks for, on top."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._support import style as _style
from .._support.style import background, ink, letters, on_dark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLUMN", "PAGE", "SEQUENTIAL", "background", "ddpm_axis", "ink", "letters", "shades", "style"]

SEQUENTIAL = "viridis"
COLUMN, PAGE = 3.5, 7.2  # widths in inches


def shades(ax: Axes, n: int) -> list[tuple[float, float, float, float]]:
    """`n` colours in the order of a parameter (size, noise level), dark to light; on a dark background none is dark."""
    import matplotlib as mpl

    low, high = (0.3, 1.0) if on_dark(ax) else (0.0, 0.9)
    return [mpl.colormaps[SEQUENTIAL](low + (high - low) * i / max(n - 1, 1)) for i in range(n)]


@contextmanager
def style() -> Iterator[None]:
    """Settings for the figure drawn inside."""
    with _style.style(**{"figure.constrained_layout.use": True}):
        yield


def ddpm_axis(ax: Axes, ticks: tuple[int, ...] = (20, 60, 200, 600)) -> None:
    """Above a logarithmic axis of sigma, the step of the linear schedule of 1000 steps: the clock of DDPM papers."""
    import numpy as np

    from ..theory.noise import DiscreteSchedule

    sigmas = np.asarray(DiscreteSchedule.linear(1000, 1e-4, 0.02).sigmas)
    low, high = ax.get_xlim()
    shown = [step for step in ticks if low <= sigmas[step] <= high]
    top = ax.twiny()
    top.set(xscale="log", xlim=ax.get_xlim(), xlabel="DDPM step")
    top.set_xticks(sigmas[shown], [str(step) for step in shown])
    top.minorticks_off()
    top.spines["top"].set_visible(True)
    top.yaxis.set_visible(False)
