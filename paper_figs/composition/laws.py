"""Is a composition as likely as the product of its parts? Multiplicative against additive emergence [@Okawa2023].

The same networks as in the figure on order. (a) The class farthest from the training set: accuracy of each concept,
of all at once, and what the multiplicative and the additive law make of the single ones. (b) Joint accuracy against
each law, all classes, seeds and steps. (c) Root-mean-square distance to each law over the classes never seen; the
bounds are concepts that fail together ("slowest") and concepts that never do ("disjoint"). The line is what the number
of samples alone would give if concepts succeeded independently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._panel import in_a_row, panel
from .._style import ink

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._findings import Findings

SHADE = {"multiplicative": "gaussian", "additive": "empirical", "slowest": "mixture", "disjoint": "local"}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`composition` over (seed, class, step)."""
    from ._runs import emergence

    return emergence(scale, seed)


def unseen_rms(dataset: xr.Dataset) -> tuple[dict[str, float], float]:
    """({law: rms over classes not trained on}, rms expected of independent concepts at this number of samples)."""
    import numpy as np

    from ...compare.concepts._independence_error import independence_error

    unseen = dataset.isel({"class": np.flatnonzero(dataset.distance.values > 0)})
    rms = {
        str(law): float(((unseen.joint - unseen.predicted.sel(law=law)) ** 2).mean() ** 0.5)
        for law in dataset.law.values
    }
    error = independence_error(unseen.accuracy.transpose("concept", ...).values, int(dataset.attrs["n_samples"]))
    return rms, float((error**2).mean() ** 0.5)


CONCEPT_SHADES = {"shape": "finite-sample", "color": "belief_propagation", "size": "mean_field"}


@panel(
    "accuracy", "joint", "predicted", "step", "distance", "concept", "class", "law", "seed",
    loc="lower right", handlelength=1.2, labelspacing=0.25,
)  # fmt: skip
def plot_farthest_class(ax: Axes, result: xr.Dataset) -> None:
    """The class farthest from the training set over training: each concept, all at once, and two laws."""
    farthest = result.isel({"class": int(result.distance.values.argmax())})
    mean = farthest.mean("seed")
    for i, name in enumerate(result.concept.values):
        known = CONCEPT_SHADES.get(str(name))
        shade = ink(ax, known) if known else f"C{i}"
        ax.plot(mean.step, mean.accuracy.sel(concept=name), color=shade, lw=0.9, label=str(name))
    ax.plot(mean.step, mean.joint, "o", color=ink(ax, "network"), ms=2.5, label="all at once")
    for law in ("multiplicative", "additive"):
        ax.plot(mean.step, mean.predicted.sel(law=law), "--", color=ink(ax, SHADE[law]), label=law)
    label = str(farthest["class"].values)
    ax.set(xlabel="training step", ylabel=f"accuracy, class {label}", ylim=(-0.02, 1.04))


@panel("joint", "predicted", "law", loc="upper left", handlelength=0.8)
def plot_joint_against_laws(ax: Axes, result: xr.Dataset) -> None:
    """Joint accuracy against what the multiplicative and the additive law predict, all classes, seeds and steps."""
    for law in ("additive", "multiplicative"):
        predicted = result.predicted.sel(law=law).transpose(*result.joint.dims)
        shade = ink(ax, SHADE[law])
        ax.plot(predicted.values.ravel(), result.joint.values.ravel(), ".", color=shade, ms=2, alpha=0.4)
        ax.plot([], [], "o", color=shade, label=law)
    ax.plot([0, 1], [0, 1], color=ink(ax, "exact"), lw=0.7)
    ax.set(xlabel="predicted", ylabel="joint accuracy", aspect="equal", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))


@panel("accuracy", "joint", "predicted", "distance", "concept", "class", "law", "n_samples")
def plot_distance_to_laws(ax: Axes, result: xr.Dataset) -> None:
    """Root-mean-square distance of the joint accuracy to each law over unseen classes; dotted, by chance alone."""
    rms, chance = unseen_rms(result)
    ax.barh(list(rms), list(rms.values()), color=[ink(ax, SHADE[law]) for law in rms], height=0.6)
    ax.axvline(chance, color=ink(ax, "network"), lw=1, ls=":")
    for k, value in enumerate(rms.values()):
        ax.text(value, k, f" {value:.3f}", va="center", fontsize=7)
    ax.set(xlabel="rms distance", ylabel="law", xlim=(0, 1.25 * max(rms.values())))
    ax.invert_yaxis()


def draw(dataset: xr.Dataset) -> Figure:
    """Curves of the farthest class, joint accuracy against the laws, and distances to them."""
    return in_a_row(dataset, (plot_farthest_class, plot_joint_against_laws, plot_distance_to_laws), 2.5, (1.35, 1, 0.9))


def findings(dataset: xr.Dataset) -> Findings:
    """How far the joint accuracy is from each law."""
    from .._findings import Findings

    rms, chance = unseen_rms(dataset)
    return Findings(
        f"joint = product of the marginals; by the number of samples alone the rms distance would be {chance:.4f}",
        ", ".join(f"{law} {value:.4f}" for law, value in rms.items()) + " rms, classes never seen",
        f"squared distance from the product {float(dataset.chi2):.2f} times that of independent concepts (all classes)",
    )
