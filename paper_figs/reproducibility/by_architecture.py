"""Which theory does each architecture follow, trained on the same images? [@Kamb2024; @Li2024; @Zhang2024].

(a) to (c) Share of the score that each optimum of the training images misses, on images that neither the theories nor
the networks have seen: of a U-Net with attention, of a network of small convolutions alone, without pooling or
attention, and of a multilayer perceptron. (d) Cosine of the samples that the networks and the optima make of the same
noise, above the diagonal, and of unrelated draws, below.

The small scale trains on the digits, the medium one on the images that IDEALSCORE_IMAGES names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._style import PAGE, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

RECIPES = {"U-Net": "unet", "convolutions": "local", "perceptron": "mlp"}
SCALES = ("small", "medium")


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """The comparison of the three networks with the optima of their training images, and of their samples."""
    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.comparison.options import Comparison
    from ...compare.comparison.several_models import compare_models
    from .._digit_networks import network, part, split

    check.choice("scale", scale, SCALES)
    training, held_out = part("all", seed, scale), split(seed, scale)[1]
    networks = {name: network(recipe, "all", seed, scale) for name, recipe in RECIPES.items()}
    result = compare_models(networks, training, held_out, Comparison(seed=seed))
    kept = result.drop_vars([name for name in result if str(name).startswith("example")])
    told = {"scale": scale, "data": training.name, "n_train": len(training)}
    return kept.assign_attrs(provenance(seed=seed) | told)


def findings(dataset: xr.Dataset) -> Findings:
    """What explains each network, and how alike their samples are."""
    from ..._support.estimates import show
    from ...compare.comparison import explanation, one_model

    names = dataset.model.values.tolist()
    pairs = [(one, other) for k, one in enumerate(names) for other in names[k + 1 :]]

    def alike(one: str, other: str) -> str:
        pair = dataset.sel(sampler=one, other_sampler=other)
        return show(float(pair.pair_cosine), float(pair.pair_cosine_stderr))

    told = " ".join(f"{name}: {explanation(one_model(dataset, name))}" for name in names)
    return Findings(
        "convolutions that see few pixels follow the local optimum of patches; a perceptron, which knows no places, "
        "has no reason to",
        told,
        "samples of the same noise: " + "; ".join(f"{one} and {other} {alike(one, other)}" for one, other in pairs),
    )


def _samples(dataset: xr.Dataset) -> xr.Dataset:
    """How alike the samples are, as the figure `reproducibility_matrix` has it."""
    names = {f"pair_{name}{rest}": f"{name}{rest}" for name in ("rp", "cosine") for rest in ("", "_chance")}
    return dataset[list(names)].rename(names | {"sampler": "model", "other_sampler": "other"}).drop_attrs()


def draw(dataset: xr.Dataset) -> Figure:
    """What each theory misses, network by network, and the cosines of their samples."""
    from matplotlib import pyplot as plt

    from ...compare.comparison import one_model
    from ...compare.plot import plot_score_gap
    from .matrix import plot_agreement_matrix

    names = dataset.model.values.tolist()
    with style():
        figure, axes = plt.subplots(2, 2, figsize=(PAGE, 0.78 * PAGE))
        gaps = axes.flat[: len(names)]
        for ax, name in zip(gaps, names, strict=True):
            plot_score_gap(one_model(dataset, name), ax=ax, legend=False)
            ax.set_title(name, loc="right")
        low = min(ax.get_ylim()[0] for ax in gaps)
        for ax in gaps:
            ax.set_ylim(low, max(ax.get_ylim()[1] for ax in gaps))
        plot_agreement_matrix(_samples(dataset), ax=axes.flat[3], measure="cosine").set_ylabel("")
        handles, labels = gaps[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        letters(axes.flat)
    return figure
