"""In which order do combinations of concepts appear? Emergence on the concept cube [@Okawa2023].

Conditional networks are trained on four corners of the cube shape x colour x size and asked for all eight. (a) A
picture of each class, joined where one concept differs, framed by its distance to the training classes. (b) Share of
generated pictures with every concept right, mean over the classes at a distance, band: standard error over seeds.
(c) Steps to an accuracy of 0.8 against the distance: classes (small), means with errors over seeds, and the toy law
t*(n, p) of learning n abilities, started at distance 0 and with p from distance 1, so that distance 2 is a prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._style import COLOURS, PAGE, panel_letter, shades, style

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.figure import Figure

    from .._findings import Findings


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`composition` over (seed, class, step), with one picture of every class."""
    from ._runs import emergence, plan

    world = plan(scale, seed).world
    pictures = world.render(world.graph.classes, world.factors(world.graph.classes))
    found = emergence(scale, seed)
    return found.assign(picture=(("class", "channel", "row", "column"), pictures))


def draw(dataset: xr.Dataset) -> Figure:
    """The cube, accuracy over training by distance, and emergence times against distance."""
    from matplotlib import pyplot as plt

    colours = shades(int(dataset.distance.max()) + 1)
    with style():
        figure, (cube, curves, times) = plt.subplots(1, 3, figsize=(PAGE, 2.5), width_ratios=(1.15, 1.2, 1))
        _draw_cube(cube, dataset, colours)
        mean = dataset.joint.groupby("distance").mean("class")
        for d, colour in zip(mean.distance.values, colours, strict=True):
            one, n = mean.sel(distance=d), dataset.sizes["seed"]
            error = one.std("seed", ddof=1) / n**0.5
            curves.plot(one.step, one.mean("seed"), color=colour, label=f"distance {d}")
            curves.fill_between(
                one.step, one.mean("seed") - error, one.mean("seed") + error, color=colour, alpha=0.25, lw=0
            )
        curves.axhline(dataset.attrs["threshold"], color=COLOURS["exact"], lw=0.6, ls=":")
        curves.set(xlabel="training step", ylabel="joint accuracy", ylim=(-0.02, 1.04))
        curves.legend(loc="lower right")
        _draw_times(times, dataset, colours)
        for ax, letter in zip((cube, curves, times), "abc", strict=True):
            panel_letter(ax, letter)
    return figure


def _draw_cube(ax, dataset: xr.Dataset, colours) -> None:
    import numpy as np
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    from ...theory.composition.concept_graph import ConceptGraph

    graph = ConceptGraph({str(c): 2 for c in dataset.concept.values})
    place = {node: np.array([node[0] + 0.45 * node[2], node[1] + 0.36 * node[2]]) for node in graph.classes}
    for a, b in graph.graph.edges:
        ax.plot(*np.transpose([place[a], place[b]]), color=COLOURS["exact"], lw=0.7, zorder=0)
    for node in graph.classes:
        one = dataset.sel({"class": graph.label(node)})
        picture = np.clip((one.picture.values.transpose(1, 2, 0) + 1) / 2, 0, 1)
        box = AnnotationBbox(
            OffsetImage(picture, zoom=22 / picture.shape[0], interpolation="nearest"),
            tuple(place[node]), pad=0.12, bboxprops={"edgecolor": colours[int(one.distance)], "lw": 1.8},
        )  # fmt: skip
        ax.add_artist(box)
        white = {"facecolor": "white", "lw": 0, "pad": 0.5}
        style_ = {"textcoords": "offset points", "ha": "center", "va": "top", "fontsize": 6, "bbox": white}
        ax.annotate(graph.label(node), place[node], (0, -15), **style_)
    ax.set(xlim=(-0.25, 1.7), ylim=(-0.4, 1.6), xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_visible(False)


def toy_times(dataset: xr.Dataset) -> np.ndarray:
    """Steps by distance from the toy law: t(0) and t(1) are the measured means, the rest follows."""
    import numpy as np

    from ...compare.concepts._by_distance import by_distance

    found, share = by_distance(dataset), dataset.attrs["threshold"]
    first, second = float(found.time[0]), float(found.time[1])
    rate = -np.log1p(-share) / max(second - first, 1e-9)
    needed = found.distance.values.astype(float)
    single = np.where(needed > 0, 1 - share ** (1 / np.maximum(needed, 1)), 1.0)
    return first - np.log(single) / rate


def _draw_times(ax, dataset: xr.Dataset, colours) -> None:
    from ...compare.concepts._by_distance import by_distance

    found = by_distance(dataset)
    each = dataset.time.mean("seed")
    for label in dataset["class"].values:
        one = each.sel({"class": label})
        ax.plot(int(one.distance) + 0.13, one, "_", color=colours[int(one.distance)], ms=6)
    ax.errorbar(
        found.distance, found.time, found.time_stderr, fmt="o", color=COLOURS["network"], label="networks", capsize=2
    )
    ax.plot(
        found.distance, toy_times(dataset), "x--", color=COLOURS["mean_field"], lw=1, ms=5, label="toy law", zorder=0
    )
    ax.set(xlabel="concept distance", ylabel=f"steps to accuracy {dataset.attrs['threshold']:g}", xticks=found.distance)
    ax.set_xlim(-0.4, float(found.distance.max()) + 0.4)
    ax.set_ylim(0, None)
    ax.legend(loc="upper left")


def findings(dataset: xr.Dataset) -> Findings:
    """Emergence times by distance next to the order and the toy law."""
    from ..._support.estimates import show
    from ...compare.concepts._by_distance import by_distance
    from .._findings import Findings

    found = by_distance(dataset)
    told = [show(float(t), float(e)) for t, e in zip(found.time, found.time_stderr, strict=True)]
    gaps = [show(float(g), float(e)) for g, e in zip(found.gap, found.gap_stderr, strict=True)]
    toy = toy_times(dataset)
    last, share = len(toy) - 1, dataset.attrs["threshold"]
    return Findings(
        f"later with every step of distance; toy law, p from distance 1: {toy[-1]:.0f} steps at distance {last}",
        f"steps to {share:g} at distance 0, 1, ...: {', '.join(told)} ({found.attrs['n_seeds']} seeds)",
        f"steps up in distance cost {', '.join(gaps)} steps",
    )
