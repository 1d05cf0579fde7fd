"""Does a class appear as the product of its concepts, and when? [@Okawa2023]

Curves of accuracy over training are held against the multiplicative law, the additive law and the two bounds of any
joint accuracy; crossing times of classes are compared by their distance to the training set.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.crossing import crossing
from ..._support.estimates import estimates, mean_error
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ...theory.composition.laws import additive_law, joint_bounds, multiplicative_law
from .curves import checked

LAWS = ("multiplicative", "additive", "slowest", "disjoint")


def composition(curves: xr.Dataset, *, threshold: float = 0.8, settled: bool = False) -> xr.Dataset:
    """Joint accuracy next to its laws, and emergence times of classes and concepts.

    The laws are "multiplicative" and "additive", and the bounds "slowest" (abilities that fail together) and
    "disjoint" (that never do).

    Parameters
    ----------
    curves : xarray.Dataset
        As of `concept_curves` or `concept_study`: `joint` (..., step) and `accuracy` (..., concept, step); the
        attribute `n_samples`, where known, is the number of samples behind each point.
    threshold : float
        The accuracy in [0, 1] that tells when a class or a concept has emerged.
    settled : bool
        Whether the time is that from which on the threshold is held, not the first at which it is reached.

    Returns
    -------
    xarray.Dataset
        Over (law, ..., step) the `predicted` accuracy, with `predicted_stderr` where the number of samples is known;
        over `law` the `rms` and largest `deviation` of the joint accuracy from it; `time` (...) and `concept_time`
        (concept, ...), the step at which the threshold is reached, nan where it is not; `lag` = time - max of
        concept_time; and `curves`. Where the number of samples is known, `chi2` is the mean squared deviation from the
        product in units of what independent successes would give by chance (1 when they are independent; nan where
        the number is not known), see `independence_error`.

    Raises
    ------
    ArgumentError
        For curves outside [0, 1], steps that do not increase, or a threshold outside [0, 1].
    ShapeError
        For curves of unequal length.

    Examples
    --------
    >>> from idealscore.compare.concepts.curves import concept_curves
    >>> curves = concept_curves([0, 10, 20], [0.0, 0.4, 0.9], [[0.0, 0.5, 0.9], [0.5, 0.8, 1.0]], ["shape", "color"])
    >>> found = composition(curves)
    >>> found.rms.sel(law=["multiplicative", "additive"]).values.round(3).tolist()
    [0.0, 0.206]
    >>> float(found.time), found.concept_time.values.tolist(), float(found.lag)
    (18.0, [17.5, 10.0], 0.5)
    """
    curves = checked(curves)
    threshold = check.real("threshold", threshold, 0.0, 1.0)
    accuracy, joint, n = curves.accuracy.values, curves.joint.values, curves.attrs.get("n_samples")
    low, high = joint_bounds(accuracy)
    product, mean = (law(accuracy, _binomial(accuracy, n)) for law in (multiplicative_law, additive_law))
    predicted = np.stack([product.value, mean.value, high, low])
    steps = curves.step.values
    time = crossing_time(steps, joint, threshold, settled)
    concept_time = crossing_time(steps, accuracy, threshold, settled)
    dims = curves.joint.dims
    result = xr.Dataset(
        {
            "predicted": (("law", *dims), predicted),
            "rms": ("law", [_rms(joint - one) for one in predicted]),
            "deviation": ("law", [float(np.abs(joint - one).max()) for one in predicted]),
            "time": (dims[:-1], time),
            "concept_time": (("concept", *dims[:-1]), concept_time),
            "lag": (dims[:-1], time - concept_time.max(0)),
            "chi2": ((), _chi2(joint, accuracy, n)),
        },
        {"law": list(LAWS), **curves.coords},
        {"threshold": threshold, "n_curves": int(np.prod(joint.shape[:-1]))},
    )
    if n is not None:
        errors = np.stack([product.stderr, mean.stderr, *[_binomial(bound, n) for bound in (high, low)]])
        result["predicted_stderr"] = (("law", *dims), errors)
    return result.merge(curves, combine_attrs="drop").assign_attrs({**curves.attrs, **result.attrs})


def crossing_time(step: ArrayLike, curve: ArrayLike, threshold: float, settled: bool = False) -> Array:
    """When curves `(..., step)` first reach `threshold`, linear between records; nan where they do not.

    Parameters
    ----------
    step : array-like, shape (steps,)
        Increasing training steps.
    curve : array-like, shape (..., steps)
        The curves.
    threshold : float
        The level.
    settled : bool
        Whether the time is that of the last passage, from which on the level is held.

    Returns
    -------
    ndarray, shape (...)
        The times, in training steps.

    Examples
    --------
    >>> crossing_time([0, 10, 20, 30], [0.0, 1.0, 0.0, 1.0], 0.5).item()
    5.0
    >>> crossing_time([0, 10, 20, 30], [0.0, 1.0, 0.0, 1.0], 0.5, settled=True).item()
    25.0
    """
    values = np.asarray(curve, dtype=np.float64)
    above = values >= threshold
    always = above.all(-1) if settled else above[..., 0]
    found = crossing(step, values, threshold, direction="rising", pick="last" if settled else "first")
    return np.where(always, np.asarray(step, dtype=np.float64)[0], found)


def independence_error(accuracy: ArrayLike, n: int) -> Array:
    """Standard deviation of joint - product over `n` samples whose concepts succeed independently, (...).

    With P = prod p_i and both measured on the same samples, the variance is P (1 - P) - sum_i P^2 (1 - p_i) / p_i
    over n, to first order in 1/n: much smaller than that of the joint accuracy alone.

    Parameters
    ----------
    accuracy : array-like, shape (concepts, ...)
        The shares p_i of samples with each concept right.
    n : int
        The number of samples.

    Returns
    -------
    ndarray, shape (...)
        The standard deviation.

    Raises
    ------
    ArgumentError
        For n < 1.

    Examples
    --------
    >>> independence_error([[0.5], [0.5]], 100).round(4).tolist()
    [0.025]
    """
    p = np.asarray(accuracy, dtype=np.float64)
    product = p.prod(0)
    others = np.stack([np.delete(p, i, axis=0).prod(0) for i in range(len(p))])
    variance = product * (1 - product) - (others**2 * p * (1 - p)).sum(0)
    return np.sqrt(np.maximum(variance, 0.0) / check.integer("n", n, 1))


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


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt((difference**2).mean()))


def _binomial(p: np.ndarray, n: int | None) -> np.ndarray:
    return np.zeros_like(p) if n is None else np.sqrt(p * (1 - p) / n)


def _chi2(joint: np.ndarray, accuracy: np.ndarray, n: int | None) -> float:
    if n is None:
        return float("nan")
    error = independence_error(accuracy, n)
    known = error > 1e-9
    if not known.any():
        return float("nan")
    return float((((joint - accuracy.prod(0))[known] / error[known]) ** 2).mean())
