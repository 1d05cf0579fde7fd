r"""The upward map of the Random Hierarchy Model and its flow [@Sclocchi2025; @Sclocchi2025b].

(a) p_{l+1} = F(p_l) with its stable fixed points 1/v and 1 and the unstable p*. (b) The belief in the true symbol
level by level for noises on both sides of epsilon*, by iterating F (lines) and by exact belief propagation on random
grammars (points, with standard errors over grammars).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALES = {"small": ((16, 4, 2, 8), 8, 16), "full": ((32, 8, 2, 10), 16, 32)}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Variables `upward_map` over p, and over (noise, level) `mean_field` and `upward` with `upward_stderr`."""
    import numpy as np

    from ..._support import checks as check
    from ...simulate.hierarchy import level_profile
    from ...theory.hierarchy.mean_field import HierarchyTheory

    case, n_grammars, n_data = SCALES[check.choice("scale", scale, SCALES)]
    theory = HierarchyTheory(*case[:3])
    star = theory.critical_epsilon
    assert star is not None and theory.fixed_point is not None
    noises = star + np.array([-0.15, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1])
    profile = level_profile(*case, "epsilon", noises, n_grammars=n_grammars, n_data=n_data, seed=seed)
    p = np.linspace(0, 1, 201)
    return (
        profile[["upward", "upward_stderr"]]
        .assign(upward_map=("p", theory.upward(p)), mean_field=(("noise", "level"), theory.beliefs(case[3], noises)[0]))
        .assign_coords(p=p)
        .assign_attrs(v=case[0], fixed_point=theory.fixed_point, critical_epsilon=star)
    )


@panel("upward_map", "p", "fixed_point", "v", loc="lower right")
def plot_upward_map(ax: Axes, result: xr.Dataset) -> None:
    """The belief one level up against the belief, with the stable and the unstable fixed points of the map."""
    star, low = float(result.fixed_point), 1 / float(result.v)
    ax.plot([0, 1], [0, 1], color=ink(ax, "exact"), lw=0.8)
    ax.plot(result.p, result.upward_map, color=ink(ax, "mean_field"), label="$F(p)$")
    shade = ink(ax, "network")
    ax.plot([low, 1], [low, 1], "o", color=shade, ms=4, label="stable: $1/v$ and 1")
    ax.plot(star, star, "o", mfc=background(ax), mec=shade, ms=5, label=f"unstable: $p_*$ = {star:.4f}")
    ax.set(xlabel="belief $p_l$", ylabel="belief one level up, $p_{l+1}$", xlim=(0, 1), ylim=(0, 1.02))


@panel("mean_field", "upward", "upward_stderr", "level", "noise", "fixed_point", "critical_epsilon", "v")
def plot_beliefs_by_level(ax: Axes, result: xr.Dataset) -> dict[str, Any]:
    """Belief in the truth level by level for several noises: mean field (lines) and exact belief propagation."""
    for shade, noise in zip(shades(ax, result.sizes["noise"]), result.noise.values, strict=True):
        one = result.sel(noise=noise)
        ax.plot(one.level, one.mean_field, color=shade)
        ax.errorbar(one.level, one.upward, one.upward_stderr, fmt="o", ms=3, color=shade, label=f"{noise:.3f}")
    ax.axhline(1 / float(result.v), color=ink(ax, "exact"), lw=0.8, ls=":")
    ax.axhline(float(result.fixed_point), color=ink(ax, "exact"), lw=0.8, ls="--")
    ax.set(xlabel="level $l$ (0: leaves)", ylabel="belief in the truth", ylim=(0, 1.02))
    title = rf"$\epsilon$ ($\epsilon_*$ = {float(result.critical_epsilon):.4f})"
    return {"title": title, "loc": "center left", "bbox_to_anchor": (1, 0.5)}


def draw(dataset: xr.Dataset) -> Figure:
    """Two panels from the Dataset of `compute`."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.6))
        plot_upward_map(dataset, ax=axes[0])
        plot_beliefs_by_level(dataset, ax=axes[1])
        letters(axes)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """The belief at the root on both sides of the critical noise, next to the mean field."""
    from ..._support.estimates import show

    root = dataset.isel(level=-1)
    critical = float(dataset.attrs["critical_epsilon"])
    low, high = (root.sel(noise=value, method="nearest") for value in (dataset.noise[0], dataset.noise[-1]))
    worst = abs(dataset.upward - dataset.mean_field).max()
    return Findings(
        f"unstable fixed point p* = {float(dataset.attrs['fixed_point']):.4g} at epsilon* = {critical:.4g}: belief "
        f"flows to 1 below and to 1/v = {1 / int(dataset.attrs['v']):.4g} above",
        f"belief at the root: {show(float(low.upward), float(low.upward_stderr))} at epsilon = {float(low.noise):.2f}, "
        f"{show(float(high.upward), float(high.upward_stderr))} at {float(high.noise):.2f} "
        f"({dataset.attrs['n_grammars']} grammars, {dataset.attrs['grammar']})",
        f"exact belief propagation and the mean field differ by up to {float(worst):.3f}, most near epsilon*: the mean "
        "field averages beliefs before it passes them on",
    )
