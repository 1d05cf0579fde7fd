"""One look for every figure: a colour for each theory, everywhere the same, safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    "clusters": "#44AA99",
    "finite-sample": "#882255",
    "masked": "#999933",
}
ON_DARK = {"network": "#FFFFFF", "exact": "#B0B0B0", "finite-sample": "#DD7799"}
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
_LETTER: ContextVar[tuple[str, str]] = ContextVar("letter", default=("({})", "bold"))


def colour(name: str, position: int = 0) -> str:
    """The colour of a theory; names without one take a spare colour by position."""
    return COLOURS.get(name, SPARE[position % len(SPARE)])


def colours(ax: Axes, names: Iterable[str]) -> dict[str, str]:
    """The colour of each theory on the background of `ax`; those that have none share out the spare ones in order."""
    names = list(names)
    shade = {**COLOURS, **(ON_DARK if on_dark(ax) else {})}
    nameless = [name for name in names if name not in shade]
    return {name: shade.get(name) or SPARE[nameless.index(name) % len(SPARE)] for name in names}


def ink(ax: Axes, name: str) -> str:
    """The colour of one theory, of the network or of what is exact, on the background of `ax`."""
    return colours(ax, [name])[name]


def on_dark(ax: Axes) -> bool:
    """Whether the background of `ax` is dark: there black is drawn white."""
    return _luminance(background(ax)) < 0.4


def background(ax: Axes) -> Any:
    """What is seen behind `ax`: its own colour, or that of the figure where it has none."""
    from matplotlib.colors import to_rgba

    own = to_rgba(ax.get_facecolor())
    return own if own[3] > 0.5 else to_rgba(ax.get_figure(root=True).get_facecolor())  # pyright: ignore


def _luminance(shade: Any) -> float:
    red, green, blue, _ = shade
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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
def venue_settings(settings: dict[str, Any], letter: tuple[str, str] = ("({})", "bold")) -> Iterator[None]:
    """Settings that every `style()` inside takes in addition to its arguments, and (form, weight) of panel letters."""
    tokens = _VENUE.set(settings), _LETTER.set(letter)
    try:
        yield
    finally:
        _VENUE.reset(tokens[0])
        _LETTER.reset(tokens[1])


def letters(axes: Iterable[Any], start: str = "a") -> None:
    """Panel letters (a), (b), ... above the left corner of each axis, in the form that the venue asks for."""
    form, weight = _LETTER.get()
    for k, ax in enumerate(axes):
        ax.set_title(form.format(chr(ord(start) + k)), loc="left", fontweight=weight)


def literal(name: str) -> str:
    r"""A name of the user's as a label that shows it as it is: a dollar does not begin a formula.

    >>> literal("cost in $, gain in $")
    'cost in \\$, gain in \\$'
    """
    return name.replace("$", r"\$")


def band(ax: Any, x: Any, y: Any, error: Any, name: str, **line: Any) -> None:
    """A line in the theory's colour, or in the given one, with a band of one standard error."""
    shade = line.pop("color", None) or ink(ax, name)
    ax.plot(x, y, color=shade, marker=MARKERS.get(name, "."), label=line.pop("label", literal(name)), **line)
    ax.fill_between(x, y - error, y + error, color=shade, alpha=0.2, linewidth=0)
