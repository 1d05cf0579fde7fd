"""Which symbols survive noise and denoising, level by level: exact, mean field, and a trained network.

Forward and backward again, the class is lost at once at a critical noise while the leaves change little by little
([@Sclocchi2025], the transition in noise). (a, b) Networks trained on Gaussian and on masked strings next to
the exact posterior, with the critical noise of an infinitely deep tree by density evolution. (c) The epsilon
device, where mean field is a closed form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, ddpm_axis, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGMAS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1.0, 1.4, 2.0)
FRACTIONS = (0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
EPSILONS = tuple(i / 24 for i in range(25))
PLAN: dict[str, dict[str, Any]] = {
    "small": {
        "recipe": {"v": 8, "m": 3, "s": 2, "depth": 3, "width": 48, "batch": 1024},
        "steps": {"gaussian": 5000, "masking": 400},
        "strings": 65536,
        "track": {"n": 256, "n_steps": 60},
        "profile": {"n_grammars": 12, "n_data": 16},
        "relative_error": 0.03,
    },
    "full": {
        "recipe": {"v": 16, "m": 4, "s": 2, "depth": 4, "width": 128, "batch": 4096, "learning_rate": 3e-3},
        "steps": {"gaussian": 20000, "masking": 20000},
        "strings": 1_000_000,
        "track": {"n": 1024, "n_steps": 200},
        "profile": {"n_grammars": 32, "n_data": 32},
        "relative_error": 0.007,
    },
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """The tracks of both networks, the epsilon profiles and the three predicted transitions."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.hierarchy.tracking import hierarchy_track
    from ...simulate.hierarchy import level_profile
    from ...theory.hierarchy.mean_field import HierarchyTheory
    from ._runs import NEAR_TRANSITION, Recipe

    plan = PLAN[check.choice("scale", scale, PLAN)]
    recipes = {
        channel: Recipe(**plan["recipe"], steps=steps, noise=NEAR_TRANSITION)
        for channel, steps in plan["steps"].items()
    }
    recipe = recipes["gaussian"]
    grammar, theory = recipe.grammar(seed), HierarchyTheory(recipe.v, recipe.m, recipe.s)
    result = xr.Dataset(attrs=provenance(seed=seed) | {"grammar": repr(grammar), "n_train": plan["strings"]})
    for channel, noises in (("gaussian", SIGMAS), ("masking", FRACTIONS)):
        network: Any = recipes[channel].train(plan["strings"], seed, channel).network
        judged = network if channel == "gaussian" else network.predictor(channel)
        track = hierarchy_track(judged, grammar, noises, channel=channel, seed=seed, **plan["track"])
        clock = {"noise": "masked"} if channel == "masking" else {}
        kept = ["reconstruction", "reconstruction_exact", "total_variation", "valid"]
        kept += [f"{name}_stderr" for name in kept]
        result = result.merge(track[kept].rename({name: f"{channel}_{name}" for name in kept} | clock))
        predicted = theory.critical_noise(channel, relative_error=plan["relative_error"], seed=seed)
        value, stderr = predicted.value or np.nan, predicted.stderr
        if channel == "gaussian":  # from SNR = 1 / sigma^2
            value, stderr = value**-0.5, stderr / (2 * value**1.5)
        result = result.assign({f"{channel}_critical": value, f"{channel}_critical_stderr": stderr})
    profile = level_profile(
        recipe.v, recipe.m, recipe.s, recipe.depth, "epsilon", EPSILONS, seed=seed, **plan["profile"]
    ).rename(noise="epsilon")
    exact = {"epsilon_exact": profile.marginal, "epsilon_exact_stderr": profile.marginal_stderr}
    mean_field = (("epsilon", "level"), theory.profile(recipe.depth, np.array(EPSILONS)))
    return result.assign(exact | {"mean_field": mean_field, "epsilon_critical": theory.critical_epsilon})


CHANNELS = {"gaussian": ("sigma", r"noise level $\sigma$"), "masking": ("masked", "masked fraction")}


@panel(
    *(f"{channel}_{name}" for channel in CHANNELS for name in (
        "reconstruction", "reconstruction_stderr", "reconstruction_exact", "critical", "critical_stderr"
    )),
    "sigma", "masked", "level", choice={"channel": tuple(CHANNELS)}, loc="lower left",
)  # fmt: skip
def plot_surviving_symbols(ax: Axes, result: xr.Dataset, channel: str) -> None:
    """Probability that a symbol survives noise and denoising, by level: exact (lines) and by a network."""
    depth, (clock, label) = result.sizes["level"] - 1, CHANNELS[channel]
    for level, shade in _levels(ax, depth):
        here, name = result.isel(level=level), f"{channel}_reconstruction"
        ax.plot(here[clock], here[f"{name}_exact"], color=shade, label=_name(level, depth))
        look = {"color": shade, "fmt": "o", "markersize": 3, "elinewidth": 0.7}
        ax.errorbar(here[clock], here[name], here[f"{name}_stderr"], **look)
    _transition(ax, float(result[f"{channel}_critical"]), float(result[f"{channel}_critical_stderr"]))
    ax.set(xlabel=label, ylabel="probability that a symbol survives", ylim=(0, 1.02))
    if clock == "sigma":
        ax.set_xscale("log")
        ax.set_xticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"])
        ax.minorticks_off()
        ddpm_axis(ax)


@panel("epsilon_exact", "mean_field", "epsilon_critical", "epsilon", "level", loc="lower left")
def plot_surviving_symbols_epsilon(ax: Axes, result: xr.Dataset) -> None:
    """Probability that a symbol survives the epsilon device, by level: exact and in mean field."""
    for level, shade in _levels(ax, result.sizes["level"] - 1):
        here = result.isel(level=level)
        ax.plot(here.epsilon, here.epsilon_exact, color=shade)
        ax.plot(here.epsilon, here.mean_field, color=shade, linestyle="--")
    _transition(ax, float(result.epsilon_critical), 0.0)
    ax.set(xlabel=r"$\varepsilon$", ylabel="probability that a symbol survives", ylim=(0, 1.02))
    look: dict[str, Any] = {"color": ink(ax, "exact")}
    ax.plot([], [], **look, label="exact posterior")
    ax.plot([], [], **look, marker="o", linestyle="", label="network")
    ax.plot([], [], **look, linestyle="--", label="mean field")
    ax.plot([], [], color=ink(ax, "empirical"), linestyle=":", label="predicted transition")


def _levels(ax: Axes, depth: int) -> list[tuple[int, Any]]:
    """Each level with its colour, from the leaves (light) to the class (dark)."""
    return list(enumerate(reversed(shades(ax, depth + 1))))


def _transition(ax: Axes, value: float, stderr: float) -> None:
    shade = ink(ax, "empirical")
    ax.axvline(value, color=shade, linestyle=":", linewidth=1)
    ax.axvspan(value - stderr, value + stderr, color=shade, alpha=0.15, linewidth=0)


def draw(dataset: xr.Dataset) -> Figure:
    """Three panels with one colour per level, from the leaves (light) to the class (dark)."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.7), sharey=True)
        for ax, channel in zip(axes[:2], CHANNELS, strict=True):
            plot_surviving_symbols(dataset, ax=ax, channel=channel, legend=channel == "gaussian")
        plot_surviving_symbols_epsilon(dataset, ax=axes[2])
        for ax in axes:
            ax.label_outer()
        letters(axes)
    return figure


def _name(level: int, depth: int) -> str:
    return {0: "leaves", depth: "class"}.get(level, f"level {level}")


def findings(dataset: xr.Dataset) -> Findings:
    """How far the networks are from exact belief propagation, and how far the mean field is."""
    from ..._support.estimates import show

    def worst(kind: str, noise: str) -> str:
        table = dataset[f"{kind}_total_variation"]
        k = int(table.values.argmax())
        value = show(float(table[k]), float(dataset[f"{kind}_total_variation_stderr"][k]))
        return f"{value} at {noise} = {float(table[noise][k]):g}"

    field = float(abs(dataset.epsilon_exact - dataset.mean_field).max())
    critical = show(float(dataset.gaussian_critical), float(dataset.gaussian_critical_stderr))
    return Findings(
        f"the class is lost at sigma = {critical}, epsilon* = {float(dataset.epsilon_critical):.3g}; leaves change "
        "little by little",
        f"total variation between the network's leaf posteriors and exact ones is at most {worst('gaussian', 'sigma')} "
        f"(Gaussian) and {worst('masking', 'masked')} (masking), one network each, {dataset.attrs['n_train']} strings",
        f"the mean field is off by up to {field:.2f} in a shallow tree; networks are furthest from exact at "
        "intermediate noise",
    )
