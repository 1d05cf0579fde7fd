"""What does a network on a torus of bumps hold of x and y? Principal components, dimension, distance [@Liang2024].

Networks trained on all bumps of a periodic canvas; the input is one and the same noise, so that the label alone tells
places apart. (a, b) The places in the first four principal components of a middle layer, coloured by x and by y. (c)
Share of the variance in each component. (d) Wasserstein distance of the tangents' cosines to those of the factorised
Clifford torus and of the coupled three-torus, layer by layer, next to the code of the label and the images themselves.
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


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`bump_representation` of the plan."""
    from ._runs import study

    return study("bump_representation", scale, seed)


@panel("projection", "source", choice={"feature": ("x", "y")})
def plot_principal_plane(ax: Axes, result: xr.Dataset, feature: str) -> None:
    """The places of the torus in two principal components of a middle layer, coloured by one of their coordinates."""
    import numpy as np

    one = result.sel(source=SHOWN).isel(network=0)
    n = one.sizes["x"]
    colour = np.broadcast_to(np.arange(n)[:, None] if feature == "x" else np.arange(n), (n, n))
    points, first = one.projection.values, 0 if feature == "x" else 2
    dots = ax.scatter(points[..., first], points[..., first + 1], c=colour, cmap="twilight", s=8, lw=0)
    ax.set(xlabel=f"component {first + 1}", ylabel=f"component {first + 2}", xticks=[], yticks=[])
    ax.figure.colorbar(dots, ax=ax, label=f"place along {feature}")


@panel("spectrum", "participation_ratio", "component", "source", handlelength=1.2)
def plot_representation_spectrum(ax: Axes, result: xr.Dataset) -> None:
    """Share of the variance in each principal component: a layer, the code of the label, the images, a torus."""
    for source, theory in ((SHOWN, "network"), ("code", "mixture"), ("pixels", "empirical")):
        here = result.sel(source=source)
        label = f"{source} (ratio {float(here.participation_ratio.mean()):.1f})"
        ax.plot(here.component, here.spectrum.isel(network=0), "o-", color=ink(ax, theory), label=label)
    ax.plot([1, 2, 3, 4], [0.25] * 4, "--", color=ink(ax, "gaussian"), label="Clifford torus (ratio 4)")
    ax.set(xlabel="principal component", ylabel="share of the variance", ylim=(0, None))
    ax.set_xticks((1, 5, 10, 15))


@panel("distance", "source", "reference", "network", loc="lower right", handlelength=1)
def plot_distance_to_tori(ax: Axes, result: xr.Dataset) -> None:
    """Wasserstein distance of the tangents' cosines to those of two tori, layer by layer."""
    import numpy as np

    places = np.arange(result.sizes["source"])
    for reference, theory, name in (
        ("clifford", "gaussian", "to the Clifford torus"),
        ("three_torus", "local", "to the three-torus"),
    ):
        here = result.distance.sel(reference=reference)
        error = here.std("network", ddof=1) / np.sqrt(here.sizes["network"])
        ax.errorbar(here.mean("network"), places, xerr=error, color=ink(ax, theory), marker="o", ls="", label=name)
    ax.set_yticks(places, [str(source) for source in result.source.values])
    ax.set(xlabel="distance of cosines", ylabel="layer", xlim=(0, None), ylim=(len(places) + 1.2, -0.5))


def draw(dataset: xr.Dataset) -> Figure:
    """Two planes of the representation, the spectrum, and the distances."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(2, 2, figsize=(PAGE * 0.9, 4.8))
        for ax, feature in zip(axes[0], "xy", strict=True):
            plot_principal_plane(dataset, ax=ax, feature=feature)
        plot_representation_spectrum(dataset, ax=axes[1, 0])
        plot_distance_to_tori(dataset, ax=axes[1, 1])
        letters(axes.flat)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Dimension, additivity and distances of the middle layer."""
    from ..._support.estimates import mean_error, show
    from .._findings import Findings

    here = dataset.sel(source=SHOWN)

    def told(values) -> str:
        return show(*(float(part) for part in mean_error(values.values)))

    pixels = dataset.sel(source="pixels").isel(network=0)
    between, trained = (told(dataset.centre_error.sel(place=place)) for place in ("between", "trained"))
    return Findings(
        "a Clifford torus has participation ratio 4, additive share 1 and distance 0; a three-torus (r/R = 1/2) "
        "2.41, 0.9 and 0.31 from the Clifford torus",
        f"{SHOWN}: participation ratio {told(here.participation_ratio)}, additive share {told(here.additive_share)}, "
        f"distance {told(here.distance.sel(reference='clifford'))} to the Clifford torus and "
        f"{told(here.distance.sel(reference='three_torus'))} to the three-torus ({dataset.attrs['seeds']} networks)",
        f"centres painted half-way between trained places are off by {between} pixels, at trained by {trained}; the "
        f"images themselves: ratio {float(pixels.participation_ratio):.1f}, additive share "
        f"{float(pixels.additive_share):.2f}; the label's code is additive before any learning",
    )
