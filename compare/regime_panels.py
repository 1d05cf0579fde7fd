"""The picture of a regime map: where the network is closest to which optimum, copies, agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .._style import colour, letters, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_STYLES = (":", "--", "-")


def regime_figure(result: xr.Dataset) -> Figure:
    """Draw a regime map from its Dataset alone."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    widest = result.isel(width=-1)
    last = widest.isel(step=-1)
    middle = middle_level(result)
    with style():
        made, axes = plt.subplots(2, 3, figsize=(7.2, 4.8), layout="constrained")
        _closest(axes[0, 0], last.sel(inputs="held-out"), "sigma", r"noise level $\sigma$")
        _closest(axes[0, 1], widest.sel(inputs="held-out", sigma=middle), "step", "training step")
        _closest(axes[0, 2], result.isel(step=-1).sel(inputs="held-out", sigma=middle), "width", "width")
        size, step = int(result.width[-1]), int(result.step[-1])
        axes[0, 0].set_title(f"width {size}, step {step}", loc="right")
        axes[0, 1].set_title(rf"width {size}, $\sigma$ = {middle:.2g}", loc="right")
        axes[0, 2].set_title(rf"step {step}, $\sigma$ = {middle:.2g}", loc="right")
        _copies(axes[1, 0], result.isel(step=-1))
        agreement(axes[1, 1], last)
        _crossovers(axes[1, 2], widest)
        letters(axes.flat)
        handles = [Patch(color=colour(str(name))) for name in result.theory.values]
        names = [f"closest to {name}" for name in result.theory.values]
        made.legend(handles, names, loc="outside upper center", ncols=len(names))
    return made


def middle_level(result: xr.Dataset) -> float:
    """The measured level nearest to the spread of the data, which is what the optima miss at the largest noise."""
    spread = float(result.optimum_denoising_error.isel(sigma=-1, theory=0, inputs=0, n_train=-1)) ** 0.5
    return float(result.sigma[int(abs(np.log(result.sigma.values / spread)).argmin())])


def _edges(values: np.ndarray) -> np.ndarray:
    """Borders of cells around values on a logarithmic axis."""
    logs = np.log(values.astype(float))
    if len(logs) == 1:
        return np.exp([logs[0] - 0.5, logs[0] + 0.5])
    inner = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - inner[0]], inner, [2 * logs[-1] - inner[-1]]]))


def _closest(ax: Axes, part: xr.Dataset, along: str, label: str) -> None:
    """Cells in the colour of the closest optimum; a dot where others tie with it."""
    from matplotlib.colors import ListedColormap

    names = [str(name) for name in part.theory.values]
    shades = ListedColormap([colour(name) for name in names])
    index = xr.apply_ufunc(np.vectorize(names.index), part.closest).transpose(along, "n_train")
    x, y = part.n_train.values, part[along].values
    ax.pcolormesh(_edges(x), _edges(y), index, cmap=shades, vmin=-0.5, vmax=len(names) - 0.5, ec="white", lw=0.4)
    ties = (part.tied.sum("theory") > 1).transpose(along, "n_train").values
    rows, columns = np.nonzero(ties)
    ax.plot(x[columns], y[rows], ".", color="white", markersize=2.5)
    ax.set(xscale="log", yscale="log", xlabel="training images $n$", ylabel=label)
    ticks(ax, x)
    if along == "width":
        ax.set_yticks(y, [str(value) for value in y])
        ax.minorticks_off()


def ticks(ax: Axes, sizes: np.ndarray) -> None:
    """Every other size as a tick, so that labels do not collide."""
    chosen = sizes[:: 2 if len(sizes) > 5 else 1]
    ax.set_xticks(chosen, [str(size) for size in chosen])
    ax.minorticks_off()


def curve(ax: Axes, part: xr.Dataset, name: str, shade: str, label: str, **line: Any) -> None:
    """A quantity against the training-set size with its standard error."""
    ax.errorbar(part.n_train, part[name], part[f"{name}_stderr"], color=shade, label=label, capsize=1.5, **line)


def _copies(ax: Axes, last: xr.Dataset) -> None:
    for k, width in enumerate(last.width.values):
        line = WIDTH_STYLES[k % 3] if last.sizes["width"] > 1 else "-"
        curve(ax, last.sel(width=width), "memorised", colour("network"), f"{width}", ls=line, marker="o", ms=2)
    ax.plot(last.n_train, last.held_out_memorised, color=colour("exact"), lw=0.8, label="held-out\nimages")
    ax.axhline(0.5, color=colour("exact"), lw=0.5, ls=":")
    ax.set(xscale="log", xlabel="training images $n$", ylabel="samples that are copies", ylim=(-0.03, 1.05))
    ticks(ax, last.n_train.values)
    ax.legend(loc="upper right", title="width", title_fontsize=7, handlelength=2, labelspacing=0.3)


def overlapping(ax: Axes, last: xr.Dataset) -> None:
    """Shade the sizes for which two disjoint sets do not fit into the data."""
    if bool((last.overlap > 0).any()):
        n = last.n_train.values[last.overlap.values > 0][0]
        before = last.n_train.values[last.overlap.values == 0][-1:]
        start = (n * before[0]) ** 0.5 if len(before) else n / 1.5
        ax.axvspan(start, float(last.n_train[-1]) * 1.2, color="0.92", lw=0)


def agreement(ax: Axes, last: xr.Dataset, measure: str = "rp", label: str = "reproducibility RP") -> None:
    """Agreement against training-set size: same images, two sets, own empirical optimum, chance."""
    overlapping(ax, last)
    own = last.sel(theory="empirical")
    curve(ax, last, f"{measure}_same", colour("network"), "same images", marker="o", ms=2)
    curve(ax, last, f"{measure}_disjoint", colour("mixture"), "two sets", marker="D", ms=2)
    curve(ax, own, f"{measure}_to_optimum", colour("empirical"), "own optimum", marker="s", ms=2)
    chance = last[f"{measure}_chance_disjoint"]
    ax.plot(last.n_train, chance, color=colour("exact"), lw=0.8, label="chance")
    ax.set(xscale="log", xlabel="training images $n$", ylabel=label, ylim=(min(-0.03, float(chance.min())), 1.05))
    ticks(ax, last.n_train.values)
    ax.legend(loc="lower right", bbox_to_anchor=(1.02, 0.08), labelspacing=0.25, handlelength=1.4, fontsize=6.5)


def _crossovers(ax: Axes, widest: xr.Dataset) -> None:
    words = {
        "copies": "half of the samples are copies",
        "agreement": "two networks agree better\nthan each with its own data",
    }
    for criterion, shade in (("copies", colour("empirical")), ("agreement", colour("mixture"))):
        part = widest.sel(criterion=criterion)
        error, label = part.crossover_stderr, words[criterion]
        ax.errorbar(part.step, part.crossover, error, color=shade, marker="o", ms=2.5, capsize=1.5, label=label)
    sizes = widest.n_train.values
    ax.set(xscale="log", yscale="log", xlabel="training step", ylabel="crossover size $n$")
    ax.set_ylim(sizes[0] / 2, sizes[-1] * 8)
    step_ticks(ax, widest.step.values)
    ax.legend(loc="upper left", handlelength=1.4)


def step_ticks(ax: Axes, steps: np.ndarray) -> None:
    """The first, the middle and the last measured step as ticks of a logarithmic axis."""
    chosen = steps[np.unique([0, len(steps) // 2, len(steps) - 1])]
    ax.set_xticks(chosen, [str(step) for step in chosen])
    ax.minorticks_off()
