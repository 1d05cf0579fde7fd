"""Does learning start where the data become one manifold? Percolation next to trained accuracy [@Liang2024].

A random share of the bumps on a lattice is kept; two are neighbours where their overlap exceeds theta = 0.005. (a)
Largest connected share of the data: lines, many random draws; dots, the very data on which networks were trained;
dotted, the predicted critical share of an infinite lattice. (b) Accuracy of the networks at places that were not
trained on. (c) The same accuracy against the share in units of the critical one: one curve if overlap alone decides.
(d) Entities and properties of a random concept matrix in its largest component, next to theory [@Lubana2024].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._style import COLOURS, PAGE, panel_letter, shades, style

if TYPE_CHECKING:
    import xarray as xr
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


def draw(dataset: xr.Dataset) -> Figure:
    """Connected share, accuracy against the share and against its ratio to the critical one, concept matrix."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(2, 2, figsize=(PAGE * 0.8, 4.4))
        (connected, learned), (scaled, matrix) = axes
        for k, colour in enumerate(shades(dataset.sizes["width"])):
            one = dataset.isel(width=k)
            label = f"{float(one.width):g}"
            connected.plot(one.fraction, one.connected_mean, color=colour, label=label)
            connected.errorbar(one.share, one.connected, one.connected_stderr, color=colour, marker="o", ls="")
            connected.axvline(float(one.predicted), color=colour, lw=0.8, ls=":")
            learned.errorbar(one.share, one.unseen, one.unseen_stderr, color=colour, marker="o", label=label)
            learned.axvline(float(one.predicted), color=colour, lw=0.8, ls=":")
            ratio = one.share / one.predicted
            scaled.errorbar(ratio, one.unseen, one.unseen_stderr, color=colour, marker="o", label=label)
        connected.set(xlabel="share of the data kept", ylabel="largest connected share", ylim=(0, 1.05))
        connected.legend(title=r"width $\sigma/d$", handlelength=1)
        learned.set(xlabel="share of the data kept", ylabel="accuracy, unseen places", ylim=(-0.03, 1.05))
        scaled.axvline(1, color=COLOURS["exact"], lw=0.8, ls=":")
        scaled.set(xlabel="share over critical share", ylabel="accuracy, unseen places", xscale="log")
        scaled.set_ylim(-0.03, 1.05)
        for name, colour in (("entities", "gaussian"), ("properties", "empirical")):
            shade = COLOURS[colour]
            matrix.plot(dataset.p, dataset[f"matrix_predicted_{name}"], color=shade, label=f"{name}, theory")
            error = dataset[f"matrix_{name}_stderr"]
            matrix.errorbar(dataset.p, dataset[f"matrix_{name}"], error, color=shade, marker="o", ls="", label=name)
        matrix.set(xlabel=r"$p / p_c$", ylabel="share in the largest component", ylim=(-0.03, 1.05))
        matrix.legend(handlelength=1)
        for ax, letter in zip(axes.ravel(), "abcd", strict=True):
            panel_letter(ax, letter)
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
