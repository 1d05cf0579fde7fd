"""Which optimum is a network closest to, over training-set size, width, step and noise? [@Li2024; @Zhang2024].

(a, b) The optimum that misses least of the network's score, on held-out and on training images, against the number of
training images and the noise level; (c, d) on held-out images against the training step and the width. Pale: even the
farthest optimum misses less than 1 %; a dot marks ties. (e) Samples that are copies of training images (grey:
held-out images). (f) Error on
held-out less that on training images, with that of the empirical optimum. (g) Reproducibility; shaded where two
disjoint sets do not fit. (h) While training goes on, the sizes where half of the samples
are copies, and where two networks of different images agree better than with the optima of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .._findings import Findings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

DROPPED = ("nonlinearity", "nearest_distance", "copies", "mae", "cosine_chance", "rmse_same", "rmse_disjoint")


def compute(scale: str = "small", seed: int = 0) -> xr.Dataset:
    """The regime map, without the measures that no panel needs."""
    from ._regime_runs import regimes

    found = regimes(scale, seed)
    dropped = [name for name in found if any(word in str(name) for word in DROPPED)]
    return found.drop_vars(dropped)


def draw(dataset: xr.Dataset) -> Figure:
    """The picture that `idealscore regimes` makes."""
    from ...compare.regimes.figure import regime_figure

    return regime_figure(dataset)


def findings(dataset: xr.Dataset) -> Findings:
    """The crossovers of the widest network."""
    from ..._support.estimates import show

    at = dataset.isel(width=-1, step=-1)

    def crossover(name: str) -> str:
        value, error = (float(one.sel(criterion=name)) for one in (at.crossover, at.crossover_stderr))
        return "(no crossover within these sizes)" if math.isnan(value) else f"from n = {show(value, error)}"

    few, many = at.isel(n_train=0), at.isel(n_train=-1)
    share = float((few.closest.sel(inputs="training") == "empirical").mean())
    followed = sorted(set(many.closest.sel(inputs="held-out").values.tolist()))
    return Findings(
        "the empirical optimum below a crossover size that grows with training, optima that generalise above",
        f"width {int(at.width)}, step {int(at.step)}: fewer than half of the samples are copies {crossover('copies')}, "
        f"networks of two sets agree better than with their own optima {crossover('agreement')}; on "
        f"its {int(few.n_train)} training images the network is closest to the empirical optimum at {share:.0%} of the "
        "noise levels",
        f"on held-out images at n = {int(many.n_train)} it is closest to {', '.join(followed)}"
        + (", by noise level: no single optimum describes it" if len(followed) > 1 else " at every noise level"),
    )
