"""Does a denoiser become more linear as it generalises? Linearity against noise by training-set size [@Li2024], Fig. 1.

(a) The linearity score of networks, centred so that every affine map has exactly 1. (b) The same score of the optima of
the same training sets, the null: the memorising optimum is far from linear, and so is the mixture of classes, which
generalises. (c) At the noise level where a network is least linear, against the
size of the training set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEPT = ("linearity", "nonlinearity", "optimum_linearity", "optimum_nonlinearity", "overlap")


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Linearity over (n_train, width, sigma) at the last step, and that of the optima."""
    from ._regime_runs import only, regimes

    return only(regimes(scale, seed), KEPT).isel(step=-1)


_NEEDS = ("linearity", "optimum_linearity", "sigma", "n_train", "width", "theory")
_SIZES = {"title": "$n$", "ncols": 3, "labelspacing": 0.1, "handlelength": 0.8, "columnspacing": 0.8, "loc": 8}


@panel(*_NEEDS, "linearity_stderr", choice={"of": ("networks", "optima")}, size=0.75, **_SIZES)
def plot_linearity_by_noise(ax: Axes, result: xr.Dataset, of: str) -> None:
    """Linearity of the widest networks, or of the optima of the same sets, against noise, a line for each set size."""
    widest = result.isel(width=-1)
    for k, shade in enumerate(shades(ax, result.sizes["n_train"])):
        one, label = widest.isel(n_train=k), f"{int(widest.n_train[k])}"
        if of == "networks":
            look = {"color": shade, "lw": 1.0, "capsize": 1.2, "label": label}
            ax.errorbar(one.sigma, one.linearity, one.linearity_stderr, **look)
            continue
        for theory, line in (("empirical", "-"), ("mixture", ":")):
            if theory in one.theory:
                curve = one.sel(theory=theory).optimum_linearity
                ax.plot(curve.sigma, curve, color=shade, ls=line, lw=1.0, label=label if line == "-" else None)
    low = float(min(result.linearity.min(), result.optimum_linearity.min())) - 0.1
    ax.axhline(1, color=ink(ax, "gaussian"), lw=0.8)
    ax.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel="linearity (centred)", ylim=(low, 1.02))
    optima = "optima (dots: mixture)" if "mixture" in result.theory else "empirical optima"
    ax.set_title(f"networks, width {int(widest.width)}" if of == "networks" else optima, loc="right")


@panel(*_NEEDS, "linearity_stderr", "optimum_linearity_stderr", size=0.75, labelspacing=0.2, handlelength=2.2)
def plot_least_linearity(ax: Axes, result: xr.Dataset) -> dict[str, Any]:
    """Linearity at the level where a network is least linear against the size of the training set."""
    from ...compare.plot._sizes import WIDTH_STYLES, ticks

    worst = int(result.linearity.isel(width=-1).mean("n_train").argmin("sigma"))
    at = result.isel(sigma=worst)
    for k, width in enumerate(at.width.values):
        one, look = at.sel(width=width), {"marker": "o", "ms": 2.5, "capsize": 1.2, "label": f"width {width}"}
        look |= {"color": ink(ax, "network"), "ls": WIDTH_STYLES[k % 3]}
        ax.errorbar(one.n_train, one.linearity, one.linearity_stderr, **look)
    for theory in at.theory.values:
        if theory in ("empirical", "mixture", "local"):
            one = at.sel(theory=theory)
            look = {"color": ink(ax, str(theory)), "lw": 1.0, "capsize": 1.2, "label": str(theory)}
            ax.errorbar(one.n_train, one.optimum_linearity, one.optimum_linearity_stderr, **look)
    ax.axhline(1, color=ink(ax, "gaussian"), lw=0.8, label="gaussian")
    ax.set(xscale="log", xlabel="training images $n$", ylabel="linearity (centred)")
    ax.set_title(rf"$\sigma$ = {float(at.sigma):.2g}", loc="right")
    ax.set_ylim(float(min(at.linearity.min(), at.optimum_linearity.min())) - 0.25, 1.02)  # room for the legend
    ticks(ax, at.n_train.values)
    return {"ncols": 2, "loc": "lower right"}


def draw(dataset: xr.Dataset) -> Figure:
    """Networks by size, their optima, and the least linearity against the size."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.7), width_ratios=(1, 1, 1.1))
        plot_linearity_by_noise(dataset, ax=axes[0])
        plot_linearity_by_noise(dataset, ax=axes[1], of="optima", legend=False).set_ylabel("")
        plot_least_linearity(dataset, ax=axes[2], legend=False).set(ylabel="", ylim=axes[0].get_ylim())
        handles, labels = axes[2].get_legend_handles_labels()
        spacing = {"handlelength": 2.2, "columnspacing": 0.8}
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), **spacing)
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """The least linear size and the largest, of networks and of the optima."""
    from ..._support.estimates import show

    worst = int(dataset.linearity.isel(width=-1).mean("n_train").argmin("sigma"))
    at = dataset.isel(width=-1, sigma=worst)
    least = int(at.linearity.argmin("n_train"))

    def told(part: xr.Dataset, name: str) -> str:
        return show(float(part[name]), float(part[f"{name}_stderr"]))

    def rise(name: str, part: xr.Dataset) -> str:
        return f"{told(part.isel(n_train=least), name)} -> {told(part.isel(n_train=-1), name)}"

    small, large = int(at.n_train[least]), int(at.n_train[-1])
    gain = float(at.linearity[-1] - at.linearity[least])
    error = float((at.linearity_stderr[least] ** 2 + at.linearity_stderr[-1] ** 2) ** 0.5)
    course = "linearity rises with the images" if gain > 2 * error else "linearity does not rise with the images"
    nulls = [
        f"{name} {rise('optimum_linearity', at.sel(theory=name))}" for name in at.theory.values if name != "gaussian"
    ]
    return Findings(
        "an affine denoiser has 1; generalising networks are more linear than memorising ones",
        f"width {int(at.width)}, sigma = {float(at.sigma):.2g}, n = {small} -> {large}: {rise('linearity', at)}",
        f"{course}; the optima of the same sets: {'; '.join(nulls)}; at n = {int(at.n_train[0])} networks "
        f"are at {told(at.isel(n_train=0), 'linearity')}",
    )
