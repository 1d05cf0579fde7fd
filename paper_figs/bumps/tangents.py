"""Are the directions of x and y in a network orthogonal and parallel? Histograms next to two tori [@Liang2024].

Cosines between differences of the representation at neighbouring places of a torus. (a) Of x against y: 0 for
independent features. (b, c) Of one feature at one value of it, wherever the other is: 1 for independent features. (d)
Of x at different values: a circle gives the arcsine law; a peak at 0 is "hyper-factorised", every value a direction of
its own. Networks (mean of all), the factorised Clifford torus, the coupled three-torus, and the images themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._panel import panel
from .._style import PAGE, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._findings import Findings

SHOWN = "middle.1"
PANELS = {"x_on_y": "x on y", "x_parallel": "x at the same x", "y_parallel": "y at the same y", "x_on_x": "x on x"}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`bump_representation` of the plan."""
    from ._runs import study

    return study("bump_representation", scale, seed)


def references(n: int) -> dict[str, xr.Dataset]:
    """The same measurements on the two tori, n places along each feature."""
    from ...compare.representation._factorisation import factorisation_of_values
    from ...compare.representation.torus import clifford_torus, three_torus

    tori = {"Clifford torus": clifford_torus(n), "three-torus": three_torus(n)}
    return {name: factorisation_of_values(values, topology=False) for name, values in tori.items()}


@panel("histogram", "projection", "source", "test", choice={"test": tuple(PANELS)}, size=0.75)
def plot_tangent_cosines(ax: Axes, result: xr.Dataset, test: str) -> None:
    """Histogram of the cosines between differences of the representation: networks, images, and two tori."""
    import numpy as np

    curves = {
        f"network, {SHOWN}": (result.sel(source=SHOWN).mean("network"), "network"),
        "images": (result.sel(source="pixels").isel(network=0), "empirical"),
    }
    for (name, values), theory in zip(references(result.sizes["x"]).items(), ("gaussian", "local"), strict=True):
        curves[name] = (values, theory)
    for name, (values, theory) in curves.items():
        share = values.histogram.sel(test=test)
        ax.stairs(share.values, np.linspace(-1, 1, share.size + 1), color=ink(ax, theory), label=name)
    ax.set(xlabel=f"cosine, {PANELS[test]}", xlim=(-1.05, 1.05), yscale="log", ylim=(1e-3, 1.5))
    ax.set_ylabel("share of pairs")


def draw(dataset: xr.Dataset) -> Figure:
    """One panel per test."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 4, figsize=(PAGE, 2.2), sharey=True)
        for ax, test in zip(axes, PANELS, strict=True):
            plot_tangent_cosines(dataset, ax=ax, test=test, legend=False).label_outer()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, handlelength=1)
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Orthogonality and parallelism of the middle layer."""
    from ..._support.estimates import mean_error, show
    from .._findings import Findings

    def told(source: str, name: str) -> str:
        return show(*(float(part) for part in mean_error(dataset[name].sel(source=source).values)))

    names = {"orthogonality": "rms x on y", "parallel_x": "parallel x", "parallel_y": "parallel y"}
    pixels = dataset.sel(source="pixels").isel(network=0)
    return Findings(
        "Clifford torus: rms x on y 0, parallelism 1 and 1; three-torus: 1/2, and 1 and 1/2",
        f"{SHOWN}: " + ", ".join(f"{text} {told(SHOWN, name)}" for name, text in names.items()),
        "images themselves: " + ", ".join(f"{text} {float(pixels[name]):.3f}" for name, text in names.items()),
    )
