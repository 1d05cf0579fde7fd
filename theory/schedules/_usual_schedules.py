"""The schedules in use, as falling noise levels of N steps that end with 0."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import minimize

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import NoiseLevelError
from ..discrete_schedule import DiscreteSchedule
from ..noise import NoiseLevel, karras_sigmas
from ._inputs import checked_range, discrete_schedule, ended, solver_named, spectrum_tensor, squarable_spectrum
from ._sampling_error import relative_square

LOWEST = 0.002
RHOS = (1.0, 50.0)


def karras_schedule(steps: int, sigma_max: float = 80.0, sigma_min: float = LOWEST, rho: float = 7.0) -> Array:
    """`karras_sigmas` and a last 0: equal steps of sigma^(1/rho) [@Karras2022], eq. 5.

    Parameters
    ----------
    steps : int
        N >= 1; with one step there is only sigma_max, then 0.
    sigma_max, sigma_min : float
        The first level and the last one above 0.
    rho : float
        Large values put more of the levels at small noise.

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0.

    Raises
    ------
    ArgumentError, NoiseLevelError
        For steps < 1, or unless 0 < sigma_min < sigma_max and rho > 0.

    Examples
    --------
    >>> karras_schedule(3).round(3)
    array([8.000e+01, 2.515e+00, 2.000e-03, 0.000e+00])
    """
    steps = check.integer("steps", steps, 1)
    sigma_max, sigma_min = checked_range(sigma_max, sigma_min, math.ulp(0.0))
    return ended([sigma_max] if steps == 1 else karras_sigmas(steps, sigma_min, sigma_max, rho))


def best_karras_schedule(
    spectrum: ArrayLike, steps: int, solver: str = "euler", sigma_max: float = 80.0, sigma_min: float = 0.0
) -> tuple[Array, float]:
    """The Karras schedule whose rho and lowest level are the best for a spectrum, by Nelder and Mead's search.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    steps : int
        N >= 1.
    solver : str
        "euler" or "ddim", "heun", "ddpm".
    sigma_max : float
        The first level.
    sigma_min : float
        The least that the lowest level may be.

    Returns
    -------
    sigmas : array (N + 1,)
        From sigma_max to 0.
    rho : float
        Between 1 and 50; nan for one or two steps, which have none.

    Raises
    ------
    ArgumentError, NoiseLevelError
        As of `optimal_schedule`.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError, UnknownNameError
        As of `sampled_std`.

    Examples
    --------
    >>> from idealscore.theory.schedules import sampling_error
    >>> sigmas, rho = best_karras_schedule([4.0, 1.0, 0.25], 10, "heun")
    >>> sampling_error([4.0, 1.0, 0.25], sigmas, "heun") < sampling_error([4.0, 1.0, 0.25], karras_schedule(10), "heun")
    True
    """
    solver, steps = solver_named(solver), check.integer("steps", steps, 1)
    sigma_max, sigma_min = checked_range(sigma_max, sigma_min)
    if steps == 1:
        return ended([sigma_max]), math.nan
    c = squarable_spectrum(spectrum)
    spread = min(float(c.mean().sqrt()), sigma_max)
    bottom, high = max(sigma_min, 1e-5 * spread), 0.9 * sigma_max

    def grid(free: Array) -> Array:
        low = math.exp(min(max(free[1], math.log(bottom)), math.log(high)))
        return ended(karras_sigmas(steps, min(low, high), sigma_max, min(max(math.exp(free[0]), RHOS[0]), RHOS[1])))

    def error(free: Array) -> float:
        with torch.no_grad():
            return math.sqrt(float(relative_square(c, torch.from_numpy(grid(free)), solver)))

    starts = [np.log([rho, min(max(share * spread, 2 * bottom), high / 2)]) for rho, share in ((7, 0.05), (3, 0.2))]
    options = {"xatol": 1e-3, "fatol": 1e-7, "maxiter": 200}
    found = [minimize(error, start, method="Nelder-Mead", options=options) for start in starts]
    best = min(found, key=lambda one: one.fun)
    rho = min(max(math.exp(best.x[0]), RHOS[0]), RHOS[1])
    return grid(best.x), rho if steps > 2 else math.nan


def cosine_schedule(steps: int, sigma_max: float = 80.0) -> Array:
    """Equal steps of arctan(sigma), which is the angle of the cosine schedule [@Nichol2021], without its offset.

    Parameters
    ----------
    steps : int
        N >= 1.
    sigma_max : float
        The first level.

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0.

    Raises
    ------
    ArgumentError
        For steps < 1 or a sigma_max that is not finite and > 0.

    Examples
    --------
    >>> cosine_schedule(3, 1.0).round(4)
    array([1.    , 0.5774, 0.2679, 0.    ])
    """
    steps = check.integer("steps", steps, 1)
    sigma_max, _ = checked_range(sigma_max, 0.0)
    angles = np.linspace(math.atan(sigma_max), 0, steps + 1)[1:-1]
    return ended([sigma_max, *np.tan(angles)])


def linear_schedule(steps: int, sigma_max: float = 80.0, schedule: DiscreteSchedule | None = None) -> Array:
    """N levels at equal distances of DDPM steps, from that of sigma_max to step 1, then 0 ("linspace") [@Ho2020].

    Parameters
    ----------
    steps : int
        N >= 1.
    sigma_max : float
        The first level.
    schedule : DiscreteSchedule, optional
        Whose steps (default: 1000 with linear betas).

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0.

    Raises
    ------
    ArgumentError
        For steps < 1 or a sigma_max that is not finite and > 0.
    NoiseLevelError
        For a sigma_max outside the steps of the schedule.

    Examples
    --------
    >>> linear_schedule(3).round(3)
    array([8.000e+01, 2.849e+00, 1.000e-02, 0.000e+00])
    """
    top, schedule = _first_step(steps, sigma_max, schedule)
    if steps == 1:
        return ended([sigma_max])
    return ended([sigma_max, *np.ravel(NoiseLevel.from_step(np.linspace(top, 1, steps)[1:], schedule).sigma)])


def trailing_schedule(steps: int, sigma_max: float = 80.0, schedule: DiscreteSchedule | None = None) -> Array:
    """Levels at N equal distances of DDPM steps from that of sigma_max to 0 ("trailing") [@Ho2020].

    Parameters
    ----------
    steps : int
        N >= 1.
    sigma_max : float
        The first level.
    schedule : DiscreteSchedule, optional
        Whose steps (default: 1000 with linear betas).

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0.

    Raises
    ------
    ArgumentError
        For steps < 1 or a sigma_max that is not finite and > 0.
    NoiseLevelError
        For a sigma_max outside the steps of the schedule.

    Examples
    --------
    >>> trailing_schedule(3).round(3)
    array([80.   ,  6.978,  1.299,  0.   ])
    """
    top, schedule = _first_step(steps, sigma_max, schedule)
    if steps == 1:
        return ended([sigma_max])
    inside = NoiseLevel.from_step(np.linspace(top, 0, steps + 1)[1:-1], schedule).sigma
    return ended([sigma_max, *np.ravel(inside)])


def information_schedule(spectrum: ArrayLike, steps: int, sigma_max: float = 80.0, sigma_min: float = LOWEST) -> Array:
    """N levels at equal steps of the information I(x0; x_sigma) of Gaussian data from sigma_max to sigma_min, then 0.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    steps : int
        N >= 1.
    sigma_max, sigma_min : float
        The first level and the last one above 0.

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0.

    Raises
    ------
    ArgumentError, NoiseLevelError
        For steps < 1, or unless 0 < sigma_min < sigma_max.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        As of `sampled_std`.

    Examples
    --------
    >>> information_schedule([1.0], 3, sigma_max=1e3, sigma_min=1e-3).round(3)
    array([1.0e+03, 3.2e-02, 1.0e-03, 0.0e+00])
    """
    steps = check.integer("steps", steps, 1)
    sigma_max, sigma_min = checked_range(sigma_max, sigma_min, math.ulp(0.0))
    c = spectrum_tensor(spectrum).numpy()
    c = c[c > 0]
    if steps == 1:
        return ended([sigma_max])
    grid = np.geomspace(sigma_min, sigma_max, 1001)
    information = np.logaddexp(np.log(c)[:, None] - 2 * np.log(grid), 0.0).sum(0) / 2
    wanted = np.linspace(information[-1], information[0], steps)[1:-1]
    inside = np.exp(np.interp(wanted, information[::-1], np.log(grid[::-1])))
    return ended([sigma_max, *inside, sigma_min])


def _first_step(steps: int, sigma_max: float, schedule: DiscreteSchedule | None) -> tuple[float, DiscreteSchedule]:
    """The step of sigma_max, fractional, above 1."""
    check.integer("steps", steps, 1)
    checked_range(sigma_max, 0.0)
    schedule = discrete_schedule(schedule)
    top = float(NoiseLevel(sigma_max).step(schedule))
    if not top > 1:
        low, high = schedule.sigmas[1], schedule.sigmas[-1]
        raise NoiseLevelError(
            "sigma_max", f"is {sigma_max:g}, the steps go from {low:.4g} to {high:.4g}", "stay within"
        )
    return top, schedule
