"""Where guidance acts on a trained network: shift and spread of guided samples by the noise levels that are guided.

Samples of each class are guided with weight w [@Ho2022] at all noise levels, below and inside the window in which the
class is decided ([5 %, 95 %] of the information on it), and held against those of w = 0 from the same noise, 18 Euler
steps each. (a) Shift along the predicted direction, in widths of the class: Gaussian classes of one covariance in
closed form (bars), the same sampled in these steps (open), a class-conditional network (filled); crosses, the null,
the shift of the network along the directions predicted for the other classes. (b) Variance of all pixels within a
class, over that without guidance.

The network is a perceptron of the digits trained here, or of MNIST, where the environment variable IDEALSCORE_MNIST
names its images and IDEALSCORE_MNIST_NETWORK a diffusers pipeline with ten classes and an eleventh that means none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ink, letters, style

if TYPE_CHECKING:
    import torch
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..._support.types import Array
    from ...learned.data.images import ImageData
    from ...theory.guidance.shared_classes import SharedClasses

PLAN: dict[str, dict[str, int]] = {
    "small": {"mnist": 2, "digits": 64, "steps": 2500, "starts": 64},
    "full": {"mnist": 256, "digits": 1024, "steps": 20000, "starts": 8192},
}
SCALES = (1.0, 3.0)
MODELS = {"gaussian": "Gaussian classes, sampled", "network": "network"}
N_STEPS, SIGMA_MIN, SIGMA_MAX = 18, 0.02, 80.0
NO_CLASS = 10  # of the pipeline


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """`shift`, `shift_null` and `spread` over `(model, w, window)`, both `_predicted` over `(w, window)`."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.estimates import mean_error, ratio_error
    from ..._support.progress import bar
    from ..._support.results import provenance
    from ...theory.guidance import class_shift, guidance_window
    from ...theory.guidance.shared_classes import SharedClasses

    plan = PLAN[check.choice("scale", scale, PLAN)]
    data, network, null, n = _subject(plan, seed)
    classes = SharedClasses.of(data.images, data.labels)
    window = guidance_window(classes, seed=seed)
    low, high = window.interval
    windows = {"always": (0.0, np.inf), "below": (0.0, low), "inside": (low, high)}
    found = xr.Dataset(coords={"model": list(MODELS), "w": list(SCALES), "window": list(windows)})
    shape = len(classes.names), len(SCALES), len(windows)
    predicted, axes = np.zeros((2, 2, *shape)), np.zeros((len(SCALES), len(classes.names), data.images[0].numel()))
    for k, label in enumerate(bar(classes.names, label="prediction")):
        for j, w in enumerate(SCALES):
            each = [class_shift(classes, label, w, interval=at, n=plan["starts"], seed=seed) for at in windows.values()]
            axes[j, k] = _direction(each[0].displacement, classes)
            for m, one in enumerate(each):
                shift = float(one.displacement @ axes[j, k])
                predicted[:, 0, k, j, m] = shift, abs(shift) * one.shift_stderr / max(one.shift, 1e-12)
                predicted[:, 1, k, j, m] = one.spread, one.spread_stderr
    for q, name in enumerate(("shift", "spread")):
        found[f"{name}_predicted"] = ("w", "window"), predicted[0, q].mean(0)
        error = np.sqrt(np.square(predicted[1, q]).sum(0)) / len(classes.names)
        found[f"{name}_predicted_stderr"] = ("w", "window"), error
    measured = {name: np.zeros((2, len(MODELS), *shape[1:])) for name in ("shift", "spread", "shift_null")}
    denoisers = {"gaussian": (_gaussian(classes, data), None), "network": (network, null)}
    runs = [(0.0, (0.0, np.inf)), *((w, at) for w in SCALES for at in windows.values())]
    for i, (denoiser, none) in enumerate(denoisers.values()):
        plain, *guided = _samples(denoiser, classes.names, none, runs, data.shape, n, seed)
        for run, one in enumerate(guided):
            j, m = divmod(run, len(windows))
            along = np.einsum("knd,jd->knj", one - plain, axes[j])  # of each class along the axis of each
            own = np.eye(len(along), dtype=bool)
            parts = along.transpose(0, 2, 1)[own], along.transpose(0, 2, 1)[~own]
            squares = [np.square(x - x.mean(1, keepdims=True)).sum(2).ravel() for x in (one, plain)]
            measured["shift"][:, i, j, m] = mean_error(parts[0].ravel())
            others = parts[1].reshape(len(along), -1, n).mean(1)
            measured["shift_null"][:, i, j, m] = mean_error(others.ravel())
            measured["spread"][:, i, j, m] = ratio_error(*squares)
    for name, (value, error) in measured.items():
        found[name], found[f"{name}_stderr"] = (("model", "w", "window"), value), (("model", "w", "window"), error)
    for name, end in (("upper", window.upper), ("lower", window.lower)):
        found[name], found[f"{name}_stderr"] = end.value, end.stderr
    described = {"scale": scale, "data": data.name, "n_per_class": n, "sampler": f"{N_STEPS} Euler steps"}
    return found.assign_attrs(provenance(seed=seed) | described)


def _subject(plan: dict[str, int], seed: int) -> tuple[ImageData, Any, int | None, int]:
    """Images, a network with classes, its condition for none, and the number of samples of each class."""
    from ...learned import load_network
    from ...learned.data import load
    from ...learned.networks import MLPDenoiser
    from ...learned.training import train
    from ...learned.training.config import TrainConfig
    from .._digit_networks import NOISE, part

    source, pipeline = os.environ.get("IDEALSCORE_MNIST"), os.environ.get("IDEALSCORE_MNIST_NETWORK")
    if source and pipeline:
        return load(source), load_network(pipeline), NO_CLASS, plan["mnist"]
    data = part("all", seed)
    start = MLPDenoiser(data.shape, width=256, depth=2, n_classes=10, sigma_data=data.sigma_data, seed=seed)
    config = TrainConfig(
        steps=plan["steps"], batch=128, learning_rate=3e-3, noise=NOISE, condition_dropout=0.15, seed=seed
    )
    return data, train(start, data, config).network, None, plan["digits"]


def _direction(displacement: Array, classes: SharedClasses) -> Array:
    """`(d,)`: a sample times this is its place along the displacement, in widths of the class."""
    import numpy as np
    import torch

    assert classes.residuals is not None
    axis = displacement / np.linalg.norm(displacement)
    return axis / float((classes.residuals @ torch.from_numpy(axis)).square().mean().sqrt())


def _gaussian(classes: SharedClasses, data: ImageData) -> Any:
    """The optimum of the Gaussian classes of one covariance; of one class, where a condition is passed."""
    import torch

    from ...theory import GaussianDenoiser, MixtureDenoiser
    from ...theory.covariance import moments

    assert classes.residuals is not None
    images, labels = data.images.double(), torch.as_tensor(data.labels)
    means = torch.stack([images[labels == k].mean(0) for k in classes.names])
    C = moments(classes.residuals)[1]
    mixture = MixtureDenoiser(classes.weights, means, [C] * len(means))
    each = {k: GaussianDenoiser(mean, C) for k, mean in zip(classes.names, means, strict=True)}

    def denoiser(x: torch.Tensor, sigma: Any, condition: torch.Tensor | None = None) -> torch.Tensor:
        if condition is None:
            return mixture(x, sigma)
        found = torch.empty_like(x)
        for k in classes.names:
            found[condition == k] = each[k](x[condition == k], sigma)
        return found

    return denoiser


def _samples(
    denoiser: Any,
    names: tuple[int, ...],
    none: int | None,
    runs: list[tuple[float, tuple[float, float]]],
    shape: tuple[int, ...],
    n: int,
    seed: int,
) -> list[Array]:
    """`(class, n, d)` for each weight and window of `runs`, from the same noise."""
    import numpy as np
    import torch

    from ..._support.streams import stream_seed
    from ...learned.guided import GuidedDenoiser
    from ...simulate.diffusion import sample, starting_noise
    from ...theory.noise import karras_sigmas

    sigmas = np.append(karras_sigmas(N_STEPS, SIGMA_MIN, SIGMA_MAX), 0.0)
    start = torch.cat([starting_noise(n, shape, SIGMA_MAX, stream_seed(seed, "guided samples", k)) for k in names])
    start = start.float() if isinstance(denoiser, torch.nn.Module) else start
    labels = torch.tensor(names).repeat_interleave(n)
    found = []
    for w, interval in runs:
        guided = GuidedDenoiser(denoiser, labels, w, null=none, interval=interval)
        with torch.no_grad():
            end = sample(guided, start, sigmas, method="euler", show=False)
        found.append(end.reshape(len(names), n, -1).double().numpy())
    return found


def findings(dataset: xr.Dataset) -> Findings:
    """Shift and spread by window: predicted, measured, and where they part."""
    from ..._support.estimates import show

    def told(one: xr.Dataset, name: str) -> str:
        return ", ".join(
            f"{at} {show(float(one[name].sel(window=at)), float(one[f'{name}_stderr'].sel(window=at)))}"
            for at in dataset.window.values
        )

    def all_told(source: xr.Dataset, end: str = "") -> str:
        return "; ".join(
            f"w = {w:g}: shift {told(source.sel(w=w), f'shift{end}')}; spread {told(source.sel(w=w), f'spread{end}')}"
            for w in dataset.w.values
        )

    network, ends = dataset.sel(model="network"), {
        end: show(float(dataset[end]), float(dataset[f"{end}_stderr"])) for end in ("lower", "upper")
    }  # fmt: skip
    null, error = (network[name].sel(window="always").values for name in ("shift_null", "shift_null_stderr"))
    nulls = ", ".join(show(*pair) for pair in zip(null, error, strict=True))
    last = dataset.w.values[-1]
    whole = {"w": last, "window": "always"}
    ratio = float(network["shift"].sel(whole) / dataset.shift_predicted.sel(whole))
    return Findings(
        f"{dataset.attrs['data']}: the class is decided from sigma = {ends['upper']} to {ends['lower']}; "
        + all_told(dataset, "_predicted"),
        f"{all_told(network)} ({dataset.attrs['n_per_class']} samples of each class, {dataset.attrs['sampler']}); "
        f"along the directions of the other classes {nulls}",
        f"guided at all noise levels with w = {last:g} the network moves {ratio:.2f} times as far along the predicted "
        "direction as Gaussian classes of one covariance",
    )


_WHERE = {"shift": ("shift in widths of the class", 0.0), "spread": ("variance of all pixels", 1.0)}


@panel(
    *(f"{name}{rest}" for name in _WHERE for rest in ("", "_stderr", "_predicted")),
    "shift_null", "model", "w", "window", choice={"quantity": tuple(_WHERE)}, size=0.75,
)  # fmt: skip
def plot_guided(ax: Axes, result: xr.Dataset, quantity: str) -> None:
    """Shift of a class, or spread within it, by the noise levels that are guided: predicted, sampled, a network."""
    import numpy as np

    places, (told, base) = np.arange(result.sizes["window"]), _WHERE[quantity]
    for side, w, theory in zip((-0.2, 0.2), SCALES, ("gaussian", "empirical"), strict=True):
        one, shade = result.sel(w=w), ink(ax, theory)
        height, label = one[f"{quantity}_predicted"] - base, f"predicted, w = {w:g}"
        ax.bar(places + side, height, 0.38, bottom=base, color=shade, alpha=0.3, label=label)
        for step, model, face in ((-0.07, "gaussian", background(ax)), (0.07, "network", shade)):
            at, label = one.sel(model=model), f"{MODELS[model]}, w = {w:g}"
            look = {"fmt": "o", "ms": 4, "color": shade, "mfc": face, "elinewidth": 0.8, "label": label}
            ax.errorbar(places + side + step, at[quantity], at[f"{quantity}_stderr"], **look)
        if quantity == "shift":
            ax.plot(places + side, one.shift_null.sel(model="network"), "x", ms=4, color=ink(ax, "exact"))
    ax.axhline(base, color=ink(ax, "exact"), lw=0.6)
    ax.set_xticks(places, [str(name) for name in result.window.values])
    ax.set(xlabel="guided noise levels, by the window", ylabel=told)


def draw(dataset: xr.Dataset) -> Figure:
    """Shift and spread against the guided noise levels, one colour per weight."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.38 * PAGE))
        for ax, quantity in zip(axes, _WHERE, strict=True):
            plot_guided(dataset, ax=ax, quantity=quantity, legend=False)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=6)
        letters(axes)
    return figure
