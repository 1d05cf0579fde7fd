"""Everything that a comparison leaves behind: compare.nc, pictures, report.html, and the table as text."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from ..._support import results as _results
from ..._support.display.tables import aligned
from ..._support.typed import typed
from ._figure import figure
from ._page import page_with, png
from ._table import table
from .several_models import models_of, one_model, pair_legend, pair_rows


@typed
def report(result: xr.Dataset, out: str | Path) -> str:
    """Write everything that a comparison leaves behind into a folder.

    `compare.nc` holds the numbers, `compare.png` the picture and `report.html` the page. Of several models, each has
    its own picture, `compare-1.png`, `compare-2.png`, ... in their order.

    Parameters
    ----------
    result : xarray.Dataset
        As of `compare` or `compare_models`.
    out : path
        The folder, made where it does not exist.

    Returns
    -------
    str
        The table as text; of several models, the table of each and that of their agreement.

    Examples
    --------
    >>> import tempfile
    >>> from idealscore.compare import Comparison, compare
    >>> from idealscore.learned.data import load
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",))
    >>> result = compare(GaussianDenoiser.fit(held_out.images), training, held_out, config, show=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = report(result, folder)
    ...     sorted(path.name for path in Path(folder).glob("*.*"))[-1]
    'report.html'
    """
    import matplotlib.pyplot as plt

    out, models = Path(out), models_of(result)
    _results.save(result, out / "compare.nc")
    drawn = {name: figure(one_model(result, name)) for name in models} if models else {"": figure(result)}
    try:
        saved = {name: png(picture) for name, picture in drawn.items()}
        for path, picture in zip(pictures(result, out), saved.values(), strict=True):
            _results.write_bytes(path, picture)
        _results.write_text(out / "report.html", page_with(result, saved if models else saved[""]))
    finally:
        for picture in drawn.values():
            plt.close(picture)
    return summary(result)


def pictures(result: xr.Dataset, out: Path) -> list[Path]:
    """Where `report` leaves its pictures."""
    count = len(models_of(result))
    return [out / f"compare-{k + 1}.png" for k in range(count)] or [out / "compare.png"]


def summary(result: xr.Dataset) -> str:
    """The table; of several models, the table of each and that of their agreement."""
    if not models_of(result):
        return table(result)
    parts = [f"{name}\n{table(one_model(result, name))}" for name in models_of(result)]
    agreement = [*aligned(pair_rows(result)), pair_legend(result)]
    return "\n\n".join([*parts, "agreement\n" + "\n".join(agreement)])
