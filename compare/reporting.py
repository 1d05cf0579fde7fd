"""Everything that a comparison leaves behind: compare.nc, compare.png, report.html, and the table as text."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from .. import _results
from .page import page
from .panels import figure
from .table import table


def report(result: xr.Dataset, out: str | Path) -> str:
    """Write `compare.nc`, `compare.png` and `report.html` into the folder `out`; return the table as text."""
    import matplotlib.pyplot as plt

    out = Path(out)
    _results.save(result, out / "compare.nc")
    drawn = figure(result)
    try:
        with _results.atomic_path(out / "compare.png") as temporary:
            drawn.savefig(temporary, format="png")
        _results.write_text(out / "report.html", page(result, drawn))
    finally:
        plt.close(drawn)
    return table(result)
