"""`<!-- verdicts -->` becomes a table of all claims of the page: a light, the verdict, and the figure.

It is made of the rows below it, whose verdicts begin with one of the words of LIGHTS, so that the two cannot disagree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markdown.extensions.toc import slugify
from mkdocs.exceptions import PluginError

GALLERY = Path(__file__).parents[1] / "gallery.md"
DIRECTIVE = "<!-- verdicts -->"
LIGHTS = {"Holds": "holds", "In part": "part", "Not here": "not"}
TABLE = re.compile(r"^\|(.*)\|\n\|[-| ]+\|\n((?:\|.*\|\n?)+)", re.M)
COMMAND = re.compile(r"idealscore figures ([a-z_ ]+)")
SECTION = re.compile(r"^## (.+)\n\n!\[.*\]\(images/gallery/(\w+)\.png\)", re.M)


class Claim(NamedTuple):
    """A row of the page: what is claimed, the word of its light, the verdict after it, and the figures it names."""

    text: str
    word: str
    verdict: str
    figures: Sequence[str]


def split(row: str) -> list[str]:
    """The cells of a row of a table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def claims(markdown: str) -> list[Claim]:
    """The rows of every table that has the columns "claim" and "verdict"; PluginError for a row without a light."""
    found = []
    for head, body in TABLE.findall(markdown):
        names = split(head)
        if not {"claim", "verdict"} <= set(names):
            continue
        for row in body.strip().splitlines():
            cell = dict(zip(names, split(row), strict=True))
            mark = re.match(r"\*\*([^*]+)\*\*:?\s*(.*)", cell["verdict"])
            if mark is None or mark[1] not in LIGHTS:
                raise PluginError(f"the verdict on '{cell['claim']}' begins with none of {', '.join(LIGHTS)}, in bold")
            figures = " ".join(COMMAND.findall(row)).split()
            found.append(Claim(cell["claim"], mark[1], mark[2], figures))
    return found


def anchors(gallery: str) -> dict[str, str]:
    """{figure: anchor of its section in the gallery}."""
    return {name: slugify(re.sub(r"[`*\\]", "", title), "-") for title, name in SECTION.findall(gallery)}


def table(markdown: str, gallery: str) -> str:
    """The table at the top of the page `markdown`."""
    found, where = claims(markdown), anchors(gallery)
    count = Counter(claim.word for claim in found)
    rows = [", ".join(f"{light(word)} {count[word]}" for word in LIGHTS) + ".", "", "| claim | verdict | figure |"]
    rows.append("|---|---|---|")
    for claim in found:
        links = [f"[{name.replace('_', ' ')}](gallery.md#{where[name]})" for name in claim.figures if name in where]
        verdict = light(claim.word) + (f": {claim.verdict}" if claim.verdict else "")
        rows.append(f"| {claim.text} | {verdict} | {'<br>'.join(links)} |")
    return "\n".join(rows)


def light(word: str) -> str:
    """A coloured dot and its word, which says the same without colour."""
    return f'<span class="light {LIGHTS[word]}" aria-hidden="true">●</span> {word.lower()}'


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the page that asks for it."""
    if DIRECTIVE not in markdown:
        return markdown
    return markdown.replace(DIRECTIVE, table(markdown, GALLERY.read_text(encoding="utf-8")))
