"""Noise levels and the clocks that people read them on.

Inside the package there is one convention, `x = x0 + sigma * n` with `n ~ N(0, I)` ("VE" or EDM [@Karras2022]).
Every other clock is a name for the same `sigma`:

    OU time     x_t = e^-t x0 + sqrt(1 - e^-2t) n                sigma^2 = e^2t - 1
    alpha_bar   x_t = sqrt(abar) x0 + sqrt(1 - abar) n           sigma^2 = (1 - abar) / abar
    SNR         gamma = 1 / sigma^2                              (log_snr: its natural logarithm)
    flow time   x_t = (1 - t) x0 + t n                           sigma = t / (1 - t)
    DDPM step   abar_k of a `DiscreteSchedule`, k = 1 ... n      (0: no noise)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._support import checks as check
from .._support.display import boxes
from ..errors import NoiseLevelError, ShapeError
from .discrete_schedule import DiscreteSchedule as DiscreteSchedule

LARGEST_RHO = 1e6  # beyond, rounding merges the levels

if TYPE_CHECKING:
    from .._support.types import Array, ArrayLike

Value = float | np.ndarray
SHOWN = 12
"""Levels of many that a notebook shows."""


def _clock(name: str, value: ArrayLike, low: float, high: float) -> Array:
    """`value` as float64, if it lies on the clock."""
    array = check.float_array(name, value)
    if array.size == 0:
        raise ShapeError(name, "is empty", "pass at least one value")
    if not bool(np.all((array >= low) & (array <= high))):
        raise NoiseLevelError(name, f"is {value}", f"pass values in [{low:g}, {high:g}]")
    return array


def _plain(array: Array) -> Value:
    """A scalar as a float."""
    return float(array) if np.ndim(array) == 0 else array


@dataclass(frozen=True, eq=False, repr=False, init=False)
class NoiseLevel:
    """A noise level, scalar or array, readable on every clock; 0 and inf are allowed.

    Parameters
    ----------
    sigma : float or array
        Standard deviation of the noise in x = x0 + sigma n, from 0 to inf.

    Raises
    ------
    NoiseLevelError
        Where a value lies outside its clock.
    ShapeError
        Where the array is empty.

    Examples
    --------
    >>> NoiseLevel(1.5), NoiseLevel([0.5, 1.0, 2.0])
    (NoiseLevel(sigma=1.5), NoiseLevel(3 levels, sigma 0.5 ... 2))
    >>> level = NoiseLevel.from_alpha_bar(0.5)
    >>> round(level.sigma, 9), round(level.snr, 9), level.flow_time
    (1.0, 1.0, 0.5)
    >>> round(level.step(DiscreteSchedule.linear(1000, 1e-4, 0.02)), 2)
    259.09
    """

    sigma: Value

    def __init__(self, sigma: ArrayLike) -> None:
        array = _clock("sigma", sigma, 0.0, np.inf).copy()
        array.setflags(write=False)
        object.__setattr__(self, "sigma", _plain(array))

    @classmethod
    def from_ou_time(cls, t: ArrayLike) -> NoiseLevel:
        """From the time of dx = -x dt + sqrt(2) dW.

        Parameters
        ----------
        t : float or array
            OU time from 0 to inf.

        Returns
        -------
        NoiseLevel
            Scalar or array, as given.
        """
        with np.errstate(over="ignore"):
            return cls(_plain(np.sqrt(np.expm1(2 * _clock("ou_time", t, 0.0, np.inf)))))

    @classmethod
    def from_alpha_bar(cls, alpha_bar: ArrayLike) -> NoiseLevel:
        """From the squared signal scale of a variance-preserving process.

        Parameters
        ----------
        alpha_bar : float or array
            Squared scale of the signal, from 0 (all noise) to 1.

        Returns
        -------
        NoiseLevel
            Scalar or array, as given.
        """
        value = _clock("alpha_bar", alpha_bar, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            return cls(_plain(np.sqrt((1 - value) / value)))

    @classmethod
    def from_snr(cls, snr: ArrayLike) -> NoiseLevel:
        """From the signal-to-noise ratio 1 / sigma^2.

        Parameters
        ----------
        snr : float or array
            Signal-to-noise ratio from 0 to inf.

        Returns
        -------
        NoiseLevel
            Scalar or array, as given.
        """
        with np.errstate(divide="ignore"):
            return cls(_plain(1 / np.sqrt(_clock("snr", snr, 0.0, np.inf))))

    @classmethod
    def from_log_snr(cls, log_snr: ArrayLike) -> NoiseLevel:
        """From the natural logarithm of the signal-to-noise ratio.

        Parameters
        ----------
        log_snr : float or array
            Its natural logarithm, from -inf to inf.

        Returns
        -------
        NoiseLevel
            Scalar or array, as given.
        """
        with np.errstate(over="ignore"):
            return cls(_plain(np.exp(-_clock("log_snr", log_snr, -np.inf, np.inf) / 2)))

    @classmethod
    def from_flow_time(cls, t: ArrayLike) -> NoiseLevel:
        """From the time of the straight interpolation (1 - t) x0 + t n.

        Parameters
        ----------
        t : float or array
            Flow time from 0 (data) to 1 (noise).

        Returns
        -------
        NoiseLevel
            Scalar or array, as given.
        """
        value = _clock("flow_time", t, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            return cls(_plain(value / (1 - value)))

    @classmethod
    def from_step(cls, step: ArrayLike, schedule: DiscreteSchedule) -> NoiseLevel:
        """From a step 0 ... n of `schedule`; between steps, log(1 + sigma^2) is interpolated linearly.

        Parameters
        ----------
        step : float or array
            Step, whole or fractional, from 0 (no noise) to n.
        schedule : DiscreteSchedule
            Whose steps.

        Returns
        -------
        NoiseLevel
            Scalar or array, as given.
        """
        value = _clock("step", step, 0, schedule.n)
        log = np.interp(value, np.arange(schedule.n + 1), -np.log(schedule.alpha_bar))
        return cls(_plain(np.sqrt(np.expm1(log))))

    @property
    def snr(self) -> Value:
        """Signal-to-noise ratio 1 / sigma^2."""
        with np.errstate(divide="ignore", over="ignore"):
            return _plain(1 / np.square(np.asarray(self.sigma)))

    @property
    def log_snr(self) -> Value:
        """Natural logarithm of the signal-to-noise ratio."""
        with np.errstate(divide="ignore"):
            return _plain(-2 * np.log(np.asarray(self.sigma)))

    @property
    def alpha_bar(self) -> Value:
        """Squared signal scale 1 / (1 + sigma^2) of a variance-preserving process."""
        with np.errstate(over="ignore"):
            return _plain(1 / (1 + np.square(np.asarray(self.sigma))))

    @property
    def ou_time(self) -> Value:
        """Time log(1 + sigma^2) / 2 of dx = -x dt + sqrt(2) dW."""
        sigma = np.asarray(self.sigma)
        with np.errstate(over="ignore", divide="ignore"):
            return _plain(np.where(sigma < 1e150, np.log1p(np.square(sigma)) / 2, np.log(sigma)))

    @property
    def flow_time(self) -> Value:
        """Time sigma / (1 + sigma) of the straight interpolation."""
        with np.errstate(divide="ignore"):
            return _plain(1 / (1 + 1 / np.asarray(self.sigma)))

    def step(self, schedule: DiscreteSchedule) -> Value:
        """The (fractional) step of `schedule` with this noise level.

        Parameters
        ----------
        schedule : DiscreteSchedule
            Whose steps.

        Returns
        -------
        float or array
            From 0 to n; nan where the level lies beyond the last step (by more than rounding).
        """
        log = 2 * np.asarray(self.ou_time)
        table = -np.log(schedule.alpha_bar)
        rounding = 16 * np.finfo(np.float64).eps * max(1.0, float(table[-1]))
        return _plain(np.where(log <= table[-1] + rounding, np.interp(log, table, np.arange(schedule.n + 1)), np.nan))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoiseLevel) and np.array_equal(np.asarray(self.sigma), np.asarray(other.sigma))

    def __hash__(self) -> int:
        return hash(np.asarray(self.sigma).tobytes())

    def __repr__(self) -> str:
        if not np.ndim(self.sigma):
            return f"NoiseLevel(sigma={self.sigma})"
        levels = np.ravel(self.sigma)
        return f"NoiseLevel({levels.size} levels, sigma {levels[0]:.4g} ... {levels[-1]:.4g})"

    def _repr_html_(self) -> str:
        levels = np.ravel(self.sigma)
        rows = [_clocks(NoiseLevel(float(sigma))) for sigma in levels[:SHOWN]]
        left = f"and {levels.size - SHOWN} more" if levels.size > SHOWN else ""
        return f"<div><b>NoiseLevel</b>{boxes.table(rows) if rows else ''}{left}</div>"

    def __str__(self) -> str:
        if np.ndim(self.sigma):
            return "\n".join(str(NoiseLevel(float(s))) for s in np.ravel(self.sigma))
        return " | ".join(f"{name} {value}" for name, value in _clocks(self).items())


def _clocks(level: NoiseLevel) -> dict[str, str]:
    """One level in every clock, as text."""
    clocks = {
        "sigma": level.sigma,
        "SNR": level.snr,
        "alpha_bar": level.alpha_bar,
        "OU time": level.ou_time,
        "flow time": level.flow_time,
    }
    return {name: f"{value:.4g}" for name, value in clocks.items()}


def karras_sigmas(n: int = 18, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Array:
    """Decreasing noise levels, equally spaced in sigma^(1/rho) ([@Karras2022], eq. 5, without the final 0).

    Parameters
    ----------
    n : int
        How many levels, 2 or more.
    sigma_min, sigma_max : float
        The last and the first level.
    rho : float
        Large values put more of the levels at small noise.

    Returns
    -------
    array (n,)
        From `sigma_max` down to `sigma_min`, both exactly.

    Raises
    ------
    ArgumentError
        Unless n >= 2, 0 <= sigma_min <= sigma_max and 0.001 <= rho <= 10^6.

    Examples
    --------
    >>> [round(float(s), 3) for s in karras_sigmas(4)]
    [80.0, 9.723, 0.47, 0.002]
    """
    n = check.integer("n", n, 2)
    sigma_min, sigma_max = check.ordered("sigma_min", sigma_min, "sigma_max", sigma_max, 0.0)
    rho = check.real("rho", rho, 1e-3, LARGEST_RHO)
    ramp = np.linspace(0, 1, n)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    sigmas = (high + ramp * (low - high)) ** rho
    sigmas[0], sigmas[-1] = sigma_max, sigma_min
    return sigmas
