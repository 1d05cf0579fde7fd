"""Do networks compose stripes and a few bumps into places they never saw? A held-out band [@Liang2024].

Bumps whose x or y lies in the band are kept from training. (a) What the first network of each training set paints in
the middle of the band, where both coordinates were held out. (b) Accuracy (3/4 of a spacing) by which coordinates lie
in the band. Stripes show every value of each coordinate alone; bumps outside the band show how two combine. A network
that copies the nearest training bump is right outside of the band alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._style import PAGE, panel_letter, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from .._findings import Findings

REGION = {"neither": "outside", "x": "x inside", "y": "y inside", "both": "both inside"}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`held_out_composition` of the plan."""
    from ._runs import study

    return study("held_out_composition", scale, seed)


def draw(dataset: xr.Dataset) -> Figure:
    """A painted image per training set above the accuracies."""
    from matplotlib import pyplot as plt

    count = dataset.sizes["set"]
    with style():
        figure = plt.figure(figsize=(PAGE, 4.0))
        grid = figure.add_gridspec(2, count, height_ratios=(1, 1.5))
        for k, name in enumerate(dataset["set"].values):
            ax = figure.add_subplot(grid[0, k])
            ax.imshow(dataset.sample.sel(set=name), vmin=0, vmax=1, cmap="gray", origin="lower")
            ax.set(xticks=[], yticks=[])
            ax.set_xlabel(str(name).replace(" + ", "\n+ ").replace("few ", "few\n"))
            if k == 0:
                panel_letter(ax, "a")
        bars = figure.add_subplot(grid[1, :])
        width = 0.8 / count
        for k, (name, colour) in enumerate(zip(dataset["set"].values, shades(count), strict=True)):
            one = dataset.sel(set=name)
            places = [i + (k - (count - 1) / 2) * width for i in range(dataset.sizes["region"])]
            label = f"{name} ({int(one.examples)} images)"
            error = one.accuracy_stderr.fillna(0)
            bars.bar(places, one.accuracy, width * 0.9, yerr=error, color=colour, label=label, error_kw={"lw": 0.8})
        labels = [
            f"{REGION[str(r)]}\n({int(n)} places)" for r, n in zip(dataset.region.values, dataset.tested, strict=True)
        ]
        bars.set_xticks(range(len(labels)), labels)
        bars.set(ylabel="accuracy", ylim=(0, 1.05))
        figure.legend(*bars.get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=1)
        panel_letter(bars, "b")
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Accuracy where both coordinates were held out."""
    from .._findings import Findings
    from ._runs import told

    inside = dataset.sel(region="both")
    return Findings(
        "copying the nearest training bump gives 0 inside the band; composing stripes gives 1",
        "accuracy with both coordinates in the band: "
        + ", ".join(f"{name} {told(inside.sel(set=name), 'accuracy')}" for name in dataset["set"].values)
        + f" ({int(inside.tested)} places, {dataset.attrs['seeds']} networks each)",
        f"one canvas and one band, from {dataset.attrs['low']:g} to {dataset.attrs['high']:g} pixels",
    )
