"""Where a function of the noise level changes sign, and how its error becomes one of the noise level."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq

from ..noise import NoiseLevel
from ..transition import Transition

Function = Callable[[float], float]


def root(function: Function, low: float, high: float, tolerance: float = 1e-12) -> float:
    """The sigma in [low, high], both > 0, where `function` changes sign, to a relative `tolerance`."""

    def of_log(log_sigma: float) -> float:
        return function(math.exp(log_sigma))

    return math.exp(float(brentq(of_log, math.log(low), math.log(high), xtol=tolerance)))  # type: ignore[arg-type]


def slope(function: Function, sigma: float, step: float = 0.02) -> float:
    """d function / d sigma by a central difference in log sigma."""
    return (function(sigma * math.exp(step)) - function(sigma * math.exp(-step))) / (2 * step * sigma)


def below(function: Function, high: float, halvings: int = 100) -> float | None:
    """The first of high, high / 2, high / 4 ... where `function` > 0, None where there is none."""
    return next((high / 2**k for k in range(halvings) if function(high / 2**k) > 0), None)


def at_sigma(name: str, sigma: float, stderr: float, equation: str, reference: str, note: str = "") -> Transition:
    """A transition at the noise level `sigma`."""
    return Transition(name, NoiseLevel(sigma), sigma, stderr, "sigma", equation, reference, note)


def none(name: str, equation: str, reference: str, note: str) -> Transition:
    """No transition, for the reason in `note`."""
    return Transition(name, None, None, 0.0, "sigma", equation, reference, note)
