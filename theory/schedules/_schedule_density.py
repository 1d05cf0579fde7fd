r"""The limit of many steps: how densely the noise levels of the best schedule lie.

In steps of length 1 / rho(sigma), rho steps per unit of sigma, mode k misses or exceeds its standard deviation by the
share e_k = int a_k / rho^p dsigma, where a step of length h costs a_k h^(p + 1):

    euler   a_k = c / (2 (c + sigma^2)^2)              p = 1
    ddpm    a_k = 2 c^2 / (c + sigma^2)^3              p = 1
    heun    a_k = sigma c / (2 (c + sigma^2)^3)        p = 2

Least is sum_k c_k e_k^2 for a given number of steps, int rho = N, where rho^(p + 1) is proportional to
sum_k c_k e_k a_k, which is solved by iteration. Heun's last step, an Euler step, costs sigma^2 / 2 c: were it left to
the density it would win over all others; where it begins is found from the exact error.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from scipy.optimize import OptimizeResult, minimize_scalar

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ._inputs import checked_range, ended, solver_named, squarable_spectrum
from ._sampling_error import sampling_error

GRID = 600
BELOW = 1e-3  # the lowest level of the grid, over the smallest standard deviation that matters
ROUNDS = 100
TOLERANCE = 1e-10


def schedule_density(
    spectrum: ArrayLike, solver: str = "euler", sigma_max: float = 80.0, sigma_min: float = 0.0
) -> tuple[Array, Array]:
    r"""Noise levels and the density of the best steps there, in the limit of many steps.

    rho(sigma)^(p + 1) ~ sum_k c_k e_k a_k(sigma) with e_k = int a_k / rho^p dsigma, iterated to its fixed point;
    a_k h^(p + 1) is what a step of length h does to mode k, with p = 1 for "euler" and "ddpm", p = 2 for "heun".

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    solver : str
        "euler" or "ddim", "heun", "ddpm".
    sigma_max : float
        Where the steps begin.
    sigma_min : float
        Where they end.

    Returns
    -------
    sigmas : array (m,)
        Rising noise levels from sigma_min to sigma_max.
    density : array (m,)
        Share of the steps per unit of sigma; its integral is 1.

    Raises
    ------
    ArgumentError
        For a sigma_max that is not finite and > 0.
    NoiseLevelError
        For sigma_min >= sigma_max.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError, UnknownNameError
        As of `sampled_std`.

    Examples
    --------
    >>> sigma, density = schedule_density([1.0])  # one mode: equal steps of arctan(sigma)
    >>> bool(np.allclose(density * (1 + sigma**2) * math.atan(80), 1, rtol=1e-4))
    True
    """
    solver = solver_named(solver)
    sigma_max, sigma_min = checked_range(sigma_max, sigma_min)
    c = squarable_spectrum(spectrum).numpy()
    sigma, order, cost = _grid(c, sigma_max, sigma_min), 2 if solver == "heun" else 1, _COSTS[solver]
    weight = np.gradient(sigma)
    weight[[0, -1]] = (sigma[1] - sigma[0]) / 2, (sigma[-1] - sigma[-2]) / 2
    a = cost(c[:, None], sigma)
    shape = (c @ a) ** (1 / (order + 1))
    for _ in range(ROUNDS):
        density = shape / (weight @ shape)
        each = np.divide(1.0, density**order, out=np.zeros_like(density), where=density > 0)
        error = a @ (weight * each)
        new = ((c * error) @ a) ** (1 / (order + 1))
        new /= weight @ new
        change = float(weight @ np.abs(new - density))
        shape = np.sqrt(density * new)
        if change < TOLERANCE:
            break
    return sigma, shape / (weight @ shape)


def continuum_schedule(
    spectrum: ArrayLike, steps: int, solver: str = "euler", sigma_max: float = 80.0, sigma_min: float = 0.0
) -> Array:
    """N + 1 noise levels at equal shares of `schedule_density`: near the optimum for many steps, without a search.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    steps : int
        N >= 1.
    solver : str
        "euler" or "ddim", "heun", "ddpm". The last step of "heun" begins where the exact error is least.
    sigma_max : float
        The first level.
    sigma_min : float
        No level but the last, 0, lies below it.

    Returns
    -------
    array (N + 1,)
        From sigma_max to 0, strictly falling.

    Raises
    ------
    ArgumentError, NoiseLevelError
        As of `optimal_schedule`.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError, UnknownNameError
        As of `sampled_std`.

    Examples
    --------
    >>> np.degrees(np.arctan(continuum_schedule([1.0], 4, sigma_max=1.0))).round(2)
    array([45.  , 33.75, 22.5 , 11.25,  0.  ])
    """
    solver, steps = solver_named(solver), check.integer("steps", steps, 1)
    sigma_max, sigma_min = checked_range(sigma_max, sigma_min)
    if steps == 1:
        return ended([sigma_max])
    sigma, density = schedule_density(spectrum, solver, sigma_max)
    share = np.concatenate([[0.0], np.cumsum(np.diff(sigma) * (density[1:] + density[:-1]) / 2)])

    def levels(last: float | None) -> Array:
        if last is None:
            inside = np.interp(np.linspace(share[-1], 0, steps + 1)[1:-1], share, sigma)
            return ended([sigma_max, *inside])
        shares = np.linspace(share[-1], np.interp(last, sigma, share), steps)
        return ended([sigma_max, *np.interp(shares[1:-1], share, sigma), last])

    free = levels(None)
    if solver != "heun" and free[-2] >= sigma_min:
        return free
    if steps == 2 or solver != "heun":
        return levels(max(sigma_min, float(free[-2])))

    def error(log_last: float) -> float:
        return sampling_error(spectrum, levels(math.exp(log_last)), solver)

    low, high = max(sigma_min, float(sigma[1])), float(free[-2]) if free[-2] > sigma_min else sigma_max / 2
    ends = math.log(low), math.log(max(high, 1.01 * low))
    best = cast(OptimizeResult, minimize_scalar(error, bounds=ends, method="bounded"))
    return levels(math.exp(float(best.x)))


def _grid(c: Array, top: float, bottom: float) -> Array:
    """Levels from `bottom` to `top`, dense in the logarithm, with 0 itself where it is the end."""
    if bottom > 0:
        return np.geomspace(bottom, top, GRID)
    weighty = c[c > 1e-9 * c.sum() / len(c)].min()
    return np.concatenate([[0.0], np.geomspace(min(BELOW * math.sqrt(weighty), top / 10), top, GRID)])


def _euler(c: Array, sigma: Array) -> Array:
    return c / (2 * (c + sigma**2) ** 2)


def _heun(c: Array, sigma: Array) -> Array:
    return sigma * c / (2 * (c + sigma**2) ** 3)


def _ddpm(c: Array, sigma: Array) -> Array:
    return 2 * c**2 / (c + sigma**2) ** 3


_COSTS = {"euler": _euler, "heun": _heun, "ddpm": _ddpm}
