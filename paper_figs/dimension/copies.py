"""How many dimensions has an image? Closed forms, and copies in a training set seen image by image.

(a) The local dimension [@Kamkari2024] of a circle in the plane and of a normal distribution of rank 3 in ten
dimensions: lines are closed forms, marks measured by random signs on clean points; open, the same at noised points,
which have all dimensions. (b) The empirical optimum of 1,000 digits of which 16 are there 64 times: mean local
dimension over images that are there many times, once, and not at all. It falls to 0 where an image has become a point,
first for copies [@Ross2025]; of unseen images it grows. Grey: the Gaussian of the same mean and covariance, the null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ddpm_axis, ink, letters, style

if TYPE_CHECKING:
    import torch
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...theory.denoiser import Denoiser

GROUPS = {"copies": "64 times", "once": "once", "unseen": "not at all"}
TIMES, COPIED, TRAINED = 64, 16, 1000
PLAN = {"small": (48, 16, 9), "full": (200, 64, 17)}
LEVELS = (0.1, 3.0)
RANK, DIMENSIONS = 3, 10


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Mean dimension with errors over `(model, sigma)` for closed forms, and over `(group, sigma)` for digits."""
    import torch
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...compare.dimension import local_dimension
    from ...learned.data import load
    from ...theory import EmpiricalDenoiser, GaussianDenoiser
    from ...theory.dimension import circle_dimension, gaussian_mean_dimension

    images, probes, levels = PLAN[check.choice("scale", scale, PLAN)]
    sigmas = np.geomspace(*LEVELS, levels)
    angle = 2 * torch.pi * torch.arange(300, dtype=torch.float64) / 300
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    flat = torch.diag(torch.tensor([1.0] * RANK + [0.0] * (DIMENSIONS - RANK), dtype=torch.float64))
    gaussian = GaussianDenoiser(torch.zeros(DIMENSIONS, dtype=torch.float64), flat)
    models = {
        "circle": (EmpiricalDenoiser(circle), circle[:: 300 // images], circle_dimension(sigmas)),
        "rank 3": (gaussian, gaussian.sample(8 * images, seed), gaussian_mean_dimension(flat, sigmas)),
    }
    rows = []
    for denoiser, points, exact in models.values():
        found = local_dimension(denoiser, points, sigmas, n_probes=2, seed=seed)
        rows.append(_means(found).assign(closed_form=("sigma", exact)))
    result = xr.concat(rows, dim=xr.Variable("model", list(models)))
    digits = load("digits").images.double()
    digits = digits[torch.from_numpy(_order(len(digits), seed))]
    optimum = EmpiricalDenoiser(torch.cat([digits[:COPIED].repeat(TIMES, 1, 1, 1), digits[COPIED:TRAINED]]))
    starts = {"copies": (0, COPIED), "once": (COPIED, COPIED + images), "unseen": (TRAINED, TRAINED + images)}
    groups = [_group(optimum, digits, slice(*ends), sigmas, probes, seed) for ends in starts.values()]
    result = result.merge(xr.concat(groups, dim=xr.Variable("group", list(starts))))
    result.attrs = provenance(seed=seed) | {"scale": scale, "times": TIMES, "copied": COPIED, "trained": TRAINED}
    return result


def _order(n: int, seed: int) -> np.ndarray:
    from ..._support.streams import stream

    return stream(seed, "digits with copies").permutation(n)


def _means(found: xr.Dataset) -> xr.Dataset:
    names = ("mean_dimension", "noised_dimension")
    return found[[*names, *(f"{name}_stderr" for name in names)]].drop_attrs()


def _group(
    optimum: Denoiser, digits: torch.Tensor, which: slice, sigmas: np.ndarray, probes: int, seed: int
) -> xr.Dataset:
    """Mean, error, smallest and largest dimension of a group of digits, and their mean under the Gaussian."""
    from ...compare.dimension import local_dimension

    found = local_dimension(optimum, digits[which], sigmas, population=digits, n_probes=probes, seed=seed)
    each = found.dimension
    return found[["mean_dimension", "mean_dimension_stderr"]].drop_attrs().rename(
        mean_dimension="group_dimension", mean_dimension_stderr="group_dimension_stderr"
    ).assign(
        smallest=each.min("image").drop_attrs(), largest=each.max("image").drop_attrs(),
        null=found.dimension_gaussian.mean("image").drop_attrs(),
    )  # fmt: skip


def findings(dataset: xr.Dataset) -> Findings:
    """Closed forms against probes, and the noise level where a group's dimension falls to half of unseen images'."""
    from ..._support.estimates import show

    z = abs(dataset.mean_dimension - dataset.closed_form) / dataset.mean_dimension_stderr.where(
        dataset.mean_dimension_stderr > 1e-9
    )
    noised = abs(dataset.noised_dimension - np.array([[2.0], [DIMENSIONS]])) / dataset.noised_dimension_stderr
    separate = dataset.largest.sel(group="copies") < dataset.smallest.sel(group="once")
    levels = dataset.sigma.values[separate.values]
    middle = dataset.sel(sigma=levels[0] if len(levels) else 1.0, method="nearest")

    def at(group: str) -> str:
        one = middle.sel(group=group)
        return show(float(one.group_dimension), float(one.group_dimension_stderr))

    span = f"sigma = {levels[0]:.2g} to {levels[-1]:.2g}" if len(levels) else "no noise level"
    return Findings(
        "an image that the optimum has memorised has the local dimension 0; noised points have all dimensions",
        f"largest deviation from the closed form {float(z.max()):.1f} standard errors, of noised points from d "
        f"{float(noised.max()):.1f}; at sigma = {float(middle.sigma):.2g} the dimension is {at('copies')} "
        f"for digits there 64 times, {at('once')} for digits there once, {at('unseen')} for unseen ones, "
        f"{float(middle.null.sel(group='unseen')):.1f} for the Gaussian null",
        f"every copy is below every single image at {span}; outside of it both are points or neither is",
    )


@panel(
    "closed_form", *(f"{name}_dimension{rest}" for name in ("mean", "noised") for rest in ("", "_stderr")), "sigma",
    "model", loc="upper right", size=0.75,
)  # fmt: skip
def plot_dimension_of_models(ax: Axes, result: xr.Dataset) -> None:
    """Local dimension of a circle and of a Gaussian of rank 3 against the noise: closed forms (lines) and probes."""
    for name, theory in (("circle", "gaussian"), ("rank 3", "empirical")):
        one, shade = result.sel(model=name), ink(ax, theory)
        ax.plot(one.sigma, one.closed_form, color=shade, label=f"{name}, closed form")
        look = {"fmt": "o", "color": shade, "ms": 4}
        ax.errorbar(one.sigma, one.mean_dimension, one.mean_dimension_stderr, **look)
        ax.errorbar(one.sigma, one.noised_dimension, one.noised_dimension_stderr, mfc=background(ax), **look)
        ax.axhline(2 if name == "circle" else DIMENSIONS, color=shade, lw=0.6, ls=":")
    ax.plot([], [], "o", color=ink(ax, "exact"), mfc=background(ax), label="noised points")
    ax.set(xscale="log", xlabel=r"noise level $\sigma$", yscale="log", ylabel="local dimension", ylim=(0.5, 30))
    ddpm_axis(ax)


@panel(
    "group_dimension", "group_dimension_stderr", "smallest", "largest", "null", "sigma", "group",
    loc="upper right", size=0.75,
)  # fmt: skip
def plot_dimension_of_copies(ax: Axes, result: xr.Dataset) -> None:
    """Local dimension of the empirical optimum at images that are in its set often, once, and not at all."""
    for group, theory in zip(GROUPS, ("empirical", "gaussian", "mixture"), strict=True):
        one, shade = result.sel(group=group), ink(ax, theory)
        look = {"fmt": "o-", "color": shade, "ms": 3, "label": f"in the set {GROUPS[group]}"}
        ax.errorbar(one.sigma, one.group_dimension, one.group_dimension_stderr, **look)
        ax.fill_between(one.sigma, one.smallest, one.largest, color=shade, alpha=0.12, linewidth=0)
    ax.plot(result.sigma, result.null.sel(group="unseen"), color=ink(ax, "exact"), ls="--", label="Gaussian null")
    ax.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel="local dimension", yscale="symlog", ylim=(-0.3, 3000))
    ddpm_axis(ax)


def draw(dataset: xr.Dataset) -> Figure:
    """Closed forms with probes, and the digits by group."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.42 * PAGE))
        plot_dimension_of_models(dataset, ax=axes[0])
        plot_dimension_of_copies(dataset, ax=axes[1])
        letters(axes)
    return figure
