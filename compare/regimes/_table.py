"""The table of a regime map: one row per training-set size of each width, at the last step."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from ..._support.display.tables import aligned
from ..._support.estimates import shown
from ..._support.typed import typed
from ..comparison._table import closest
from ._regime_map import RegimePlan

SHOWN_LEVELS = 3
MEANINGS = {
    "copies": "most samples are not copies",
    "agreement": "networks on two sets agree better than a network and its empirical optimum",
}
OPPOSITES = {
    "copies": "half of the samples or more are copies",
    "agreement": "a network agrees with its empirical optimum at least as well as networks on two sets do",
}


def shown_levels(result: xr.Dataset) -> np.ndarray:
    """Three noise levels from the middle of the range, where the optima differ."""
    chosen = np.linspace(0.2, 0.75, SHOWN_LEVELS) * (result.sizes["sigma"] - 1)
    return result.sigma.values[np.unique(chosen.round().astype(int))]


def rows(result: xr.Dataset) -> list[dict[str, str]]:
    """The cells of the table, as text: all widths at the last step."""
    made = []
    last = result.isel(step=-1)
    for width in result.width.values:
        for n in result.n_train.values:
            cell = last.sel(width=width, n_train=n)
            own = cell.sel(theory="empirical")
            row = {
                "width": f"{width}",
                "n": f"{n}" + ("*" if float(cell.overlap) > 0 else ""),
                "copies": shown(cell, "memorised"),
                "GL": shown(cell, "generalisation_distance"),
                "GL held-out": shown(cell, "held_out_generalisation_distance"),
                "RP same set": shown(cell, "rp_same"),
                "RP two sets": shown(cell, "rp_disjoint"),
                "RP to empirical": shown(own, "rp_to_optimum"),
                "chance": f"{float(cell.rp_chance_disjoint):.2f}",
            }
            if "predicted_cosine" in cell:
                row["cosine two sets"] = shown(cell, "cosine_disjoint")
                row["Gaussian, predicted"] = shown(cell, "predicted_cosine")
            for sigma in shown_levels(result):
                row[f"closest, sigma {sigma:.2g}"] = closest(cell.sel(sigma=sigma, inputs="held-out"))
            made.append(row)
    return made


def crossover_lines(result: xr.Dataset) -> list[str]:
    """One sentence per width and criterion."""
    last = result.isel(step=-1)
    made = []
    for width in result.width.values:
        for criterion in result.criterion.values:
            at = last.sel(width=width)
            found = at[["crossover", "crossover_stderr"]].sel(criterion=criterion)
            where = f"{MEANINGS[str(criterion)]} from n = {shown(found, 'crossover')} on"
            if np.isnan(float(found.crossover)):
                met = [int(n) for n in at.n_train.values if _met(at.sel(n_train=n), str(criterion))]
                every = len(met) in (0, at.sizes["n_train"])
                place = "at every size measured" if every else f"only at n = {', '.join(map(str, met))}"
                where = f"{(MEANINGS if met else OPPOSITES)[str(criterion)]} {place}"
            made.append(f"width {width}: {where}")
    return made


def worse_than_nothing(result: xr.Dataset) -> list[str]:
    """Where networks at the last step are worse than leaving the noise in, on the images that they were trained on."""
    last = result.isel(step=-1).sel(inputs="training")
    made = []
    for width in result.width.values:
        for n in result.n_train.values:
            cell = last.sel(width=width, n_train=n)
            above = cell.denoising_error - cell.sigma**2 > 3 * cell.denoising_error_stderr
            if bool(above.any()):
                where = ", ".join(f"{sigma:.3g}" for sigma in cell.sigma.values[above.values])
                made.append(
                    f"width {width}, n = {n}: the networks are worse than doing nothing (error above sigma^2) at"
                    f" sigma = {where}: they are not trained there; train longer, or ask for other noise levels."
                )
    return made


def _met(cell: xr.Dataset, criterion: str) -> bool:
    if criterion == "copies":
        return float(cell.memorised) < 0.5
    return float(cell.cosine_disjoint) > float(cell.cosine_to_optimum.sel(theory="empirical"))


def legend(result: xr.Dataset) -> list[str]:
    """What the columns mean."""
    plan = RegimePlan.of(json.loads(result.attrs["plan"]))
    lines = [
        f"step {int(result.step[-1])}; mean over {3 * plan.repeats} networks (pairs: {plan.repeats} repeats), "
        f"{plan.n_samples} samples each from the same noise; "
        "± standard error over networks, images and samples; closest: on held-out images, 'A = B' ties within two.",
        f"copies: |x - a_1| < |x - a_2| / 3; GL: E|x - a_1| / |x|; RP: P(cosine > {plan.threshold:g}), of centred "
        "images unless features were given; chance: of unrelated samples of the same two networks.",
    ]
    if bool((result.overlap > 0).any()):
        shares = ", ".join(
            f"{float(o):.0%} at n = {int(n)}"
            for n, o in zip(result.n_train, result.overlap, strict=True)
            if float(o) > 0
        )
        lines.append(f"* two disjoint sets do not fit: they share {shares}.")
    if "predicted_cosine" in result:
        lines.append(
            "Gaussian, predicted: the cosine that the Gaussian optima of two disjoint sets of n images reach, from the "
            "spectrum of all images alone, without training; a network that agrees more knows more than a covariance."
        )
    low, high = result.attrs.get("trained_on", (0.0, np.inf))
    beyond = [sigma for sigma in (*result.sigma.values, *plan.sampling_sigmas[:-1]) if not low <= sigma <= high]
    if beyond:
        lines.append(
            f"outside of the trained range {low:.3g} ... {high:.3g}, where networks extrapolate: levels from "
            f"{min(beyond):.3g} to {max(beyond):.3g}, of the measurements or of the sampler."
        )
    lines += worse_than_nothing(result)
    if result.attrs.get("held_out_in_training"):
        lines.append(
            f"{result.attrs['held_out_in_training']} of the held-out images are also among the training images."
        )
    return lines


@typed
def table(result: xr.Dataset) -> str:
    """The table of a regime map as text: a row for each training-set size of each width, at the last step.

    Parameters
    ----------
    result : xarray.Dataset
        As of `regime_map`.

    Returns
    -------
    str
        The rows, a sentence on each crossover, and what the columns mean.

    Examples
    --------
    >>> from idealscore.paper_figs.catalogue import saved  # a map that ships with the package
    >>> table(saved("regime_map")).split()[:3]
    ['width', 'n', 'copies']
    """
    return "\n".join([*aligned(rows(result)), *crossover_lines(result), *legend(result)])
