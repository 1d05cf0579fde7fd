"""Why is an unseen combination learned, half lost, and learned again? Swing-by in concept space [@Yang2025; @Park2024].

Two-layer linear networks f(x) = U U^T x copy clusters of two concepts with signals mu = (1, 2); z shows both. (a) The
output at z in concept space: networks trained by stochastic gradient descent, the integrated field, its closed form.
(b) Loss at z with the predicted turning points dotted. (c) Diffusion networks on the concept cube on their way to the
classes that combine two changes: share of pictures with the one and with the other right, mean over seeds, and the
concept signals |dG/dz| of both changes as the direction in which signal alone would start. The first readings are of
pictures that show nothing yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._panel import panel
from .._style import PAGE, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .._findings import Findings

MEANS, SPREAD, SIZE, CORRELATION = (1.0, 2.0), 0.05, 1e-3, 0.9
PLAN: dict[str, dict[str, Any]] = {
    "small": {"rate": 5e-3, "steps": 1100, "every": 10, "seeds": 5},
    "full": {"rate": 1e-3, "steps": 5500, "every": 50, "seeds": 20},
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Linear networks over (seed, time) next to theory, and diffusion networks over (class, concept, run, step)."""
    from ..._support import checks as check
    from ..._support.results import provenance

    options = PLAN[check.choice("scale", scale, PLAN)]
    result = _linear(options, seed).merge(_diffusion(scale, seed))
    result.attrs |= provenance(seed=seed)
    return result


def _linear(options: dict[str, Any], seed: int) -> xr.Dataset:
    import numpy as np
    import xarray as xr

    from ...theory.learning.swing_by import SwingBy
    from ._swing_by_runs import clusters, start, train

    means = np.array(MEANS)
    rows: list[xr.Dataset] = []
    times = options["rate"] * options["every"] * np.arange(options["steps"] // options["every"] + 1)
    for run in range(seed, seed + options["seeds"]):
        points, initial = clusters(means, SPREAD, run), start(means, SIZE, CORRELATION, run)
        weights = train(points, initial, options["rate"], options["steps"], options["every"], run)
        z = np.zeros(weights.shape[-1])
        z[: len(means)] = means
        theory = SwingBy(means, SPREAD, weights[0][: len(means), : len(means)], clock="gradient flow")
        integrated, closed = theory.two_layer(times), theory.closed_form(times)
        output = weights @ z
        values = {
            "output": (("time", "axis"), output[:, : len(means)] / means),
            "field": (("time", "axis"), integrated @ means / means),
            "closed": (("time", "axis"), closed @ means / means),
            "loss": ("time", ((output - z) ** 2).sum(-1) / 2),
            "loss_field": ("time", theory.loss(integrated)),
            "loss_closed": ("time", theory.loss(closed)),
            "turning": ("turn", list(theory.turning_points() or (np.nan, np.nan))),
        }
        rows.append(xr.Dataset(values, {"time": times}))
    return xr.concat(rows, dim="seed")


def _diffusion(scale: str, seed: int) -> xr.Dataset:
    import numpy as np

    from ._runs import emergence, plan

    found = emergence(scale, seed)
    near = found.isel({"class": np.flatnonzero(found.distance.values == 1)})
    signal = plan(scale, seed).world.signal()
    paths = near[["accuracy"]].rename(seed="run").reset_coords(drop=True)
    return paths.assign(signal=("concept", [signal[str(name)] for name in found.concept.values]))


_LOOKS = {"field": ("gaussian", "-", "field"), "closed": ("empirical", "--", "closed form")}
EVERY = slice(None, None, 4)


@panel("output", "field", "closed", "time", "seed", loc="center right", handlelength=1.2)
def plot_concept_space(ax: Axes, result: xr.Dataset) -> None:
    """The output at the unseen combination in concept space: networks, the integrated field, and its closed form."""
    mean = result.mean("seed")
    for name, (theory, line, label) in _LOOKS.items():
        ax.plot(*mean[name].transpose("axis", "time").values, line, color=ink(ax, theory), lw=1, label=label)
    measured = mean.output.transpose("axis", "time").values[:, EVERY]
    ax.plot(*measured, "o", color=ink(ax, "network"), ms=2, label="networks")
    ax.set(xlabel="weak concept", ylabel="strong concept", xlim=(-0.03, 1.08), ylim=(-0.03, 1.08))


@panel("loss", "loss_field", "loss_closed", "turning", "time", "seed", loc="upper right", handlelength=1.2)
def plot_swing_by_loss(ax: Axes, result: xr.Dataset) -> None:
    """Loss at the unseen combination over training, with the predicted turning points dotted."""
    mean, thin = result.mean("seed"), result.isel(time=EVERY)
    for name, (theory, line, label) in _LOOKS.items():
        ax.plot(result.time, mean[f"loss_{name}"], line, color=ink(ax, theory), lw=1, label=label)
    error = thin.loss.std("seed", ddof=1) / result.sizes["seed"] ** 0.5
    look = {"fmt": "o", "color": ink(ax, "network"), "ms": 2, "lw": 0.7}
    ax.errorbar(thin.time, thin.loss.mean("seed"), error, label="networks", **look)
    for turn in mean.turning.values:
        ax.axvline(turn, color=ink(ax, "exact"), lw=0.7, ls=":")
    ax.set(xlabel="training time", ylabel="loss at z", ylim=(0, 0.9))


@panel("accuracy", "signal", "concept", "class", "run", loc="upper left", handlelength=1.2, labelspacing=0.2)
def plot_paths_of_networks(ax: Axes, result: xr.Dataset) -> None:
    """Diffusion networks on their way to classes that combine two changes; arrows: where signal alone would start."""
    mean = result.accuracy.mean("run")
    for (label, pair), shade in zip(changed(result).items(), shades(ax, 3), strict=True):
        one, (first, second) = mean.sel({"class": label}), sorted(pair, key=_weak_first(result))
        told = f"{label}: {first}, {second}"
        ax.plot(one.sel(concept=first), one.sel(concept=second), ".-", color=shade, ms=3, lw=0.9, label=told)
        x, y = (float(result.signal.sel(concept=name)) for name in (first, second))
        ax.annotate("", (0.3 * x / y, 0.3), (0, 0), arrowprops={"arrowstyle": "->", "color": shade, "lw": 0.8})
    ax.set(xlabel="weaker concept right", ylabel="stronger concept right", xlim=(-0.05, 1.05), ylim=(-0.05, 1.5))
    ax.set_yticks([0, 0.5, 1])


def draw(dataset: xr.Dataset) -> Figure:
    """Concept space and loss of the linear networks; concept space of the diffusion networks."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.4))
        plot_concept_space(dataset, ax=axes[0], legend=False)
        plot_swing_by_loss(dataset, ax=axes[1])
        plot_paths_of_networks(dataset, ax=axes[2])
        letters(axes)
    return figure


def changed(dataset: xr.Dataset) -> dict[str, tuple[str, ...]]:
    """{class: the two concepts in which it differs from 00...0}."""
    names = [str(name) for name in dataset.concept.values]
    labels = [str(label) for label in dataset["class"].values]
    return {label: tuple(name for name, digit in zip(names, label, strict=True) if digit != "0") for label in labels}


def _weak_first(dataset: xr.Dataset):
    return lambda name: float(dataset.signal.sel(concept=name))


def losses_on_the_way(dataset: xr.Dataset) -> dict[str, tuple[float, float]]:
    """{class: largest fall of a concept's accuracy after its highest so far, with the standard error over runs}."""
    import numpy as np

    from ..._support.estimates import mean_error

    found = {}
    for label, pair in changed(dataset).items():
        values = (
            dataset.accuracy.sel({"class": label, "concept": list(pair)}).transpose("run", "concept", "step").values
        )
        fall = (np.maximum.accumulate(values, -1) - values).max((1, 2))
        found[label] = tuple(map(float, mean_error(fall)))
    return found


def findings(dataset: xr.Dataset) -> Findings:
    """Turning points of the loss, and how far networks are from field and closed form."""
    from ..._support.estimates import mean_error, show
    from .._findings import Findings

    turns = dataset.turning.mean("seed").values
    away = abs(dataset.loss - dataset.loss_field).max("time").values
    closed = abs(dataset.loss - dataset.loss_closed).max("time").values
    n = dataset.sizes["seed"]
    falls = "; ".join(f"{label} {show(*fall)}" for label, fall in losses_on_the_way(dataset).items())
    return Findings(
        f"loss at z falls until t = {turns[0]:.2f}, rises until {turns[1]:.2f}, falls again",
        f"largest distance of the loss from the field {show(*map(float, mean_error(away)))}, "
        f"from the closed form {show(*map(float, mean_error(closed)))} ({n} networks)",
        f"diffusion networks, largest loss of a concept on the way: {falls}",
    )
