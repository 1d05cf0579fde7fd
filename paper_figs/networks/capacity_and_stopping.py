"""When is a network closest to the Gaussian optimum: at small width, early in training? [@Li2024], Figs. 5-7.

Distance to the Gaussian and to the empirical optimum of the training set on held-out images, at the noise level of the
data's spread: (a, b) against the width, at the last step, (c, d) against the training step, for the widest network.
Dotted: the distance between the two optima themselves, which a network that has become the one keeps to the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEPT = ("rmse", "score_gap", "linearity", "denoising_error", "memorised", "optimum_denoising_error", "test_train_gap")
SHOWN = 4


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Distances on held-out images over (n_train, width, step, theory, sigma), and how far the two optima are apart."""
    import numpy as np
    import torch
    import xarray as xr

    from ..._support.estimates import estimates, mean_error
    from ...compare.comparison._optima import optima
    from ...simulate.diffusion import noised
    from ._regime_runs import only, prepared, regimes

    found = regimes(scale, seed)
    data, plan, _ = prepared(scale, seed)
    pool, held_out = plan.pool(data)
    images = held_out.images[: plan.n_images]
    apart = np.empty((2, len(plan.sizes), len(plan.sigmas)))
    for i, size in enumerate(plan.sizes):
        both = optima(plan.sets(pool, size, 0)[0], ("empirical", "gaussian"))
        for j, sigma in enumerate(plan.sigmas):
            x = noised(images, float(sigma), plan.seed)
            with torch.no_grad():
                gap = (both["empirical"](x, float(sigma)) - both["gaussian"](x, float(sigma))).double().flatten(1)
            apart[:, i, j] = mean_error(gap.square().mean(1).sqrt().numpy(force=True))
    between = estimates(("n_train", "sigma"), optima_apart=apart)
    kept = only(found, KEPT).sel(inputs="held-out")
    return kept.merge(xr.Dataset(between).astype("float32"))


@panel(
    "rmse", "rmse_stderr", "optima_apart", "optimum_denoising_error", "sigma", "n_train", "width", "step", "theory",
    choice={"theory": ("gaussian", "empirical"), "along": ("width", "step")}, size=0.75,
)  # fmt: skip
def plot_distance_to_optimum(ax: Axes, result: xr.Dataset, theory: str, along: str) -> None:
    """Distance of networks to an optimum on held-out images against the width or the training step."""
    from ...compare.plot._sizes import step_ticks

    sigma = _level(result)
    at = result.sel(sigma=sigma, theory=theory).isel({"step" if along == "width" else "width": -1})
    sizes = at.n_train.values[:: max(1, at.sizes["n_train"] // SHOWN)]
    for size, shade in zip(sizes, shades(ax, len(sizes)), strict=True):
        part = at.sel(n_train=size)
        look = {"color": shade, "marker": "o", "ms": 2.5, "capsize": 1.2, "label": f"$n$ = {size}"}
        ax.errorbar(part[along], part.rmse, part.rmse_stderr, **look)
        ax.axhline(float(part.optima_apart), color=shade, ls=":", lw=0.7)
    word, held = ("Gaussian" if theory == "gaussian" else theory), "step" if along == "width" else "width"
    ax.set(xscale="log", xlabel="width" if along == "width" else "training step", ylabel=f"RMSE to {word}")
    ax.set_ylim(0, None)
    ax.set_title(rf"{held} {int(at[held])}, $\sigma$ = {sigma:.2g}", loc="right")
    if along == "width":
        ax.set_xticks(at.width.values, [str(width) for width in at.width.values])
        ax.minorticks_off()
    else:
        step_ticks(ax, at.step.values)


def _level(result: xr.Dataset) -> float:
    from ...compare.plot._sizes import middle_level

    return middle_level(result.expand_dims(inputs=["held-out"]))


def draw(dataset: xr.Dataset) -> Figure:
    """Distance to the Gaussian (left) and the empirical optimum (right), against width (top) and step (bottom)."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(2, 2, figsize=(PAGE * 0.85, 4.4), sharey="col", sharex="row")
        for theory, column in zip(("gaussian", "empirical"), axes.T, strict=True):
            for ax, along in zip(column, ("width", "step"), strict=True):
                plot_distance_to_optimum(dataset, ax=ax, theory=theory, along=along, legend=False)
        letters(axes.flat)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Where the distance to the Gaussian optimum is least, over width and over steps, for a size in the middle."""
    from ..._support.estimates import show
    from ...compare.plot._sizes import middle_level

    sigma = middle_level(dataset.expand_dims(inputs=["held-out"]))
    middle = int(dataset.n_train[dataset.sizes["n_train"] // 2])
    at = dataset.sel(sigma=sigma, theory="gaussian", n_train=middle)

    def told(part: xr.Dataset) -> str:
        return show(float(part.rmse), float(part.rmse_stderr))

    widths = [f"{told(at.isel(step=-1).sel(width=width))} (width {width})" for width in at.width.values]
    course = at.isel(width=-1)
    best, last = course.isel(step=int(course.rmse.argmin("step"))), course.isel(step=-1)
    end = at.isel(step=-1)
    most, nearest = (end.isel(width=int(k)) for k in (end.linearity.argmax("width"), end.rmse.argmin("width")))
    return Findings(
        "closest to the Gaussian optimum at small capacity, and early in training",
        f"n = {middle}, sigma = {sigma:.2g}, RMSE to the Gaussian: {', '.join(widths)}; over steps the least, "
        f"{told(best)}, at step {int(best.step)} of {int(last.step)}, at the end {told(last)}; copies "
        f"{float(best.memorised):.2f} -> {float(last.memorised):.2f}",
        f"width {int(nearest.width)} comes nearest, width {int(most.width)} is the most linear "
        f"({float(most.linearity):.3f}); "
        f"{_late(dataset.sel(sigma=sigma, theory='gaussian').isel(width=-1))}",
    )


def _late(course: xr.Dataset) -> str:
    """At which sizes the widest network leaves the Gaussian late, and whether it copies there."""
    import numpy as np

    last = course.isel(step=-1)
    least = course.isel(step=course.rmse.argmin("step"))
    rises = last.rmse - least.rmse > 3 * np.hypot(last.rmse_stderr, least.rmse_stderr)
    if not rises.any():
        return "the distance does not rise late at any size"
    sizes, copies = course.n_train[rises.values].values.tolist(), last.memorised[rises.values].values
    which = (
        f"n = {', '.join(map(str, sizes))}" if len(sizes) < 4 else f"{len(sizes)} sizes, n = {sizes[0]} to {sizes[-1]}"
    )
    return f"the distance rises late at {which}, with at most {copies.max():.2f} copies among the samples"
