"""Wrapping probabilities cross at p_c, at the heights that conformal field theory gives them.

Site percolation on the square torus: the chance that a cluster wraps a given direction, any, both, or exactly one
[@Newman2000; @Pinson1994]. The chance of exactly one direction has its maximum at p_c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES: dict[str, tuple[tuple[int, int], ...]] = {
    "small": ((8, 8000), (16, 4000), (32, 1500)),
    "full": ((16, 60_000), (32, 30_000), (64, 12_000), (128, 5000)),
}
EVENTS = {"horizontal": "a given direction", "either": "any direction", "both": "both directions", "one": "exactly one"}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`wrapping_*` and errors over (size, p), the exact critical values as `exact_*`."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ...simulate.percolation import sweep
    from ...theory.percolation import threshold, wrapping_probabilities

    sizes = SIZES[check.choice("scale", scale, SIZES)]
    critical, exact = threshold("square", "site").value, wrapping_probabilities()
    p = np.linspace(critical - 0.06, critical + 0.06, 121)
    curves = [sweep("square", "site", L, runs, seed, quantities=("wrapping",)).canonical(p) for L, runs in sizes]
    joined = xr.concat(curves, xr.DataArray([L for L, _ in sizes], dims="size", name="size"), combine_attrs="override")
    return joined.assign({f"exact_{event}": getattr(exact, event) for event in EVENTS}).assign_attrs(threshold=critical)


@panel(
    *(f"wrapping_{event}{rest}" for event in EVENTS for rest in ("", "_stderr")),
    *(f"exact_{event}" for event in EVENTS), "threshold", "p", "size",
    choice={"event": tuple(EVENTS)}, loc="upper right", handlelength=1,
)  # fmt: skip
def plot_wrapping(ax: Axes, result: xr.Dataset, event: str) -> dict[str, Any]:
    """The chance that a cluster wraps the torus against p, with bands of two standard errors and the exact height."""
    for i, shade in enumerate(shades(ax, result.sizes["size"])):
        one = result.isel(size=i)
        value, error = one[f"wrapping_{event}"], 2 * one[f"wrapping_{event}_stderr"]
        ax.fill_between(one.p, value - error, value + error, color=shade, alpha=0.3, lw=0)
        ax.plot(one.p, value, color=shade, lw=1, label=f"L = {int(one.size)}")
    ax.axhline(float(result[f"exact_{event}"]), color=ink(ax, "exact"), lw=0.8, ls="--")
    ax.axvline(result.attrs["threshold"], color=ink(ax, "exact"), lw=0.8, ls="--")
    ax.set(xlabel="$p$", ylabel="wrapping probability")
    ax.set_title(EVENTS[event], loc="right")
    if event == "one":
        ax.set_ylim(0, 0.24)
    return {"loc": "upper right" if event == "one" else "upper left"}


def draw(dataset: xr.Dataset) -> Figure:
    """One panel per event from the Dataset of `compute`."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 4, figsize=(PAGE, 2.3), sharex=True)
        for ax, event in zip(axes, EVENTS, strict=True):
            plot_wrapping(dataset, ax=ax, event=event, legend=False)
        for ax in axes[1:]:
            ax.set_ylabel("")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Wrapping at the threshold for the largest size, next to the exact values."""
    from ..._support.estimates import show

    at = dataset.isel(size=-1).interp(p=float(dataset.attrs["threshold"]))
    exact = {event: float(dataset[f"exact_{event}"]) for event in EVENTS}
    found = {e: (float(at[f"wrapping_{e}"]), float(at[f"wrapping_{e}_stderr"])) for e in EVENTS}
    pulls = {event: (found[event][0] - exact[event]) / found[event][1] for event in EVENTS}
    worst = max(pulls, key=lambda event: abs(pulls[event]))
    return Findings(
        ", ".join(f"{EVENTS[event]} {exact[event]:.4f}" for event in EVENTS),
        f"L = {int(dataset.size[-1])}: " + ", ".join(f"{EVENTS[event]} {show(*found[event])}" for event in EVENTS),
        f"at most {abs(pulls[worst]):.1f} standard errors ({EVENTS[worst]})",
    )
