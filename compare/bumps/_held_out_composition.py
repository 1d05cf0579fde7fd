"""Do networks compose bumps in a region that they never saw, and do a few examples there help? [@Liang2024]"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support.estimates import estimates, mean_error
from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...simulate.bumps import REGIONS, stripe_labels
from ...simulate.bumps.labels import random_share
from .plans import BumpPlan

if TYPE_CHECKING:
    import xarray as xr
from .studies import SETS, _attributes, _example, _folder, _right


@typed
def held_out_composition(
    plan: BumpPlan, seed: int = 0, run_dir: FilePath | None = None, device: Device = "cpu"
) -> xr.Dataset:
    """Accuracy inside and outside of a held-out band, by training set: bumps, stripes, few bumps, and both together.

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
        `accuracy` (set, region) with `_stderr` over `plan.seeds` networks, a region being which coordinates lie in
        the band: a network that copies the nearest training bump is right in "neither" alone; `examples` (set), images
        trained on; `tested` (region), places judged; `sample` (set, row, column), one image in the middle of the band.

    Raises
    ------
    EmptyDataError
        For a band that holds no centre.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from idealscore.compare.bumps import plan
    >>> from idealscore.learned.training import TrainConfig
    >>> quick = plan("small").with_recipe(
    ...     network="mlp", options={"width": 4, "depth": 1}, train=TrainConfig(steps=1, batch=2), levels=2
    ... )
    >>> quick = replace(quick, seeds=1)
    >>> found = held_out_composition(quick)
    >>> dict(found.accuracy.sizes)
    {'set': 5, 'region': 4}
    """
    import xarray as xr

    canvas, recipe = plan.canvas, plan.recipe
    centres, stripes = canvas.centres(), stripe_labels(canvas)
    kept = centres[~plan.held_out.mask(centres)]
    sets: list[np.ndarray] = []
    for number in range(plan.seeds):
        few = random_share(kept, plan.few, stream_seed(seed, "few bumps", number))
        both = [np.concatenate([stripes, part]) for part in (few, kept)]
        sets += [kept, stripes, few, *both]
    networks = recipe.fit(canvas, sets, seed, _folder(run_dir, "held-out"), device)
    right = _right(plan, networks, canvas, centres).reshape(plan.seeds, len(SETS), -1)
    region = plan.held_out.regions(centres)
    shares = np.stack([right[..., region == k].mean(-1) for k in range(len(REGIONS))], axis=-1)
    return xr.Dataset(
        {
            **estimates(("set", "region"), accuracy=mean_error(shares)),
            "examples": ("set", [len(labels) for labels in sets[: len(SETS)]]),
            "tested": ("region", np.bincount(region, minlength=len(REGIONS))),
            "sample": (("set", "row", "column"), _example(plan, networks, canvas, centres[region == 3])),
        },
        {"set": list(SETS), "region": list(REGIONS)},
        {**_attributes(plan, seed, device), "low": plan.held_out.low, "high": plan.held_out.high},
    )
