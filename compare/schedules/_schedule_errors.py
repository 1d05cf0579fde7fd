"""The error of every schedule for the covariance of data, with the error that the finite data leave on it."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import estimates
from ..._support.results import provenance
from ..._support.typed import typed
from ...theory.discrete_schedule import DiscreteSchedule
from ...theory.noise import NoiseLevel
from ...theory.schedules import ddpm_schedule_steps, named_schedules, sampling_error, sampling_error_slopes
from ...theory.transitions._spectrum import Source, spectrum


@typed
def schedule_errors(
    source: Source, steps: int, solver: str = "heun", *, sigma_max: float = 80.0, sigma_min: float = 0.0
) -> xr.Dataset:
    """`sampling_error` of each of `named_schedules` for the covariance of data [@Karras2022; @Song2021; @Ho2020].

    Parameters
    ----------
    source : array_like, Covariance or MixtureDenoiser
        Data `(n, *event)`, a covariance (a `Covariance` or a symmetric `(d, d)`) or a mixture.
    steps : int
        N >= 1.
    solver : str
        "heun", "euler" or "ddim", "ddpm".
    sigma_max : float
        The first level.
    sigma_min : float
        The least that the levels above 0 may be, see `named_schedule`.

    Returns
    -------
    xarray.Dataset
        Over `schedule`: `error`, W2 over the spread of the data, with `error_stderr`, to first order in the sampling
        error of the covariance, 0 where that is exact; over `(schedule, level)`: `sigmas`, the last one 0. Where the
        1000 linear DDPM steps reach sigma_max also `ddpm_steps` over `(schedule, step)`, the nearest whole ones, and
        `whole_error`, that of their noise levels.

    Raises
    ------
    ArgumentError, NoiseLevelError, UnknownNameError
        For numbers out of range, or an unknown solver.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a source that has no covariance, or none above 0.

    Examples
    --------
    >>> import torch
    >>> found = schedule_errors(torch.eye(3), 4, "euler", sigma_max=1.0)
    >>> round(float(found.error.sel(schedule="cosine")), 4), round(float(found.error.sel(schedule="optimal")), 4)
    (0.0747, 0.0747)
    """
    check.integer("steps", steps, 1)
    found = spectrum(source)
    c = found.eigenvalues
    grids = named_schedules(c, steps, solver, sigma_max, sigma_min)
    errors = [sampling_error(c, grid, solver) for grid in grids.values()]
    stderrs = [found.stderr(sampling_error_slopes(c, grid, solver)) for grid in grids.values()]
    result = xr.Dataset(
        estimates("schedule", error=(errors, stderrs))
        | {"sigmas": (("schedule", "level"), np.stack([*grids.values()]))},
        coords={"schedule": list(grids)},
        attrs=provenance()
        | {"steps": steps, "solver": solver, "sigma_max": sigma_max, "sigma_min": sigma_min, "dim": len(c)},
    )
    linear = DiscreteSchedule.linear()
    if sigma_max <= linear.sigmas[-1]:
        whole = np.stack([ddpm_schedule_steps(grid, linear) for grid in grids.values()])
        levels = [np.append(np.asarray(NoiseLevel.from_step(row, linear).sigma), 0.0) for row in whole]
        result["ddpm_steps"] = (("schedule", "step"), whole)
        result["whole_error"] = ("schedule", [sampling_error(c, grid, solver) for grid in levels])
    return result
