"""The figure of a comparison: distances to every theory, the mark of memorisation, and denoised examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from ..._support.style import letters, style
from ..._support.typed import typed
from ..plot import plot_denoising_error, plot_examples, plot_memorisation, plot_score_gap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@typed
def figure(result: xr.Dataset) -> Figure:
    """Draw a comparison from its Dataset alone, as `plot_score_gap` and its neighbours draw its panels.

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

    Raises
    ------
    ArgumentError
        If the result is of another kind, or holds several networks.

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
        plot_score_gap(result, ax=axes[0], transitions=True, legend=False)
        plot_memorisation(result, ax=axes[1], legend=False)
        plot_denoising_error(result, ax=axes[2], legend=False)
        letters(axes)
        lines = {str(line.get_label()): line for ax in (axes[2], axes[0]) for line in ax.get_legend_handles_labels()[0]}
        top.legend(list(lines.values()), list(lines), loc="outside lower center", ncols=min(len(lines), 4))
        plot_examples(result, figure=bottom)
    return made
