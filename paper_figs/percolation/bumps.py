"""When does a data set of Gaussian bumps become one manifold? Percolation of overlapping bumps [@Liang2024].

Bumps of width sigma on a square lattice of spacing d; a random fraction lambda of them is kept, and two are joined
where their overlap exceeds theta (the percolation figure of the paper uses theta = 0.005 and 0.05). The largest
connected fraction against lambda for several widths, with the predicted thresholds; and the threshold against the
width, predicted by `theory.percolation.critical_data_fraction` and measured as the lambda at which half
of the kept images are connected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import in_a_row, panel
from .._style import ink, shades

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTHS = (0.2, 0.25, 0.35, 0.5, 0.75, 1.0)
OVERLAPS = (0.005, 0.05)
PLAN = {"small": (32, 200), "full": (64, 1000)}
PICTURE = 12


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`connected` over (width, lambda) at the first theta; `half` and `predicted` over (overlap, width)."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ..._support.streams import stream
    from ...theory.percolation import critical_data_fraction

    size, n_runs = PLAN[check.choice("scale", scale, PLAN)]
    fractions = np.linspace(0.005, 1.0, 200)
    connected = np.zeros((len(OVERLAPS), len(WIDTHS), len(fractions)))
    predicted = np.full((len(OVERLAPS), len(WIDTHS)), np.nan)
    half = predicted.copy()
    for i, overlap in enumerate(OVERLAPS):
        for j, width in enumerate(WIDTHS):
            curve = connected_fraction(width, overlap, fractions, size, n_runs, seed)
            connected[i, j] = curve
            value = critical_data_fraction(1.0, width, overlap).value
            predicted[i, j] = np.nan if value is None else value
            reached = np.flatnonzero(curve[10:] >= 0.5)
            if value is not None and len(reached):
                k = 10 + reached[0]
                half[i, j] = np.interp(0.5, curve[k - 1 : k + 1], fractions[k - 1 : k + 1])
    field = stream(seed, "bump picture").random((PICTURE, PICTURE))
    return xr.Dataset(
        {
            "connected": (("overlap", "width", "fraction"), connected),
            "half": (("overlap", "width"), half),
            "predicted": (("overlap", "width"), predicted),
            "field": (("row", "column"), field),
        },
        {"overlap": list(OVERLAPS), "width": list(WIDTHS), "fraction": fractions},
        {**provenance(seed=seed), "size": size, "n_runs": n_runs},
    )


def connected_fraction(
    width: float, overlap: float, fractions: np.ndarray, size: int, n_runs: int, seed: int
) -> np.ndarray:
    """Mean size of the largest connected set over the mean number of kept images, on an open size x size canvas."""
    import numpy as np

    from ...simulate.percolation import sweep
    from ...theory.percolation import extended_square, link_radius

    radius = link_radius(width, overlap)
    if radius < 1:
        return 1 / np.maximum(fractions * size**2, 1.0)
    lattice = extended_square(radius)
    result = sweep(lattice, "site", size, n_runs, seed, periodic=False, quantities=("largest",), show=False)
    return result.canonical(fractions).largest.values / fractions


SHOWN_FRACTION, SHOWN_WIDTH = 0.5, 0.35


@panel("field")
def plot_bump_canvas(ax: Axes, result: xr.Dataset) -> None:
    """A small canvas: the kept images as bumps, joined where they overlap; the largest connected set stands out."""
    import numpy as np
    from matplotlib.collections import LineCollection

    from ...simulate.percolation import label
    from ...theory.percolation import extended_square, link_radius

    radius = link_radius(SHOWN_WIDTH, OVERLAPS[0])
    labels, _ = label(result.field.values, SHOWN_FRACTION, extended_square(radius), periodic=False)
    largest = np.argmax(np.bincount(labels[labels > 0]))
    y, x = np.nonzero(labels)
    points = np.column_stack([x, y])
    apart = ((points[:, None] - points[None]) ** 2).sum(-1)
    i, j = np.nonzero(np.triu(apart <= radius**2, 1))
    shade = np.where(labels[y, x] == largest, ink(ax, "gaussian"), ink(ax, "local"))
    ax.add_collection(LineCollection(list(np.stack([points[i], points[j]], 1)), colors=shade[i], lw=0.8))
    ax.scatter(x, y, s=60 * SHOWN_WIDTH, c=shade, zorder=2, lw=0)
    empty_y, empty_x = np.nonzero(labels == 0)
    ax.scatter(empty_x, empty_y, s=2, c=ink(ax, "exact"), lw=0, alpha=0.5)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.set_xlabel(rf"$\sigma/d={SHOWN_WIDTH:g}$, $\lambda={SHOWN_FRACTION:g}$")
    for side in ax.spines.values():
        side.set_visible(False)


@panel("connected", "fraction", "predicted", "overlap", "width", title=r"$\sigma/d$", handlelength=1, labelspacing=0.2)
def plot_connected_fraction(ax: Axes, result: xr.Dataset) -> None:
    """Largest connected fraction against the fraction of the data kept, with the predicted thresholds dotted."""
    for j, shade in enumerate(shades(ax, result.sizes["width"])):
        one = result.isel(overlap=0, width=j)
        ax.plot(one.fraction, one.connected, color=shade, lw=1.2, label=f"{float(one.width):g}")
        ax.axvline(float(one.predicted), color=shade, lw=0.8, ls=":")
    ax.set(xlabel=r"fraction of the data kept, $\lambda$", ylabel="largest connected fraction", ylim=(0, 1.03))


@panel("half", "overlap", "width", handlelength=1)
def plot_bump_thresholds(ax: Axes, result: xr.Dataset) -> None:
    """The threshold against the width of the bumps: predicted (steps), and where half of the data are connected."""
    import numpy as np

    from ...theory.percolation import critical_data_fraction

    fine = np.linspace(0.15, 1.05, 400)
    for i, (overlap, theory) in enumerate(zip(result.overlap.values, ("gaussian", "empirical"), strict=True)):
        known = [critical_data_fraction(1.0, float(width), float(overlap)).value for width in fine]
        steps = np.array([np.nan if value is None else value for value in known])
        shade = ink(ax, theory)
        ax.plot(fine, steps, color=shade, lw=1, label=rf"predicted, $\theta={overlap:g}$")
        ax.plot(result.width, result.half.isel(overlap=i), "o", ms=3.5, color=shade)
    ax.set(xlabel=r"width $\sigma/d$", ylabel=r"threshold $\lambda_c$", ylim=(0, 0.65))


def draw(dataset: xr.Dataset) -> Figure:
    """A small canvas, the connected fraction, and the threshold against the width."""
    return in_a_row(dataset, (plot_bump_canvas, plot_connected_fraction, plot_bump_thresholds), 2.5, (1, 1.25, 1.25))


def findings(dataset: xr.Dataset) -> Findings:
    """Where half of the kept bumps are connected, next to the predicted critical fraction."""
    import numpy as np

    apart = (dataset.half - dataset.predicted).values
    narrow = int(np.isnan(dataset.predicted.values).sum())
    return Findings(
        "site percolation with all neighbours within 2 sigma sqrt(ln 1/theta): at theta = 0.005 and sigma/d = "
        + ", ".join(
            f"{float(w):g}: {float(value):.3f}"
            for w, value in zip(dataset.width, dataset.predicted[0], strict=True)
            if np.isfinite(float(value))
        ),
        f"half of the kept bumps are connected within {np.nanmax(abs(apart)):.3f} of it for all "
        f"{int(np.isfinite(apart).sum())} pairs of width and theta that percolate ({dataset.attrs['size']} x "
        f"{dataset.attrs['size']} canvas, {dataset.attrs['n_runs']} runs)",
        f"the mean deviation is {np.nanmean(apart):+.4f}, an effect of the open border and the finite size; the "
        f"{narrow} narrowest cases neither percolate in theory nor in the simulation",
    )
