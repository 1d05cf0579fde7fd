"""The picture of a regime map: where the network is closest to which optimum, copies, agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..._support.style import colour, letters, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_STYLES = (":", "--", "-")
ALIKE = 0.01  # of the network's score: what the farthest optimum misses


def regime_figure(result: xr.Dataset) -> Figure:
    """Draw a regime map from its Dataset alone.

    Parameters
    ----------
    result : xarray.Dataset
        As of `regime_map`.

    Returns
    -------
    matplotlib.figure.Figure
        Above: the closest optimum over training-set size and noise level, on held-out and on training images, and over
        size and training step or width. Below: copies, the gap between held-out and training error, agreement, and the
        sizes of the two crossovers against the training step.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> from idealscore.compare import RegimePlan, regime_map
    >>> tiny = RegimePlan(sizes=(4, 8), widths=(8,), steps=4, batch=4, snapshots=1, first_step=1, repeats=1, levels=2,
    ...                   n_images=4, n_pairs=4, n_samples=4, theories=("empirical", "gaussian"))
    >>> len(regime_figure(regime_map(load("digits"), tiny, show=False)).axes)
    8
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    widest = result.isel(width=-1)
    last = widest.isel(step=-1)
    middle = middle_level(result)
    with style():
        made, axes = plt.subplots(2, 4, figsize=(7.2, 4.2), layout="constrained")
        size, step = int(result.width[-1]), int(result.step[-1])
        held_out, by_width = widest.sel(inputs="held-out", sigma=middle), result.isel(step=-1).sel(sigma=middle)
        for ax, inputs in zip(axes[0, :2], ("held-out", "training"), strict=True):
            _closest(ax, last.sel(inputs=inputs), "sigma", r"noise level $\sigma$")
            ax.set_title(inputs, loc="right")
        _closest(axes[0, 2], held_out, "step", "training step")
        axes[0, 2].set_title(rf"$\sigma$ = {middle:.2g}", loc="right")
        _closest(axes[0, 3], by_width.sel(inputs="held-out"), "width", "width")
        axes[0, 3].set_title(rf"$\sigma$ = {middle:.2g}", loc="right")
        _copies(axes[1, 0], result.isel(step=-1))
        _gap(axes[1, 1], by_width, middle)
        agreement(axes[1, 2], last)
        _crossovers(axes[1, 3], widest)
        letters(axes.flat)
        handles = [Patch(color=colour(str(name))) for name in result.theory.values]
        names = [f"closest to {name}" for name in result.theory.values]
        title = f"width {size}, step {step} where not on an axis"
        made.legend(handles, names, loc="outside upper center", ncols=len(names), title=title, title_fontsize=7)
        lines = dict(pair for ax in axes[1, :3] for pair in zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        made.legend(lines.values(), lines, loc="outside lower center", ncols=4, handlelength=2.2)
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
    """Cells in the colour of the closest optimum, pale where all are within `ALIKE`; a dot where others tie with it.

    White where none explains any of the score.
    """
    from matplotlib.colors import ListedColormap

    names = [str(name) for name in part.theory.values]
    shades = ListedColormap([colour(name) for name in names])
    places = {name: float(place) for place, name in enumerate(names)}  # a cell without a closest one stays empty
    place = np.vectorize(lambda name: places.get(name, np.nan), otypes=[float])
    index = xr.apply_ufunc(place, part.closest).transpose(along, "n_train")
    x, y = part.n_train.values, part[along].values
    alike = (part.score_gap.max("theory") < ALIKE).transpose(along, "n_train")
    clear: Any = np.where(alike, 0.45, 1.0)
    ax.pcolormesh(_edges(x), _edges(y), index, cmap=shades, vmin=-0.5, vmax=len(names) - 0.5, alpha=clear)
    ties = (part.tied.sum("theory") > 1).transpose(along, "n_train").values
    rows, columns = np.nonzero(ties)
    ax.plot(x[columns], y[rows], ".", color="white", markersize=2.5)
    ax.set(xscale="log", yscale="log", xlabel="images $n$", ylabel=label)
    ticks(ax, x)
    if along == "width":
        ax.set_yticks(y, [str(value) for value in y])
        ax.minorticks_off()


def ticks(ax: Axes, sizes: np.ndarray) -> None:
    """A few of the sizes as ticks, so that labels do not collide."""
    chosen = sizes[:: -(-len(sizes) // 4)]
    ax.set_xticks(chosen, [str(size) for size in chosen])
    ax.minorticks_off()


def curve(ax: Axes, part: xr.Dataset, name: str, shade: str, label: str, **line: Any) -> None:
    """A quantity against the training-set size with its standard error."""
    ax.errorbar(part.n_train, part[name], part[f"{name}_stderr"], color=shade, label=label, capsize=1.5, **line)


def _copies(ax: Axes, last: xr.Dataset) -> None:
    for k, width in enumerate(last.width.values):
        line = WIDTH_STYLES[k % 3] if last.sizes["width"] > 1 else "-"
        curve(ax, last.sel(width=width), "memorised", colour("network"), f"width {width}", ls=line, marker="o", ms=2)
    curve(ax, last.isel(width=-1), "held_out_memorised", colour("exact"), "held-out images", lw=0.8)
    ax.axhline(0.5, color=colour("exact"), lw=0.5, ls=":")
    ax.set(xscale="log", xlabel="images $n$", ylabel="samples that are copies", ylim=(-0.03, 1.05))
    ticks(ax, last.n_train.values)


def _gap(ax: Axes, at: xr.Dataset, sigma: float) -> None:
    """Held-out less training error, over the spread of the data: 0 without memory."""
    for k, width in enumerate(at.width.values):
        line = WIDTH_STYLES[k % 3] if at.sizes["width"] > 1 else "-"
        curve(ax, at.sel(width=width), "test_train_gap", colour("network"), f"width {width}", ls=line, marker="o", ms=2)
    null = at.sel(theory="empirical").optimum_denoising_error
    null = null.sel(inputs="held-out") - null.sel(inputs="training")
    ax.plot(at.n_train, null, color=colour("empirical"), lw=1, label="own optimum")
    if "predicted_gap" in at:
        ax.plot(at.n_train, at.predicted_gap, color=colour("gaussian"), ls=":", label="Gaussian, predicted")
    ax.axhline(0, color=colour("exact"), lw=0.6)
    ax.set(xscale="log", xlabel="images $n$", ylabel="held-out less\ntraining error")
    ax.set_title(rf"$\sigma$ = {sigma:.2g}", loc="right")
    ticks(ax, at.n_train.values)


def overlapping(ax: Axes, last: xr.Dataset) -> None:
    """Shade the sizes for which two disjoint sets do not fit into the data."""
    if bool((last.overlap > 0).any()):
        n = last.n_train.values[last.overlap.values > 0][0]
        before = last.n_train.values[last.overlap.values == 0][-1:]
        start = (n * before[0]) ** 0.5 if len(before) else n / 1.5
        ax.axvspan(start, float(last.n_train[-1]) * 1.2, color="0.92", lw=0)


def agreement(ax: Axes, last: xr.Dataset, measure: str = "rp", label: str = "reproducibility RP") -> None:
    """Agreement against training-set size: same images, two sets, own empirical optimum, chance where it is known."""
    overlapping(ax, last)
    own = last.sel(theory="empirical")
    curve(ax, last, f"{measure}_same", colour("network"), "same images", marker="o", ms=2)
    curve(ax, last, f"{measure}_disjoint", colour("mixture"), "two sets", marker="D", ms=2)
    curve(ax, own, f"{measure}_to_optimum", colour("empirical"), "own optimum", marker="s", ms=2)
    chance = last.get(f"{measure}_chance_disjoint", 0 * last.n_train)
    if f"{measure}_chance_disjoint" in last:
        ax.plot(last.n_train, chance, color=colour("exact"), lw=0.8, label="chance")
    ax.set(xscale="log", xlabel="images $n$", ylabel=label, ylim=(min(-0.03, float(chance.min())), 1.05))
    ticks(ax, last.n_train.values)


def _crossovers(ax: Axes, widest: xr.Dataset) -> None:
    for criterion, shade in (("copies", colour("empirical")), ("agreement", colour("mixture"))):
        part = widest.sel(criterion=criterion)
        error = part.crossover_stderr
        ax.errorbar(part.step, part.crossover, error, color=shade, marker="o", ms=2.5, capsize=1.5, label=criterion)
    sizes = widest.n_train.values
    ax.set(xscale="log", yscale="log", xlabel="training step", ylabel="crossover size $n$")
    ax.set_ylim(sizes[0] / 2, sizes[-1] * 2)
    step_ticks(ax, widest.step.values)
    ax.legend(loc="upper left", handlelength=1.2, fontsize=6)


def step_ticks(ax: Axes, steps: np.ndarray) -> None:
    """The first, the middle and the last measured step as ticks of a logarithmic axis."""
    chosen = steps[np.unique([0, len(steps) // 2, len(steps) - 1])]
    ax.set_xticks(chosen, [str(step) for step in chosen])
    ax.minorticks_off()
