"""Learning, mode by mode: when each eigenmode of the data is learned, next to prediction [@WangPehlevan2025]."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support.crossing import crossing
from ..._support.modules import in_evaluation
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, EstimateError, ShapeError
from ...theory.denoiser import Denoiser
from ...theory.identities.derivatives import along
from ...theory.learning.linear import LinearLearning


@typed
def mode_gains(denoiser: Denoiser, basis: torch.Tensor, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """How much of each mode a denoiser lets through: u_k . J u_k averaged over points.

    For a linear denoiser this is its weight on each mode, for any other its mean response along the mode.

    Parameters
    ----------
    denoiser : Denoiser
        The network.
    basis : Tensor, shape (d, k)
        The modes u_k as columns.
    x : Tensor, shape (batch, *event)
        The points at which the Jacobian J is taken, d numbers each.
    sigma : float
        The noise level.

    Returns
    -------
    Tensor, shape (k,)
        The gains.

    Raises
    ------
    ShapeError
        If the rows of `basis` are not as many as the numbers of an event.

    Examples
    --------
    >>> halve = lambda x, sigma: x / 2
    >>> mode_gains(halve, torch.eye(3), torch.ones(1, 3), 1.0)
    tensor([0.5000, 0.5000, 0.5000])
    """
    basis, x = check.as_float_tensor("basis", basis), check.points("x", x)
    sigma = check.positive_sigma("sigma", sigma)
    if basis.ndim != 2 or basis.shape[0] != x[0].numel():
        raise ShapeError("basis", f"has shape {tuple(basis.shape)}", f"pass eigenvectors ({x[0].numel()}, k)")

    denoiser = in_evaluation(denoiser)

    def gain(u: torch.Tensor) -> torch.Tensor:
        event = u.reshape(1, *x.shape[1:]).expand_as(x).to(x)
        return along(lambda y: (event * denoiser(y, sigma)).flatten(1).sum(1), x, event, 1, 1e-3 * sigma)[0].mean()

    return torch.stack([gain(u) for u in basis.T])


def crossing_times(times: ArrayLike, progress: np.ndarray, fraction: float) -> np.ndarray:
    """First times at which `progress` `(t, k)` reaches `fraction`; nan where it does not.

    Between two records 1 - progress is taken to fall exponentially, which gradient flow does exactly.
    """
    times = check.float_array("times", times)
    left = -np.log(np.clip(1 - progress, 1e-300, None))
    wanted = -np.log1p(-fraction)
    found = crossing(times, left.T, wanted, direction="rising")
    return np.where(left[0] >= wanted, times[0], found)


@typed
def learning_curves(times: ArrayLike, gains: ArrayLike, theory: LinearLearning, fraction: float = 0.5) -> xr.Dataset:
    """Measured and predicted learning time of each eigenmode.

    A mode is learned when its gain has gone `fraction` of the way from its first value to the theory's optimum.

    Parameters
    ----------
    times : array_like, shape (t,)
        Increasing training times, in steps of the rate of `theory`; two at least.
    gains : array_like, shape (t, k)
        The `mode_gains` recorded there.
    theory : LinearLearning
        The prediction, of k modes.
    fraction : float, optional
        How far a mode has to come, inside (0, 1).

    Returns
    -------
    xarray.Dataset
        Over `mode`: `predicted`, `measured`, `ratio`; over (time, mode): `gain`, `theory`. The attributes hold the
        `slope` of log(measured) against log(lambda + sigma^2), -1 in theory, with its standard error, and how many
        modes were learned (`n_learned`).

    Raises
    ------
    ShapeError
        If `gains` is not (t, k).
    ArgumentError
        If `times` do not increase, or `fraction` is out of range.
    EstimateError
        If fewer than three modes were learned; the Dataset rides along.

    Examples
    --------
    >>> theory = LinearLearning([4.0, 2.0, 1.0], 0.5, rate=0.01)
    >>> times = np.linspace(0, 500, 51)
    >>> learning_curves(times, theory.weights(times), theory).ratio.values.round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    fraction = check.real("fraction", fraction, 1e-6, 1 - 1e-6)
    times, gains = check.float_array("times", times), check.float_array("gains", gains)
    if gains.shape != (len(times), len(theory.eigenvalues)):
        raise ShapeError("gains", f"has shape {gains.shape}", f"pass ({len(times)}, {len(theory.eigenvalues)})")
    if len(times) < 2 or bool((np.diff(times) <= 0).any()):
        raise ArgumentError("times", "do not increase", "pass at least two increasing training times")
    check.finite("gains", gains)
    progress = (gains - gains[0]) / (theory.optimum - gains[0])
    measured = crossing_times(times - times[0], progress, fraction)
    predicted = theory.time_to(fraction)
    result = xr.Dataset(
        {
            "predicted": ("mode", predicted),
            "measured": ("mode", measured),
            "ratio": ("mode", measured / predicted),
            "gain": (("time", "mode"), gains),
            "theory": (("time", "mode"), theory.weights(times - times[0])),
        },
        coords={"mode": np.arange(len(predicted)), "time": times, "eigenvalue": ("mode", theory.eigenvalues)},
    )
    learned = np.isfinite(measured) & (measured > 0)
    if int(learned.sum()) < 3:
        raise EstimateError(f"gains show only {int(learned.sum())} modes that were learned: a slope needs 3", result)
    slope, error = _slope(np.log(theory.curvature[learned]), np.log(measured[learned]))
    return result.assign_attrs(slope=slope, slope_stderr=error, n_learned=int(learned.sum()), fraction=fraction)


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Least-squares slope and its standard error from the residuals."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    residual = y - y.mean() - slope * centred
    return slope, float(np.sqrt(residual @ residual / (len(x) - 2) / (centred @ centred)))
