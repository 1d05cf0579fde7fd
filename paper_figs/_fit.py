"""A figure on a page narrower than ours: where words get in each other's way, all type shrinks alike."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from ._layout import SLACK, layout_faults

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALLEST = 5.0  # points; Nature asks for 5 to 7
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6)  # of the sizes that the venue asks for
ROOM = 1.0  # points between words, if any of the shares gives it


def fit(figure: Figure) -> None:
    """Make every word readable: type shrinks step by step, all of it alike, but none below `SMALLEST` points.

    A figure whose words all have room keeps its type.

    >>> from matplotlib.figure import Figure
    >>> figure = Figure(figsize=(2, 2))
    >>> words = [figure.text(0.1, 0.5, "to the left", size=12), figure.text(0.5, 0.5, "to the right", size=12)]
    >>> fit(figure)
    >>> layout_faults(figure), words[0].get_fontsize() < 12
    ([], True)
    """
    from matplotlib.text import Text

    figure.canvas.draw()  # so that all tick labels are there
    sizes = {text: float(text.get_fontsize()) for text in figure.findobj(Text) if isinstance(text, Text)}
    for slack, share in product((-ROOM, SLACK), SHARES):
        for text, size in sizes.items():
            text.set_fontsize(max(min(SMALLEST, size), share * size))
        if not layout_faults(figure, slack):
            return
