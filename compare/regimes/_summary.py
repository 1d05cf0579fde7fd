"""From cells on disk to one Dataset: means over networks and repeats, standard errors, the closest optimum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from ..._support import results as _results
from ..._support.estimates import estimates
from ..comparison._track import NONE
from ._crossover import crossover
from .ground import stacked
from .plan import RegimePlan

UNITS = ("repeat", "network")
SHARES = (
    "rp_same",
    "rp_disjoint",
    "rp_to",
    "mae_",
    "memorised",
    "copies",
    "generalisation_score",
    "optimum_rp_disjoint",
)
ROUNDING = 1e-12  # of a share of the score: optima closer than that are equal
CRITERIA = ("copies", "agreement")
LONG_NAMES = {
    "rmse": "E sqrt(|D_net - D_theory|^2 / d)",
    "score_gap": "E|s_net - s_theory|^2 / E|s_net|^2",
    "test_train_gap": "E|D_net - x0|^2 / d on held-out less training images",
    "linearity": "E cos(D(a x1 + b x2), a D(x1) + b D(x2)), centred, a^2 = b^2 = 1/2",
    "memorised": "share of samples with |x - a_1| / |x - a_2| < 1/3",
    "generalisation_distance": "E |x - a_1| / |x| (GL)",
    "rp_same": "P(cos > threshold), two networks on the same images",
    "rp_disjoint": "P(cos > threshold), two networks on two sets (disjoint where overlap = 0)",
    "rp_to_optimum": "P(cos > threshold), a network and an optimum of its training set",
    "crossover": "training-set size where a criterion is met",
}


def summary(plan: RegimePlan, cell: Callable[..., Path], ground: Callable[..., Path]) -> xr.Dataset:
    """Everything over `(n_train, width, step)`, with nulls and crossovers."""
    repeats = range(plan.repeats)

    def loaded(paths: Iterable[Path]) -> xr.Dataset:
        return stacked([_results.load(path) for path in paths], "repeat", repeats)

    def over_steps(n: int, w: int) -> xr.Dataset:
        parts = [loaded(cell(n, w, r, s) for r in repeats) for s in plan.measured_steps]
        return stacked(parts, "step", plan.measured_steps)

    nulls = stacked([loaded(ground(n, r) for r in repeats) for n in plan.sizes], "n_train", plan.sizes)
    over_widths = [stacked([over_steps(n, w) for w in plan.widths], "width", plan.widths) for n in plan.sizes]
    cells = stacked(over_widths, "n_train", plan.sizes)
    result = xr.merge([averaged(cells, plan.n_samples), averaged(nulls, plan.n_samples)])
    result["overlap"] = nulls.overlap.mean("repeat")
    result = result.merge(_crossovers(result, plan.seed)).astype("float32").merge(_closest(cells))
    for name, meaning in LONG_NAMES.items():
        result[name].attrs["long_name"] = meaning
    return result


def averaged(found: xr.Dataset, n_samples: int) -> xr.Dataset:
    """Means over networks and repeats; the error counts their scatter and the error that they share.

    The error of a share of samples is that of one success and one failure more, so that 0 and 1 have one too.
    """
    made = {}
    for name in found.data_vars:
        if f"{name}_stderr" not in found:
            continue
        value, error = found[name], found[f"{name}_stderr"]
        units = [dim for dim in UNITS if dim in value.dims]
        count = int(np.prod([value.sizes[dim] for dim in units]))
        if str(name).startswith(SHARES):
            share = (value * n_samples + 1) / (n_samples + 2)
            error = (share * (1 - share) / n_samples) ** 0.5
        shared = (error**2).mean(units)
        scatter = value.var(units, ddof=1) / count if count > 1 else 0.0
        made[name], made[f"{name}_stderr"] = value.mean(units), np.sqrt(shared + scatter)
    return xr.Dataset(made)


def _closest(cells: xr.Dataset) -> xr.Dataset:
    """The optimum with the least share of the score missed, and those that tie with it.

    "none" where that share is 1 or more, so that no optimum explains any of the score.
    """
    gap = cells.score_gap
    mean = gap.mean(UNITS)
    best = (mean <= mean.min("theory") + ROUNDING).argmax("theory")
    difference = gap - gap.isel(theory=best)
    count = difference.sizes["repeat"] * difference.sizes["network"]
    error = difference.std(UNITS, ddof=1) / count**0.5
    names = xr.DataArray(gap.theory.values, dims="theory")[best].drop_vars("theory", errors="ignore")
    explains = mean.isel(theory=best).drop_vars("theory", errors="ignore") < 1
    tied = (difference.mean(UNITS) <= 2 * error + ROUNDING) & explains
    return xr.Dataset({"closest": names.where(explains, NONE), "tied": tied})


def _crossovers(result: xr.Dataset, seed: int) -> xr.Dataset:
    """Sizes at which the criteria are met, over `(criterion, width, step)`."""
    own = result.sel(theory="empirical")
    lead = result.cosine_disjoint - own.cosine_to_optimum
    lead_error = np.hypot(result.cosine_disjoint_stderr, own.cosine_to_optimum_stderr)
    curves = ((result.memorised, result.memorised_stderr, 0.5, False), (lead, lead_error, 0.0, True))
    shape = (len(CRITERIA), result.sizes["width"], result.sizes["step"])
    found = np.empty((2, *shape))
    for k, (value, error, level, rising) in enumerate(curves):
        for i in range(shape[1]):
            for j in range(shape[2]):
                at = {"width": i, "step": j}
                curve, spread = value.isel(at).values, error.isel(at).values
                found[:, k, i, j] = crossover(result.n_train.values, curve, spread, level, rising, seed)
    dims = ("criterion", "width", "step")
    return xr.Dataset(estimates(dims, crossover=found), coords={"criterion": list(CRITERIA)})
