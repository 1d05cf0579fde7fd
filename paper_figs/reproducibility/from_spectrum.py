"""How alike two disjoint training sets make two linear denoisers, predicted from the spectrum alone.

(a) Mean cosine of the samples that the Gaussian optima of two disjoint sets of n digits draw from the same noise, next
to the prediction of random-matrix theory from the spectrum of all digits [@Dobriban2018], and to the same measurement
on Gaussian data with that spectrum (the null: what is not Gaussian in digits shows as a difference between the two).
(b) Errors of the optimum of n digits at sigma = 0.5 on new and on its own images, and the disagreement of two sets;
dashed, the disagreement times the kurtosis factor of the digits, where it is valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support.types import Array
from .._findings import Findings
from .._panel import panel
from .._style import PAGE, background, ink, letters, style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES = (16, 32, 64, 128, 256, 512, 860)
SIGMA = 0.5
PAIRS = {"small": 20, "full": 100}
MEASURES = ("cosine", "test", "train", "disagreement")


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """Each of `MEASURES` with errors over `(data, n_train)`, its prediction, and the kurtosis factor."""
    import xarray as xr

    from ..._support import checks as check
    from ..._support.estimates import mean_error
    from ..._support.results import provenance
    from ..._support.streams import stream
    from ...learned.data import load
    from ...theory.finite_sample import errors, kurtosis_factor, sample_cosine, sample_cosine_stderr

    pairs = PAIRS[check.choice("scale", scale, PAIRS)]
    digits = load("digits").images.double().flatten(1).numpy()
    digits = digits - digits.mean(0)
    spectrum, basis = np.linalg.eigh(digits.T @ digits / len(digits))
    root = basis * np.sqrt(spectrum.clip(0))

    def gaussian(draw: np.random.Generator) -> Array:
        return draw.standard_normal(digits.shape) @ root.T

    dims, shape = ("data", "n_train"), (2, len(SIZES))
    found = {name: (np.zeros(shape), np.zeros(shape)) for name in MEASURES}
    for k, n in enumerate(SIZES):
        drawn = np.zeros((2, pairs, len(MEASURES)))
        for i in range(pairs):
            draw = stream(seed, "disjoint sets", n, i)
            order = draw.permutation(len(digits))
            drawn[0, i] = _pair(digits[order], n, root @ root.T)
            drawn[1, i] = _pair(gaussian(draw), n, root @ root.T)
        for j, name in enumerate(MEASURES):
            found[name][0][:, k], found[name][1][:, k] = mean_error(drawn[:, :, j], axis=1)
    result = xr.Dataset(coords={"data": ["digits", "gaussian"], "n_train": list(SIZES)})
    for name, (mean, error) in found.items():
        result[name], result[f"{name}_stderr"] = (dims, mean), (dims, error)
    predicted = [errors(spectrum, n, SIGMA, spectrum_n=len(digits)) for n in SIZES]
    for name in ("test", "train", "disagreement"):
        result[f"{name}_predicted"] = ("n_train", [getattr(one, name) for one in predicted])
        result[f"{name}_predicted_stderr"] = ("n_train", [one.stderr[name] for one in predicted])
    result["cosine_predicted"] = ("n_train", [sample_cosine(spectrum, n) for n in SIZES])
    result["cosine_predicted_stderr"] = "n_train", [sample_cosine_stderr(spectrum, n, len(digits)) for n in SIZES]
    factors = [kurtosis_factor(digits, n, SIGMA) for n in SIZES]
    result["kurtosis_factor"] = "n_train", [one.value for one in factors]
    result["kurtosis_factor_stderr"] = "n_train", [one.stderr for one in factors]
    result["kurtosis_valid"] = "n_train", [int(one.is_valid) for one in factors]
    result.attrs |= provenance(seed=seed) | {
        "scale": scale,
        "pairs": pairs,
        "sigma": SIGMA,
        "optimum": predicted[0].optimum,
    }
    return result


def _pair(data: Array, n: int, C: Array) -> Array:
    """`MEASURES` of the optima of the first and the next n data about the known mean, on those left and in general."""
    one, level = np.eye(data.shape[1]), SIGMA**2
    covariances = [part.T @ part / n for part in (data[:n], data[n : 2 * n])]
    rest = data[2 * n :]
    new = rest.T @ rest / len(rest)
    gains = [S @ np.linalg.inv(S + level * one) for S in covariances]
    roots = []
    for S in covariances:
        values, vectors = np.linalg.eigh(S)
        roots.append(vectors * np.sqrt(values.clip(0)) @ vectors.T)
    cosine = float((roots[0] * roots[1]).sum()) / np.sqrt(np.trace(covariances[0]) * np.trace(covariances[1]))

    def error(S: Array, W: Array) -> float:
        return float(((one - W) @ S * (one - W)).sum() + level * np.square(W).sum())

    test = np.mean([error(new, W) for W in gains])
    train = np.mean([error(S, W) for S, W in zip(covariances, gains, strict=True)])
    apart = gains[0] - gains[1]
    return np.array([cosine, test, train, float((apart @ (C + level * one) * apart).sum())])


def findings(dataset: xr.Dataset) -> Findings:
    """How far theory and measurement part, for digits and for their Gaussian null."""

    def worst(name: str, data: str) -> str:
        ratio = dataset[name].sel(data=data) / dataset[f"{name}_predicted"] - 1
        at = int(np.argmax(abs(ratio.values)))
        return f"{100 * float(ratio[at]):+.1f} % (n = {int(dataset.n_train[at])})"

    last = dataset.isel(n_train=-1)
    ratio = float(last.disagreement.sel(data="digits") / last.disagreement_predicted)
    return Findings(
        "the spectrum alone predicts how alike two linear denoisers of disjoint sets are",
        "largest difference of measured from predicted, digits and their Gaussian null: "
        + "; ".join(f"{name} {worst(name, 'digits')} and {worst(name, 'gaussian')}" for name in MEASURES),
        f"the disagreement at n = {int(last.n_train)} is {ratio:.2f} times predicted, the kurtosis factor there "
        f"{float(last.kurtosis_factor):.2f}: fourth moments",
    )


_LOOKS = {"cosine": "gaussian", "test": "empirical", "train": "mixture", "disagreement": "local"}


def _needs(names: tuple[str, ...]) -> list[str]:
    ends = ("", "_stderr", "_predicted", "_predicted_stderr")
    return [*(f"{name}{rest}" for name in names for rest in ends), "n_train", "data"]


def _quantity(ax: Axes, result: xr.Dataset, name: str, marks: bool) -> None:
    """The prediction as a line with its error, digits as filled and their Gaussian null as open marks."""
    n, shade = result.n_train.values, ink(ax, _LOOKS[name])
    line, spread = result[f"{name}_predicted"].values, result[f"{name}_predicted_stderr"].values
    ax.plot(n, line, color=shade, label=f"{name}, predicted")
    ax.fill_between(n, line - spread, line + spread, color=shade, alpha=0.2, linewidth=0)
    for data, face, label in (("digits", shade, "digits"), ("gaussian", background(ax), "Gaussian null")):
        one, look = result.sel(data=data), {"fmt": "o", "ms": 4, "color": shade, "mfc": face}
        ax.errorbar(n, one[name], one[f"{name}_stderr"], label=label if marks else None, **look)


def _axis_of_sizes(ax: Axes, result: xr.Dataset) -> None:
    shown = result.n_train.values[::2]
    ax.set(xscale="log", xlabel="images $n$ in each set")
    ax.minorticks_off()
    ax.set_xticks(shown, [str(size) for size in shown])


@panel(*_needs(("cosine",)), loc="lower right")
def plot_cosine_from_spectrum(ax: Axes, result: xr.Dataset) -> None:
    """Cosine of samples that the Gaussian optima of two disjoint sets draw from the same noise, and its prediction."""
    _quantity(ax, result, "cosine", marks=True)
    ax.set_ylabel("cosine of same-noise samples")
    ax.set_ylim(top=1.02)
    _axis_of_sizes(ax, result)


@panel(*_needs(MEASURES[1:]), "kurtosis_valid", "kurtosis_factor", "optimum", loc="lower left", size=0.75)
def plot_errors_from_spectrum(ax: Axes, result: xr.Dataset) -> None:
    """Errors of the Gaussian optimum of n images on new and on its own images, and the disagreement of two sets."""
    for name in MEASURES[1:]:
        _quantity(ax, result, name, marks=name == "test")
    valid = result.kurtosis_valid.values == 1
    corrected = (result.disagreement_predicted * result.kurtosis_factor).values
    label = "times kurtosis factor"
    ax.plot(result.n_train.values[valid], corrected[valid], "--", color=ink(ax, "local"), label=label)
    ax.axhline(result.attrs["optimum"], color=ink(ax, "exact"), lw=0.6)
    ax.set(yscale="log", ylabel="squared error, all pixels")
    _axis_of_sizes(ax, result)


def draw(dataset: xr.Dataset) -> Figure:
    """Cosine and errors against n: prediction as lines, digits as filled and their Gaussian null as open marks."""
    from matplotlib import pyplot as plt

    with style():
        figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.38 * PAGE))
        plot_cosine_from_spectrum(dataset, ax=axes[0])
        plot_errors_from_spectrum(dataset, ax=axes[1])
        letters(axes)
    return figure
