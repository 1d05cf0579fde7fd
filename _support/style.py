"""One look for every figure: a colour for each theory, everywhere the same, safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# Okabe and Ito's palette
COLOURS = {
    "network": "#000000",
    "empirical": "#D55E00",
    "gaussian": "#0072B2",
    "mixture": "#009E73",
    "local": "#CC79A7",
    "belief_propagation": "#E69F00",
    "mean_field": "#56B4E9",
    "exact": "#666666",
}
MARKERS = {"network": "o", "empirical": "s", "gaussian": "^", "mixture": "D", "local": "v"}
SPARE = ("#E69F00", "#56B4E9", "#882255", "#44AA99", "#999933")

BASE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "image.interpolation": "nearest",
}


_VENUE: ContextVar[dict[str, Any]] = ContextVar("venue", default={})  # noqa: B039


def colour(name: str, position: int = 0) -> str:
    """The colour of a theory; names without one take a spare colour by position."""
    return COLOURS.get(name, SPARE[position % len(SPARE)])


@contextmanager
def style(**changes: Any) -> Iterator[None]:
    """The package's matplotlib settings, for as long as a figure is drawn; those of a venue come last.

    They start from matplotlib's own defaults, not from the user's file: a figure looks the same everywhere, and one who
    has `text.usetex` set does not need LaTeX for it.
    """
    import matplotlib
    import matplotlib.style

    settings: Any = {**BASE, **changes, **_VENUE.get()}
    with matplotlib.style.context("default"), matplotlib.rc_context(settings):
        yield


@contextmanager
def venue_settings(settings: dict[str, Any]) -> Iterator[None]:
    """Settings that every `style()` inside takes in addition to its arguments."""
    token = _VENUE.set(settings)
    try:
        yield
    finally:
        _VENUE.reset(token)


def letters(axes: Sequence[Any], start: str = "a") -> None:
    """Panel letters (a), (b), ... at the top left of each axis."""
    for k, ax in enumerate(axes):
        ax.set_title(f"({chr(ord(start) + k)})", loc="left", fontweight="bold")


def band(ax: Any, x: Any, y: Any, error: Any, name: str, position: int = 0, **line: Any) -> None:
    """A line in the theory's colour with a band of one standard error."""
    shade = colour(name, position)
    ax.plot(x, y, color=shade, marker=MARKERS.get(name, "."), label=line.pop("label", name), **line)
    ax.fill_between(x, y - error, y + error, color=shade, alpha=0.2, linewidth=0)
