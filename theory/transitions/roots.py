"""Where a function of the noise level changes sign, how its error becomes one of the noise level, and what rounding is.

A transition exists where a computed number passes another one. The last bits of a computed number differ from
processor to processor, so that it passes only where it does so by more than its rounding: `ROUNDING` for sums and
integrals, `spectral_rounding` for eigenvalues, both relative to what is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from scipy.optimize import brentq

Function = Callable[[float], float]

ROUNDING = 256 * float(np.finfo(np.float64).eps)


def spectral_rounding(dim: int, dtype: torch.dtype = torch.float64) -> float:
    """The relative error that the arithmetic leaves on the largest eigenvalue in `dim` dimensions, (dim + 16) eps."""
    return (dim + 16) * float(torch.finfo(dtype).eps)


def root(function: Function, low: float, high: float, tolerance: float = 1e-12) -> float:
    """The sigma in [low, high], both > 0, where `function` falls through 0, to a relative `tolerance`.

    The caller knows that it is > 0 at `low` and <= 0 at `high`; an end where rounding turns the sign is the root.
    """

    @cache
    def of_log(log_sigma: float) -> float:
        return function(math.exp(log_sigma))

    start, end = math.log(low), math.log(high)
    if of_log(start) <= 0:
        return low
    if of_log(end) >= 0:
        return high
    return math.exp(float(brentq(of_log, start, end, xtol=tolerance)))  # type: ignore[arg-type]


def slope(function: Function, sigma: float, step: float = 0.02) -> float:
    """d function / d sigma by a central difference in log sigma."""
    return (function(sigma * math.exp(step)) - function(sigma * math.exp(-step))) / (2 * step * sigma)


def below(function: Function, high: float, rounding: float = 0.0, halvings: int = 100) -> float | None:
    """The first of high, high / 2, high / 4 ... where `function` exceeds its `rounding`, None where there is none."""
    return next((high / 2**k for k in range(halvings) if function(high / 2**k) > rounding), None)


def above(function: Function, high: float, rounding: float = 0.0, doublings: int = 100) -> float:
    """The first of high, 2 high, 4 high ... where `function` no longer exceeds its `rounding`."""
    return next((high * 2**k for k in range(doublings) if not function(high * 2**k) > rounding), high)
