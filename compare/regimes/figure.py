"""The picture of a regime map: where the network is closest to which optimum, copies, agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from ..._support.style import colours, letters, style
from ..._support.typed import typed
from ..plot import plot_agreement, plot_copies, plot_crossovers, plot_regime_map, plot_test_train_gap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@typed
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

    Raises
    ------
    ArgumentError
        If the result is of another kind.

    Examples
    --------
    >>> from idealscore.paper_figs.catalogue import saved  # a map that ships with the package
    >>> len(regime_figure(saved("regime_map")).axes)
    8
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    with style():
        made, axes = plt.subplots(2, 4, figsize=(7.2, 4.2), layout="constrained")
        size, step = int(result.width[-1]), int(result.step[-1])
        plot_regime_map(result, ax=axes[0, 0], legend=False)
        plot_regime_map(result, ax=axes[0, 1], inputs="training", legend=False)
        plot_regime_map(result, ax=axes[0, 2], along="step", legend=False)
        plot_regime_map(result, ax=axes[0, 3], along="width", legend=False)
        plot_copies(result, ax=axes[1, 0], legend=False)
        plot_test_train_gap(result, ax=axes[1, 1], legend=False)
        plot_agreement(result, ax=axes[1, 2], legend=False)
        plot_crossovers(result, ax=axes[1, 3])
        letters(axes.flat)
        shade = colours(axes[0, 0], map(str, result.theory.values))
        handles, names = [Patch(color=one) for one in shade.values()], [f"closest to {name}" for name in shade]
        title = f"width {size}, step {step} where not on an axis"
        made.legend(handles, names, loc="outside upper center", ncols=len(names), title=title, title_fontsize=7)
        lines = dict(pair for ax in axes[1, :3] for pair in zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        made.legend(lines.values(), lines, loc="outside lower center", ncols=4, handlelength=2.2)
    return made
