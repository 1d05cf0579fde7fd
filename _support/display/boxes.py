"""What an object shows in a notebook: a title, a table of facts, a small picture in the colours of the page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

CELL = "padding:1px 10px 1px 0;text-align:left;vertical-align:top"
LONGEST = 200


class Boxed:
    """Mixin of objects whose printed line says all: in a notebook it is a box, with the fields where it names none."""

    def _repr_html_(self) -> str:
        line = " ".join(repr(self).split())
        html = from_line(line)
        return html if "<td" in html else box(line, vars(self))


def box(title: str, facts: Mapping[str, object], picture: str = "") -> str:
    """A title and a table of facts; names and values are escaped, `picture` is HTML that is taken as it is.

    >>> box("a<b", {"n": 3})
    '<div><b>a&lt;b</b><table><tr><td style="padding:1px 10px 1px 0;text-align:left;vertical-align:top">n</td>\
<td style="padding:1px 10px 1px 0;text-align:left;vertical-align:top">3</td></tr></table></div>'
    """
    rows = "".join(f"<tr>{_cell(name)}{_cell(value)}</tr>" for name, value in facts.items())
    return f"<div><b>{escape(title)}</b><table>{rows}</table>{picture}</div>"


def from_line(line: str) -> str:
    """The box of an object whose one line of print, `Name(first, key=value, ...)`, says all.

    >>> "<td" in from_line("Name(event=(1, 8), float32)")
    True
    """
    name, _, inside = line.partition("(")
    facts, words = {}, []
    for part in _parts(inside.removesuffix(")")):
        key, equals, value = part.partition("=")
        if equals and key.isidentifier():
            facts[key] = value if len(value) <= LONGEST else f"{value[:LONGEST]} ..."
        else:
            words.append(part)
    return box(", ".join([name, *words]), facts)


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of equal keys under a head."""
    head = "".join(f'<th style="{CELL}">{escape(name)}</th>' for name in rows[0])
    body = "".join("<tr>" + "".join(_cell(value) for value in row.values()) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def curve(values: Iterable[float], label: str, width: int = 200, height: int = 40) -> str:
    """A line of positive values on a logarithmic axis, as a small drawing; nothing for fewer than two."""
    logs = [math.log(value) for value in values if value > 0 and math.isfinite(value)]
    if len(logs) < 2:
        return ""
    low, span = min(logs), (max(logs) - min(logs)) or 1.0
    points = " ".join(
        f"{k * width / (len(logs) - 1):.1f},{(height - 2) * (1 - (value - low) / span) + 1:.1f}"
        for k, value in enumerate(logs)
    )
    line = f'<polyline points="{points}" fill="none" stroke="currentColor"/>'
    return drawing(line, label, width, height)


def drawing(inside: str, label: str, width: float, height: float) -> str:
    """An SVG drawing that says in words what it shows."""
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    return f'<svg {size} role="img" aria-label="{escape(label)}">{inside}</svg>'


def thumbnails(images: np.ndarray, low: float, high: float, pixels: int = 48) -> str:
    """Images `(n, channels, height, width)` side by side, grey unless they have three or four channels."""
    scaled = np.clip((images - low) / ((high - low) or 1.0), 0, 1)
    colours = scaled.shape[1] in (3, 4)
    row = np.moveaxis(scaled, 1, -1) if colours else np.repeat(scaled.mean(1)[..., None], 3, -1)
    gap = np.ones((len(row), row.shape[1], max(1, row.shape[2] // 12), row.shape[3]))
    strip = np.concatenate(np.concatenate([row, gap], axis=2), axis=1)
    from PIL import Image  # matplotlib needs it too

    stream = io.BytesIO()
    Image.fromarray((255 * strip).round().astype(np.uint8)).save(stream, format="PNG")
    content = base64.b64encode(stream.getvalue()).decode()
    style = f"height:{pixels}px;image-rendering:pixelated"
    return f'<img alt="the first {len(row)} images" style="{style}" src="data:image/png;base64,{content}">'


def _cell(value: object) -> str:
    return f'<td style="{CELL}">{escape(str(value))}</td>'


def _parts(text: str) -> list[str]:
    """What commas outside of brackets and quotes separate."""
    parts, depth, quoted = [""], 0, ""
    for letter in text:
        if quoted or letter in "'\"":
            quoted = "" if letter == quoted else quoted or letter
        depth += (letter in "([{") - (letter in ")]}") if not quoted else 0
        if letter == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
