"""Do networks draw the same image from the same noise? Reproducibility against training-set size [@Zhang2024], Fig. 2.

(a) Share of starting noises from which two networks of the same training images arrive at the same image (high where
both memorise, high where both generalise, lower between), and two networks of two disjoint sets (high only where they
generalise [@Kadkhodaie2024]), beside the agreement of a network with the empirical optimum of its own images, and with
chance. (b) The mean cosine, which does not saturate. (c) Whether samples are copies: GL, the distance to the nearest
training image relative to that of held-out images. Shaded: two disjoint sets do not fit into the data and overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._style import COLOURS, PAGE, panel_letter, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

KINDS = ("rp", "cosine", "rmse", "mae")
KEPT = (
    *(f"{kind}_{pair}" for kind in KINDS for pair in ("same", "disjoint", "to_optimum")),
    *(f"optimum_{kind}_disjoint" for kind in KINDS),
    "rp_chance_disjoint", "cosine_chance_disjoint", "memorised", "generalisation_distance", "held_out_memorised",
    "held_out_generalisation_distance", "optimum_generalisation_distance", "overlap", "crossover",
)  # fmt: skip


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Agreement and GL over (n_train, width) at the last step, and those of the optima."""
    from ._regime_runs import only, regimes

    return only(regimes(scale, seed), KEPT).isel(step=-1)


def draw(dataset: xr.Dataset) -> Figure:
    """RP, cosine and GL against the size of the training set, of the widest networks."""
    from matplotlib import pyplot as plt

    from ..compare.regime_panels import WIDTH_STYLES, agreement, overlapping, ticks

    widest = dataset.isel(width=-1)
    with style():
        figure, (share, cosine, copies) = plt.subplots(1, 3, figsize=(PAGE, 2.9))
        agreement(share, widest)
        agreement(cosine, widest, "cosine", "mean cosine")
        null = widest.sel(theory="empirical").optimum_cosine_disjoint
        cosine.plot(null.n_train, null, color=COLOURS["empirical"], ls=":", label="optima of two sets")
        overlapping(copies, widest)
        for width in dataset.width.values:
            one = dataset.sel(width=width)
            ratio = one.generalisation_distance / one.held_out_generalisation_distance
            error = one.generalisation_distance_stderr / one.held_out_generalisation_distance
            ls = WIDTH_STYLES[list(dataset.width.values).index(width) % 3]
            copies.errorbar(
                one.n_train, ratio, error, color=COLOURS["network"], ls=ls, capsize=1.2, label=f"width {width}"
            )
        copies.axhline(1, color=COLOURS["exact"], lw=0.6)
        copies.set(xscale="log", xlabel="training images $n$", ylabel="GL / GL of held-out images", ylim=(0, None))
        copies.legend(handlelength=2.2)
        ticks(copies, widest.n_train.values)
        for ax, letter in zip((share, cosine, copies), "abc"):
            panel_letter(ax, letter)
        handles, labels = cosine.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure
