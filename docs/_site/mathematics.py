r"""Formulas `\(...\)` and `\[...\]` become MathML when the site is built: no script, no font, no network."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.S)


def rendered(content: str) -> str:
    """HTML with the formulas that arithmatex marked as MathML."""

    def formula(match: re.Match[str]) -> str:
        tag, tex = match["tag"], html.unescape(match["tex"]).strip()
        return f'<{tag} class="formula">{convert(tex, display="block" if tag == "div" else "inline")}</{tag}>'

    return FORMULA.sub(formula, content)


def on_page_content(content: str, **_: Any) -> str:
    """Render the formulas of a page."""
    return rendered(content)
