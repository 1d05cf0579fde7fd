"""Images, or other items, denoised by the network and by every theory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..._support.style import ink, literal
from ...errors import ArgumentError
from ._axes import COMPARISON, kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

PLAIN = ("clean", "noisy")


def plot_examples(result: xr.Dataset, *, figure: Figure | SubFigure | None = None) -> np.ndarray:
    r"""One held-out image at a few noise levels, denoised by the network and by every theory.

    Parameters
    ----------
    result : xarray.Dataset
        What `compare` or `one_model` returns.
    figure : matplotlib.figure.Figure or SubFigure, optional
        Where to draw, a part of the user's figure for example; by default a new figure.

    Returns
    -------
    ndarray of Axes, shape (levels, panels)
        A row for each noise level, a column for the clean image, the noisy one, the network and each theory. Images
        are clipped to [-1, 1]; points show their entries in order.

    Raises
    ------
    ArgumentError
        If the result is of another kind, holds several networks, or `figure` is not a figure.

    Examples
    --------
    >>> from idealscore.compare import Comparison, compare
    >>> from idealscore.learned.data import load
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",))
    >>> result = compare(GaussianDenoiser.fit(held_out.images), training, held_out, config, show=False)
    >>> [ax.get_title() for ax in plot_examples(result)[0]]
    ['clean', 'noisy', 'network', 'gaussian']
    """
    from matplotlib.figure import FigureBase

    kind(result, "plot_examples", ("example",), COMPARISON, ("panel", "example_sigma"))
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(layout="constrained")
    if not isinstance(figure, FigureBase):
        problem = f"is a {type(figure).__name__}"
        raise ArgumentError("figure", problem, "pass a figure or a part of one, figure.subfigures()[0] for example")
    panels, levels = result.panel.values, result.example_sigma.values
    axes = figure.subplots(len(levels), len(panels), squeeze=False)
    for row, sigma in enumerate(levels):
        for column, panel in enumerate(map(str, panels)):
            ax = axes[row, column]
            picture = result.example.isel(panel=column, example_sigma=row).values
            if picture.ndim == 3:
                show_image(ax, picture)
            else:
                show_item(ax, picture, float(np.abs(result.example.sel(panel="clean")).max()))
            if row == 0:
                ax.set_title(literal(panel), color=ink(ax, "network" if panel in PLAIN else panel))
        axes[row, 0].set_ylabel(rf"$\sigma$ = {sigma:.2g}", rotation=0, ha="right", va="center")
    return axes


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
    ax.axhline(0, color=ink(ax, "exact"), linewidth=0.4)
    ax.set_ylim(-2 * largest or -1, 2 * largest or 1)
    ax.set_xticks([])
    ax.set_yticks([])
