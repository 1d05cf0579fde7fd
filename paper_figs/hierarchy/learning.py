"""How many strings does a network need for the rules of each level?

Networks trained on P strings, stopped where the error on fresh strings is least, generate strings and infer leaves.
The rules of level l are expected to need P_l = v m^(l+1) / (1 - m / v^(s-1)) strings, as many as it takes to see the
correlations of tuples with their context ([@Favero2025], the sample complexity of a level); the network should pass
from BP_depth (every leaf alone) down to BP_0 (exact) as P grows [@GarnierBrun2025]. The same is watched over training
time at the largest P.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ink, letters, style
from .reconstruction import _levels, _name

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLAN: dict[str, dict[str, Any]] = {
    "small": {
        "recipe": {"v": 8, "m": 3, "s": 2, "depth": 3, "width": 32, "steps": 600, "batch": 512},
        "sizes": (32, 128, 512, 2048, 16384),
        "snapshots": 8,
        "sigmas": (0.3, 0.5, 0.8),
        "track": {"n": 256, "n_steps": 40},
    },
    "full": {
        "recipe": {
            "v": 16,
            "m": 4,
            "s": 2,
            "depth": 4,
            "width": 128,
            "steps": 20000,
            "batch": 4096,
            "learning_rate": 3e-3,
        },
        "sizes": tuple(2**k for k in range(6, 21, 2)),
        "snapshots": 16,
        "sigmas": (0.3, 0.5, 0.8),
        "track": {"n": 1024, "n_steps": 100},
    },
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Tracks over `n_train`, of the best snapshot of each run, and over `step` at the largest `n_train`."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.hierarchy.tracking import hierarchy_progress, hierarchy_track
    from ...theory.hierarchy.mean_field import HierarchyTheory
    from ._runs import Recipe

    plan = PLAN[check.choice("scale", scale, PLAN)]
    recipe = Recipe(**plan["recipe"])
    grammar, theory = recipe.grammar(seed), HierarchyTheory(recipe.v, recipe.m, recipe.s)
    tracks, stopped, snapshots = [], [], {}
    for size in plan["sizes"]:
        snapshots = recipe.train(size, seed, snapshots=plan["snapshots"]).snapshots
        best = min(snapshots, key=lambda step: recipe.held_out_error(snapshots[step], seed))
        options = {**plan["track"], "training": recipe.strings(size, seed), "seed": seed}
        tracks.append(hierarchy_track(snapshots[best], grammar, plan["sigmas"], **options))
        stopped.append(best)
    over_data = xr.concat(tracks, dim=xr.Variable("n_train", list(plan["sizes"])), combine_attrs="override")
    over_time = hierarchy_progress(snapshots, grammar, plan["sigmas"], **plan["track"], seed=seed)
    over_time = over_time.rename({name: _over_time(str(name)) for name in over_time.data_vars})
    predicted = [np.nan, *(theory.sample_complexity(level) for level in range(1, recipe.depth + 1))]
    result = over_data.merge(over_time, combine_attrs="override")
    result = result.assign(stopped=("n_train", stopped), sample_complexity=("level", predicted))
    result.attrs |= provenance(seed=seed) | {"batch": recipe.batch}
    return result


@panel(
    "generated_rule", "generated_rule_stderr", "sample_complexity", "n_train", "level", "chance",
    loc="upper left", size=0.75,
)  # fmt: skip
def plot_rules_learned(ax: Axes, result: xr.Dataset) -> None:
    """Share of generated tuples that are rules of their level against the number of strings."""
    depth, chance = result.sizes["level"] - 1, result.attrs["chance"]
    for level, shade in _levels(ax, depth):
        if level == 0:
            continue
        here = result.isel(level=level)
        known, error = _above(here.generated_rule, chance), here.generated_rule_stderr / (1 - chance)
        look = {"color": shade, "marker": "o", "markersize": 3, "label": f"rules of {_name(level, depth)}"}
        ax.errorbar(here.n_train, known, error, **look)
    _expected(ax, result)
    ax.axhline(0, color=ink(ax, "exact"), linewidth=0.6)
    ax.set(xscale="log", xlabel="training strings $P$", ylim=(-0.08, 1.5), yticks=[0, 0.5, 1])
    ax.set_ylabel("generated tuples that are rules\n(0: chance, 1: all)")


@panel(
    *(f"{name}{rest}" for name in ("filtered_variation", "filtered_variation_over_time") for rest in ("", "_stderr")),
    "sample_complexity", "n_train", "step", "level", "sigma", "k",
    choice={"over": ("strings", "time")}, loc="lower left", ncols=2,
)  # fmt: skip
def plot_distance_to_filtered(ax: Axes, result: xr.Dataset, over: str) -> None:
    """Total variation to belief propagation that knows k levels less, over strings or over training time."""
    name, x, label = (
        ("filtered_variation", "n_train", "training strings $P$")
        if over == "strings"
        else ("filtered_variation_over_time", "step", "training step")
    )
    middle, depth = result.isel(sigma=result.sizes["sigma"] // 2), result.sizes["level"] - 1
    for level, shade in reversed(_levels(ax, depth)):
        here = middle.isel(k=depth - level)
        look = {"color": shade, "marker": "o", "markersize": 3, "label": f"BP$_{depth - level}$"}
        ax.errorbar(here[x], here[name], here[f"{name}_stderr"], **look)
    if over == "strings":
        _expected(ax, result)
    ax.set(xscale="log", xlabel=label, ylim=(0, None))
    ax.set_ylabel(rf"total variation to BP$_k$ ($\sigma = {float(middle.sigma):g}$)")


def _expected(ax: Axes, result: xr.Dataset) -> None:
    """The numbers of strings that the rules of each level should need, in its colour."""
    for level, shade in _levels(ax, result.sizes["level"] - 1):
        if level:
            value = float(result.isel(level=level).sample_complexity)
            ax.axvline(value, color=shade, linestyle=":", linewidth=1)


def draw(dataset: xr.Dataset) -> Figure:
    """Rules known against P; distance to each BP_k against P; the same distance against training time."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.7))
        plot_rules_learned(dataset, ax=axes[0])
        plot_distance_to_filtered(dataset, ax=axes[1], legend=False)
        plot_distance_to_filtered(dataset, ax=axes[2], over="time")
        letters(axes)
    return figure


def _over_time(name: str) -> str:
    quantity, error, _ = name.partition("_stderr")
    return f"{quantity}_over_time{error}"


def _above(value: Any, chance: float) -> Any:
    return (value - chance) / (1 - chance)


def findings(dataset: xr.Dataset) -> Findings:
    """Which belief propagation the network is closest to, by the number of strings."""
    middle = dataset.sel(sigma=0.5, method="nearest")
    closest = ", ".join(f"P = {int(n)}: BP_{int(k)}" for n, k in zip(dataset.n_train, middle.effective_k, strict=True))
    needed = ", ".join(
        f"level {int(l)}: {float(p):.0f}"
        for l, p in zip(dataset.level, dataset.sample_complexity, strict=True)
        if p > 0
    )
    generated = ", ".join(
        f"P = {int(n)}: {float(share):.0%}"
        for n, share in zip(dataset.n_train, dataset.generated_valid.isel(level=-1), strict=True)
    )
    return Findings(
        f"strings needed for the rules of each level: {needed}",
        f"closest at sigma = {float(middle.sigma):g}: {closest}; generated strings that the grammar "
        f"allows: {generated}",
        "one grammar and one network for each size, so no error over grammars; with the most strings the network is "
        f"still closest to BP_{int(middle.effective_k[-1])}, where the exact posterior is BP_0, and "
        f"{1 - float(dataset.generated_valid.isel(n_train=-1, level=-1)):.0%} of its strings break a rule somewhere",
    )
