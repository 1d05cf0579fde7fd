"""Does the same number of training classes always suffice? A benign and an adversarial split [@Okawa2023].

Four corners of the concept cube are trained on, the origin with its neighbours (H32-train1) or with two neighbours and
the opposite corner (H32-fail1), which shows one value of a concept only together with one value of both others. Both
splits show every concept value, and in the second no class is farther than 1. (a), (b) Joint accuracy of the classes
never seen; (c) steps to accuracy 0.8 of every class, and of the product of its marginals. Errors are over seeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._style import COLOURS, PAGE, panel_letter, style

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.figure import Figure

    from .._findings import Findings

SPLITS = {"H32-train1": "gaussian", "H32-fail1": "empirical"}
LINES = ("-", "--", "-.", ":")
THRESHOLD = 0.8


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Accuracies over (split, seed, class, concept, step)."""
    import xarray as xr

    from ._runs import emergence

    found: list[xr.Dataset] = []
    for split in SPLITS:
        one = emergence(scale, seed, split)
        found.append(one[["joint", "accuracy"]].reset_coords("distance"))
    return xr.concat(found, dim=xr.Variable("split", list(SPLITS)), combine_attrs="drop_conflicts")


def times(dataset: xr.Dataset, split: str, law: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(mean, standard error) over seeds of the steps each class takes, or the product of its marginals takes."""
    from ..._support.estimates import mean_error
    from ...compare.concepts._crossing_time import crossing_time

    one = dataset.sel(split=split)
    value = one.accuracy.prod("concept") if law else one.joint
    return mean_error(crossing_time(dataset.step.values, value.transpose("seed", "class", "step").values, THRESHOLD))


def draw(dataset: xr.Dataset) -> Figure:
    """Curves of the unseen classes of both splits, and the steps to each class."""
    import numpy as np
    from matplotlib import pyplot as plt

    labels = [str(label) for label in dataset["class"].values]
    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5), width_ratios=(1, 1, 1.2))
        for ax, (split, shade) in zip(axes[:2], SPLITS.items(), strict=True):
            one = dataset.sel(split=split)
            unseen = np.flatnonzero(one.distance.values > 0)
            for line, i in zip(LINES, unseen, strict=True):
                values = one.joint.isel({"class": i})
                mean, error = values.mean("seed"), values.std("seed", ddof=1) / dataset.sizes["seed"] ** 0.5
                text = f"{labels[i]}, distance {int(one.distance[i])}"
                ax.plot(dataset.step, mean, line, color=COLOURS[shade], label=text)
                ax.fill_between(dataset.step, mean - error, mean + error, color=COLOURS[shade], alpha=0.15, lw=0)
            ax.set(xlabel="training step", ylim=(-0.02, 1.04), title=split)
            ax.legend(loc="lower right" if split == "H32-train1" else "best", handlelength=2)
        axes[0].set_ylabel("joint accuracy, unseen classes")
        for k, (split, shade) in enumerate(SPLITS.items()):
            place = np.arange(len(labels)) + 0.36 * (k - 0.5)
            mean, error = times(dataset, split)
            trained = dataset.distance.sel(split=split).values == 0
            fills = [COLOURS[shade] if not one else "white" for one in trained]
            axes[2].bar(
                place, mean, 0.34, yerr=error, color=fills, edgecolor=COLOURS[shade], lw=0.8, error_kw={"lw": 0.8}
            )
            axes[2].bar([0], [0], color=COLOURS[shade], label=split)
            axes[2].plot(
                place,
                times(dataset, split, law=True)[0],
                "_",
                color=COLOURS["network"],
                ms=5,
                label="product" if k else None,
            )
        axes[2].set_xticks(range(len(labels)), labels, fontsize=6)
        axes[2].set(xlabel="class (white: trained)", ylabel=f"steps to accuracy {THRESHOLD:g}")
        axes[2].set_ylim(0, 1.2 * axes[2].get_ylim()[1])
        axes[2].legend(loc="upper center", ncols=3, handlelength=0.8, columnspacing=0.8, fontsize=6)
        for ax, letter in zip(axes, "abc", strict=True):
            panel_letter(ax, letter)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Accuracy at the end, and steps to get there, of the classes at distance 1 of both splits."""
    from ..._support.estimates import mean_error, show
    from ...compare.concepts._crossing_time import crossing_time
    from .._findings import Findings

    ends, times = [], []
    for split in SPLITS:
        one = dataset.sel(split=split)
        near = one.joint.transpose("seed", "class", "step").values[:, one.distance.values == 1]
        when = crossing_time(dataset.step.values, near, THRESHOLD).mean(1)
        ends.append(f"{split} {show(*map(float, mean_error(near[..., -1].mean(1))))}")
        times.append(f"{split} {show(*map(float, mean_error(when)))}")
    return Findings(
        "by distance alone the adversarial split, with no class beyond distance 1, would be the easier one",
        f"classes at distance 1: steps to accuracy {THRESHOLD:g}: {', '.join(times)}; at the end: {', '.join(ends)}",
        "the paper reports failure of this split, which small pictures of close concept values do not show",
    )
