"""How many images do networks on bumps need, with and without stripes? [@Liang2024]"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support.estimates import estimates
from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...simulate.bumps import BumpCanvas, stripe_labels
from ...simulate.bumps.labels import random_share
from ..measures._power_law import power_law
from ..measures.crossing import mean_crossing
from .plans import BumpPlan

if TYPE_CHECKING:
    import xarray as xr
from .studies import REACHED, _attributes, _folder, _right


@typed
def data_efficiency(
    plan: BumpPlan, seed: int = 0, run_dir: FilePath | None = None, device: Device = "cpu"
) -> xr.Dataset:
    """Images needed to reach 60 % accuracy over all places, against the size N, with and without stripes.

    Parameters
    ----------
    plan : BumpPlan
        What is trained and measured.
    seed : int
        Of the sets, the networks and their samples.
    run_dir : path, optional
        Where the networks are kept; a stopped run goes on from there.
    device : str or torch.device
        Where they are trained.

    Returns
    -------
    xarray.Dataset
        `accuracy` (stripes, size, count, seed) over random bumps, their counts those of the plan; `examples` (stripes,
        size, count), the images trained on; `needed` (stripes, size), where the mean over seeds crosses 60 %, nan
        where it does not, with `_stderr` from the seeds; `exponent` (stripes) of needed ~ N^exponent with `_stderr`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from idealscore.compare.bumps import plan
    >>> from idealscore.learned.training import TrainConfig
    >>> quick = plan("small").with_recipe(
    ...     network="mlp", options={"width": 4, "depth": 1}, train=TrainConfig(steps=1, batch=2), levels=2
    ... )
    >>> quick = replace(quick, seeds=1, sizes=(6,))
    >>> found = data_efficiency(quick)
    >>> dict(found.needed.sizes)
    {'stripes': 2, 'size': 1}
    """
    import xarray as xr

    shape = (2, len(plan.sizes), len(plan.counts[0]), plan.seeds)
    accuracy, examples = np.full(shape, np.nan), np.zeros(shape[:3])
    for k, size in enumerate(plan.sizes):
        canvas = BumpCanvas(size, plan.canvas.width, plan.canvas.spacing)
        centres, stripes = canvas.centres(), stripe_labels(canvas)
        sets = []
        for with_stripes, counts in enumerate(plan.counts):
            for i, count in enumerate(counts):
                for number in range(plan.seeds):
                    share = min(1.0, count * size / len(centres))
                    chosen = random_share(centres, share, stream_seed(seed, "efficiency", size, number))
                    sets.append(np.concatenate([stripes, chosen]) if with_stripes else chosen)
                examples[with_stripes, k, i] = len(sets[-1])
        networks = plan.recipe.fit(canvas, sets, seed, _folder(run_dir, f"size-{size}"), device)
        accuracy[:, k] = _right(plan, networks, canvas, centres).mean(-1).reshape(2, -1, plan.seeds)
    needed, error = np.full(shape[:2], np.nan), np.full(shape[:2], np.nan)
    for s in range(2):
        for k in range(len(plan.sizes)):
            needed[s, k], error[s, k] = mean_crossing(examples[s, k], accuracy[s, k], REACHED)
    laws = np.array([power_law(np.array(plan.sizes), needed[s], error[s]) for s in range(2)])
    return xr.Dataset(
        {
            "accuracy": (("stripes", "size", "count", "seed"), accuracy),
            "examples": (("stripes", "size", "count"), examples),
            **estimates(("stripes", "size"), needed=(needed, error)),
            **estimates("stripes", exponent=laws.T[:2]),
        },
        {"stripes": [0, 1], "size": list(plan.sizes)},
        {**_attributes(plan, seed, device), "reached": REACHED},
    )
