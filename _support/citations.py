"""BibTeX of the papers behind an object, found by the keys `[@Key]` in its docstring."""

from __future__ import annotations

import inspect
import re
import sys
from functools import cache
from importlib.resources import files

from ..errors import ArgumentError

KEY = re.compile(r"(?:\[|;\s+)@(\w+)(?=[\];])")


@cache
def bibliography() -> dict[str, str]:
    """{key: BibTeX entry} of the package's bibliography."""
    text = (files(str(__package__).rpartition(".")[0]) / "references.bib").read_text(encoding="utf-8")
    return {
        entry.split("{", 1)[1].split(",", 1)[0]: entry.strip() for entry in re.split(r"\n(?=@)", text) if entry.strip()
    }


def citation_keys(obj: object) -> list[str]:
    """The keys in the docstring of `obj`, or else of its class, or else of its module."""
    if not (inspect.isclass(obj) or inspect.isroutine(obj) or inspect.ismodule(obj)):
        obj = type(obj)
    module = None if inspect.ismodule(obj) else sys.modules.get(getattr(obj, "__module__", ""))
    for place in (obj, module):
        keys = KEY.findall(getattr(place, "__doc__", None) or "")
        if keys:
            return list(dict.fromkeys(keys))
    return []


def cite(obj: object) -> str:
    """The BibTeX of the papers behind a theory, metric or figure (an object, class, function or module).

    Raises ArgumentError where the docstring names no paper.

    >>> from idealscore.theory.gaussian import GaussianDenoiser
    >>> print(cite(GaussianDenoiser).splitlines()[0])
    @inproceedings{Li2024,
    """
    keys = citation_keys(obj)
    if not keys:
        name = getattr(obj, "__name__", type(obj).__name__)
        if sys.flags.optimize > 1:
            raise ArgumentError("obj", f"Python ran with -OO, which drops the docstring of {name}", "run without -OO")
        raise ArgumentError("obj", f"the docstring of {name} names no paper", "ask for a theory, metric or figure")
    return "\n\n".join(bibliography()[key] for key in keys)
