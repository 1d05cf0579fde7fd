"""Does a denoiser become more linear as it generalises? Linearity against noise by training-set size [@Li2024], Fig. 1.

(a) The linearity score of networks, centred so that every affine map has exactly 1. (b) The same score of the optima of
the same training sets, the null: the memorising optimum is far from linear, the more so the fewer its images, and so
is the mixture of classes, which generalises. (c) At the noise level where a network is least linear, against the
size of the training set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._style import COLOURS, PAGE, panel_letter, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

KEPT = ("linearity", "nonlinearity", "optimum_linearity", "optimum_nonlinearity", "overlap")


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Linearity over (n_train, width, sigma) at the last step, and that of the optima."""
    from ._regime_runs import only, regimes

    return only(regimes(scale, seed), KEPT).isel(step=-1)


def draw(dataset: xr.Dataset) -> Figure:
    """Networks by size, their optima, and the least linearity against the size."""
    from matplotlib import pyplot as plt

    widest = dataset.isel(width=-1)
    colours = shades(dataset.sizes["n_train"])
    with style():
        figure, (networks, optima, least) = plt.subplots(1, 3, figsize=(PAGE, 2.7), width_ratios=(1, 1, 1.1))
        for k, colour in enumerate(colours):
            one = widest.isel(n_train=k)
            options = {"color": colour, "lw": 1.0, "capsize": 1.2}
            networks.errorbar(one.sigma, one.linearity, one.linearity_stderr, label=f"{int(one.n_train)}", **options)
            for theory, line in (("empirical", "-"), ("mixture", ":")):
                if theory in one.theory:
                    curve = one.sel(theory=theory).optimum_linearity
                    optima.plot(curve.sigma, curve, color=colour, ls=line, lw=1.0)
        low = float(min(dataset.linearity.min(), dataset.optimum_linearity.min())) - 0.1
        for ax, title in (
            (networks, f"networks, width {int(widest.width)}"),
            (optima, "optima (dots: mixture)"),
        ):
            ax.set(xscale="log", xlabel=r"noise level $\sigma$", ylim=(low, 1.02))
            ax.axhline(1, color=COLOURS["gaussian"], lw=0.8)
            ax.set_title(title, loc="right", fontsize=7)
        networks.set_ylabel("linearity (centred)")
        networks.legend(
            title="$n$",
            title_fontsize=6,
            fontsize=6,
            ncols=3,
            labelspacing=0.1,
            handlelength=0.8,
            columnspacing=0.8,
            loc=8,
        )
        _draw_least(least, dataset)
        for ax, letter in zip((networks, optima, least), "abc", strict=True):
            panel_letter(ax, letter)
    return figure


def _draw_least(ax, dataset: xr.Dataset) -> None:
    from ...compare.plot._sizes import WIDTH_STYLES, ticks

    worst = int(dataset.linearity.isel(width=-1).mean("n_train").argmin("sigma"))
    at = dataset.isel(sigma=worst)
    for k, width in enumerate(at.width.values):
        one = at.sel(width=width)
        options = {"color": COLOURS["network"], "ls": WIDTH_STYLES[k % 3], "marker": "o", "ms": 2.5, "capsize": 1.2}
        ax.errorbar(one.n_train, one.linearity, one.linearity_stderr, label=f"width {width}", **options)
    for theory in at.theory.values:
        if theory in ("empirical", "mixture", "local"):
            one = at.sel(theory=theory)
            options = {"color": COLOURS[str(theory)], "lw": 1.0, "capsize": 1.2}
            ax.errorbar(one.n_train, one.optimum_linearity, one.optimum_linearity_stderr, label=str(theory), **options)
    ax.axhline(1, color=COLOURS["gaussian"], lw=0.8, label="gaussian")
    ax.set(xscale="log", xlabel="training images $n$")
    ax.set_title(rf"$\sigma$ = {float(at.sigma):.2g}", loc="right", fontsize=7)
    ticks(ax, at.n_train.values)
    ax.legend(labelspacing=0.2, handlelength=2.2, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.08))


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
    nulls = [
        f"{name} {rise('optimum_linearity', at.sel(theory=name))}" for name in at.theory.values if name != "gaussian"
    ]
    return Findings(
        "an affine denoiser has 1; generalising networks are more linear than memorising ones",
        f"width {int(at.width)}, sigma = {float(at.sigma):.2g}, n = {small} -> {large}: {rise('linearity', at)}",
        f"the optima of the same sets become more linear too: {'; '.join(nulls)}; at n = {int(at.n_train[0])} networks "
        f"are at {told(at.isel(n_train=0), 'linearity')}",
    )
