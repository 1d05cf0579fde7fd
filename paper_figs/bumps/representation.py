"""What does a network on a torus of bumps hold of x and y? Principal components, dimension, distance [@Liang2024].

Networks trained on all bumps of a periodic canvas; the input is one and the same noise, so that the label alone tells
places apart. (a, b) The places in the first four principal components of a middle layer, coloured by x and by y. (c)
Share of the variance in each component. (d) Wasserstein distance of the tangents' cosines to those of the factorised
Clifford torus and of the coupled three-torus, layer by layer, next to the code of the label and the images themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._style import COLOURS, PAGE, panel_letter, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from .._findings import Findings

SHOWN = "middle.1"


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`bump_representation` of the plan."""
    from ._runs import study

    return study("bump_representation", scale, seed)


def draw(dataset: xr.Dataset) -> Figure:
    """Two planes of the representation, the spectrum, and the distances."""
    import numpy as np
    from matplotlib import pyplot as plt

    one = dataset.sel(source=SHOWN).isel(network=0)
    with style():
        figure, axes = plt.subplots(2, 2, figsize=(PAGE * 0.9, 4.8))
        n = one.sizes["x"]
        x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        points = one.projection.values
        for ax, first, feature, name in ((axes[0, 0], 0, x, "x"), (axes[0, 1], 2, y, "y")):
            dots = ax.scatter(points[..., first], points[..., first + 1], c=feature, cmap="twilight", s=8, lw=0)
            ax.set(xlabel=f"component {first + 1}", ylabel=f"component {first + 2}", xticks=[], yticks=[])
            figure.colorbar(dots, ax=ax, label=f"place along {name}")
        spectrum = axes[1, 0]
        for source, colour in ((SHOWN, "network"), ("code", "mixture"), ("pixels", "empirical")):
            here = dataset.sel(source=source).isel(network=0)
            ratio = float(dataset.sel(source=source).participation_ratio.mean())
            label = f"{source} (ratio {ratio:.1f})"
            spectrum.plot(here.component, here.spectrum, "o-", color=COLOURS[colour], label=label)
        spectrum.plot([1, 2, 3, 4], [0.25] * 4, "--", color=COLOURS["gaussian"], label="Clifford torus (ratio 4)")
        spectrum.set(xlabel="principal component", ylabel="share of the variance", ylim=(0, None))
        spectrum.set_xticks((1, 5, 10, 15))
        spectrum.legend(handlelength=1.2)
        away, places = axes[1, 1], np.arange(dataset.sizes["source"])
        for reference, colour, name in (
            ("clifford", "gaussian", "to the Clifford torus"),
            ("three_torus", "local", "to the three-torus"),
        ):
            here = dataset.distance.sel(reference=reference)
            error = here.std("network", ddof=1) / np.sqrt(here.sizes["network"])
            mean = here.mean("network")
            away.errorbar(mean, places, xerr=error, color=COLOURS[colour], marker="o", ls="", label=name)
        away.set_yticks(places, [str(source) for source in dataset.source.values])
        away.set(xlabel="distance of cosines", xlim=(0, None), ylim=(len(places) + 1.2, -0.5))
        away.legend(loc="lower right", handlelength=1)
        for ax, letter in zip(axes.ravel(), "abcd", strict=True):
            panel_letter(ax, letter)
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
