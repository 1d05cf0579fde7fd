"""Standard deviations of samples drawn in N steps, mode by mode, exactly."""

from __future__ import annotations

import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, NoiseLevelError
from ._inputs import STARTS, levels_tensor, solver_named, spectrum_tensor
from ._relative_std import relative_std


def sampled_std(spectrum: ArrayLike, sigmas: ArrayLike, solver: str = "euler", *, start: str = "data") -> Array:
    r"""The standard deviation of every mode after sampling Gaussian data with their exact denoiser, in N steps.

    With theta = arctan(sigma / sqrt(c)) for a mode of variance c, and Delta_i = theta_i - theta_{i+1}, the probability
    flow of [@Karras2022] in Euler steps, which are those of DDIM [@Song2021], gives

    \[ \mathrm{std}_N = \sqrt{c + \sigma_N^2} \prod_i \cos \Delta_i. \]

    A Heun step has the factor cos Delta + sin^2 Delta cos theta_{i+1} / (2 cos theta_i) instead, the last one to 0
    is an Euler step; an ancestral step [@Ho2020] loses a share of the variance, see `reference`.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues c >= 0 of the covariance of the data, in any order.
    sigmas : array (N + 1,)
        Falling noise levels, the last may be 0; the first may be inf except for "heun".
    solver : str
        "euler" or "ddim", "heun", or "ddpm" (ancestral), as in `simulate.diffusion.sample`.
    start : {"data", "noise"}
        What the first level holds: noised data, of variance c + sigma_0^2, or noise alone, of variance sigma_0^2.

    Returns
    -------
    array (d,)
        Standard deviations after the last step, in the order of the spectrum.

    Raises
    ------
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is negative, all zero, or no list of finite numbers.
    NoiseLevelError
        For levels that do not fall, or begin with inf where the solver has no limit.
    UnknownNameError
        For an unknown solver or start.

    Examples
    --------
    >>> import math
    >>> sigmas = [math.tan(math.pi / 2 * k / 5) for k in (4, 3, 2, 1, 0)]
    >>> sampled_std([1.0], [math.inf, *sigmas]).round(8)  # cos(pi / 10)^5
    array([0.77809321])
    """
    c, levels, solver = _checked(spectrum, sigmas, solver, start)
    return (torch.hypot(c.sqrt(), levels[-1]) * relative_std(c, levels, solver, start)).numpy()


def sampled_gain(spectrum: ArrayLike, sigmas: ArrayLike, solver: str = "euler") -> Array:
    """By what a deterministic solver multiplies the distance from the mean along every mode, from sigma_0 to sigma_N.

    All factors of Euler and Heun steps are positive: samples of two grids from the same noise differ mode by mode by
    the difference of their gains.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues c >= 0 of the covariance of the data.
    sigmas : array (N + 1,)
        Falling finite noise levels, the last may be 0.
    solver : str
        "euler", "ddim" or "heun"; "ddpm" draws noise on the way.

    Returns
    -------
    array (d,)
        std_N over the standard deviation at sigma_0.

    Raises
    ------
    ArgumentError
        For "ddpm".
    NoiseLevelError
        For levels that do not fall or are not finite.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError, UnknownNameError
        As of `sampled_std`.

    Examples
    --------
    >>> sampled_gain([3.0], [1.0, 0.0]).round(6)  # 3 / (3 + 1)
    array([0.75])
    """
    c, levels, solver = _checked(spectrum, sigmas, solver, "data")
    if solver == "ddpm":
        raise ArgumentError("solver", "is 'ddpm', which draws noise on the way", "pass euler or heun, or sampled_std")
    if bool(levels[0].isinf()):
        raise NoiseLevelError("sigmas", "begins with inf", "begin with a finite level")
    sizes = torch.hypot(c.sqrt(), levels[[0, -1], None])
    return (sizes[1] / sizes[0] * relative_std(c, levels, solver)).numpy()


def _checked(spectrum: ArrayLike, sigmas: ArrayLike, solver: str, start: str) -> tuple[torch.Tensor, torch.Tensor, str]:
    solver = solver_named(solver)
    check.choice("start", start, STARTS)
    return spectrum_tensor(spectrum), levels_tensor(sigmas, solver), solver
