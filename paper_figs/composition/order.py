"""In which order do combinations of concepts appear? Emergence on the concept cube [@Okawa2023].

Conditional networks are trained on four corners of the cube shape x colour x size and asked for all eight. (a) A
picture of each class, joined where one concept differs, framed by its distance to the training classes. (b) Share of
generated pictures with every concept right, mean over the classes at a distance, band: standard error over seeds.
(c) Steps to an accuracy of 0.8 against the distance: classes (small), means with errors over seeds, and the toy law
t*(n, p) of learning n abilities, started at distance 0 and with p from distance 1, so that distance 2 is a prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._panel import in_a_row, panel
from .._style import background, ink, shades

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._findings import Findings


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`composition` over (seed, class, step), with one picture of every class."""
    from ._runs import emergence, plan

    world = plan(scale, seed).world
    pictures = world.render(world.graph.classes, world.factors(world.graph.classes))
    found = emergence(scale, seed)
    return found.assign(picture=(("class", "channel", "row", "column"), pictures))


@panel("picture", "distance", "class", "concept")
def plot_concept_cube(ax: Axes, result: xr.Dataset) -> None:
    """A picture of each class, joined where one concept differs, framed by its distance to the training classes."""
    import numpy as np
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    from ...theory.composition.concept_graph import ConceptGraph

    shade = _by_distance(ax, result)
    graph = ConceptGraph({str(c): 2 for c in result.concept.values})
    place = {node: np.array([node[0] + 0.45 * node[2], node[1] + 0.36 * node[2]]) for node in graph.classes}
    for a, b in graph.graph.edges:
        ax.plot(*np.transpose([place[a], place[b]]), color=ink(ax, "exact"), lw=0.7, zorder=0)
    for node in graph.classes:
        one = result.sel({"class": graph.label(node)})
        picture = np.clip((one.picture.values.transpose(1, 2, 0) + 1) / 2, 0, 1)
        box = AnnotationBbox(
            OffsetImage(picture, zoom=22 / picture.shape[0], interpolation="nearest"),
            tuple(place[node]), pad=0.12, bboxprops={"edgecolor": shade[int(one.distance)], "lw": 1.8},
        )  # fmt: skip
        ax.add_artist(box)
        ground = {"facecolor": background(ax), "lw": 0, "pad": 0.5}
        look = {"textcoords": "offset points", "ha": "center", "va": "top", "fontsize": 6, "bbox": ground}
        ax.annotate(graph.label(node), tuple(place[node]), (0, -15), **look)
    ax.set(xlim=(-0.25, 1.7), ylim=(-0.4, 1.6), xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_visible(False)


@panel("joint", "distance", "step", "seed", "class", "threshold", loc="lower right")
def plot_accuracy_by_distance(ax: Axes, result: xr.Dataset) -> None:
    """Joint accuracy over training, mean over the classes at each distance, with standard errors over seeds."""
    mean = result.joint.groupby("distance").mean("class")
    for d, shade in zip(mean.distance.values, _by_distance(ax, result), strict=True):
        one = mean.sel(distance=d)
        middle, error = one.mean("seed"), one.std("seed", ddof=1) / result.sizes["seed"] ** 0.5
        ax.plot(one.step, middle, color=shade, label=f"distance {d}")
        ax.fill_between(one.step, middle - error, middle + error, color=shade, alpha=0.25, lw=0)
    ax.axhline(result.attrs["threshold"], color=ink(ax, "exact"), lw=0.6, ls=":")
    ax.set(xlabel="training step", ylabel="joint accuracy", ylim=(-0.02, 1.04))


@panel("time", "joint", "distance", "step", "seed", "class", "threshold", loc="upper left")
def plot_emergence_times(ax: Axes, result: xr.Dataset) -> None:
    """Steps to an accuracy of 0.8 against the concept distance: classes, their means, and the toy law."""
    from ...compare.concepts._by_distance import by_distance

    found, shade = by_distance(result), _by_distance(ax, result)
    each = result.time.mean("seed")
    for label in result["class"].values:
        one = each.sel({"class": label})
        ax.plot(int(one.distance) + 0.13, one, "_", color=shade[int(one.distance)], ms=6)
    look = {"fmt": "o", "color": ink(ax, "network"), "capsize": 2}
    ax.errorbar(found.distance, found.time, found.time_stderr, label="networks", **look)
    law = {"color": ink(ax, "mean_field"), "lw": 1, "ms": 5, "zorder": 0}
    ax.plot(found.distance, toy_times(result), "x--", label="toy law", **law)
    ax.set(xlabel="concept distance", ylabel=f"steps to accuracy {result.attrs['threshold']:g}", xticks=found.distance)
    ax.set_xlim(-0.4, float(found.distance.max()) + 0.4)
    ax.set_ylim(0, None)


def _by_distance(ax: Axes, result: xr.Dataset) -> list[Any]:
    return shades(ax, int(result.distance.max()) + 1)


def draw(dataset: xr.Dataset) -> Figure:
    """The cube, accuracy over training by distance, and emergence times against distance."""
    return in_a_row(dataset, (plot_concept_cube, plot_accuracy_by_distance, plot_emergence_times), 2.5, (1.15, 1.2, 1))


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
