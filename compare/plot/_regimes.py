"""A regime map, panel by panel: the closest optimum, copies, the gap of errors, agreement, crossovers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.style import colours, ink
from ._axes import HELD_OUT, TRAINING, key, kind, own_or_new, plain_ticks, small
from ._sizes import curve, edges, last, level_or_middle, overlapping, step_ticks, ticks, width_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALIKE = 0.01  # of the network's score: what the farthest optimum misses
LABELS = {"sigma": r"noise level $\sigma$", "step": "training step", "width": "width"}
MEASURES = {"rp": "reproducibility RP", "mae": "MAE score", "cosine": "mean cosine"}
MAP = "regime_map"


def plot_regime_map(
    result: xr.Dataset,
    *,
    ax: Axes | None = None,
    along: str = "sigma",
    inputs: str = HELD_OUT,
    sigma: float | None = None,
    legend: bool = True,
) -> Axes:
    r"""The optimum that is closest to the network, over training-set size and noise level, step or width.

    Parameters
    ----------
    result : xarray.Dataset
        What `regime_map` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    along : {"sigma", "step", "width"}, optional
        The other axis. Of what is not on an axis, the largest width, the last step and `sigma` are shown.
    inputs : {"held-out", "training"}, optional
        The images on which networks and optima are compared.
    sigma : float, optional
        Along steps or widths, the noise level to show, or the nearest that was measured; by default the spread of the
        data.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        Cells have the colour of the closest optimum. They are pale where all optima are within 1 % of the network's
        score, have a dot where others tie with it, and are empty where none explains any of the score.

    Raises
    ------
    ArgumentError
        If the result is of another kind.
    UnknownNameError
        If `along` or `inputs` is unknown.

    Examples
    --------
    >>> from idealscore.paper_figs.catalogue import saved  # a map that ships with the package
    >>> ax = plot_regime_map(saved("regime_map"))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('images $n$', 'noise level $\\sigma$')
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    dims = ("n_train", check.choice("along", along, LABELS), "theory")
    result = kind(result, "plot_regime_map", ("closest", "tied", "score_gap"), MAP, dims)
    part = result.sel(inputs=check.choice("inputs", inputs, (HELD_OUT, TRAINING)))
    for dim in ("width", "step"):
        part = part if dim == along else last(part, dim)
    ax = own_or_new(ax)
    title = inputs
    if along != "sigma":
        part = part.sel(sigma=level_or_middle(result, sigma), method="nearest")
        title = rf"$\sigma$ = {float(part.sigma):.2g}" + (f", {inputs}" if inputs != HELD_OUT else "")
    shade = colours(ax, map(str, part.theory.values))
    names = list(shade)
    places = {name: float(place) for place, name in enumerate(names)}  # a cell without a closest one stays empty
    place = np.vectorize(lambda name: places.get(name, np.nan), otypes=[float])
    index = xr.apply_ufunc(place, part.closest).transpose(along, "n_train")
    x, y = part.n_train.values, part[along].values
    alike = (part.score_gap.max("theory") < ALIKE).transpose(along, "n_train")
    clear: Any = np.where(alike, 0.45, 1.0)
    cells = ListedColormap(list(shade.values()))
    ax.pcolormesh(edges(x), edges(y), index, cmap=cells, vmin=-0.5, vmax=len(names) - 0.5, alpha=clear)
    rows, columns = np.nonzero((part.tied.sum("theory") > 1).transpose(along, "n_train").values)
    ax.plot(x[columns], y[rows], ".", color="white", markersize=2.5)
    ax.set(xscale="log", yscale="log", xlabel="images $n$", ylabel=LABELS[along])
    ax.set_title(title, loc="right")
    ticks(ax, x)
    if along == "width":
        ax.set_yticks(y, [str(value) for value in y])
        ax.minorticks_off()
    plain_ticks(ax)
    if legend:
        handles = [Patch(color=shade[name], label=name) for name in names]
        key(ax, handles=handles, title="closest to", title_fontsize=small())
    return ax


def plot_copies(result: xr.Dataset, *, ax: Axes | None = None, legend: bool = True) -> Axes:
    r"""The share of samples that are copies of training images, |x - a_1| < |x - a_2| / 3, by training-set size.

    Parameters
    ----------
    result : xarray.Dataset
        What `regime_map` returns; the last step is shown.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        A line for each width with standard errors, and one for held-out images, the null; the dotted line is one half.

    Raises
    ------
    ArgumentError
        If the result is of another kind.

    Examples
    --------
    >>> found = xr.Dataset({"memorised": ("n_train", [0.9, 0.1]), "held_out_memorised": ("n_train", [0.02, 0.01])})
    >>> found = found.assign({f"{name}_stderr": 0.1 * found[name] for name in found})
    >>> found = found.assign_coords(n_train=[10, 1000], width=64)
    >>> plot_copies(found).get_ylabel()
    'samples that are copies'
    """
    needed = ("memorised", "held_out_memorised", "width")
    at = last(kind(result, "plot_copies", needed, MAP, ("n_train",)), "step")
    ax = own_or_new(ax)
    width_lines(ax, at, "memorised")
    curve(ax, last(at, "width"), "held_out_memorised", "exact", "held-out images", lw=0.8)
    ax.axhline(0.5, color=ink(ax, "exact"), lw=0.5, ls=":")
    ax.set(xscale="log", xlabel="images $n$", ylabel="samples that are copies", ylim=(-0.03, 1.05))
    ticks(ax, at.n_train.values)
    if legend:
        key(ax)
    return ax


def plot_test_train_gap(
    result: xr.Dataset, *, ax: Axes | None = None, sigma: float | None = None, legend: bool = True
) -> Axes:
    r"""The denoising error E|D(x) - x0|^2 / d on held-out images minus that on training images, by training-set size.

    Parameters
    ----------
    result : xarray.Dataset
        What `regime_map` returns; the last step is shown.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    sigma : float, optional
        The noise level to show, or the nearest that was measured; by default the spread of the data.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        A line for each width with standard errors: 0 means no memory, the line of the empirical optimum complete
        memory. The dotted line, where the result holds it, is the prediction for a Gaussian fitted to n images.

    Raises
    ------
    ArgumentError
        If the result is of another kind.

    Examples
    --------
    >>> from idealscore.paper_figs.catalogue import saved  # a map that ships with the package
    >>> ax = plot_test_train_gap(saved("regime_map"))
    >>> ax.get_ylabel().splitlines()
    ['held-out less', 'training error']
    """
    needed = ("test_train_gap", "optimum_denoising_error", "width")
    result = kind(result, "plot_test_train_gap", needed, MAP, ("n_train", "sigma", "inputs"))
    at = last(result, "step").sel(sigma=level_or_middle(result, sigma), method="nearest")
    ax = own_or_new(ax)
    width_lines(ax, at, "test_train_gap")
    null = at.sel(theory="empirical").optimum_denoising_error
    gap = null.sel(inputs=HELD_OUT) - null.sel(inputs=TRAINING)
    ax.plot(at.n_train, gap, color=ink(ax, "empirical"), lw=1, label="own optimum")
    if "predicted_gap" in at:
        ax.plot(at.n_train, at.predicted_gap, color=ink(ax, "gaussian"), ls=":", label="Gaussian, predicted")
    ax.axhline(0, color=ink(ax, "exact"), lw=0.6)
    ax.set(xscale="log", xlabel="images $n$", ylabel="held-out less\ntraining error")
    ax.set_title(rf"$\sigma$ = {float(at.sigma):.2g}", loc="right")
    ticks(ax, at.n_train.values)
    if legend:
        key(ax)
    return ax


def plot_agreement(result: xr.Dataset, *, ax: Axes | None = None, measure: str = "rp", legend: bool = True) -> Axes:
    r"""How well samples from the same noise agree, against the training-set size.

    Parameters
    ----------
    result : xarray.Dataset
        What `regime_map` returns; the largest width at the last step is shown.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    measure : {"rp", "mae", "cosine"}, optional
        The share of pairs with a cosine above a threshold [@Zhang2024], the share that differs by a few grey values at
        most, or the mean cosine.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        Lines with standard errors for two networks on the same images, for two on two sets, and for a network and its
        empirical optimum; chance where it is known; for the cosine, the empirical optima of the two sets. Sizes are
        shaded where the data are too few for two disjoint sets.

    Raises
    ------
    ArgumentError
        If the result is of another kind.
    UnknownNameError
        If `measure` is unknown.

    Examples
    --------
    >>> from idealscore.paper_figs.catalogue import saved  # a map that ships with the package
    >>> plot_agreement(saved("regime_map"), measure="cosine").get_ylabel()
    'mean cosine'
    """
    check.choice("measure", measure, MEASURES)
    needed = tuple(f"{measure}_{pair}" for pair in ("same", "disjoint", "to_optimum"))
    at = last(last(kind(result, "plot_agreement", (*needed, "overlap"), MAP, ("n_train", "theory")), "step"), "width")
    ax = own_or_new(ax)
    overlapping(ax, at)
    curve(ax, at, f"{measure}_same", "network", "same images", marker="o", ms=2)
    curve(ax, at, f"{measure}_disjoint", "mixture", "two sets", marker="D", ms=2)
    curve(ax, at.sel(theory="empirical"), f"{measure}_to_optimum", "empirical", "own optimum", marker="s", ms=2)
    if measure == "cosine" and "optimum_cosine_disjoint" in at:
        null = at.sel(theory="empirical").optimum_cosine_disjoint
        ax.plot(null.n_train, null, color=ink(ax, "empirical"), ls=":", label="optima of two sets")
    chance = at.get(f"{measure}_chance_disjoint", 0 * at.n_train)
    if f"{measure}_chance_disjoint" in at:
        ax.plot(at.n_train, chance, color=ink(ax, "exact"), lw=0.8, label="chance")
    low = min(-0.03, float(chance.min()))
    ax.set(xscale="log", xlabel="images $n$", ylabel=MEASURES[measure], ylim=(low, 1.05))
    ticks(ax, at.n_train.values)
    if legend:
        key(ax)
    return ax


def plot_crossovers(result: xr.Dataset, *, ax: Axes | None = None, legend: bool = True) -> Axes:
    r"""The training-set size from which networks stop copying, and from which they agree, against the training step.

    Parameters
    ----------
    result : xarray.Dataset
        What `regime_map` returns; the largest width is shown.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.
    legend : bool, optional
        Whether to draw a legend.

    Returns
    -------
    matplotlib.axes.Axes
        A line with standard errors for each criterion. A step has no point where the criterion is met at no size, or at
        all sizes.

    Raises
    ------
    ArgumentError
        If the result is of another kind.

    Examples
    --------
    >>> found = xr.Dataset({"crossover": (("criterion", "step"), [[50.0, 90.0], [80.0, 99.0]])},
    ...                    {"criterion": ["copies", "agreement"], "step": [10, 100], "n_train": [10, 1000]})
    >>> found["crossover_stderr"] = 0.1 * found.crossover
    >>> plot_crossovers(found).get_xlabel()
    'training step'
    """
    result = kind(result, "plot_crossovers", ("crossover",), MAP, ("criterion", "step", "n_train"))
    at = last(result, "width")
    ax = own_or_new(ax)
    for criterion, theory in (("copies", "empirical"), ("agreement", "mixture")):
        part = at.sel(criterion=criterion)
        options: dict[str, Any] = {"color": ink(ax, theory), "marker": "o", "ms": 2.5, "capsize": 1.5}
        ax.errorbar(part.step, part.crossover, part.crossover_stderr, label=criterion, **options)
    sizes = at.n_train.values
    ax.set(xscale="log", yscale="log", xlabel="training step", ylabel="crossover size $n$")
    ax.set_ylim(sizes[0] / 2, sizes[-1] * 2)
    if not bool(np.isfinite(at.crossover).any()):
        ax.set_xlim(at.step.values[0] / 1.5, at.step.values[-1] * 1.5)
        ax.text(0.5, 0.5, "none within\nthese sizes", transform=ax.transAxes, ha="center", va="center", size=small())
    step_ticks(ax, at.step.values)
    if legend:
        key(ax, loc="upper left", handlelength=1.2)
    return ax
