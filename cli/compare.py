"""`idealscore compare DATA`: which theory does a trained network follow, at which noise level?"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import tyro

from ..compare.comparison import Comparison
from ..compare.reporting import report


@dataclass(frozen=True)
class Command(Comparison):
    data: tyro.conf.Positional[str] = "digits"  # pyright: ignore[reportIncompatibleVariableOverride]
    out: str = ""
    """folder of the results (default: compare-DATA)"""
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        out = Path(self.out or f"compare-{Path(self.data).stem}")
        comparison = Comparison(**{field.name: getattr(self, field.name) for field in fields(Comparison)})
        result = comparison.compute(out / "network")
        text = report(result, out)
        if self.json:
            import json

            from ..compare.table import rows

            print(json.dumps(rows(result), indent=2, ensure_ascii=False))
        else:
            print(text)
            print(f"\nwritten: {out / 'compare.nc'}, {out / 'compare.png'}, {out / 'report.html'}")
