"""Is a composition as likely as the product of its parts? Multiplicative against additive emergence [@Okawa2023].

The same networks as in the figure on order. (a) The class farthest from the training set: accuracy of each concept,
of all at once, and what the multiplicative and the additive law make of the single ones. (b) Joint accuracy against
each law, all classes, seeds and steps. (c) Root-mean-square distance to each law over the classes never seen; the
bounds are concepts that fail together ("slowest") and concepts that never do ("disjoint"). The line is what the number
of samples alone would give if concepts succeeded independently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._style import COLOURS, PAGE, panel_letter, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from .._findings import Findings

SHADE = {"multiplicative": "gaussian", "additive": "empirical", "slowest": "mixture", "disjoint": "local"}
CONCEPT_SHADES = {"shape": "#882255", "color": "#E69F00", "size": "#56B4E9"}


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


def draw(dataset: xr.Dataset) -> Figure:
    """Curves of the farthest class, joint accuracy against the laws, and distances to them."""
    from matplotlib import pyplot as plt

    farthest = dataset.isel({"class": int(dataset.distance.values.argmax())})
    with style():
        figure, (curves, scatter, bars) = plt.subplots(1, 3, figsize=(PAGE, 2.5), width_ratios=(1.35, 1, 0.9))
        mean = farthest.mean("seed")
        for i, name in enumerate(dataset.concept.values):
            shade = CONCEPT_SHADES.get(str(name), f"C{i}")
            curves.plot(mean.step, mean.accuracy.sel(concept=name), color=shade, lw=0.9, label=str(name))
        curves.plot(mean.step, mean.joint, "o", color=COLOURS["network"], ms=2.5, label="all at once")
        for law in ("multiplicative", "additive"):
            curves.plot(mean.step, mean.predicted.sel(law=law), "--", color=COLOURS[SHADE[law]], label=law)
        label = str(farthest["class"].values)
        curves.set(xlabel="training step", ylabel=f"accuracy, class {label}", ylim=(-0.02, 1.04))
        curves.legend(loc="lower right", handlelength=1.2, labelspacing=0.25)
        for law in ("additive", "multiplicative"):
            predicted = dataset.predicted.sel(law=law).transpose(*dataset.joint.dims)
            shade = COLOURS[SHADE[law]]
            scatter.plot(predicted.values.ravel(), dataset.joint.values.ravel(), ".", color=shade, ms=2, alpha=0.4)
            scatter.plot([], [], "o", color=shade, label=law)
        scatter.plot([0, 1], [0, 1], color=COLOURS["exact"], lw=0.7)
        scatter.set(xlabel="predicted", ylabel="joint accuracy", aspect="equal", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        scatter.legend(loc="upper left", handlelength=0.8)
        rms, chance = unseen_rms(dataset)
        bars.barh(list(rms), list(rms.values()), color=[COLOURS[SHADE[law]] for law in rms], height=0.6)
        bars.axvline(chance, color=COLOURS["network"], lw=1, ls=":")
        for k, value in enumerate(rms.values()):
            bars.text(value, k, f" {value:.3f}", va="center", fontsize=7)
        bars.set(xlabel="rms distance", xlim=(0, 1.25 * max(rms.values())))
        bars.invert_yaxis()
        for ax, letter in zip((curves, scatter, bars), "abc", strict=True):
            panel_letter(ax, letter)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """How far the joint accuracy is from each law."""
    from .._findings import Findings

    rms, chance = unseen_rms(dataset)
    return Findings(
        f"joint = product of the marginals; by the number of samples alone the rms distance would be {chance:.4f}",
        ", ".join(f"{law} {value:.4f}" for law, value in rms.items()) + " rms, classes never seen",
        f"squared distance from the product {float(dataset.chi2):.2f} times that of independent concepts (all classes)",
    )
