"""Is every word of a figure readable? Text that is cut by the border, or that covers other text, is reported."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

SLACK = 0.5  # of a point: the boxes of type hold some air


def layout_faults(figure: Figure, slack: float = SLACK) -> list[str]:
    """What a reader would stumble over: one line for each text that is cut, and for each pair that overlaps by more
    than the slack, in points; a negative one asks for room between words.

    >>> from matplotlib.figure import Figure
    >>> figure = Figure(figsize=(2, 2))
    >>> _ = figure.text(0.5, 0.5, "one"), figure.text(0.52, 0.5, "two"), figure.text(0.9, 0.1, "outside")
    >>> layout_faults(figure)
    ["'outside' is cut by the border", "'one' overlaps 'two'"]
    """
    figure.canvas.draw()
    slack *= figure.dpi / 72
    boxes = [(text.get_text(), box) for text in _texts(figure) if (box := _box(text)) is not None]
    border = figure.bbox.padded(max(slack, 0))
    cut = [f"{_quoted(words)} is cut by the border" for words, box in boxes if not _inside(box, border)]
    over = [
        f"{_quoted(one)} overlaps {_quoted(other)}"
        for (one, a), (other, b) in combinations(boxes, 2)
        if _overlap(a, b, slack)
    ]
    return cut + over


def _texts(figure: Figure) -> Iterator[Text]:
    """Every visible text: titles, labels, ticks within the axes' range, legends, annotations."""
    from matplotlib.text import Text

    hidden = {id(label) for ax in figure.get_axes() for label in _labels_out_of_range(ax)}
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            yield text


def _labels_out_of_range(ax: Axes) -> Iterator[Text]:
    """Labels of ticks that matplotlib keeps but does not draw."""
    axes: tuple[Any, ...] = (ax.xaxis, ax.yaxis)
    for axis in axes:
        shown = ax.axison and ax.get_visible() and axis.get_visible()
        drawn = {id(tick) for tick in axis._update_ticks()} if shown else set()  # noqa: SLF001
        for tick in [*axis.majorTicks, *axis.minorTicks]:
            if id(tick) not in drawn:
                yield tick.label1
                yield tick.label2


def _box(text: Text) -> Bbox | None:
    box = text.get_window_extent()
    return box if box.width > 0 and box.height > 0 else None


def _inside(box: Bbox, border: Bbox) -> bool:
    return box.x0 >= border.x0 and box.y0 >= border.y0 and box.x1 <= border.x1 and box.y1 <= border.y1


def _overlap(a: Bbox, b: Bbox, slack: float) -> bool:
    across = min(a.x1, b.x1) - max(a.x0, b.x0)
    along = min(a.y1, b.y1) - max(a.y0, b.y0)
    return across > slack and along > slack


def _quoted(words: str) -> str:
    return repr(words.replace("\n", " "))
