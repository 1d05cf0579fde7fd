"""What journals and conferences ask of a figure: widths, type sizes and type faces, without LaTeX."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._support import checks as check
from .._support.style import venue_settings
from ..errors import MissingDependencyError
from ._fit import fit
from ._style import COLUMN, PAGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Venue:
    """Widths of one column and of the page in inches, matplotlib settings, form and weight of panel letters."""

    column: float
    page: float
    settings: dict[str, Any]
    letter: tuple[str, str] = ("({})", "bold")

    def resize(self, figure: Figure) -> None:
        """Give the figure the venue's width and its own height; type shrinks where words have no room."""
        width, height = figure.get_size_inches()
        share = self.column / COLUMN if width <= 1.2 * COLUMN else self.page / PAGE
        figure.set_size_inches(width * share, height)
        fit(figure)


# the bundle of tueplots, whose figure sizes have the same name
_TUEPLOTS = {
    "aaai": "aaai2024",
    "aistats": "aistats2025",
    "cvpr": "cvpr2024",
    "iclr": "iclr2024",
    "icml": "icml2024",
    "jmlr": "jmlr2001",
    "neurips": "neurips2024",
    "tmlr": "tmlr2023",
    "uai": "uai2023",
}
# REVTeX 4.2: columns of 3.375 inches, two of them and their gap 7.0; captions and labels 8 to 9 points, Times
_PHYSICAL_REVIEW = Venue(
    3.375,
    7.0,
    {
        "font.family": "serif",
        "font.serif": ["Times New Roman", "Times"],
        "mathtext.fontset": "stix",
        "font.size": 8,
        "axes.labelsize": 8,
        "axes.titlesize": 8,
        "legend.fontsize": 7,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
    },
    ("({})", "normal"),
)
VENUES = ("pre", "prl", "prx", *_TUEPLOTS)
_OURS = ("figure.figsize", "figure.constrained_layout.use", "figure.autolayout", "text.usetex", "text.latex.preamble")


def venue(name: str) -> Venue:
    """The venue of a name in `VENUES`.

    Raises UnknownNameError with the nearest name, MissingDependencyError without tueplots.

    >>> venue("prl").page
    7.0
    """
    check.choice("venue", name, VENUES)
    found = _PHYSICAL_REVIEW if name not in _TUEPLOTS else _from_tueplots(_TUEPLOTS[name])
    return replace(found, settings=_with_installed_fonts(found.settings))


@contextmanager
def dressed(name: str) -> Iterator[Venue | None]:
    """Figures drawn inside wear the settings of the venue; without a name, ours."""
    if not name:
        yield None
        return
    chosen = venue(name)
    with venue_settings(chosen.settings, chosen.letter):
        yield chosen


def _from_tueplots(name: str) -> Venue:
    try:
        from tueplots import bundles, figsizes
    except ImportError:
        raise MissingDependencyError("tueplots", "figures") from None
    make = getattr(bundles, name)
    settings = make(usetex=False) if "usetex" in inspect.signature(make).parameters else make()
    page = getattr(figsizes, name, None) or getattr(figsizes, f"{name}_full")
    column = getattr(figsizes, f"{name}_half", None)
    page_width = page()["figure.figsize"][0]
    column_width = column()["figure.figsize"][0] if column else min(COLUMN, page_width)
    return Venue(column_width, page_width, {key: value for key, value in settings.items() if key not in _OURS})


def _with_installed_fonts(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the type faces that this machine has, and matplotlib's own after them."""
    from matplotlib import font_manager

    here = set(font_manager.get_font_names())
    kept = dict(settings)
    for family, own in (("serif", "STIXGeneral"), ("sans-serif", "DejaVu Sans")):
        wanted = kept.get(f"font.{family}", [])
        kept[f"font.{family}"] = [*(face for face in wanted if face in here), own]
    if kept.get("font.family") == "serif":
        kept["mathtext.fontset"] = "stix"
    return kept
