"""The figure of a comparison: distances to every theory, the mark of memorisation, and denoised examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..._support.style import band, colour, letters, style
from ...theory.noise import NoiseLevel
from ._table import DDPM
from .options import HELD_OUT, TRAINING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


COMBINATION = "best convex combination"


def figure(result: xr.Dataset) -> Figure:
    """Draw a comparison from its Dataset alone.

    Parameters
    ----------
    result : xarray.Dataset
        As of `compare`, or of `one_model`.

    Returns
    -------
    matplotlib.figure.Figure
        Above: how much of the network's score each theory and their best convex combination miss, with the predicted
        transitions and, at the top, the patch size of the local optimum; denoising errors on
        training over held-out images; denoising errors on held-out images, dotted what the spectrum predicts of the
        Gaussian optimum of as many images. Below: one image (of other data, the
        entries of one item) at five noise levels, denoised by the network and by every theory.

    Examples
    --------
    >>> from idealscore.learned.data import load
    >>> from idealscore.compare import Comparison, compare
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",))
    >>> len(figure(compare(GaussianDenoiser.fit(held_out.images), training, held_out, config, show=False)).subfigs)
    2
    """
    import matplotlib.pyplot as plt

    with style():
        made = plt.figure(figsize=(7.2, 6.6), layout="constrained")
        parts: Any = made.subfigures(2, 1, height_ratios=(1, 1.05))
        top, bottom = parts
        axes = top.subplots(1, 3)
        _distances(axes[0], result)
        _memory(axes[1], result)
        _errors(axes[2], result)
        letters(axes)
        lines = {str(line.get_label()): line for ax in (axes[2], axes[0]) for line in ax.get_legend_handles_labels()[0]}
        top.legend(list(lines.values()), list(lines), loc="outside lower center", ncols=min(len(lines), 4))
        _examples(bottom, result)
    return made


def _noise_axis(ax: Axes, result: xr.Dataset) -> None:
    ax.set_xscale("log")
    ax.set_xlabel(r"noise level $\sigma$")
    low, high = float(result.sigma.min()), float(result.sigma.max())
    steps = [s for s in (1, 10, 100, 300, 600, 900) if low < NoiseLevel.from_step(s, DDPM).sigma < high]
    second = ax.secondary_xaxis("top")
    second.set_xticks([float(NoiseLevel.from_step(s, DDPM).sigma) for s in steps], [str(s) for s in steps])
    second.minorticks_off()
    second.set_xlabel("DDPM step (linear, 1000)")


def _transitions(ax: Axes, result: xr.Dataset) -> None:
    """Dotted lines, their names stacked in the empty corner at the lower left."""
    for k, (name, sigma) in enumerate(sorted(_named_sigmas(result), key=lambda pair: pair[1])):
        ax.axvline(sigma, color=colour("exact"), linestyle=":", linewidth=0.8)
        ax.annotate(
            name, (sigma, 0.03 + 0.07 * k), xytext=(-2, 0), textcoords="offset points", ha="right", fontsize=6,
            xycoords=ax.get_xaxis_transform(), color=colour("exact"), bbox={"fc": "white", "ec": "none", "pad": 0.4},
        )  # fmt: skip


def _named_sigmas(result: xr.Dataset) -> list[tuple[str, float]]:
    words = [str(name).split(" (")[0] for name in result.transition.values]
    return list(zip(words, result.transition_sigma.values.tolist(), strict=True))


def _distances(ax: Axes, result: xr.Dataset) -> None:
    part = result.sel(split=HELD_OUT)
    for name in part.theory.values:
        one = part.sel(theory=name)
        band(ax, one.sigma, 1 - one.explained_variance, one.explained_variance_stderr, str(name))
    if "combination_explained" in part and part.sizes["theory"] > 1:
        missed = 1 - part.combination_explained
        ax.plot(part.sigma, missed, color=colour("network"), linestyle="--", linewidth=0.8, label=COMBINATION)
    _patch_sizes(ax, result)
    ax.set_yscale("log")
    ax.set_ylabel("share of the network's score that\nthe theory misses (held-out images)")
    _transitions(ax, result)
    _noise_axis(ax, result)


def _patch_sizes(ax: Axes, result: xr.Dataset) -> None:
    """The patch size of the local optimum, written at the top where it changes."""
    if "patch_size" not in result:
        return
    sizes = result.patch_size.values.astype(int)
    changes = [k for k in range(len(sizes)) if k == 0 or sizes[k] != sizes[k - 1]]
    for k in changes:
        text = f"{sizes[k]} px" if k == changes[-1] else str(sizes[k])
        ax.annotate(
            text, (float(result.sigma[k]), 0.97), ha="left" if k == changes[-1] else "center", va="center", fontsize=5,
            xycoords=ax.get_xaxis_transform(), color=colour("local"),
        )  # fmt: skip


def _memory(ax: Axes, result: xr.Dataset) -> None:
    for name in result.theory.values:
        ratio = result.denoising_error.sel(theory=name, split=TRAINING) / result.denoising_error.sel(
            theory=name, split=HELD_OUT
        )
        ax.plot(result.sigma, ratio, color=colour(str(name)), label=str(name))
    ratio = result.network_denoising_error.sel(split=TRAINING) / result.network_denoising_error.sel(split=HELD_OUT)
    ax.plot(result.sigma, ratio, color=colour("network"), marker="o", label="network")
    ax.axhline(1, color=colour("exact"), linewidth=0.6)
    ax.set_ylabel("denoising error,\ntraining / held-out images")
    _noise_axis(ax, result)


def _errors(ax: Axes, result: xr.Dataset) -> None:
    part = result.sel(split=HELD_OUT)
    scale = part.denoising_error.sel(theory="gaussian") if "gaussian" in part.theory else 1.0
    for name in part.theory.values:
        one = part.sel(theory=name)
        band(ax, one.sigma, one.denoising_error / scale, one.denoising_error_stderr / scale, str(name))
    band(
        ax,
        part.sigma,
        part.network_denoising_error / scale,
        part.network_denoising_error_stderr / scale,
        "network",
    )
    if "predicted_denoising_error" in part:
        label = "Gaussian, predicted"
        ax.plot(part.sigma, part.predicted_denoising_error / scale, ":", color=colour("gaussian"), label=label)
    ax.set_yscale("log")
    ax.set_ylabel("denoising error on held-out\nimages, relative to the Gaussian")
    _noise_axis(ax, result)


def _examples(part: SubFigure, result: xr.Dataset) -> None:
    panels, levels = result.panel.values, result.example_sigma.values
    axes = part.subplots(len(levels), len(panels), squeeze=False)
    for row, sigma in enumerate(levels):
        for column, panel in enumerate(panels):
            ax = axes[row, column]
            picture = result.example.sel(panel=panel).isel(example_sigma=row).values
            if picture.ndim == 3:
                show_image(ax, picture)
            else:
                show_item(ax, picture, float(np.abs(result.example.sel(panel="clean")).max()))
            if row == 0:
                ax.set_title(str(panel), color=colour(str(panel)) if panel not in ("clean", "noisy") else "black")
        axes[row, 0].set_ylabel(rf"$\sigma$ = {sigma:.2g}", rotation=0, ha="right", va="center")


def show_image(ax: Axes, picture: np.ndarray) -> None:
    """An image `(channels, height, width)` in [-1, 1], clipped, without ticks."""
    shown = np.clip((np.moveaxis(picture, 0, -1) + 1) / 2, 0, 1)
    grey = shown.shape[-1] not in (3, 4)
    ax.imshow(shown.mean(-1) if grey else shown, cmap="gray" if grey else None, vmin=0, vmax=1)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def show_item(ax: Axes, item: np.ndarray, largest: float) -> None:
    """The entries of a point in their order, or of a sequence `(length, channels)` a curve for each channel."""
    curves = item.reshape(len(item), -1)
    ax.plot(curves, linewidth=0.8, marker="." if len(curves) < 20 else "", markersize=3)
    ax.axhline(0, color=colour("exact"), linewidth=0.4)
    ax.set_ylim(-2 * largest or -1, 2 * largest or 1)
    ax.set_xticks([])
    ax.set_yticks([])
