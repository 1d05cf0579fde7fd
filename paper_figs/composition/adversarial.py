"""Does the same number of training classes always suffice? A benign and an adversarial split [@Okawa2023].

Four corners of the concept cube are trained on, the origin with its neighbours (H32-train1) or with two neighbours and
the opposite corner (H32-fail1), which shows one value of a concept only together with one value of both others. Both
splits show every concept value, and in the second no class is farther than 1. (a), (b) Joint accuracy of the classes
never seen; (c) steps to accuracy 0.8 of every class, and of the product of its marginals. Errors are over seeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._panel import panel
from .._style import PAGE, background, ink, letters, style

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.axes import Axes
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


@panel("joint", "step", "distance", "seed", "split", "class", choice={"split": tuple(SPLITS)}, handlelength=2)
def plot_unseen_classes(ax: Axes, result: xr.Dataset, split: str) -> dict[str, Any]:
    """Joint accuracy of the classes that a split never shows, over training, with standard errors over seeds."""
    import numpy as np

    one, shade = result.sel(split=split), ink(ax, SPLITS[split])
    for line, i in zip(LINES, np.flatnonzero(one.distance.values > 0), strict=False):
        values = one.joint.isel({"class": i})
        mean, error = values.mean("seed"), values.std("seed", ddof=1) / result.sizes["seed"] ** 0.5
        label = f"{result['class'].values[i]}, distance {int(one.distance[i])}"
        ax.plot(result.step, mean, line, color=shade, label=label)
        ax.fill_between(result.step, mean - error, mean + error, color=shade, alpha=0.15, lw=0)
    ax.set(xlabel="training step", ylabel="joint accuracy, unseen classes", ylim=(-0.02, 1.04), title=split)
    return {"loc": "lower right" if split == "H32-train1" else "best"}


@panel("joint", "accuracy", "step", "distance", "split", "class", loc="upper left", handlelength=0.8, size=0.75)
def plot_steps_by_class(ax: Axes, result: xr.Dataset) -> None:
    """Steps to accuracy 0.8 of every class of both splits, and of the product of its marginals."""
    import numpy as np

    labels = [str(label) for label in result["class"].values]
    for k, (split, theory) in enumerate(SPLITS.items()):
        place, shade = np.arange(len(labels)) + 0.36 * (k - 0.5), ink(ax, theory)
        mean, error = times(result, split)
        trained = result.distance.sel(split=split).values == 0
        fills = [background(ax) if one else shade for one in trained]
        whiskers = {"lw": 0.8, "ecolor": ink(ax, "network")}
        ax.bar(place, mean, 0.34, yerr=error, color=fills, edgecolor=shade, lw=0.8, error_kw=whiskers)
        ax.bar([0], [0], color=shade, label=split)
        product, label = times(result, split, law=True)[0], "product" if k else None
        ax.plot(place, product, "_", color=ink(ax, "network"), ms=5, label=label)
    ax.set_xticks(range(len(labels)), labels, fontsize=6)
    ax.set(xlabel="class (not filled: trained)", ylabel=f"steps to accuracy {THRESHOLD:g}")
    ax.set_ylim(0, 1.2 * ax.get_ylim()[1])


def draw(dataset: xr.Dataset) -> Figure:
    """Curves of the unseen classes of both splits, and the steps to each class."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5), width_ratios=(1, 1, 1.2))
        for ax, split in zip(axes[:2], SPLITS, strict=True):
            plot_unseen_classes(dataset, ax=ax, split=split)
        axes[1].set_ylabel("")
        plot_steps_by_class(dataset, ax=axes[2])
        letters(axes)
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
