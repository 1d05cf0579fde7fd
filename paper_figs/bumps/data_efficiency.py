"""How many images does a canvas of N x N places need? With stripes the order falls from N^2 towards N [@Liang2024].

Accuracy over all places of networks trained on random bumps (a) and on random bumps with all 2 N stripes (b), against
the number of training images. (c) Images at which the mean accuracy reaches 60 %, against N, with lines of slope 1 and
2; the fitted exponents are in the legend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._style import COLOURS, PAGE, panel_letter, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from .._findings import Findings

NAMES = ("bumps", "bumps and stripes")
SHADES = (COLOURS["empirical"], COLOURS["gaussian"])


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`data_efficiency` of the plan."""
    from ._runs import study

    return study("data_efficiency", scale, seed)


def draw(dataset: xr.Dataset) -> Figure:
    """Two panels of learning curves over data, and the power laws."""
    import numpy as np
    from matplotlib import pyplot as plt

    from ._runs import told

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6))
        colours = shades(dataset.sizes["size"])
        for s, ax in enumerate(axes[:2]):
            for size, colour in zip(dataset["size"].values, colours, strict=True):
                one = dataset.sel(stripes=s, size=size)
                mean = one.accuracy.mean("seed")
                error = one.accuracy.std("seed", ddof=1) / np.sqrt(one.sizes["seed"])
                ax.errorbar(one.examples, mean, error, color=colour, marker="o", ms=3, label=f"N = {int(size)}")
            ax.axhline(dataset.attrs["reached"], color=COLOURS["exact"], lw=0.7, ls=":")
            ax.set(xscale="log", xlabel=f"images: {NAMES[s]}", ylim=(-0.03, 1.05))
            _plain_ticks(ax.xaxis)
        axes[0].set_ylabel("accuracy over all places")
        axes[0].legend(loc="upper left", handlelength=1)
        law, sizes = axes[2], dataset["size"].values.astype(float)
        for s, (name, colour) in enumerate(zip(NAMES, SHADES, strict=True)):
            one = dataset.sel(stripes=s)
            label = f"{name}:\nexponent {told(one, 'exponent')}"
            law.errorbar(sizes, one.needed, one.needed_stderr, color=colour, marker="o", ls="none", label=label)
            held = np.isfinite(one.needed.values)
            if held.any():
                level = np.exp(np.mean(np.log(one.needed.values[held])))
                middle = np.exp(np.mean(np.log(sizes[held])))
                law.plot(sizes, level * (sizes / middle) ** (2 - s), color=colour, lw=0.8, ls="--")
        law.set(xscale="log", yscale="log", xlabel="size N", ylabel="images to 60 %")
        found = dataset.needed if dataset.needed.notnull().any() else dataset.examples
        low, high = float(found.min()) / 1.3, 1.3 * float(found.max())
        law.set_ylim(low, high * (high / low) ** 0.6)
        _plain_ticks(law.yaxis)
        _plain_ticks(law.xaxis)
        law.set_xticks(sizes, [f"{int(size)}" for size in sizes])
        law.legend(loc="upper left", handlelength=1)
        for ax, letter in zip(axes, "abc", strict=True):
            panel_letter(ax, letter)
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
