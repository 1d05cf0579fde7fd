"""Does learning start where the data become one manifold? Percolation next to trained accuracy [@Liang2024].

A random share of the bumps on a lattice is kept; two are neighbours where their overlap exceeds theta = 0.005. (a)
Largest connected share of the data: lines, many random draws; dots, the very data on which networks were trained;
dotted, the predicted critical share of an infinite lattice. (b) Accuracy of the networks at places that were not
trained on. (c) The same accuracy against the share in units of the critical one: one curve if overlap alone decides.
(d) Entities and properties of a random concept matrix in its largest component, next to theory [@Lubana2024].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._panel import panel
from .._style import PAGE, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._findings import Findings

N_RUNS = {"small": 1000, "full": 4000}
ENTITIES, PROPERTIES, MATRICES = 4000, 1000, 10


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`percolation_of_accuracy`, with `connected_mean` over (width, fraction) and `matrix_...` over p / p_c."""
    import numpy as np

    from ...compare.bumps.plans import plan
    from ...simulate.concepts import concept_percolation
    from ...theory.percolation import bipartite_threshold
    from ..percolation.bumps import connected_fraction
    from ._runs import study

    result = study("percolation_of_accuracy", scale, seed)
    chosen = plan(scale)
    fractions = np.linspace(0.02, 1.0, 99)
    places = len(chosen.canvas.positions)
    connected = [
        connected_fraction(width / chosen.canvas.spacing, chosen.overlap, fractions, places, N_RUNS[scale], seed)
        for width in chosen.widths
    ]
    relative = np.linspace(0.5, 2.5, 17)
    critical = bipartite_threshold(ENTITIES, PROPERTIES)
    matrix = concept_percolation(ENTITIES, PROPERTIES, list(relative * critical), MATRICES, seed)
    matrix = matrix.rename({name: f"matrix_{name}" for name in matrix.data_vars}).assign_coords(p=relative)
    result = result.assign(connected_mean=(("width", "fraction"), np.array(connected)))
    result = result.assign_coords(fraction=fractions).merge(matrix, combine_attrs="override")
    result.attrs["places"] = places
    return result


_WIDTHS = {"title": r"width $\sigma/d$", "handlelength": 1}


@panel(
    "fraction", "connected_mean", "share", "connected", "connected_stderr", "predicted", "width",
    loc="lower right", **_WIDTHS,
)  # fmt: skip
def plot_connected_share(ax: Axes, result: xr.Dataset) -> None:
    """Largest connected share of the data against the share kept: random draws and trained data."""
    for k, shade in enumerate(shades(ax, result.sizes["width"])):
        one = result.isel(width=k)
        ax.plot(one.fraction, one.connected_mean, color=shade, label=f"{float(one.width):g}")
        ax.errorbar(one.share, one.connected, one.connected_stderr, color=shade, marker="o", ls="")
        ax.axvline(float(one.predicted), color=shade, lw=0.8, ls=":")
    ax.set(xlabel="share of the data kept", ylabel="largest connected share", ylim=(0, 1.05))


@panel(
    "share", "unseen", "unseen_stderr", "predicted", "width",
    choice={"against": ("share", "ratio")}, loc="upper left", **_WIDTHS,
)  # fmt: skip
def plot_accuracy_of_unseen_places(ax: Axes, result: xr.Dataset, against: str) -> None:
    """Accuracy at places not trained on, against the share of the data kept or its ratio to the critical share."""
    for k, shade in enumerate(shades(ax, result.sizes["width"])):
        one = result.isel(width=k)
        place = one.share if against == "share" else one.share / one.predicted
        ax.errorbar(place, one.unseen, one.unseen_stderr, color=shade, marker="o", label=f"{float(one.width):g}")
        if against == "share":
            ax.axvline(float(one.predicted), color=shade, lw=0.8, ls=":")
    ax.set(ylabel="accuracy, unseen places", ylim=(-0.03, 1.05))
    if against == "share":
        ax.set_xlabel("share of the data kept")
    else:
        ax.axvline(1, color=ink(ax, "exact"), lw=0.8, ls=":")
        ax.set(xlabel="share over critical share", xscale="log")


@panel(
    "p", *(f"matrix_{name}{rest}" for name in ("entities", "properties") for rest in ("", "_stderr")),
    "matrix_predicted_entities", "matrix_predicted_properties", handlelength=1,
)  # fmt: skip
def plot_concept_matrix(ax: Axes, result: xr.Dataset) -> None:
    """Entities and properties of a random concept matrix in its largest component, measured and predicted."""
    for name, theory in (("entities", "gaussian"), ("properties", "empirical")):
        shade, error = ink(ax, theory), result[f"matrix_{name}_stderr"]
        ax.plot(result.p, result[f"matrix_predicted_{name}"], color=shade, label=f"{name}, theory")
        ax.errorbar(result.p, result[f"matrix_{name}"], error, color=shade, marker="o", ls="", label=name)
    ax.set(xlabel=r"$p / p_c$", ylabel="share in the largest component", ylim=(-0.03, 1.05))


def draw(dataset: xr.Dataset) -> Figure:
    """Connected share, accuracy against the share and against its ratio to the critical one, concept matrix."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(2, 2, figsize=(PAGE * 0.8, 4.4))
        plot_connected_share(dataset, ax=axes[0, 0])
        plot_accuracy_of_unseen_places(dataset, ax=axes[0, 1], legend=False)
        plot_accuracy_of_unseen_places(dataset, ax=axes[1, 0], against="ratio", legend=False)
        plot_concept_matrix(dataset, ax=axes[1, 1])
        letters(axes.flat)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """How the learned accuracy orders with the connected share."""
    from scipy.stats import spearmanr

    from ...compare.measures.crossing import mean_crossing
    from .._findings import Findings

    connected, unseen = dataset.connected.values.ravel(), dataset.unseen.values.ravel()
    share = dataset.share.broadcast_like(dataset.connected).transpose(*dataset.connected.dims).values.ravel()
    ratio = (dataset.share / dataset.predicted).transpose(*dataset.connected.dims).values.ravel()
    ranks = [float(spearmanr(values, unseen, nan_policy="omit")[0]) for values in (connected, ratio, share)]  # pyright: ignore
    worst = max(float(abs(dataset[f"matrix_{n}"] - dataset[f"matrix_predicted_{n}"]).max()) for n in NAMES)
    critical = [
        f"{float(v):.3f} at sigma/d = {float(w):g}" for w, v in zip(dataset.width, dataset.predicted, strict=True)
    ]
    unseen_by_width = dataset.unseen.transpose("width", "share").values
    half = [mean_crossing(dataset.share.values, one[:, None], 0.5)[0] for one in unseen_by_width]
    late = [f"{h / float(v):.1f}" for h, v in zip(half, dataset.predicted, strict=True) if h == h]
    return Findings(
        "accuracy at unseen places rises where the data percolate: one curve over the share in units of the critical "
        "one, " + ", ".join(critical),
        f"rank correlation of the accuracy with the connected share {ranks[0]:.2f}, with the share over the critical "
        f"share {ranks[1]:.2f}, with the bare share {ranks[2]:.2f} ({len(unseen)} settings of "
        f"{dataset.attrs['seeds']} networks); concept matrix within {worst:.3f} of theory",
        f"half accuracy comes at {', '.join(late)} times the critical share, narrow to wide, not at one value: wider "
        "bumps need less data, yet connection alone is not enough; theory is of an infinite lattice, canvas and "
        "concept matrix are finite",
    )


NAMES = ("entities", "properties")
