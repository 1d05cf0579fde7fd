"""A comparison of a network with the optima, panel by panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.style import background, band, colours, ink
from ._axes import COMPARISON, HELD_OUT, TRAINING, key, kind, noise_axis, own_or_new, room, small
from ._transition_lines import plot_transition_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMBINATION = "best convex combination"
TRACKED = f"track, of {COMPARISON}"


def _at(result: xr.Dataset, split: str) -> xr.Dataset:
    """The images of one kind; a track has only one."""
    if "split" not in result.dims:
        return result
    return result.sel(split=check.choice("split", split, [str(name) for name in result.split.values]))


def _title(ax: Axes, result: xr.Dataset, split: str) -> None:
    if "split" in result.dims:
        ax.set_title(f"{split} images", loc="right")


def plot_score_gap(
    result: xr.Dataset,
    *,
    ax: Axes | None = None,
    split: str = HELD_OUT,
    transitions: bool = False,
    steps: bool = True,
    legend: bool = True,
) -> Axes:
    r"""The share of the network's score that each theory misses, E|s_net - s_theory|^2 / E|s_net|^2, by noise level.

    Parameters
    ----------
    result : xarray.Dataset
        What `compare`, `one_model` or `track` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw, with the settings that are in force; by default in a new figure.
    split : {"held-out", "training"}, optional
        Which images of a comparison to show.
    transitions : bool, optional
        Whether to mark the predicted transitions, where the result holds them, with their names below the curves;
        a legend then stands below the axes.
    steps : bool, optional
        Whether to write DDPM steps above the noise levels.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        There is a line for each theory with a band of one standard error, and a dashed one for the best convex
        combination. At the top stands the patch size of the local optimum in pixels, in its colour, where it changes.

    Raises
    ------
    ArgumentError
        If the result is of another kind, or holds several networks.
    UnknownNameError
        If the result has no such split.

    Examples
    --------
    >>> import torch
    >>> from idealscore.compare import track
    >>> from idealscore.theory import GaussianDenoiser
    >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    >>> theories = {"gaussian": GaussianDenoiser.fit(x)}
    >>> ax = plot_score_gap(track(lambda x, sigma: x / 2, theories, x, [0.5, 1.0, 2.0], hand_over=False))
    >>> ax.get_xlabel(), ax.get_xscale()
    ('noise level $\\sigma$', 'log')
    """
    result = kind(result, "plot_score_gap", ("explained_variance",), TRACKED, ("theory", "sigma"))
    part, ax = _at(result, split), own_or_new(ax)
    for name, shade in colours(ax, map(str, part.theory.values)).items():
        one = part.sel(theory=name)
        band(ax, one.sigma, 1 - one.explained_variance, one.explained_variance_stderr, name, color=shade)
    _combination(ax, part, missed=True)
    ax.set_yscale("log")
    _patch_sizes(ax, result)
    ax.set_ylabel("share of the score\nthat the theory misses")
    _title(ax, result, split)
    noise_axis(ax, result.sigma.values, steps)
    marked = transitions and "transition_sigma" in result
    if legend:
        key(ax, below=marked)
    if marked:
        plot_transition_lines(result, ax=ax, steps=False)
    return ax


def plot_explained(
    result: xr.Dataset, *, ax: Axes | None = None, split: str = HELD_OUT, steps: bool = True, legend: bool = True
) -> Axes:
    r"""The share of the network's score that each theory explains, 1 - E|s_net - s_theory|^2 / E|s_net|^2.

    Parameters
    ----------
    result : xarray.Dataset
        What `compare`, `one_model` or `track` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    split : {"held-out", "training"}, optional
        Which images of a comparison to show.
    steps : bool, optional
        Whether to write DDPM steps above the noise levels.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        There is a line for each theory with a band of one standard error. The dotted line is the null, the Gaussian
        that knows only mean and variance of the images; the dashed one is the best convex combination. The axis ends
        at 0, and theories that explain nothing lie below it.

    Raises
    ------
    ArgumentError
        If the result is of another kind, or holds several networks.
    UnknownNameError
        If the result has no such split.

    Examples
    --------
    >>> import torch
    >>> from idealscore.compare import track
    >>> from idealscore.theory import GaussianDenoiser
    >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    >>> theories = {"gaussian": GaussianDenoiser.fit(x)}
    >>> ax = plot_explained(track(lambda x, sigma: x / 2, theories, x, [0.5, 1.0, 2.0], hand_over=False))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['gaussian', 'null']
    """
    needed = ("explained_variance", "null_explained")
    result = kind(result, "plot_explained", needed, TRACKED, ("theory", "sigma"))
    part, ax = _at(result, split), own_or_new(ax)
    for name, shade in colours(ax, map(str, part.theory.values)).items():
        one = part.sel(theory=name)
        band(ax, one.sigma, one.explained_variance, one.explained_variance_stderr, name, color=shade)
    _combination(ax, part, missed=False)
    ax.plot(part.sigma, part.null_explained, color=ink(ax, "exact"), linestyle=":", label="null")
    ax.set_ylim(0, 1.03)
    ax.set_ylabel("share of the score\nthat is explained")
    _title(ax, result, split)
    noise_axis(ax, result.sigma.values, steps)
    if legend:
        key(ax)
    return ax


def plot_memorisation(result: xr.Dataset, *, ax: Axes | None = None, steps: bool = True, legend: bool = True) -> Axes:
    r"""The denoising error on training images divided by that on held-out images; below 1, they are remembered.

    Parameters
    ----------
    result : xarray.Dataset
        What `compare` or `one_model` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    steps : bool, optional
        Whether to write DDPM steps above the noise levels.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        The ratio of the network and, to compare with, that of each theory, with bands of one standard error.

    Raises
    ------
    ArgumentError
        If the result is of another kind, or holds several networks.

    Examples
    --------
    >>> from idealscore.compare import Comparison, compare
    >>> from idealscore.learned.data import load
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",))
    >>> result = compare(GaussianDenoiser.fit(held_out.images), training, held_out, config, show=False)
    >>> [line.get_label() for line in plot_memorisation(result).get_lines()][:2]
    ['gaussian', 'network']
    """
    needed = ("denoising_error", "network_denoising_error")
    result = kind(result, "plot_memorisation", needed, COMPARISON, ("theory", "sigma", "split"))
    ax = own_or_new(ax)
    for name, shade in colours(ax, map(str, result.theory.values)).items():
        ratio, error = _seen_over_new(result.sel(theory=name), "denoising_error")
        band(ax, result.sigma, ratio, error, name, color=shade)
    ratio, error = _seen_over_new(result, "network_denoising_error")
    band(ax, result.sigma, ratio, error, "network")
    ax.axhline(1, color=ink(ax, "exact"), linewidth=0.6)
    ax.set_ylabel("denoising error,\ntraining / held-out")
    noise_axis(ax, result.sigma.values, steps)
    if legend:
        key(ax)
    return ax


def plot_denoising_error(
    result: xr.Dataset, *, ax: Axes | None = None, split: str = HELD_OUT, steps: bool = True, legend: bool = True
) -> Axes:
    r"""The denoising error E|D(x) - x0|^2 / d of the network and of each theory, over that of the Gaussian optimum.

    Where the result holds no Gaussian optimum, the error itself is drawn.

    Parameters
    ----------
    result : xarray.Dataset
        What `compare`, `one_model` or `track` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    split : {"held-out", "training"}, optional
        Which images of a comparison to show.
    steps : bool, optional
        Whether to write DDPM steps above the noise levels.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        Lines with bands of one standard error. The dotted line, where the result holds it, is the error that the
        spectrum predicts for the Gaussian optimum of as many images.

    Raises
    ------
    ArgumentError
        If the result is of another kind, or holds several networks.
    UnknownNameError
        If the result has no such split.

    Examples
    --------
    >>> import torch
    >>> from idealscore.compare import track
    >>> from idealscore.theory import GaussianDenoiser
    >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    >>> theories = {"gaussian": GaussianDenoiser.fit(x)}
    >>> ax = plot_denoising_error(track(lambda x, sigma: x / 2, theories, x, [0.5, 1.0, 2.0], hand_over=False))
    >>> ax.get_ylabel().splitlines()
    ['denoising error,', 'relative to Gaussian']
    """
    needed = ("denoising_error", "network_denoising_error")
    result = kind(result, "plot_denoising_error", needed, TRACKED, ("theory", "sigma"))
    part, ax = _at(result, split), own_or_new(ax)
    relative = "gaussian" in part.theory
    scale = part.denoising_error.sel(theory="gaussian") if relative else 1.0
    for name, shade in colours(ax, map(str, part.theory.values)).items():
        one = part.sel(theory=name)
        band(ax, one.sigma, one.denoising_error / scale, one.denoising_error_stderr / scale, name, color=shade)
    of_network, error = part.network_denoising_error / scale, part.network_denoising_error_stderr / scale
    band(ax, part.sigma, of_network, error, "network")
    if "predicted_denoising_error" in part:
        predicted, shade = part.predicted_denoising_error / scale, ink(ax, "gaussian")
        ax.plot(part.sigma, predicted, ":", color=shade, label="Gaussian, predicted")
    ax.set_yscale("log")
    ax.set_ylabel("denoising error,\nrelative to Gaussian" if relative else "denoising error\nper entry")
    _title(ax, result, split)
    noise_axis(ax, result.sigma.values, steps)
    if legend:
        key(ax)
    return ax


def _seen_over_new(result: xr.Dataset, name: str) -> tuple[xr.DataArray, xr.DataArray]:
    """The ratio of training to held-out images, which are independent, and its standard error."""
    seen, new = result[name].sel(split=TRAINING), result[name].sel(split=HELD_OUT)
    errors = result[f"{name}_stderr"]
    ratio = seen / new
    error = (errors.sel(split=TRAINING) ** 2 + (ratio * errors.sel(split=HELD_OUT)) ** 2) ** 0.5 / new
    return ratio, error


def _combination(ax: Axes, part: xr.Dataset, missed: bool) -> None:
    if "combination_explained" in part and part.sizes["theory"] > 1:
        share = 1 - part.combination_explained if missed else part.combination_explained
        ax.plot(part.sigma, share, color=ink(ax, "network"), linestyle="--", linewidth=0.8, label=COMBINATION)


def _patch_sizes(ax: Axes, result: xr.Dataset) -> None:
    """The patch size of the local optimum, written at the top where it changes."""
    if "patch_size" not in result:
        return
    sizes = np.asarray(result.patch_size.values).astype(int)
    changes = [k for k in range(len(sizes)) if k == 0 or sizes[k] != sizes[k - 1]]
    for k in changes:
        text = f"{sizes[k]} px" if k == changes[-1] else str(sizes[k])
        ax.annotate(
            text, (float(result.sigma[k]), 1), xytext=(0, -2), textcoords="offset points", va="top",
            ha="left" if k == changes[-1] else "center", fontsize=small(0.625), xycoords=ax.get_xaxis_transform(),
            color=ink(ax, "local"), bbox={"fc": background(ax), "ec": "none", "pad": 0.3},
        )  # fmt: skip
    room(ax, above=1.2 * small())
