"""Closed forms fitted to accuracy over training, with how well they really fit.

    geometric   c + (1 - c) [1 - (1 - p)^t]           the toy law of one ability, learned with p per step [@Okawa2023]
    logistic    c + (1 - c) / [1 + e^((T - t) / w)]   the two-layer law of a concept learned alone [@Yang2025],
                                                      w = 1 / (2 a), T its emergence time

c is the accuracy before anything is learned. The two have two and three parameters, so that information criteria, not
residuals alone, decide between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, EstimateError, ShapeError
from ...theory.composition.laws import accuracies

FORMS = ("geometric", "logistic")
ROUNDS = 3  # of weights from the curve fitted before


@dataclass(frozen=True)
class CurveFit:
    """A form fitted to accuracy over training.

    Parameters
    ----------
    form : {"geometric", "logistic"}
        Which form.
    parameters, stderr : dict of str to float
        The fitted numbers and their standard errors.
    rms : float
        Of the residuals.
    chi2 : float
        Per degree of freedom, nan where the errors are not known.
    aic : float
        Of Gaussian residuals, to be compared between forms on one curve; smaller is better.
    n : int
        Number of points.

    Examples
    --------
    >>> fit = CurveFit("geometric", {"chance": 0.5, "rate": 1.0}, {"chance": 0.0, "rate": 0.0}, 0.0, np.nan, 0.0, 3)
    >>> fit([0.0]).tolist()
    [0.5]
    """

    form: str
    parameters: dict[str, float]
    stderr: dict[str, float]
    rms: float
    chi2: float
    aic: float
    n: int

    def __call__(self, step: ArrayLike) -> np.ndarray:
        return _FUNCTIONS[self.form](check.float_array("step", step), *self.parameters.values())


def _geometric(t: np.ndarray, chance: float, rate: float) -> np.ndarray:
    return 1 - (1 - chance) * np.exp(-rate * t)


def _logistic(t: np.ndarray, chance: float, time: float, width: float) -> np.ndarray:
    from scipy.special import expit

    return chance + (1 - chance) * expit((t - time) / width)


_FUNCTIONS = {"geometric": _geometric, "logistic": _logistic}
_NAMES = {"geometric": ("chance", "rate"), "logistic": ("chance", "time", "width")}


@typed
def fit_curve(step: ArrayLike, accuracy: ArrayLike, form: str, *, n_samples: int | None = None) -> CurveFit:
    """Least squares of a closed form to accuracy over training.

    Points weigh by the binomial error of the curve where `n_samples` is known. Where it is not, they weigh alike and
    the standard errors are those of points of unequal scatter [@MacKinnon1985]. The rate of "geometric" is -ln(1 - p).

    Parameters
    ----------
    step : array_like, shape (n,)
        Training steps.
    accuracy : array_like, shape (n,)
        The accuracy there, in [0, 1]; more points than the form has parameters.
    form : {"geometric", "logistic"}
        The form, as at the head of this module.
    n_samples : int, optional
        Samples of which each accuracy is a share.

    Returns
    -------
    CurveFit
        The fit, which can be called at other steps.

    Raises
    ------
    UnknownNameError
        If `form` is unknown.
    ShapeError
        If `step` and `accuracy` differ in length or are too short.
    EstimateError
        If no fit is found.

    Examples
    --------
    >>> t = np.arange(0, 100, 5)
    >>> fit = fit_curve(t, 1 / (1 + np.exp((40 - t) / 6)), "logistic")
    >>> round(fit.parameters["time"], 3), round(fit.parameters["width"], 3), fit.rms < 1e-4
    (40.0, 6.0, True)
    """
    from scipy.optimize import curve_fit

    check.choice("form", form, FORMS)
    t, values = check.float_array("step", step), accuracies("accuracy", accuracy)
    names, function = _NAMES[form], _FUNCTIONS[form]
    if t.ndim != 1 or t.shape != values.shape or len(t) <= len(names):
        raise ShapeError("accuracy", f"has shape {values.shape} for {t.shape} steps", f"pass more than {len(names)}")
    scale = float(t.max() - t.min())
    if not check.SMALLEST_SIGMA <= scale <= check.LARGEST_SIGMA:
        raise ArgumentError("step", f"goes from {t.min():g} to {t.max():g}", "pass different training steps")
    middle = float(t[np.argmin(np.abs(values - (values.min() + values.max()) / 2))])
    first = {"geometric": (0.1, 1 / max(middle, scale / 50)), "logistic": (0.1, middle, scale / 10)}[form]
    lowest = {"geometric": (0.0, 0.0), "logistic": (0.0, t.min() - scale, scale * 1e-4)}[form]
    highest = {"geometric": (1.0, 1e3 / scale), "logistic": (1.0, t.max() + 10 * scale, 10 * scale)}[form]
    expected, best, errors, covariance = values, first, None, np.zeros((len(names), len(names)))
    try:
        for _ in range(1 if n_samples is None else ROUNDS):  # weights by the curve: those of the points favour low ones
            errors = None if n_samples is None else _errors(expected, n_samples)
            best, covariance = curve_fit(
                function, t, values, best, errors, n_samples is not None, bounds=(lowest, highest), max_nfev=20000
            )
            expected = function(t, *best)
    except RuntimeError as error:
        raise EstimateError(f"no {form} fit was found: {error}") from None
    if n_samples is None:
        covariance = _covariance(function, t, best, values - expected)
    residual = values - function(t, *best)
    chi2 = np.nan if errors is None else float(((residual / errors) ** 2).sum() / (len(t) - len(names)))
    squares = float((residual**2).mean())
    aic = len(t) * float(np.log(max(squares, 1e-300))) + 2 * (len(names) + 1)
    spread = np.sqrt(np.clip(np.diag(covariance), 0, None))
    estimates = [dict(zip(names, map(float, numbers), strict=True)) for numbers in (best, spread)]
    return CurveFit(form, estimates[0], estimates[1], squares**0.5, chi2, aic, len(t))


def _covariance(function: Callable[..., np.ndarray], t: np.ndarray, best: np.ndarray, residual: np.ndarray) -> Array:
    """Of the parameters of a fit to points of unknown and unequal errors, from its residuals (HC3)."""
    steps = np.diag(1e-6 * np.maximum(np.abs(best), 1e-3))
    slopes = np.stack([(function(t, *(best + h)) - function(t, *(best - h))) / (2 * h.max()) for h in steps], axis=1)
    inverse = np.linalg.pinv(slopes)
    leverage = np.clip((slopes * inverse.T).sum(1), 0.0, 1 - 1e-6)
    return (inverse * (residual / (1 - leverage)) ** 2) @ inverse.T


def _errors(p: np.ndarray, n: int) -> np.ndarray:
    """Binomial errors with the rule of succession, so that 0 and 1 have an error too."""
    shrunk = (p * n + 1) / (check.integer("n_samples", n, 1) + 2)
    return np.sqrt(shrunk * (1 - shrunk) / n)
