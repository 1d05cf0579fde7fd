r"""The upward map of the Random Hierarchy Model and its flow [@Sclocchi2025] [@Sclocchi2025b].

Left: p_{l+1} = F(p_l) with its stable fixed points 1/v and 1 and the unstable p*. Right: the belief in the true symbol
level by level for noises on both sides of epsilon*, by iterating F (lines) and by exact belief propagation on random
grammars (points, with standard errors over grammars).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._style import COLOURS, PAGE, panel_letter, shades, style

if TYPE_CHECKING:
    import xarray as xr
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


def draw(dataset: xr.Dataset) -> Figure:
    """Two panels from the Dataset of `compute`."""
    from matplotlib import pyplot as plt

    star, low = float(dataset.fixed_point), 1 / float(dataset.v)
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.6))
        left.plot([0, 1], [0, 1], color=COLOURS["exact"], lw=0.8)
        left.plot(dataset.p, dataset.upward_map, color=COLOURS["mean_field"], label="$F(p)$")
        left.plot([low, 1], [low, 1], "o", color="black", ms=4, label="stable: $1/v$ and 1")
        left.plot(star, star, "o", mfc="white", mec="black", ms=5, label=f"unstable: $p_*$ = {star:.4f}")
        left.set(xlabel="belief $p_l$", ylabel="belief one level up, $p_{l+1}$", xlim=(0, 1), ylim=(0, 1.02))
        left.legend(loc="lower right")
        for colour, noise in zip(shades(dataset.sizes["noise"]), dataset.noise.values, strict=True):
            one = dataset.sel(noise=noise)
            right.plot(one.level, one.mean_field, color=colour)
            right.errorbar(one.level, one.upward, one.upward_stderr, fmt="o", ms=3, color=colour, label=f"{noise:.3f}")
        right.axhline(low, color=COLOURS["exact"], lw=0.8, ls=":")
        right.axhline(star, color=COLOURS["exact"], lw=0.8, ls="--")
        right.set(xlabel="level $l$ (0: leaves)", ylabel="belief in the truth", ylim=(0, 1.02))
        title = rf"$\epsilon$ ($\epsilon_*$ = {float(dataset.critical_epsilon):.4f})"
        right.legend(title=title, loc="center left", bbox_to_anchor=(1, 0.5))
        panel_letter(left, "a")
        panel_letter(right, "b")
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
