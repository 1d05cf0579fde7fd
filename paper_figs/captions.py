"""Captions of figures, ready for a paper, made from the result that is drawn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._support.citations import KEY, bibliography
from . import catalogue

if TYPE_CHECKING:
    import xarray as xr

_FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}")


def caption(name: str, dataset: xr.Dataset) -> str:
    """One paragraph: what figure `name` shows, panel by panel, what theory predicts and what was measured.

    The numbers are those of `dataset`, so that the caption of your own result has your numbers.

    >>> text = caption("percolation_thresholds", catalogue.saved("percolation_thresholds"))
    >>> text.startswith("Measured thresholds against the literature: ")
    True
    >>> "standard errors" in text
    True
    """
    module = catalogue.figure_module(name)
    head, _, text = (module.__doc__ or "").strip().partition("\n")
    found = module.findings(dataset)
    parts = [head, text, f"Predicted: {found.predicted}", f"Measured: {found.measured}", _capital(found.disagreement)]
    return " ".join(_sentence(told(part)) for part in parts if part.strip())


def told(text: str) -> str:
    """The text with authors and year in place of each `[@Key]`, in brackets unless it stands within some.

    >>> told("Clones part [@Biroli2024] (in class, [@Biroli2024]); the protocol of [@Sclocchi2025]")
    'Clones part (Biroli et al. 2024) (in class, Biroli et al. 2024); the protocol of Sclocchi et al. (2025)'
    """

    def named(found: re.Match[str]) -> str:
        papers, before = [paper(key)[:2] for key in KEY.findall(found.group())], text[: found.start()]
        if before.endswith(" of "):
            return " and ".join(f"{authors} ({year})" for authors, year in papers)
        names = "; ".join(map(" ".join, papers))
        return names if before.count("(") > before.count(")") else f"({names})"

    return re.sub(r"\[@[^\]]*\]", named, text)


def paper(key: str) -> tuple[str, str, str]:
    """(authors, year, title) of an entry of the bibliography."""
    entry = bibliography()[key]
    fields = {name.lower(): re.sub(r"[{}]", "", value) for name, value in _FIELD.findall(entry)}
    names = [author.split(",")[0].strip() for author in fields["author"].split(" and ")]
    authors = names[0] + (" et al." if len(names) > 2 else f" and {names[1]}" if len(names) == 2 else "")
    return authors, fields["year"], fields["title"]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text[-1] in ".?!" else f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
