"""What all functions of this room take: a spectrum, falling noise levels, a solver by name."""

from __future__ import annotations

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import NoiseLevelError
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
    top = check.real("sigma_max", sigma_max, np.finfo(np.float64).tiny)
    bottom = check.real("sigma_min", sigma_min, low)
    if bottom >= top:
        raise NoiseLevelError("sigma_min", f"is {bottom:g}, sigma_max {top:g}", "pass sigma_min < sigma_max")
    return top, bottom


def ended(levels: ArrayLike) -> Array:
    """Levels > 0 and the last one, 0."""
    return np.append(check.float_array("levels", levels), 0.0)
