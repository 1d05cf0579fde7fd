"""`[@Key]` in a page or a docstring becomes a link into a bibliography, which is made of `references.bib`."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

BIBLIOGRAPHY = Path(__file__).parents[2] / "references.bib"
CITATION = re.compile(r"\[@\w+(?:;\s*@\w+)*\]")
CODE = re.compile(r"(^ *```.*?^ *```|`+[^`]+`+)", re.M | re.S)
FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
HEAD = """# Bibliography

The papers behind the theories, metrics and figures. `idealscore.cite(obj)` prints the entries behind an object.
"""


def entries() -> dict[str, str]:
    """{key: BibTeX entry}."""
    parts = [part.strip() for part in re.split(r"\n(?=@)", BIBLIOGRAPHY.read_text(encoding="utf-8"))]
    return {part.split("{", 1)[1].split(",", 1)[0]: part for part in parts if part}


def fields(entry: str) -> dict[str, str]:
    """The fields of a BibTeX entry as plain text."""
    return {name.lower(): re.sub(r"\\.|[{}]", _letter, value) for name, value in FIELD.findall(_accents(entry))}


ACCENTS = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303", "c": "\u0327", "v": "\u030c"}


def _accents(text: str) -> str:
    """LaTeX accents as letters."""
    text = re.sub(r"\{?\\(['`\"^~])\{?\\?(\w)\}?\}?", lambda m: m[2] + ACCENTS[m[1]], text)
    return re.sub(r"\{?\\([cv])[ {](\w)\}?\}?", lambda m: m[2] + ACCENTS[m[1]], text)


def _letter(match: re.Match[str]) -> str:
    return "" if match[0] in "{}" else match[0][1:]


def authors(found: dict[str, str]) -> list[str]:
    """Names in the order "First Last"."""
    names = re.split(r"\s+and\s+", found.get("author", ""))
    return [" ".join(reversed([part.strip() for part in name.split(",", 1)])) for name in names]


def short(key: str, entry: str) -> str:
    """How a paper is cited in running text: "Li et al. 2024"."""
    found = fields(entry)
    last = [name.split(",")[0].split()[-1] if "," not in name else name.split(",")[0] for name in _given(found)]
    who = last[0] if len(last) == 1 else f"{last[0]} & {last[1]}" if len(last) == 2 else f"{last[0]} et al."
    return f"{who} {found.get('year', '')}".strip() or key


def _given(found: dict[str, str]) -> list[str]:
    return re.split(r"\s+and\s+", found.get("author", "")) if found.get("author") else [found.get("title", "")]


def plain(text: str, known: dict[str, str]) -> str:
    """`text` with its citations as names without a link, as code shows them."""

    def name(match: re.Match[str]) -> str:
        return "[" + "; ".join(short(key, known[key]) for key in re.findall(r"\w+", match[0])) + "]"

    return CITATION.sub(name, text)


def linked(text: str, known: dict[str, str] | None = None) -> str:
    """`text` with its citations as links. Raises KeyError for a key without an entry."""
    known = entries() if known is None else known

    def link(match: re.Match[str]) -> str:
        keys = re.findall(r"\w+", match[0])
        return r"\[" + "; ".join(f"[{short(key, known[key])}][{key}]" for key in keys) + r"\]"

    parts = CODE.split(text)
    return "".join(part if i % 2 else CITATION.sub(link, part) for i, part in enumerate(parts))


def bibliography() -> str:
    """The page: one heading per paper, which links lead to."""
    parts = [HEAD]
    for key, entry in sorted(entries().items(), key=lambda item: short(*item).lower()):
        found = fields(entry)
        where = [found.get(name, "") for name in ("journal", "booktitle", "publisher", "howpublished")]
        where += [found.get("volume", "") + (f"({found['number']})" if "number" in found else "")]
        where += [found.get("pages", "").replace("--", "–"), found.get("year", "")]
        note = re.sub(r"arXiv:(\d+\.\d+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", found.get("note", ""))
        who = html.escape(", ".join(authors(found)))
        line = f"{who}. *{html.escape(found.get('title', ''))}*. {html.escape(', '.join(filter(None, where)))}."
        parts.append(f"## {html.escape(short(key, entry))} {{#{key}}}\n\n{line} {note}\n\n```bibtex\n{entry}\n```\n")
    return "\n".join(parts)


def on_files(files: Any, config: Any) -> None:
    """Add the page."""
    files.append(File.generated(config, "bibliography.md", content=bibliography()))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Link the citations of a page."""
    return linked(markdown)
