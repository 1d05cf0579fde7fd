"""How many images does a canvas of N x N places need? With stripes the order falls from N^2 towards N [@Liang2024].

Accuracy over all places of networks trained on random bumps (a) and on random bumps with all 2 N stripes (b), against
the number of training images. (c) Images at which the mean accuracy reaches 60 %, against N, with lines of slope 1 and
2; the fitted exponents are in the legend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._panel import panel
from .._style import PAGE, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from .._findings import Findings

NAMES = ("bumps", "bumps and stripes")


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`data_efficiency` of the plan."""
    from ._runs import study

    return study("data_efficiency", scale, seed)


@panel("accuracy", "examples", "size", "seed", "reached", choice={"data": NAMES}, loc="upper left", handlelength=1)
def plot_learning_over_data(ax: Axes, result: xr.Dataset, data: str) -> None:
    """Accuracy over all places against the number of training images, a line for each size of the canvas."""
    import numpy as np

    for size, shade in zip(result["size"].values, shades(ax, result.sizes["size"]), strict=True):
        one = result.sel(stripes=NAMES.index(data), size=size)
        error = one.accuracy.std("seed", ddof=1) / np.sqrt(one.sizes["seed"])
        label = f"N = {int(size)}"
        ax.errorbar(one.examples, one.accuracy.mean("seed"), error, color=shade, marker="o", ms=3, label=label)
    ax.axhline(result.attrs["reached"], color=ink(ax, "exact"), lw=0.7, ls=":")
    ax.set(xscale="log", xlabel=f"images: {data}", ylabel="accuracy over all places", ylim=(-0.03, 1.05))
    _plain_ticks(ax.xaxis)


@panel("needed", "needed_stderr", "exponent", "exponent_stderr", "examples", "size", loc="upper left", handlelength=1)
def plot_images_needed(ax: Axes, result: xr.Dataset) -> None:
    """Images at which the mean accuracy reaches 60 % against the size N, with lines of slope 2 and 1."""
    import numpy as np

    from ._runs import told

    sizes = result["size"].values.astype(float)
    for s, (name, theory) in enumerate(zip(NAMES, ("empirical", "gaussian"), strict=True)):
        one, shade = result.sel(stripes=s), ink(ax, theory)
        label = f"{name}:\nexponent {told(one, 'exponent')}"
        ax.errorbar(sizes, one.needed, one.needed_stderr, color=shade, marker="o", ls="none", label=label)
        held = np.isfinite(one.needed.values)
        if held.any():
            level = np.exp(np.mean(np.log(one.needed.values[held])))
            middle = np.exp(np.mean(np.log(sizes[held])))
            ax.plot(sizes, level * (sizes / middle) ** (2 - s), color=shade, lw=0.8, ls="--")
    ax.set(xscale="log", yscale="log", xlabel="size N", ylabel="images to 60 %")
    found = result.needed if result.needed.notnull().any() else result.examples
    low, high = float(found.min()) / 1.3, 1.3 * float(found.max())
    ax.set_ylim(low, high * (high / low) ** 0.6)
    _plain_ticks(ax.yaxis)
    _plain_ticks(ax.xaxis)
    ax.set_xticks(sizes, [f"{int(size)}" for size in sizes])


def draw(dataset: xr.Dataset) -> Figure:
    """Two panels of learning curves over data, and the power laws."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6))
        for ax, data in zip(axes[:2], NAMES, strict=True):
            plot_learning_over_data(dataset, ax=ax, data=data, legend=data == NAMES[0])
        axes[1].set_ylabel("")
        plot_images_needed(dataset, ax=axes[2])
        letters(axes)
    return figure


def _plain_ticks(axis: Axis) -> None:
    """Ticks 1, 2, 5, 10, ... in plain numbers on a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(ScalarFormatter())


def findings(dataset: xr.Dataset) -> Findings:
    """The two exponents."""
    from .._findings import Findings
    from ._runs import told

    pulls = [
        (float(dataset.exponent.sel(stripes=s)) - expected) / float(dataset.exponent_stderr.sel(stripes=s))
        for s, expected in enumerate((2.0, 1.0))
    ]
    told_laws = [f"{name} N^({told(dataset.sel(stripes=s), 'exponent')})" for s, name in enumerate(NAMES)]
    missing = int(dataset.needed.isnull().sum())
    return Findings(
        "images to 60 % grow as N^2 with bumps alone and as N with stripes",
        f"{told_laws[0]}, {told_laws[1]}, sizes " + ", ".join(str(int(n)) for n in dataset["size"].values),
        f"by {pulls[0]:+.1f} and {pulls[1]:+.1f} standard errors: at these sizes the two laws are not told apart "
        f"({dataset.attrs['seeds']} networks per point); {missing} of {dataset.needed.size} thresholds lie outside of "
        "the numbers tried",
    )
