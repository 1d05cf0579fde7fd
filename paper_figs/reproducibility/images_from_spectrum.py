"""What n images teach a linear denoiser, predicted from their spectrum alone and measured, on larger images.

As `reproducibility_from_spectrum`, for more data sets and more noise levels [@Dobriban2018; @Hastie2022]. One row per
data set. (a, c) Mean cosine of the samples that the Gaussian optima of two disjoint sets of n images draw from the same
noise (filled), the prediction (line), and the same on Gaussian data with that spectrum (open, the null). (b, d) The
disagreement of the two optima over its prediction, for three noise levels, its null (open), and the kurtosis factor of
the images (dashed, where it is valid): 1 where images behave like Gaussian data.

The digits ship with the package. A row is computed for each file that the environment variable IDEALSCORE_IMAGES names,
joined by the separator of paths (":" on Linux).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ink, letters, shades, style

if TYPE_CHECKING:
    import torch
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..._support.types import Array

SOURCE = "IDEALSCORE_IMAGES"
SIZES = (64, 256, 1024, 4096, 16384)
SIGMAS = (0.1, 0.3, 1.0)
PAIRS = {"small": 2, "full": 10}
NULL_SIZES = {"small": 1024, "full": 16384}  # up to this n Gaussian data are drawn too
KINDS = ("images", "gaussian")
ERRORS = ("test", "train", "disagreement")
BLOCK = 4096


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """The cosine over `(data, kind, n_train)` and `ERRORS` over `(data, kind, n_train, sigma)`, each predicted too."""
    import xarray as xr

    from ..._support import checks as check
    from ..._support.results import provenance
    from ...learned.data import load

    check.choice("scale", scale, PAIRS)
    names = ["digits", *filter(None, os.environ.get(SOURCE, "").split(os.pathsep))]
    rows = [_row(load(name).images.flatten(1), scale, seed).expand_dims(data=[Path(name).stem]) for name in names]
    result = xr.concat(rows, dim="data", join="outer", combine_attrs="override")
    assert isinstance(result, xr.Dataset)
    result.attrs |= provenance(seed=seed) | {"scale": scale, "pairs": PAIRS[scale], "source": SOURCE}
    return result


def _row(images: torch.Tensor, scale: str, seed: int) -> xr.Dataset:
    """One data set, in the basis of its eigenvectors, where C is diagonal."""
    import torch
    import xarray as xr

    from ..._support.estimates import mean_error
    from ..._support.progress import bar
    from ..._support.streams import stream
    from ...theory.covariance import Covariance, moments
    from ...theory.finite_sample import errors, sample_cosine
    from ...theory.finite_sample._kurtosis_factor import factors

    sizes = [n for n in SIZES if 2.2 * n <= len(images)]
    mean, covariance = moments(images)
    assert covariance.basis is not None
    basis = covariance.basis
    rotated = torch.cat([(block - mean).float() @ basis.float() for block in images.split(BLOCK)])
    c = covariance.eigenvalues.clamp(min=0)
    repeats = [max(PAIRS[scale], min(8, 2048 // n)) for n in sizes]
    value, error = np.full((2, len(KINDS), len(sizes), len(SIGMAS), 1 + len(ERRORS)), np.nan)
    for k, n in enumerate(bar(sizes, label="disjoint sets")):
        drawn: dict[str, list[Array]] = {kind: [] for kind in KINDS}
        for i in range(repeats[k]):
            draw = stream(seed, "disjoint sets", n, i)
            order = torch.from_numpy(draw.permutation(len(images))[: 2 * n])
            drawn["images"].append(_pair(rotated[order], c, len(images)))
            if n <= NULL_SIZES[scale]:
                normal = torch.from_numpy(draw.standard_normal((2 * n, len(c)), np.float32))
                drawn["gaussian"].append(_pair(normal * c.sqrt().float(), c, None))
        for j, kind in enumerate(KINDS):
            if drawn[kind]:
                value[j, k], error[j, k] = mean_error(np.array(drawn[kind]))
    dims = ("kind", "n_train", "sigma")
    result = xr.Dataset(coords={"kind": list(KINDS), "n_train": sizes, "sigma": list(SIGMAS)})
    result["cosine"], result["cosine_stderr"] = (dims[:2], value[:, :, 0, 0]), (dims[:2], error[:, :, 0, 0])
    for j, name in enumerate(ERRORS, 1):
        result[name], result[f"{name}_stderr"] = (dims, value[..., j]), (dims, error[..., j])
    spectrum = c.numpy()
    predicted = [[errors(spectrum, n, sigma) for sigma in SIGMAS] for n in sizes]
    for name in ERRORS:
        result[f"{name}_predicted"] = dims[1:], [[getattr(one, name) for one in row] for row in predicted]
    result["cosine_predicted"] = "n_train", [sample_cosine(spectrum, n) for n in sizes]
    flat = torch.zeros_like(c), Covariance.diagonal(c)
    found = factors(rotated, [(n, sigma) for n in sizes for sigma in SIGMAS], flat)
    for name in ("value", "stderr", "is_valid"):
        values = np.array([float(getattr(one, name)) for one in found]).reshape(len(sizes), len(SIGMAS))
        result[{"value": "kurtosis", "stderr": "kurtosis_stderr", "is_valid": "kurtosis_valid"}[name]] = (
            dims[1:],
            values,
        )
    result["n_images"], result["dimension"] = len(images), len(c)
    return result


def _pair(points: torch.Tensor, c: torch.Tensor, total: int | None) -> Array:
    """`(sigma, 4)`: cosine, test, train and disagreement of the optima of the first and the second half of `points`.

    New images are those of a data set of `total` images that are in neither half, and otherwise the distribution of
    covariance C = diag(c). With S_i = U_i l_i U_i^T and W_i = U_i g_i U_i^T all traces need but two products,
    U_1^T U_2 and U_1^T C U_2.
    """
    n = len(points) // 2
    (first, U), (second, V) = (_modes(part) for part in points.split(n))
    overlap, through = (U.T @ V).double(), (U.T @ (c.to(V)[:, None] * V)).double()
    squares = overlap.square()
    cosine = float(first.sqrt() @ squares @ second.sqrt()) / float(first.sum() * second.sum()) ** 0.5
    sets = ((first, squares @ second, U, float(second.sum())), (second, first @ squares, V, float(first.sum())))
    spreads = [U.square().T.double() @ c for _, _, U, _ in sets]
    found = np.zeros((len(SIGMAS), 1 + len(ERRORS)))
    for row, sigma in zip(found, SIGMAS, strict=True):
        level, gains, test, train, apart = sigma**2, [], [], [], 0.0
        for (values, other, _, other_trace), spread in zip(sets, spreads, strict=True):
            g = values / (values + level)
            missed, noise = 1 - (1 - g).square(), level * float(g.square().sum())
            own = float((values * (1 - g).square()).sum())
            new = float(c.sum() - missed @ spread)  # tr (1 - W) C (1 - W)
            if total is not None:
                new = (total * new - n * own - n * (other_trace - float(missed @ other))) / (total - 2 * n)
            gains.append(g)
            test.append(new + noise)
            train.append(own + noise)
            apart += float(g.square() @ (spread + level))
        apart -= 2 * float(gains[0] @ ((through + level * overlap) * overlap) @ gains[1])
        row[:] = cosine, np.mean(test), np.mean(train), apart
    return found


def _modes(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues and eigenvectors of X^T X / n about the known mean 0, by the smaller of the two products."""
    import torch

    n, d = points.shape
    if n >= d:
        values, U = torch.linalg.eigh(points.T @ points / n)
        return values.double().clamp(min=0), U
    wide = points.double()  # in float32 the smallest of n < d modes are rounding
    values, V = torch.linalg.eigh(wide @ wide.T / n)
    kept = values > n * torch.finfo(values.dtype).eps * values[-1]
    return values[kept], (wide.T @ V[:, kept] / (n * values[kept]).sqrt()).to(points)


def findings(dataset: xr.Dataset) -> Findings:
    """How far theory and measurement part, for each data set and its Gaussian null."""

    def worst(name: str, data: str, kind: str) -> str:
        one = dataset.sel(data=data, kind=kind)
        ratio = (one[name] / one[f"{name}_predicted"] - 1).sel(n_train=one.n_train >= 256).dropna("n_train")
        return f"{100 * float(ratio.values.flat[int(np.argmax(np.abs(ratio.values)))]):+.1f} %"

    names = dataset.data.values.tolist()
    parts = [
        f"{data}: " + ", ".join(f"{name} {worst(name, data, 'images')} ({worst(name, data, 'gaussian')})" for name in
        ("cosine", *ERRORS))
        for data in names
    ]  # fmt: skip
    images = dataset.sel(kind="images")
    plain = images.disagreement / images.disagreement_predicted
    valid = images.kurtosis_valid == 1
    before, after = (float(abs(part.where(valid) - 1).max()) for part in (plain, plain / images.kurtosis))
    return Findings(
        "the spectrum alone gives cosine, errors and disagreement of the linear denoisers of n images",
        f"largest difference from predicted from n = 256 on (in brackets its Gaussian null): {'; '.join(parts)}",
        "the disagreement of two sets of images is larger than that of Gaussian data, by up to "
        f"{100 * before:.0f} % where the kurtosis factor is valid; with the factor {100 * after:.0f} % are left",
    )


@panel("cosine", "cosine_stderr", "cosine_predicted", "n_train", "kind", "data", loc="lower right")
def plot_cosine_of_sets(ax: Axes, result: xr.Dataset) -> None:
    """Cosine of samples of two disjoint sets from the same noise: images, Gaussian null, prediction; the first data."""
    one, shade = _first(result), ink(ax, "gaussian")
    ax.plot(one.n_train, one.cosine_predicted, color=shade, label="predicted")
    for kind, face, label in (("images", shade, "images"), ("gaussian", background(ax), "Gaussian null")):
        at, look = one.sel(kind=kind), {"fmt": "o", "ms": 4, "color": shade, "mfc": face, "label": label}
        ax.errorbar(one.n_train, at.cosine, at.cosine_stderr, **look)
    ax.set_ylabel(f"{one.data.item()}: cosine")
    ax.set_ylim(top=1.02)
    _axis_of_sizes(ax, one)


@panel(
    "disagreement", "disagreement_stderr", "disagreement_predicted", "kurtosis", "kurtosis_valid", "n_train", "kind",
    "sigma", "data", loc="upper left", size=0.75,
)  # fmt: skip
def plot_disagreement_of_sets(ax: Axes, result: xr.Dataset) -> None:
    """Disagreement of the Gaussian optima of two disjoint sets over its prediction, and the kurtosis factor; the first
    data."""
    one = _first(result)
    for shade, sigma in zip(shades(ax, len(SIGMAS) + 1), SIGMAS, strict=False):
        at = one.sel(sigma=sigma)
        for kind, face in (("images", shade), ("gaussian", background(ax))):
            ratio = at.disagreement.sel(kind=kind) / at.disagreement_predicted
            error = at.disagreement_stderr.sel(kind=kind) / at.disagreement_predicted
            label = rf"$\sigma$ = {sigma:g}" if kind == "images" else None
            ax.errorbar(one.n_train, ratio, error, fmt="o", ms=4, color=shade, mfc=face, label=label)
        factor = at.kurtosis.where(at.kurtosis_valid == 1)
        ax.plot(one.n_train, factor, "--", color=shade, label="kurtosis factor" if sigma == SIGMAS[0] else None)
    ax.axhline(1, color=ink(ax, "exact"), lw=0.6)
    ax.set_ylabel("disagreement / predicted")
    _axis_of_sizes(ax, one)


def _first(result: xr.Dataset) -> xr.Dataset:
    """The sizes that were measured of one data set, by default the first."""
    return (result.isel(data=0) if "data" in result.dims else result).dropna("n_train", how="all")


def _axis_of_sizes(ax: Axes, one: xr.Dataset) -> None:
    ax.set(xscale="log", xlabel="images $n$ in each set")
    ax.minorticks_off()
    ax.set_xticks(one.n_train.values, [str(n) for n in one.n_train.values])
    ax.margins(x=0.1)


def draw(dataset: xr.Dataset) -> Figure:
    """One row per data set: the cosine against n, and the disagreement over its prediction."""
    from matplotlib import pyplot as plt

    names = dataset.data.values.tolist()
    with style():
        figure, axes = plt.subplots(len(names), 2, figsize=(PAGE, 0.33 * PAGE * len(names)), squeeze=False)
        for (left, right), name in zip(axes, names, strict=True):
            plot_cosine_of_sets(dataset.sel(data=name), ax=left, legend=name == names[0])
            plot_disagreement_of_sets(dataset.sel(data=name), ax=right, legend=name == names[0])
        letters(axes.flat)
    return figure
