"""The studies on bumps as rows for people and programs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..._support.estimates import show

if TYPE_CHECKING:
    import xarray as xr

    from ..._support.types import Record as Row


def records(study: str, result: xr.Dataset) -> list[Row]:
    """The rows of a study's result: plain numbers under names, each estimate with its `_stderr`."""
    return list(_ROWS[study](result))


def table(rows: list[Row]) -> str:
    """The rows as a table; an estimate and its error share a column."""
    names = [name for name in rows[0] if not name.endswith("_stderr")]
    cells = [names, *([_cell(row, name) for name in names] for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _cell(row: Row, name: str) -> str:
    value = row[name]
    if value is None:
        return "-"
    if isinstance(value, float):
        error = row.get(f"{name}_stderr")
        return show(value, math.nan if error is None else error)
    return str(value)


def _number(value: float | xr.DataArray) -> float | None:
    value = float(value)
    return value if math.isfinite(value) else None


def _estimate(data: xr.Dataset, name: str) -> Row:
    return {name: _number(data[name]), f"{name}_stderr": _number(data[f"{name}_stderr"])}


def _held_out(result: xr.Dataset) -> Iterator[Row]:
    for name in result["set"].values:
        for region in result.region.values:
            here = result.sel(set=name, region=region)
            row = {"trained on": str(name), "images": int(here.examples), "coordinates held out": str(region)}
            yield {**row, "places": int(here.tested), **_estimate(here, "accuracy")}


def _efficiency(result: xr.Dataset) -> Iterator[Row]:
    for stripes in result.stripes.values:
        name = "bumps and stripes" if stripes else "bumps"
        for size in result["size"].values:
            here = result.sel(stripes=stripes, size=size)
            yield {"trained on": name, "size": int(size), **_estimate(here, "needed"), "exponent": None}
        law = result.sel(stripes=stripes)
        yield {"trained on": name, "size": "all", "needed": None, **_estimate(law, "exponent")}


def _representation(result: xr.Dataset) -> Iterator[Row]:
    names = ("participation_ratio", "additive_share", "orthogonality", "parallel_x", "parallel_y")
    for source in result.source.values:
        here = result.sel(source=source)
        row: Row = {"layer": str(source)}
        for name in names:
            row |= _over_networks(name, here[name])
        for reference in result.reference.values:
            row |= _over_networks(f"to {reference}", here.distance.sel(reference=reference))
        betti = here.betti.isel(network=0).values
        yield row | {"betti": None if not all(map(math.isfinite, betti)) else str(tuple(int(b) for b in betti))}


def _over_networks(name: str, values: xr.DataArray) -> Row:
    n = values.sizes["network"]
    mean, error = float(values.mean("network")), math.nan
    if n > 1:
        error = float(values.std("network", ddof=1)) / math.sqrt(n)
    same = error < 1e-9 * max(abs(mean), 1e-9)  # what all networks are given alike
    return {name: _number(mean), f"{name}_stderr": 0.0 if same else _number(error)}


def _percolation(result: xr.Dataset) -> Iterator[Row]:
    for width in result.width.values:
        for share in result.share.values:
            here = result.sel(width=width, share=share)
            row: Row = {"width": float(width), "share": float(share), "critical share": _number(here.predicted)}
            for name in ("connected", "accuracy", "unseen"):
                row |= _estimate(here, name)
            yield row


_ROWS = {
    "held-out": _held_out,
    "efficiency": _efficiency,
    "representation": _representation,
    "percolation": _percolation,
}
