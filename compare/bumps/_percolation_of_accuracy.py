"""Does accuracy set in where the training bumps percolate? [@Liang2024]"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error
from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...simulate.bumps import BumpCanvas
from ...simulate.bumps.labels import random_share
from .plans import BumpPlan

if TYPE_CHECKING:
    import xarray as xr
from .studies import _attributes, _folder, _right


@typed
def percolation_of_accuracy(
    plan: BumpPlan, seed: int = 0, run_dir: FilePath | None = None, device: Device = "cpu"
) -> xr.Dataset:
    """Trained accuracy and connected share of the very same data, against the share of the data kept.

    The theory is `critical_data_fraction` [@Liang2024].

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
        Over (width, share): `accuracy` of all places, `unseen` of those not trained on, `connected`, the largest
        connected share of the kept bumps (neighbours overlap above `plan.overlap`), each with `_stderr` over seeds;
        `predicted` (width), the critical share of theory, nan where there is none.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from idealscore.compare.bumps import plan
    >>> from idealscore.learned.training import TrainConfig
    >>> quick = plan("small").with_recipe(
    ...     network="mlp", options={"width": 4, "depth": 1}, train=TrainConfig(steps=1, batch=2), levels=2
    ... )
    >>> quick = replace(quick, seeds=1, widths=(0.5,))
    >>> found = percolation_of_accuracy(quick)
    >>> dict(found.accuracy.sizes)
    {'width': 1, 'share': 6}
    """
    import xarray as xr

    from ...theory.percolation import critical_data_fraction

    shape = (len(plan.widths), len(plan.shares), plan.seeds)
    measured = {name: np.full(shape, np.nan) for name in ("accuracy", "unseen", "connected")}
    for k, width in enumerate(plan.widths):
        canvas = BumpCanvas(plan.canvas.size, width, plan.canvas.spacing)
        centres = canvas.centres()
        sets = [
            random_share(centres, share, stream_seed(seed, "kept bumps", number))
            for share in plan.shares
            for number in range(plan.seeds)
        ]
        networks = plan.recipe.fit(canvas, sets, seed, _folder(run_dir, f"width-{width:g}"), device)
        right = _right(plan, networks, canvas, centres)
        for i, (kept, correct) in enumerate(zip(sets, right, strict=True)):
            seen = (centres[:, None] == kept).all(-1).any(1)
            place = (k, *divmod(i, plan.seeds))
            measured["accuracy"][place] = correct.mean()
            measured["unseen"][place] = correct[~seen].mean() if not seen.all() else np.nan
            measured["connected"][place] = connected_share(seen, canvas, plan.overlap)
    critical = [critical_data_fraction(plan.canvas.spacing, width, plan.overlap).value for width in plan.widths]
    variables = {
        **estimates(("width", "share"), **{name: mean_error(values, axis=2) for name, values in measured.items()}),
        "predicted": ("width", [np.nan if value is None else value for value in critical]),
    }
    coordinates = {"width": list(plan.widths), "share": list(plan.shares)}
    return xr.Dataset(variables, coordinates, {**_attributes(plan, seed, device), "overlap": plan.overlap})


def connected_share(kept: np.ndarray, canvas: BumpCanvas, overlap: float) -> float:
    """The largest connected share of the kept centres, `kept` (n^2,) in the order of `canvas.centres()`.

    Two are neighbours where their continuous overlap, exp(-D^2 / (4 sigma^2)), is at least `overlap` [@Liang2024].

    >>> canvas = BumpCanvas(4, width=0.25)
    >>> connected_share(np.arange(16) < 8, canvas, 0.005), connected_share(np.arange(16) % 8 == 0, canvas, 0.005)
    (1.0, 0.5)
    """
    from ...simulate.percolation import label
    from ...theory.percolation import extended_square, link_radius

    kept = np.asarray(kept, dtype=bool)
    check.integer("kept", int(kept.sum()), 1)
    radius = link_radius(canvas.width, overlap) / canvas.spacing
    if radius < 1:
        return 1 / int(kept.sum())
    n = math.isqrt(len(kept))
    labels, _ = label(np.where(kept, 0.0, 1.0).reshape(n, n), 0.5, extended_square(radius), periodic=canvas.periodic)
    return float(np.bincount(labels[labels > 0]).max() / kept.sum())
