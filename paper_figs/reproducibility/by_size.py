"""Do networks draw the same image from the same noise? Reproducibility against training-set size [@Zhang2024], Fig. 2.

(a) Share of starting noises from which two networks of the same training images arrive at the same image (high where
both memorise, high where both generalise, lower between), and two networks of two disjoint sets (high only where they
generalise, [@Kadkhodaie2024]), next to the agreement of a network with the empirical optimum of its own images, and
with chance. (b) The same by the MAE score, samples within 15 grey values of 255. (c) The mean cosine, free of
thresholds, with that of the empirical optima of two sets. (d) Whether samples are copies: GL, the distance to the
nearest training image, divided by that of held-out images. Shaded: two disjoint sets do not fit into the data and
overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
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
    from ..networks._regime_runs import only, regimes

    return only(regimes(scale, seed), KEPT).isel(step=-1)


@panel(
    "generalisation_distance", "generalisation_distance_stderr", "held_out_generalisation_distance", "overlap",
    "n_train", "width", loc="upper left", handlelength=2.2,
)  # fmt: skip
def plot_generalisation_distance(ax: Axes, result: xr.Dataset) -> None:
    """Distance of samples to the nearest training image over that of held-out images, against the size of the set."""
    from ...compare.plot._sizes import WIDTH_STYLES, overlapping, ticks

    widest = result.isel(width=-1)
    overlapping(ax, widest)
    for k, width in enumerate(result.width.values):
        one = result.sel(width=width)
        scale = one.held_out_generalisation_distance
        look = {"color": ink(ax, "network"), "ls": WIDTH_STYLES[k % 3], "capsize": 1.2, "label": f"width {width}"}
        ratio, error = one.generalisation_distance / scale, one.generalisation_distance_stderr / scale
        ax.errorbar(one.n_train, ratio, error, **look)
    ax.axhline(1, color=ink(ax, "exact"), lw=0.6)
    ax.set(xscale="log", xlabel="images $n$", ylabel="GL / GL of held-out images", ylim=(0, 3.0))
    ticks(ax, widest.n_train.values)


def draw(dataset: xr.Dataset) -> Figure:
    """RP, cosine and GL against the size of the training set, of the widest networks."""
    from matplotlib import pyplot as plt

    from ...compare.plot import plot_agreement

    with style():
        figure, axes = plt.subplots(1, 4, figsize=(PAGE, 2.5))
        for ax, measure in zip(axes, ("rp", "mae", "cosine"), strict=False):
            plot_agreement(dataset, ax=ax, measure=measure, legend=False)
        plot_generalisation_distance(dataset, ax=axes[3])
        letters(axes)
        handles, labels = axes[2].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """The ends and the dip, and what sets generalisation apart from memorisation."""
    from ..._support.estimates import show

    widest = dataset.isel(width=-1)

    def told(name: str, at: int, **chosen: str) -> str:
        part = widest.isel(n_train=at).sel(chosen)
        return show(float(part[name]), float(part[f"{name}_stderr"]))

    def course(name: str) -> str:
        low = int(widest[name].argmin("n_train"))
        return f"{told(name, 0)} -> {told(name, low)} (n = {int(widest.n_train[low])}) -> {told(name, -1)}"

    last = int((widest.overlap == 0).sum()) - 1
    ratio = float((widest.generalisation_distance / widest.held_out_generalisation_distance).isel(n_train=last))
    few, many = int(widest.n_train[0]), int(widest.n_train[last])
    side = "farther from" if ratio > 1 else "nearer to"
    return Findings(
        "same images: high, a dip, high; disjoint images: low, then high; memorising networks draw the empirical "
        "optimum's samples, generalising ones agree better with each other",
        f"width {int(widest.width)}, same images: RP {course('rp_same')}, MAE score {course('mae_same')}; at n = "
        f"{int(widest.n_train[last])}, disjoint: cosine {told('cosine_disjoint', last)} with each other, "
        f"{told('cosine_to_optimum', last, theory='empirical')} with the own empirical optimum",
        f"{_dip(widest)}; RP to the empirical optimum is {told('rp_to_optimum', 0, theory='empirical')} at n = "
        f"{few} and {told('rp_to_optimum', last, theory='empirical')} at {many}, "
        f"where samples are {side} training images than held-out images are (ratio of GL {ratio:.2f})",
    )


def _dip(widest: xr.Dataset) -> str:
    """How far RP falls below the lower of its ends."""
    from ..._support.estimates import show

    rp, error, low = widest.rp_same, widest.rp_same_stderr, int(widest.rp_same.argmin("n_train"))
    end = 0 if float(rp[0]) < float(rp[-1]) else -1
    if low in (0, rp.size - 1):
        return "RP at a cosine of 0.6 does not dip within these sizes"
    depth, uncertain = float(rp[end] - rp[low]), float((error[end] ** 2 + error[low] ** 2) ** 0.5)
    return f"RP at a cosine of 0.6 dips by {show(depth, uncertain)}"
