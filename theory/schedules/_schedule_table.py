"""The schedules by name, side by side."""

from __future__ import annotations

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ._inputs import checked_range, solver_named, spectrum_tensor
from ._optimal_schedule import optimal_schedule
from ._schedule_density import continuum_schedule
from ._usual_schedules import (
    LOWEST,
    best_karras_schedule,
    cosine_schedule,
    information_schedule,
    karras_schedule,
    linear_schedule,
    trailing_schedule,
)

SCHEDULES = ("optimal", "continuum", "best karras", "karras", "cosine", "linear", "trailing", "information")
"""The names of `named_schedules`."""


def named_schedule(
    name: str, spectrum: ArrayLike, steps: int, solver: str = "euler", sigma_max: float = 80.0, sigma_min: float = 0.0
) -> Array:
    """One of the schedules of this room by its name [@Karras2022; @Nichol2021; @Ho2020].

    Parameters
    ----------
    name : str
        One of `SCHEDULES`.
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    steps : int
        N >= 1.
    solver : str
        For which solver, where the schedule depends on it.
    sigma_max : float
        The first level.
    sigma_min : float
        The least that a schedule which may choose its levels chooses; at 0 "karras" and "information" end at 0.002.

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0.

    Raises
    ------
    UnknownNameError
        For another name or solver.
    ArgumentError, NoiseLevelError, CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        As of the schedules.

    Examples
    --------
    >>> named_schedule("karras", [1.0], 2)
    array([8.e+01, 2.e-03, 0.e+00])
    """
    check.choice("name", name, SCHEDULES)
    solver_named(solver)
    checked_range(sigma_max, sigma_min)
    spectrum_tensor(spectrum)
    lowest = sigma_min or min(LOWEST, sigma_max / 2)
    if name == "optimal":
        return optimal_schedule(spectrum, steps, solver, sigma_max, sigma_min)
    if name == "continuum":
        return continuum_schedule(spectrum, steps, solver, sigma_max, sigma_min)
    if name == "best karras":
        return best_karras_schedule(spectrum, steps, solver, sigma_max, sigma_min)[0]
    if name == "information":
        return information_schedule(spectrum, steps, sigma_max, lowest)
    if name == "karras":
        return karras_schedule(steps, sigma_max, lowest)
    return {"cosine": cosine_schedule, "linear": linear_schedule, "trailing": trailing_schedule}[name](steps, sigma_max)


def named_schedules(
    spectrum: ArrayLike, steps: int, solver: str = "euler", sigma_max: float = 80.0, sigma_min: float = 0.0
) -> dict[str, Array]:
    """All of `SCHEDULES`, those in DDPM steps only where these reach sigma_max.

    Parameters
    ----------
    spectrum, steps, solver, sigma_max, sigma_min
        As of `named_schedule`.

    Returns
    -------
    dict of str to array (N + 1,)
        Falling noise levels from sigma_max to 0 by name.

    Raises
    ------
    ArgumentError, NoiseLevelError, CovarianceError, EmptyDataError, ShapeError, NotFiniteError, UnknownNameError
        As of the schedules.

    Examples
    --------
    >>> from idealscore.theory.schedules import sampling_error
    >>> spectrum = [4.0, 1.0, 0.04]
    >>> found = named_schedules(spectrum, 10, "heun")
    >>> [round(sampling_error(spectrum, found[name], "heun"), 3) for name in ("optimal", "karras", "cosine")]
    [0.03, 0.151, 0.517]
    """
    from ..discrete_schedule import DiscreteSchedule

    checked_range(sigma_max, sigma_min)
    names = list(SCHEDULES)
    if sigma_max > DiscreteSchedule.linear().sigmas[-1]:
        names = [name for name in names if name not in ("linear", "trailing")]
    return {name: named_schedule(name, spectrum, steps, solver, sigma_max, sigma_min) for name in names}
