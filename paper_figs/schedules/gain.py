"""Do the noise levels that are best for Gaussian data help a trained network? [@Karras2022].

Samples in N steps are held against those of a fine run (200 Heun steps) from the same noise. (a, b) Root mean square
distance, relative to the spread of the data, against the number of Heun steps, for schedules made from the covariance
of the data and for usual ones; lines: measured, dashed: predicted for Gaussian data of that covariance. (c) Distance
over that of the Karras grid, measured against predicted, Heun filled and Euler open, for all networks and for the
optimum of a Gaussian mixture with one component per digit, which is no Gaussian but exact; below the dashed line the
network gains more than predicted, below 1 it gains.

The network of the digits is a perceptron trained here. A network of MNIST joins where the environment variable
IDEALSCORE_MNIST names its images and IDEALSCORE_MNIST_NETWORK a diffusers pipeline with classes, of which it is asked
for none; one of CIFAR-10 by IDEALSCORE_CIFAR10 and IDEALSCORE_CIFAR10_NETWORK.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = (5, 10, 18)
SCHEDULES = ("optimal", "best karras", "karras", "trailing", "cosine")
SOLVERS = ("heun", "euler")
SCALES = {
    "small": {"n": 64, "fine_steps": 200, "pipelines": 12, "pipeline_solvers": ("heun",)},
    "full": {"n": 512, "fine_steps": 200, "pipelines": 128, "pipeline_solvers": SOLVERS},
}
KEPT = ("distance", "predicted", "gaussian", "ratio", "ratio_predicted", "chance", "floor")
PIPELINES = ("mnist", "cifar10")
WORDS = {
    "digits": "digits, network",
    "mixture": "digits, mixture",
    "mnist": "MNIST, network",
    "cifar10": "CIFAR-10, network",
}


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`schedule_gain` over (model, solver, schedule, steps)."""
    import torch
    import xarray as xr

    from ..._support import checks as check
    from ...compare import schedule_gain
    from ...theory import MixtureDenoiser
    from .._digit_networks import network, part

    plan: dict[str, Any] = SCALES[check.choice("scale", scale, SCALES)]
    images = part("all", seed)
    mixture = MixtureDenoiser.fit(images.images.double(), images.labels)
    wide = {"n": plan["n"], "fine_steps": plan["fine_steps"], "dtype": torch.float64}
    cases: list[tuple[str, Any, Any, tuple[str, ...], dict[str, Any]]] = [
        ("digits", network("mlp", "all", seed, scale), images.images, SOLVERS, wide | {"dtype": torch.float32}),
        ("mixture", mixture, images.images, SOLVERS, wide),
    ]
    few = {"n": plan["pipelines"], "fine_steps": plan["fine_steps"], "dtype": torch.float32}
    for name in PIPELINES:
        variable = f"IDEALSCORE_{name.upper()}"
        source, pipeline = os.environ.get(variable), os.environ.get(f"{variable}_NETWORK")
        if source and pipeline:
            cases.append((name, *_pipeline(source, pipeline), plan["pipeline_solvers"], few))
    rows, attributes = [], {}
    for name, denoiser, data, solvers, options in cases:
        for solver in solvers:
            found = schedule_gain(denoiser, data, STEPS, schedules=SCHEDULES, solver=solver, seed=seed, **options)
            attributes = found.attrs
            kept = found[[key for key in found.data_vars if str(key).removesuffix("_stderr") in KEPT]]
            rows.append(kept.expand_dims(model=[name], solver=[solver]).stack(case=("model", "solver")))
    result = xr.concat(rows, "case").unstack("case").astype("float32")
    drawn = {f"n_{name}": options["n"] for name, *_, options in cases}
    result.attrs = attributes | drawn | {"scale": scale, "solver": ", ".join(SOLVERS)}
    return result


def _pipeline(source: str, pipeline: str) -> tuple[Any, Any]:
    """The network, asked for no class, and the Gaussian of its images."""
    from ...learned import load_network
    from ...learned.data import load
    from ...theory import GaussianDenoiser

    classes = load_network(pipeline)
    null = getattr(classes, "null", None)
    network = load_network(pipeline, condition=10 if null is None else null)
    return network, GaussianDenoiser.fit(load(source).images)


def models(dataset: xr.Dataset) -> list[str]:
    """The models of a result in the order of `WORDS`."""
    return [name for name in WORDS if name in dataset.model.values]


LOOKS = {
    "optimal": ("o", "gaussian"),
    "best karras": ("s", "mixture"),
    "karras": ("^", "network"),
    "trailing": ("D", "empirical"),
    "cosine": ("v", "local"),
}


@panel(
    "distance", "distance_stderr", "predicted", "chance", "model", "solver", "schedule", "steps",
    choice={"model": tuple(WORDS)}, size=0.75,
)  # fmt: skip
def plot_schedule_distances(ax: Axes, result: xr.Dataset, model: str) -> None:
    """Distance of samples in N Heun steps to a fine run against N, schedule by schedule; dashed, predicted."""
    one = result.sel(model=model, solver="heun")
    for name in one.schedule.values:
        (marker, theory), at = LOOKS[str(name)], one.sel(schedule=name)
        shade = ink(ax, theory)
        look: dict[str, Any] = {"color": shade, "marker": marker, "ms": 3.5, "lw": 1.0, "capsize": 1.2}
        ax.errorbar(at.steps, at.distance, at.distance_stderr, label=str(name), **look)
        ax.plot(at.steps, at.predicted, "--", color=shade, lw=0.8)
    ax.axhline(float(one.chance), color=ink(ax, "exact"), lw=0.6)
    ax.set(xscale="log", yscale="log", xlabel="Heun steps $N$", ylabel="distance to the fine run / spread")
    ax.set_xticks(one.steps.values, [str(n) for n in one.steps.values])
    ax.minorticks_off()
    ax.set_title(WORDS[model], loc="right")


@panel("ratio", "ratio_stderr", "ratio_predicted", "model", "solver", "schedule", "steps", size=0.75)
def plot_schedule_ratios(ax: Axes, result: xr.Dataset) -> None:
    """Distance over that of the Karras grid, measured against predicted, Heun filled and Euler open."""
    from matplotlib.ticker import NullLocator

    sizes, told = {"digits": 3.5, "mixture": 2.5, "mnist": 4.5, "cifar10": 5.5}, set()
    for name in models(result):
        for solver in result.solver.values:
            at = result.sel(model=name, solver=solver)
            for schedule in at.schedule.values:
                if schedule == "karras" or not bool(at.ratio.notnull().any()):
                    continue
                (marker, theory), part = LOOKS[str(schedule)], at.sel(schedule=schedule)
                shade = ink(ax, theory)
                face = background(ax) if solver == "euler" else shade
                look: dict[str, Any] = {"color": shade, "mfc": face, "ms": sizes[name], "lw": 0.6, "mew": 0.8}
                label = None if schedule in told else str(schedule)
                ax.errorbar(part.ratio_predicted, part.ratio, part.ratio_stderr, fmt=marker, label=label, **look)
                told.add(schedule)
    low = 0.7 * float(min(result.ratio.min(), result.ratio_predicted.min()))
    high = 1.4 * float(max(result.ratio.max(), result.ratio_predicted.max()))
    ax.plot([low, high], [low, high], "--", color=ink(ax, "exact"), lw=0.8)
    ax.axhline(1, color=ink(ax, "exact"), lw=0.6)
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), xlabel="predicted", ylabel="measured")
    ticks = [value for value in (0.1, 0.2, 0.5, 1, 2, 5) if low < value < high]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(ticks, [f"{value:g}" for value in ticks])
        axis.set_minor_locator(NullLocator())
    ax.set_title("distance / that of Karras", loc="right")


def draw(dataset: xr.Dataset) -> Figure:
    """Distance against N for two models, and measured against predicted ratios for all."""
    from matplotlib import pyplot as plt

    shown = [name for name in ("digits", "cifar10", "mnist", "mixture") if name in models(dataset)][:2]
    with style():
        figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.9))
        for ax, name in zip(axes, shown, strict=False):
            plot_schedule_distances(dataset, ax=ax, model=name, legend=False)
        axes[1].set_ylabel("")
        plot_schedule_ratios(dataset, ax=axes[2], legend=False)
        letters(axes)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def findings(dataset: xr.Dataset) -> Findings:
    """Ratios of the optimum to Karras, predicted and measured, and where the prediction fails."""
    import numpy as np

    from ..._support.estimates import show

    told, predicted = [], []
    for name in models(dataset):
        for solver in dataset.solver.values:
            at = dataset.sel(model=name, solver=solver, schedule="optimal")
            if not bool(at.ratio.notnull().any()):
                continue
            ratios = [show(float(at.ratio[k]), float(at.ratio_stderr[k])) for k in range(at.sizes["steps"])]
            told.append(f"{WORDS[name]}, {solver}: {', '.join(ratios)}")
            predicted.append(
                f"{WORDS[name]}, {solver}: {', '.join(f'{value:.2f}' for value in at.ratio_predicted.values)}"
            )
    steps = ", ".join(str(n) for n in dataset.steps.values)
    others = dataset.sel(schedule=[name for name in dataset.schedule.values if name != "karras"])
    excess = np.abs(np.log(others.ratio / others.ratio_predicted)).values
    rest = others.drop_sel(schedule="optimal").distance.min("schedule")
    best = others.distance.sel(schedule="optimal") < np.minimum(rest, dataset.distance.sel(schedule="karras"))
    cells = int(rest.notnull().sum())
    return Findings(
        f"distance over that of the Karras grid at N = {steps}, optimal schedule: {'; '.join(predicted)}",
        f"the same, measured: {'; '.join(told)}",
        f"the optimum for Gaussian data is the nearest of the five schedules in {int(best.sum())} of {cells} cases; "
        f"measured and predicted ratios differ by a factor of {float(np.exp(np.nanmedian(excess))):.2f} (median), "
        f"at most {float(np.exp(np.nanmax(excess))):.1f}",
    )
