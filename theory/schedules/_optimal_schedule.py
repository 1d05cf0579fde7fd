"""The best noise levels for N steps of a solver, for Gaussian data of a given spectrum."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import minimize

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ..noise import karras_sigmas
from ._inputs import checked_range, ended, solver_named, spectrum_tensor
from ._sampling_error import relative_square

STARTS = ((0.1, 5.0), (0.02, 12.0))  # (lowest level over the data's spread, rho) of the Karras grids it begins from
ROUNDING = 1e-26  # of the squared error


def optimal_schedule(
    spectrum: ArrayLike,
    steps: int,
    solver: str = "euler",
    sigma_max: float = 80.0,
    sigma_min: float = 0.0,
) -> Array:
    """The N + 1 falling noise levels from sigma_max to 0 that make `sampling_error` least.

    The logarithms of their N - 1 free ratios are found by L-BFGS with exact derivatives, from two different grids.
    For one mode the best levels are equally spaced in theta = arctan(sigma / sqrt(c)): a cosine schedule; it is the
    best for nothing else.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    steps : int
        N >= 1. Heun asks the network 2 N - 1 times, the others N times.
    solver : str
        "euler" or "ddim", "heun", "ddpm".
    sigma_max : float
        The first level.
    sigma_min : float
        No level but the last, 0, lies below it: the least noise that a network knows.

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0, strictly falling.

    Raises
    ------
    ArgumentError
        For steps < 1 or a sigma_max that is not finite and > 0.
    NoiseLevelError
        For sigma_min >= sigma_max.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError, UnknownNameError
        As of `sampled_std`.

    Examples
    --------
    >>> found = optimal_schedule([1.0], 4, sigma_max=1.0)
    >>> np.degrees(np.arctan(found)).round(3)
    array([45.  , 33.75, 22.5 , 11.25,  0.  ])
    """
    solver, steps = solver_named(solver), check.integer("steps", steps, 1)
    sigma_max, sigma_min = checked_range(sigma_max, sigma_min)
    c = spectrum_tensor(spectrum)
    c = c[c > 0]
    spread = float(c.mean().sqrt())
    if steps == 1:
        return ended([sigma_max])
    c, top, bottom = c / spread**2, sigma_max / spread, sigma_min / spread
    levels = _best(c, steps, solver, top, None)
    if levels[-2] < bottom:
        levels = ended([top, bottom]) if steps == 2 else _best(c, steps, solver, top, bottom)
    levels *= spread
    levels[0] = sigma_max
    return levels


def _best(c: torch.Tensor, steps: int, solver: str, top: float, last: float | None) -> Array:
    """The better of two descents for a spectrum of mean 1; the last level above 0 is free, or `last`."""
    found = [_descent(c, steps, solver, top, last, *start) for start in STARTS]
    return min(found, key=lambda pair: pair[0])[1]


def _descent(
    c: torch.Tensor, steps: int, solver: str, top: float, last: float | None, low: float, rho: float
) -> tuple[float, Array]:
    """(error, levels) from the Karras grid with this lowest level, unless it is given, and rho."""

    def levels(free: torch.Tensor) -> torch.Tensor:
        falls = free.exp() if last is None else math.log(top / last) * free.softmax(0)
        lower = top * (-falls.cumsum(0)).exp()
        return torch.cat([lower.new_tensor([top]), lower, lower.new_zeros(1)])

    def error(free: Array) -> tuple[float, Array]:
        variables = torch.tensor(free, requires_grad=True)
        value = (relative_square(c, levels(variables), solver) + ROUNDING).log() / 2
        value.backward()
        assert variables.grad is not None
        return value.item(), variables.grad.numpy()

    begin = np.log(-np.diff(np.log(karras_sigmas(steps, last or min(low, top / 2), top, rho))))
    options = {"maxiter": 2000, "maxcor": 30, "ftol": 1e-14, "gtol": 1e-9}
    best = minimize(error, begin, jac=True, method="L-BFGS-B", options=options)
    return float(best.fun), levels(torch.tensor(best.x)).numpy()
