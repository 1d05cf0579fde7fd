"""What all functions of this room take: a spectrum, falling noise levels, a solver by name."""

from __future__ import annotations

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import CovarianceError, NoiseLevelError
from ..discrete_schedule import DiscreteSchedule
from ..finite_sample._kappa import check_spectrum
from ..levels import falling_levels

SOLVERS = ("euler", "ddim", "heun", "ddpm")
"""The solvers of `simulate.diffusion`: euler and ddim are one, ddpm is ancestral."""

STARTS = ("data", "noise")


def spectrum_tensor(spectrum: ArrayLike) -> torch.Tensor:
    """All eigenvalues `(d,)` in their order, float64; those below the rounding of the largest are 0."""
    check_spectrum(spectrum)
    values = torch.from_numpy(check.float_array("spectrum", spectrum).copy())
    rounding = len(values) * torch.finfo(torch.float64).eps * values.max()
    return torch.where(values > rounding, values, 0.0)


def squarable_spectrum(spectrum: ArrayLike) -> torch.Tensor:
    """`spectrum_tensor` where variances are multiplied: without 0, and the largest has a square in float64."""
    values = spectrum_tensor(spectrum)
    if not check.SMALLEST_SIGMA <= float(values.max()) <= check.LARGEST_SIGMA:
        problem = f"has the largest eigenvalue {float(values.max()):.3g}, whose square is no number in float64"
        raise CovarianceError("spectrum", problem, "pass data in another unit")
    return values[values > 0]


def levels_tensor(sigmas: ArrayLike, solver: str) -> torch.Tensor:
    """Falling levels, float64; the first may be inf where the solver has a limit there, which Heun has not."""
    grid = falling_levels(sigmas, infinite=True)
    if np.isinf(grid[0]) and solver == "heun":
        raise NoiseLevelError("sigmas", "begins with inf, where a Heun step diverges", "begin with a finite level")
    return torch.from_numpy(grid)


def solver_named(solver: str) -> str:
    """The solver, "ddim" by its other name."""
    check.choice("solver", solver, SOLVERS)
    return "euler" if solver == "ddim" else solver


def checked_range(sigma_max: float, sigma_min: float, low: float = 0.0) -> tuple[float, float]:
    """(sigma_max, sigma_min) where low <= sigma_min < sigma_max, both finite."""
    top = check.real("sigma_max", sigma_max, check.SMALLEST_SIGMA, check.LARGEST_SIGMA)
    bottom = check.real("sigma_min", sigma_min, low)
    if 0 < bottom < check.SMALLEST_SIGMA:
        raise NoiseLevelError("sigma_min", f"is {bottom:g}", f"pass 0 or at least {check.SMALLEST_SIGMA:g}")
    if bottom >= top:
        raise NoiseLevelError("sigma_min", f"is {bottom:g}, sigma_max {top:g}", "pass sigma_min < sigma_max")
    return top, bottom


def discrete_schedule(schedule: DiscreteSchedule | None) -> DiscreteSchedule:
    """The schedule of discrete steps, by default the linear one of DDPM."""
    return DiscreteSchedule.linear() if schedule is None else check.instance("schedule", schedule, DiscreteSchedule)


def ended(levels: ArrayLike) -> Array:
    """Levels > 0 and the last one, 0."""
    return np.append(check.float_array("levels", levels), 0.0)
