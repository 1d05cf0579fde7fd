"""How many pictures of a rare concept does its composition need? [@Okawa2023]"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Device, FilePath
from ...errors import ArgumentError
from .training import ConceptPlan, _curves


@typed
def frequency_study(
    plan: ConceptPlan,
    rare: str,
    kept: Sequence[int],
    run_dir: FilePath | None = None,
    *,
    device: Device = "cpu",
    show: bool | None = None,
) -> xr.Dataset:
    """`concept_study` for each number in `kept` of pictures of the class `rare`: curves over (kept, seed, ...).

    The fewer pictures are contained in the more. With 0 pictures the class is left out of the training set. The number
    of steps stays what it is.

    Parameters
    ----------
    plan : ConceptPlan
        What is trained and how it is judged.
    rare : str
        The label of a training class.
    kept : sequence of int
        Increasing numbers >= 0 of its pictures.
    run_dir : path, optional
        Where networks and curves are kept as they come; the same call goes on where a stopped one was.
    device : str or torch.device
        Where the networks are trained.
    show : bool, optional
        Whether progress is shown; by default on a terminal.

    Returns
    -------
    xarray.Dataset
        That of `concept_study` with the dimension `kept` in front.

    Raises
    ------
    UnknownNameError
        Where `rare` is not a training class.
    ArgumentError
        For numbers that do not increase or are below 0.
    EstimateError
        Where a probe reads fewer than 99 % of held-out pictures rightly.

    Examples
    --------
    >>> from idealscore.compare.concepts import concept_plan
    >>> from idealscore.compare.concepts.training import with_options
    >>> plan = with_options(concept_plan(), steps=2, every=1, warmup=0, seeds=1, per_class=4, n_samples=2, levels=2)
    >>> dict(frequency_study(plan, plan.chosen.labels[0], [0, 2], show=False).joint.sizes)
    {'kept': 2, 'seed': 1, 'class': 8, 'step': 2}
    """
    labels, seeds = plan.chosen.labels, range(plan.train.seed, plan.train.seed + plan.seeds)
    check.choice("rare", rare, labels)
    counts = [check.integer("kept", count, 0) for count in kept]
    if counts != sorted(set(counts)) or not counts:
        raise ArgumentError("kept", f"is {list(kept)}", "pass increasing numbers of pictures")
    sets, order = [], []
    for count in counts:
        for seed in seeds:
            nodes = [label for label in labels if count or label != rare]
            wanted = {"*": plan.per_class, **({rare: count} if count else {})}
            sets.append(plan.world.sample(nodes, wanted, seed))
            order.append(seed)
    curves = _curves(plan, sets, order, run_dir, device, show)
    index = {"kept": np.repeat(counts, plan.seeds), "seed": np.array(order)}
    grid = curves.assign_coords({name: ("replica", values) for name, values in index.items()})
    found = grid.set_index(replica=("kept", "seed")).unstack("replica").transpose("kept", "seed", ...)
    return found.assign_attrs(rare=rare)
