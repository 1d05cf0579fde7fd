"""`idealscore derive NAME`: a result of the theory, derived step by step and printed as LaTeX."""

from __future__ import annotations

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Command:
    """Derive a result with SymPy: tweedie, hierarchy, guidance ...; `derive(name)` of `theory.symbolic` lists them."""

    name: tyro.conf.Positional[str]
    """what to derive"""
    cite: bool = False
    """print the BibTeX entry of the paper as well"""
    json: bool = False
    """print the steps as JSON"""

    def run(self) -> None:
        from ..theory.symbolic import derive

        derivation = derive(self.name)
        if self.json:
            import json

            import sympy

            steps = [{"step": words, "latex": sympy.latex(expression)} for words, expression in derivation.steps]
            print(json.dumps({"name": derivation.name, "reference": derivation.reference, "steps": steps}, indent=2))
        else:
            print(f"{derivation}\n\n{derivation.latex()}")
        if self.cite:
            from .._support.citations import bibliography

            print(f"\n{bibliography()[derivation.reference]}")
