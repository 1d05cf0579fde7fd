r"""Phase diagram of the Random Hierarchy Model over (m, epsilon) [@Sclocchi2025b].

Colour: the mean-field belief in the true class of a deep tree. Line: epsilon*(m), which ends at the edges of the window
s v^{s-1} (v-1)/(v^s-1) < m < (v^s-1)/(s (v-1)). Points: halfway crossings of exact belief propagation on random
grammars of finite depth, next to the mean field of the same depth (dashed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import Findings
from .._panel import panel
from .._style import COLUMN, SEQUENTIAL, ink, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALES: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "small": ((16, 2, 7), (2, 3, 4, 6, 8), 6),
    "full": ((32, 2, 9), (2, 3, 4, 6, 8, 12, 16), 16),
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`belief` over (epsilon, m); `critical` and `finite` over m; `crossing` over the integer `rules`."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...simulate.hierarchy import level_profile
    from ...simulate.hierarchy._level_profile import halfway
    from ...theory.hierarchy.mean_field import HierarchyTheory

    (v, s, depth), rules, n_grammars = SCALES[check.choice("scale", scale, SCALES)]
    m, epsilon = np.geomspace(1, v ** (s - 1), 121), np.linspace(0, 1, 201)
    theories = [HierarchyTheory(v, float(x), s) for x in m]
    belief = np.stack([theory.class_belief(60, epsilon) for theory in theories], -1)
    critical = [theory.critical_epsilon for theory in theories]
    finite = [theory.crossing(depth) for theory in theories]
    found = []
    for number in rules:
        middle = HierarchyTheory(v, number, s).crossing(depth)
        assert middle is not None
        grid = np.clip(middle + np.linspace(-0.12, 0.12, 9), 0, 1)
        profile = level_profile(v, number, s, depth, "epsilon", grid, n_grammars=n_grammars, n_data=16, seed=seed)
        found.append(halfway(grid, profile.upward[:, -1].values, v))
    return xr.Dataset(
        {
            "belief": (("epsilon", "m"), belief),
            "critical": ("m", np.array(critical, dtype=float)),
            "finite": ("m", np.array(finite, dtype=float)),
            "crossing": ("rules", np.array(found)),
        },
        {"m": m, "epsilon": epsilon, "rules": list(rules)},
        provenance(seed=seed) | {"v": v, "s": s, "depth": depth, "window": list(theories[0].window)},
    )


@panel(
    "belief", "critical", "finite", "crossing", "rules", "window", "depth", "m", "epsilon",
    loc="upper right", labelcolor="white", frameon=False,
)  # fmt: skip
def plot_phase_diagram(ax: Axes, result: xr.Dataset) -> None:
    """Belief in the class over the number of rules and the noise, with the critical line and exact crossings."""
    depth, on_it = int(result.depth), "white"
    look = {"cmap": SEQUENTIAL, "vmin": 0, "vmax": 1, "rasterized": True}
    shown = ax.pcolormesh(result.m, result.epsilon, result.belief, **look)
    ax.figure.colorbar(shown, ax=ax, label="belief in the class, depth 60")
    ax.plot(result.m, result.critical, color=on_it, lw=1.5, label=r"$\epsilon_*(m)$")
    ax.plot(result.m, result.finite, "--", color=on_it, lw=1, label=f"mean field, depth {depth}")
    shade = ink(ax, "belief_propagation")
    ax.plot(result.rules, result.crossing, "o", color=shade, label=f"exact, depth {depth}")
    for edge in result.window:
        ax.axvline(edge, color=on_it, lw=0.8, ls=":")
    ax.set(xscale="log", xlabel="rules per symbol, $m$", ylabel=r"noise on the leaves, $\epsilon$")
    ax.set(xlim=(float(result.m[0]), float(result.m[-1])), ylim=(0, 1))


def draw(dataset: xr.Dataset) -> Figure:
    """One panel from the Dataset of `compute`."""
    from matplotlib import pyplot as plt

    with style():
        figure, ax = plt.subplots(figsize=(1.4 * COLUMN, 2.9))
        plot_phase_diagram(dataset, ax=ax)
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """The halfway crossings of exact belief propagation next to the mean field of the same depth."""
    import numpy as np

    finite = np.interp(dataset.rules, dataset.m, dataset.finite)
    apart = dataset.crossing.values - finite
    infinite = np.interp(dataset.rules, dataset.m, dataset.critical)
    rules = ", ".join(f"m = {int(m)}: {e:.3f}" for m, e in zip(dataset.rules, infinite, strict=True) if np.isfinite(e))
    return Findings(
        f"epsilon* of an infinitely deep tree, {rules}; none outside the window",
        f"halfway crossings at depth {dataset.attrs['depth']}: "
        + ", ".join(f"m = {int(m)}: {float(e):.3f}" for m, e in zip(dataset.rules, dataset.crossing, strict=True)),
        f"crossings of random grammars lie within {np.nanmax(abs(apart)):.3f} of the mean field of the same depth, and "
        f"within {np.nanmax(abs(dataset.crossing.values - infinite)):.3f} of the infinite tree",
    )
