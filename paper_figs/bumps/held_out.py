"""Do networks compose stripes and a few bumps into places they never saw? A held-out band [@Liang2024].

Bumps whose x or y lies in the band are kept from training. (a) What the first network of each training set paints in
the middle of the band, where both coordinates were held out. (b) Accuracy (3/4 of a spacing) by which coordinates lie
in the band. Stripes show every value of each coordinate alone; bumps outside the band show how two combine. A network
that copies the nearest training bump is right outside of the band alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._panel import panel
from .._style import PAGE, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._findings import Findings

SETS = ("bumps", "stripes", "few bumps", "stripes + few bumps", "stripes + bumps")
REGION = {"neither": "outside", "x": "x inside", "y": "y inside", "both": "both inside"}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`held_out_composition` of the plan."""
    from ._runs import study

    return study("held_out_composition", scale, seed)


@panel("sample", "set", choice={"training": SETS})
def plot_painted_band(ax: Axes, result: xr.Dataset, training: str) -> None:
    """What the first network of a training set paints in the middle of the band that was held out."""
    ax.imshow(result.sample.sel(set=training), vmin=0, vmax=1, cmap="gray", origin="lower")
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(training.replace(" + ", "\n+ ").replace("few ", "few\n"))


@panel(
    "accuracy", "accuracy_stderr", "examples", "tested", "set", "region",
    loc="lower right", bbox_to_anchor=(1.0, 1.0), size=0.75,
)  # fmt: skip
def plot_held_out_accuracy(ax: Axes, result: xr.Dataset) -> None:
    """Accuracy by which coordinates lie in the band that was held out, a bar for each training set."""
    count = result.sizes["set"]
    width = 0.8 / count
    for k, (name, shade) in enumerate(zip(result["set"].values, shades(ax, count), strict=True)):
        one = result.sel(set=name)
        places = [i + (k - (count - 1) / 2) * width for i in range(result.sizes["region"])]
        label, error = f"{name} ({int(one.examples)} images)", one.accuracy_stderr.fillna(0)
        whiskers = {"lw": 0.8, "ecolor": ink(ax, "network")}
        ax.bar(places, one.accuracy, width * 0.9, yerr=error, color=shade, label=label, error_kw=whiskers)
    labels = [f"{REGION[str(r)]}\n({int(n)} places)" for r, n in zip(result.region.values, result.tested, strict=True)]
    ax.set_xticks(range(len(labels)), labels)
    ax.set(xlabel="coordinates in the held-out band", ylabel="accuracy", ylim=(0, 1.05))


def draw(dataset: xr.Dataset) -> Figure:
    """A painted image per training set above the accuracies."""
    from matplotlib import pyplot as plt

    names = [str(name) for name in dataset["set"].values]
    with style():
        figure = plt.figure(figsize=(PAGE, 4.0))
        grid = figure.add_gridspec(2, len(names), height_ratios=(1, 1.5))
        painted = [
            plot_painted_band(dataset, ax=figure.add_subplot(grid[0, k]), training=name) for k, name in enumerate(names)
        ]
        bars = plot_held_out_accuracy(dataset, ax=figure.add_subplot(grid[1, :]), legend=False)
        figure.legend(*bars.get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=1)
        letters((painted[0], bars))
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
