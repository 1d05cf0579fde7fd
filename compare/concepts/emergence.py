"""Does a class appear as the product of its concepts, and when? [@Okawa2023]

Curves of accuracy over training are held against the multiplicative law, the additive law and the two bounds of any
joint accuracy; crossing times of classes are compared by their distance to the training set.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.typed import typed
from ...theory.composition._joint_bounds import joint_bounds
from ...theory.composition.laws import additive_law, multiplicative_law
from ._crossing_time import crossing_time
from ._independence_error import independence_error
from .curves import checked

LAWS = ("multiplicative", "additive", "slowest", "disjoint")


@typed
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
