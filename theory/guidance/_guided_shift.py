"""Two Gaussian classes of one covariance: mean and variance of guided samples by one universal equation."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from ..._support import checks as check
from ...errors import ArgumentError

FARTHEST = 40.0  # classes that lie so many widths apart are as far as any: 1 - tanh(u^2) is 0 long before
LARGEST_W = 1e3
REACH, STEP = 9.0, 0.06  # of the trapezoid rule over y(0), which converges exponentially


class GuidedShift(NamedTuple):
    """Mean and variance of y = (q - a) / s at the end: how far guided samples lie beyond their class, and how wide.

    Parameters
    ----------
    mean : float
        Shift away from the other class, in units of the width s of the class; 0 without guidance.
    variance : float
        1 without guidance.

    Examples
    --------
    >>> mean, variance = guided_shift(1.0, 2.0)
    >>> round(mean, 6), round(variance, 6)
    (0.649018, 0.517992)
    """

    mean: float
    variance: float


def guided_shift(
    w: float, u_max: float = math.inf, interval: tuple[float, float] = (0.0, math.inf), *, weight: float = 0.5
) -> GuidedShift:
    r"""Mean and variance of guided samples of one of two Gaussian classes of one covariance.

    Classes at +-a along a line, of variance s^2, guided by D_w = D_c + w (D_c - D_u) [@Ho2022]. With v = s^2 + sigma^2,
    u = a / sqrt(v) and y = (q - a) / sqrt(v) the probability flow is

        dy / du = w (1 - tanh(u^2 + u y + l)),   y(0) ~ N(0, 1),   u from 0 to a / s,   e^2l = weight / (1 - weight),

    whatever a, s and the dimension are; other directions are left alone. u^2 is the c^2 of `cloning_probability`, so
    that u = 1 is the speciation of the two classes. The shift saturates, while the lost variance never comes back.

    Parameters
    ----------
    w : float
        Weight of the guidance, >= 0; 0 is none. (Others write the scale 1 + w.)
    u_max : float
        a / s, half of the distance between the classes in units of their width; inf for classes without width.
    interval : (float, float)
        Guidance is on for u in between. Large u is little noise: u = a / sqrt(s^2 + sigma^2).
    weight : float
        Probability of the class that is guided to, in (0, 1).

    Returns
    -------
    GuidedShift
        (mean, variance), to about ten digits.

    Raises
    ------
    ArgumentError
        For a negative w or u_max, a weight that is not in (0, 1), or an interval that is none or begins beyond u_max.

    References
    ----------
    Derived step by step by `idealscore derive guidance`.

    Examples
    --------
    >>> mean, variance = guided_shift(3.0)
    >>> round(mean, 7), round(variance, 7)
    (1.3632751, 0.3394718)
    >>> below_speciation = guided_shift(3.0, interval=(1.0, math.inf))
    >>> round(below_speciation.mean / mean, 3), round(below_speciation.variance, 3)
    (0.212, 0.495)
    """
    w, u_max = check.real("w", w, 0.0, LARGEST_W), _distance(u_max)
    low, high = check_interval(interval, u_max)
    weight = check.real("weight", weight, 0.0, 1.0)
    if not 0 < weight < 1:
        raise ArgumentError("weight", f"is {weight:g}, which leaves one class", "pass a probability between 0 and 1")
    prior = math.log(weight / (1 - weight)) / 2
    start = np.arange(-REACH, REACH + STEP / 2, STEP)
    end, high = start, min(high, u_max, FARTHEST)
    if w > 0 and low < high:
        # the solution of rtol 1e-11 has about ten digits: the mean is a sum of 300 smooth trajectories
        flow = solve_ivp(
            lambda u, y: w * (1 - np.tanh(u * u + u * y + prior)),
            (low, high),
            start,
            method="DOP853",
            rtol=1e-11,
            atol=1e-12,
        )
        end = flow.y[:, -1]
    density = np.exp(-(start**2) / 2)
    density /= density.sum()
    mean = float(density @ (end - start))
    return GuidedShift(mean, float(density @ (end - mean) ** 2))


def shift_share(w: float, interval: tuple[float, float], u_max: float = math.inf, *, weight: float = 0.5) -> float:
    """The share of the shift that guidance within `interval` alone makes, of that of guidance at all noise levels.

    Parameters
    ----------
    w : float
        Weight of the guidance, > 0.
    interval : (float, float)
        Guidance is on for u in between; see `guided_shift`.
    u_max : float
        a / s, half of the distance between the classes in units of their width.
    weight : float
        Probability of the class that is guided to, in (0, 1).

    Returns
    -------
    float
        From 0 to 1. Shares of intervals that fill the line do not sum to 1, since the equation is not linear.

    Raises
    ------
    ArgumentError
        For w <= 0, u_max = 0, and what `guided_shift` refuses.

    Examples
    --------
    >>> [round(shift_share(1.0, (0, u)), 4) for u in (0.25, 0.5, 1.0, 2.0)]
    [0.3698, 0.6622, 0.9437, 0.9999]
    """
    whole = guided_shift(w, u_max, weight=weight).mean
    if whole <= 0:
        raise ArgumentError("w", "shifts nothing, so that there is nothing to share", "pass w > 0 and u_max > 0")
    return guided_shift(w, u_max, interval, weight=weight).mean / whole


def check_interval(interval: tuple[float, float], last: float, name: str = "interval") -> tuple[float, float]:
    """The two ends of an interval that meets [0, last]."""
    try:
        low, high = (check.number(name, end) for end in interval)
    except (TypeError, ValueError):
        raise ArgumentError(name, f"is {interval!r}", "pass its two ends, (low, high)") from None
    if not 0 <= low < high:
        raise ArgumentError(name, f"is ({low:g}, {high:g})", "pass (low, high) with 0 <= low < high")
    if low > last:
        raise ArgumentError(name, f"begins at {low:g}, beyond the end {last:g}", f"begin below {last:g}")
    return low, high


def _distance(u_max: float) -> float:
    return check.number("u_max", u_max, 0.0)
