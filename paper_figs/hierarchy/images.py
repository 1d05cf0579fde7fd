"""Real images forward and backward: which layer of a classifier still recognises them, noise by noise?

The protocol of [@Sclocchi2025] for images: cosine similarity of the features of start and end at every layer, a
classifier and a denoiser being trained here on the same images. Left: the curves, with their null, the similarity to
the ends of unrelated images (dashed). Right: how far the noise falls, in log sigma, while the similarity above chance
falls from 3/4 to 1/4 of its range, and where it passes one half.

The digits ship with the package. A second row is computed where the environment variable IDEALSCORE_IMAGES names
labelled images (a parquet file of CIFAR-10, say); the small scale averages their pixels down to 16 x 16, the medium one
keeps them as they are. The saved result holds both.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._findings import Findings
from .._panel import panel
from .._style import COLUMN, PAGE, ddpm_axis, ink, letters, shades, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...learned.data.images import ImageData

PLAN: dict[str, dict[str, Any]] = {
    "small": {
        "pixels": 16,
        "images": 256,
        "n_steps": 30,
        "held_out": 2000,
        "network": {"width": 32, "multipliers": (1, 2, 2), "blocks": 1},
        "train": {"steps": 1800, "batch": 64, "learning_rate": 1e-3},
        "classifier": {"steps": 2000, "width": 32},
    },
    "medium": {"images": 128, "n_steps": 30},
    "full": {
        "pixels": 32,
        "images": 2048,
        "n_steps": 100,
        "held_out": 5000,
        "network": {"width": 128, "multipliers": (1, 2, 2), "blocks": 2, "attention": (16,)},
        "train": {"steps": 60000, "batch": 256, "learning_rate": 4e-4, "precision": "bfloat16"},
        "classifier": {"steps": 20000, "width": 96},
    },
}
DIGITS, IMAGES = (0.1, 10.0), (0.1, 40.0)
N_LEVELS = 12


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Cosines over `(data, layer, level)` with `sigma` `(data, level)`; accuracies of the classifiers next to them."""
    import numpy as np
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.transitions.layer_survival import feature_survival
    from .._digit_networks import OWN_IMAGES, SOURCE, judge, network, split

    plan = PLAN[check.choice("scale", scale, PLAN)]
    source = os.environ.get(SOURCE)
    own: list[tuple[str, Any, Any, ImageData, tuple[float, float]]] = []
    if scale == OWN_IMAGES:
        training, held_out = split(seed, scale)
        channels, height, width = training.shape
        name = f"{training.name.partition('[')[0]}, {height} x {width} x {channels}"
        own = [(name, network("unet", "all", seed, scale), judge(seed, scale), held_out, IMAGES)]
    elif source:
        own = [(*_trained_on(source, plan, seed), IMAGES)]
    digits = "small" if scale == OWN_IMAGES else scale
    cases = [("digits", network("mlp", "all", seed, digits), judge(seed), split(seed)[1], DIGITS), *own]
    rows = []
    for name, denoiser, classifier, images, span in cases:
        found = feature_survival(
            denoiser, images.images[: plan["images"]], classifier, np.geomspace(span[0], span[1], N_LEVELS),
            labeller=classifier, n_steps=plan["n_steps"], seed=seed,
        )  # fmt: skip
        accuracy = {key: classifier.metadata[key] for key in ("accuracy", "accuracy_stderr")}
        found = found.rename(sigma="level").assign(sigma=("level", found.sigma.values), **accuracy)
        found = found.assign(n_images=found.attrs["n"])
        rows.append(found.assign(level=np.arange(N_LEVELS)).expand_dims(data=[name]))
    result = xr.concat(rows, dim="data", combine_attrs="override")
    assert isinstance(result, xr.Dataset)
    result.attrs |= provenance(seed=seed) | {"scale": scale, "source": SOURCE}
    return result


def _trained_on(source: str, plan: dict[str, Any], seed: int) -> tuple[str, Any, Any, ImageData]:
    """A U-Net and a classifier of the user's images, and the held-out ones."""
    from dataclasses import replace

    from torch.nn.functional import adaptive_avg_pool2d

    from ...learned.data import load
    from ...learned.networks.unet import UNetDenoiser
    from ...learned.probes import train_classifier
    from ...learned.training import train
    from ...learned.training.config import TrainConfig
    from ...learned.training.noise_levels import LogNormal

    data = load(source)
    if min(data.shape[1:]) > plan["pixels"]:
        data = replace(data, images=adaptive_avg_pool2d(data.images, plan["pixels"]))
    training, held_out = data.split(plan["held_out"], seed)
    start = UNetDenoiser(data.shape, sigma_data=data.sigma_data, seed=seed, **plan["network"])
    trained = train(start, training, TrainConfig(**plan["train"], noise=LogNormal(-0.4, 1.4), seed=seed)).network
    judge = train_classifier(
        training, held_out, kind="conv", depth=3, flip=True, shift=1, seed=seed, **plan["classifier"]
    )
    channels, height, width = data.shape
    return f"images, {height} x {width} x {channels}", trained, judge, held_out


def findings(dataset: xr.Dataset) -> Findings:
    """Where and how sharply the first and the last layer forget."""
    from ..._support.estimates import show

    def of(name: str, quantity: str, layer: str) -> str:
        one = dataset.sel(data=name, layer=layer)
        return show(float(one[quantity]), float(one[f"{quantity}_stderr"]))

    first, last = "stage 1", "logits"
    names = dataset.data.values.tolist()
    measured = "; ".join(
        f"{name}: half similarity at sigma = {of(name, 'half_sigma', first)} ({first}), "
        f"{of(name, 'half_sigma', last)} ({last}), width {of(name, 'width', first)} and {of(name, 'width', last)}"
        for name in names
    )
    sharper = [name for name in names if _sharper(dataset.sel(data=name), first, last)]
    return Findings(
        "deep layers hold on to more noise than shallow ones and lose the image within a narrower range of noise",
        f"{measured}; {', '.join(map(str, dataset.n_images.values))} images",
        f"the last layer is sharper than the first, beyond two standard errors, on: {', '.join(sharper) or 'none'}; "
        f"small classifiers (right {', '.join(f'{100 * float(a):.0f} %' for a in dataset.accuracy)}), small denoisers",
    )


def _sharper(one: xr.Dataset, first: str, last: str) -> bool:
    a, b = one.sel(layer=first), one.sel(layer=last)
    return float(a.width - b.width) > 2 * float((a.width_stderr**2 + b.width_stderr**2) ** 0.5)


@panel("cosine", "cosine_stderr", "cosine_chance", "class_kept", "sigma", "layer", "data", size=0.75)
def plot_layer_survival(ax: Axes, result: xr.Dataset) -> dict[str, Any]:
    """Similarity of start and end by layer of a classifier against the noise, with chance (dashed); the first data."""
    here = result.isel(data=0) if "data" in result.dims else result
    for layer, shade in zip(here.layer.values, shades(ax, here.sizes["layer"]), strict=True):
        one = here.sel(layer=layer)
        ax.errorbar(one.sigma, one.cosine, one.cosine_stderr, color=shade, marker="o", ms=2, label=str(layer))
        ax.plot(one.sigma, one.cosine_chance, color=shade, linestyle="--", linewidth=0.8)
    shade = ink(ax, "empirical")
    ax.plot(here.sigma, here.class_kept, color=shade, linestyle=":", marker="s", ms=2, label="class kept")
    ax.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel="similarity", title=str(here.data.values))
    ddpm_axis(ax)
    return {"ncols": 2}


@panel("width", "width_stderr", "half_sigma", "half_sigma_stderr", "layer", "data", size=0.75)
def plot_layer_sharpness(ax: Axes, result: xr.Dataset) -> None:
    """How sharply each layer forgets (width of the fall in log sigma) against where; of the first data."""
    here = result.isel(data=0) if "data" in result.dims else result
    for layer, shade in zip(here.layer.values, shades(ax, here.sizes["layer"]), strict=True):
        one = here.sel(layer=layer)
        look = {"color": shade, "marker": "o", "linestyle": "", "label": str(layer)}
        ax.errorbar(one.half_sigma, one.width, one.width_stderr, one.half_sigma_stderr, **look)
    ax.set(xlabel=r"$\sigma$ of half similarity", ylabel=r"width in $\ln\,\sigma$")


def draw(dataset: xr.Dataset) -> Figure:
    """One row per data set: similarity by layer, then how sharply and where each layer forgets."""
    from matplotlib import pyplot as plt

    names = dataset.data.values.tolist()
    with style():
        size = (PAGE, 0.75 * COLUMN * len(names))
        figure, axes = plt.subplots(len(names), 2, figsize=size, squeeze=False, width_ratios=(3, 2))
        for name, (left, right) in zip(names, axes, strict=True):
            plot_layer_survival(dataset.sel(data=name), ax=left, legend=False)
            plot_layer_sharpness(dataset.sel(data=name), ax=right, legend=False)
        letters(axes.flat)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper")
    return figure
