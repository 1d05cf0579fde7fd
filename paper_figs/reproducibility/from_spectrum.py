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
from .._style import COLOURS, PAGE, panel_letter, style

if TYPE_CHECKING:
    import xarray as xr
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


def draw(dataset: xr.Dataset) -> Figure:
    """Cosine and errors against n: prediction as lines, digits as filled and their Gaussian null as open marks."""
    from matplotlib import pyplot as plt

    n = dataset.n_train.values
    looks = {"cosine": "gaussian", "test": "empirical", "train": "mixture", "disagreement": "local"}
    with style():
        figure, (cosine, error) = plt.subplots(1, 2, figsize=(PAGE, 0.38 * PAGE))
        for name, theory in looks.items():
            ax, shade = (cosine if name == "cosine" else error), COLOURS[theory]
            line, spread = dataset[f"{name}_predicted"].values, dataset[f"{name}_predicted_stderr"].values
            ax.plot(n, line, color=shade, label=f"{name}, predicted")
            ax.fill_between(n, line - spread, line + spread, color=shade, alpha=0.2, linewidth=0)
            for data, face in (("digits", shade), ("gaussian", "white")):
                one = dataset.sel(data=data)
                label = f"{'digits' if data == 'digits' else 'Gaussian null'}" if name in ("cosine", "test") else None
                ax.errorbar(
                    n, one[name], one[f"{name}_stderr"], fmt="o", ms=4, color=shade, mfc=face, label=label
                )  # fmt: skip
        valid = dataset.kurtosis_valid.values == 1
        corrected = (dataset.disagreement_predicted * dataset.kurtosis_factor).values
        error.plot(n[valid], corrected[valid], "--", color=COLOURS["local"], label="times kurtosis factor")
        error.axhline(dataset.attrs["optimum"], color=COLOURS["exact"], lw=0.6)
        cosine.set(xscale="log", xlabel="images $n$ in each set", ylabel="cosine of same-noise samples", ylim=(0, 1.02))
        error.set(xscale="log", yscale="log", xlabel="images $n$ in each set", ylabel="squared error, all pixels")
        cosine.legend(loc="lower right")
        error.legend(loc="lower left", fontsize=6)
        for ax, letter in zip((cosine, error), "ab", strict=True):
            ax.minorticks_off()
            ax.set_xticks(n[::2], [str(size) for size in n[::2]])
            panel_letter(ax, letter)
    return figure
