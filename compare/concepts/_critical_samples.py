"""How many examples of a rare concept class does a composition need? [@Okawa2023]"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, EstimateError, ShapeError
from ...theory.composition.laws import accuracies


@dataclass(frozen=True)
class CriticalSamples:
    """k50, where the accuracy is half of its plateau, with the exponent and the plateau of the fit.

    low, high: the two measured numbers between which half the plateau is passed, whatever the fit. chi2: per degree of
    freedom, nan where no errors are known.
    """

    value: float
    stderr: float
    exponent: float
    plateau: float
    low: float
    high: float
    chi2: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.stderr:.2g} samples (between {self.low:g} and {self.high:g})"


@typed
def critical_samples(kept: ArrayLike, accuracy: ArrayLike, stderr: ArrayLike | None = None) -> CriticalSamples:
    """The critical number of samples of a rare class, from the accuracy against the number of its pictures.

    Fits A(k) = A_max / [1 + (k50 / k)^h].

    Parameters
    ----------
    kept : array-like, shape (k,)
        Four or more increasing numbers >= 0 of pictures.
    accuracy : array-like, shape (k,)
        The accuracy at each of them, in [0, 1].
    stderr : array-like, shape (k,), optional
        Its standard errors; below 0.001 they count as 0.001.

    Returns
    -------
    CriticalSamples
        k50 with its error, the exponent h and the plateau A_max.

    Raises
    ------
    EstimateError
        Where the accuracy does not pass half of its largest value, or is above a quarter of it with no picture at all,
        or where no fit is found.
    ShapeError
        For unfit shapes.
    ArgumentError
        For accuracies outside [0, 1].

    Examples
    --------
    >>> kept = np.array([0, 4, 8, 16, 32, 64, 128])
    >>> found = critical_samples(kept, 0.9 / (1 + (20 / np.maximum(kept, 1e-9)) ** 4))
    >>> round(found.value, 3), found.low, found.high
    (20.0, 16.0, 32.0)
    """
    from scipy.optimize import curve_fit

    k, values = check.finite("kept", check.float_array("kept", kept)), accuracies("accuracy", accuracy)
    if k.ndim != 1 or k.shape != values.shape or len(k) < 4 or bool((np.diff(k) <= 0).any()) or k[0] < 0:
        raise ShapeError("kept", f"has shape {k.shape} for {values.shape}", "pass four or more increasing numbers >= 0")
    if k[-1] < 1 or k[-1] > check.LARGEST_COUNT:
        raise ArgumentError("kept", f"ends with {k[-1]:g}", "pass numbers of pictures")
    half = values.max() / 2
    after = int(np.argmax(values >= half))
    if values.max() == 0 or after == 0:
        raise EstimateError("the accuracy does not pass half of its largest value; sweep more numbers", values)
    if k[0] == 0 and values[0] > values.max() / 4:
        raise EstimateError(f"the accuracy is {values[0]:.2f} with no picture at all: no number is critical", values)
    low, high = float(k[after - 1]), float(k[after])
    errors = None
    if stderr is not None:
        errors = np.maximum(check.finite("stderr", check.float_array("stderr", stderr)), 1e-3)
        if errors.shape != k.shape:
            raise ShapeError("stderr", f"has shape {errors.shape}", f"pass one number per accuracy, {k.shape}")

    def law(x: np.ndarray, log_half: float, exponent: float, plateau: float) -> np.ndarray:
        from scipy.special import expit

        return plateau * np.where(x > 0, expit(exponent * (np.log(np.maximum(x, 1e-300)) - log_half)), 0.0)

    first = (np.log(max((low + high) / 2, 0.5)), 3.0, float(values.max()))
    bounds = ([-3.0, 0.2, 0.0], [np.log(k[-1]) + 3, 60.0, 1.0])
    try:
        best, covariance = curve_fit(law, k, values, first, errors, errors is not None, bounds=bounds, max_nfev=20000)
    except RuntimeError as error:
        raise EstimateError(f"no fit was found: {error}", (low, high)) from None
    chi2 = float("nan") if errors is None else float((((values - law(k, *best)) / errors) ** 2).sum() / (len(k) - 3))
    value = float(np.exp(best[0]))
    spread = float(value * np.sqrt(covariance[0, 0])) if np.isfinite(covariance[0, 0]) else float("nan")
    return CriticalSamples(value, spread, float(best[1]), float(best[2]), low, high, chi2)
