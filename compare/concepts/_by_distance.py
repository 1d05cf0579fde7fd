"""Curves and times of emergence, averaged over the classes at one distance on the concept graph [@Okawa2023]."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error
from ..._support.typed import typed
from ...errors import ArgumentError


@typed
def by_distance(result: xr.Dataset, *, concept: str | None = None) -> xr.Dataset:
    """Emergence times by concept distance, from `composition` of curves over (seed, class) with coordinate `distance`.

    Parameters
    ----------
    result : xarray.Dataset
        Of `composition`, with the dimension `class` and its coordinate `distance`; `seed` may be missing.
    concept : str, optional
        Take the times of this concept instead of those of the joint accuracy.

    Returns
    -------
    xarray.Dataset
        Over `distance`: `time`, the mean over the classes at that distance and then over seeds, with its standard
        error over seeds; `reached`, the share of curves that got there (the last step stands for the others, so that
        the mean is then a lower bound); `n_classes`. Over `step_up`: `gap`, the paired difference to the distance
        before, with its error.

    Raises
    ------
    ArgumentError
        For a result without classes or without their distances.

    Examples
    --------
    >>> from idealscore.compare import composition
    >>> curves = xr.Dataset(
    ...     {"joint": (("class", "step"), [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])},
    ...     {"class": ["01", "11"], "distance": ("class", [1, 2]), "step": [0, 10, 20]},
    ... )
    >>> curves["accuracy"] = curves.joint.expand_dims(concept=["shape"])
    >>> found = by_distance(composition(curves))
    >>> found.time.values.tolist(), found.gap.values.tolist()
    ([8.0, 18.0], [10.0])
    """
    if "distance" not in result.coords or "class" not in result.time.dims:
        raise ArgumentError("result", "has no classes with a distance", "pass composition(concept_study(...))")
    if concept is not None:
        check.choice("concept", concept, map(str, result.concept.values))
    time = result.time if concept is None else result.concept_time.sel(concept=concept)
    if "seed" not in time.dims:
        time = time.expand_dims("seed")
    reached, last = time.notnull(), float(result.step.max())
    grouped = time.fillna(last).groupby("distance").mean("class").transpose("seed", "distance")
    shells = grouped.distance.values
    count = [int((result.distance == d).sum()) for d in shells]
    return xr.Dataset(
        {
            **estimates("distance", time=mean_error(grouped.values)),
            "reached": ("distance", reached.groupby("distance").mean(("class", "seed")).values),
            "n_classes": ("distance", count),
            **estimates("step_up", gap=mean_error(np.diff(grouped.values, axis=1))),
        },
        {"distance": shells, "step_up": shells[1:]},
        {"n_seeds": time.sizes["seed"], "threshold": result.attrs["threshold"]},
    )
