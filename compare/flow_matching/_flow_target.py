r"""Is the noise of the flow-matching target gone? From any denoiser, or from the user's own targets and predictions.

With u = n - x0 the target and v the network's velocity, two numbers agree for the optimum, and only there:

    E|v|^2 / E|u|^2             the energy of the velocity,
    1 - E|u - v|^2 / E|u|^2     what the loss leaves,

because the second is the first plus 2 E<u - v, v> / E|u|^2: the identity `flow_target` of the kit on one's own data. A
ratio of 1 says that the target has no noise left: then it cannot be the noise of the target that makes a network
generalise [@Bertrand2025]. The null is the Gaussian of the same mean and covariance, `theory.flow_matching`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error, ratio_error
from ..._support.modules import in_evaluation
from ..._support.results import provenance
from ..._support.streams import normal_batch, stream
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, ShapeError
from ...theory.denoiser import Denoiser, velocity
from ...theory.flow_matching import gaussian_flow_target_ratio

if TYPE_CHECKING:
    import xarray as xr

MEANING = {
    "ratio": "1 - E|u - v|^2 / E|u|^2, what the loss leaves of the flow-matching target",
    "energy_ratio": "E|v|^2 / E|u|^2, the energy of the velocity over that of the target",
    "gap": "energy_ratio - ratio = -2 E<u - v, v> / E|u|^2, 0 for the optimum",
    "loss": "E|u - v|^2, summed over dimensions",
}


def _measured(target: torch.Tensor, predicted: torch.Tensor) -> dict[str, tuple[Array, Array]]:
    """Each of `MEANING` with its error over the pairs."""
    u, v = target.double().flatten(1), predicted.double().flatten(1)
    energy, learned, missed = (t.square().sum(1).numpy(force=True) for t in (u, v, u - v))
    return {
        "ratio": ratio_error(energy - missed, energy),
        "energy_ratio": ratio_error(learned, energy),
        "gap": ratio_error(learned + missed - energy, energy),
        "loss": mean_error(missed),
    }


@typed
def flow_target_of_pairs(target: ArrayLike, predicted: ArrayLike) -> xr.Dataset:
    """The share of a flow-matching target that a network predicts, from the pairs of one's own training loop.

    Parameters
    ----------
    target : array_like, shape (n, *event)
        u at one flow time: x1 - x0 of the pairs, of either sign; two pairs or more.
    predicted : array_like, shape (n, *event)
        v, what the network says at the same points.

    Returns
    -------
    xarray.Dataset
        `ratio`, `energy_ratio`, their `gap` and the `loss`, each with its `_stderr` over the pairs. The gap vanishes
        for the optimum [@Bertrand2025]: beyond its error, the network has not learned the mean of its target.

    Raises
    ------
    ArgumentError
        Where all targets are 0.
    EmptyDataError
        For fewer than two pairs.
    ShapeError
        Where the two differ in shape.

    Examples
    --------
    >>> u = torch.tensor([[1.0], [-1.0], [3.0], [1.0]])
    >>> found = flow_target_of_pairs(u, torch.ones(4, 1))
    >>> round(float(found.ratio), 3), round(float(found.energy_ratio), 3), round(float(found.gap), 3)
    (0.333, 0.333, 0.0)
    """
    import xarray as xr

    u, v = check.points("target", target, minimum=2), check.points("predicted", predicted, minimum=2)
    if u.shape != v.shape:
        raise ShapeError("predicted", f"has shape {tuple(v.shape)}", f"pass that of the targets {tuple(u.shape)}")
    if not bool(u.any()):
        raise ArgumentError("target", "is 0 everywhere", "pass the targets of the regression, x1 - x0")
    result = xr.Dataset(estimates((), **_measured(u, v)), attrs={"n": len(u), "reference": "Bertrand2025"})
    return _explained(result)


@partial(typed, says={"x": "data", "covariance": "data"})
def flow_target(
    denoiser: Denoiser,
    data: ArrayLike,
    sigmas: ArrayLike,
    *,
    n_draws: int = 1000,
    seed: int = 0,
    batch_size: int = 256,
    show: bool | None = None,
) -> xr.Dataset:
    """The share of the flow-matching target that a denoiser predicts, noise level by noise level.

    Any denoiser has a velocity (`theory.velocity`); a flow-matching network becomes one by `learned.wrap`.

    Parameters
    ----------
    denoiser : Denoiser
        A network, or a closed form.
    data : array_like, shape (n, *event)
        Clean data, two or more, of which draws are made.
    sigmas : array_like, shape (levels,)
        Noise levels > 0; the flow time is sigma / (1 + sigma), 0 being the data.
    n_draws : int, optional
        Pairs of datum and noise, the same at every level.
    seed : int, optional
        Of the draws.
    batch_size : int, optional
        Points at once; it changes nothing but the memory needed.
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        `ratio`, `energy_ratio`, `gap` and `loss` over `sigma`, each with its `_stderr` over draws, the `flow_time`, and
        the null `ratio_gaussian`, the Gaussian of the same mean and covariance [@Bertrand2025].

    Raises
    ------
    CovarianceError
        Where the data do not vary.
    EmptyDataError
        For fewer than two data.
    NoiseLevelError
        Unless every sigma is finite and > 0.

    Examples
    --------
    >>> from idealscore.theory import EmpiricalDenoiser
    >>> y = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    >>> found = flow_target(EmpiricalDenoiser(y), y, [0.1, 1.0])
    >>> bool(found.ratio[0] > 0.999), bool(abs(found.gap[1]) < 4 * found.gap_stderr[1])
    (True, True)
    """
    import xarray as xr

    points = check.points("data", data, minimum=2)
    grid = check.positive_sigmas("sigmas", sigmas)
    n_draws, batch_size = check.integer("n_draws", n_draws, 2), check.integer("batch_size", batch_size, 1)
    null = gaussian_flow_target_ratio(points.flatten(1) if points.ndim != 2 else points[:, None], grid)
    denoiser = in_evaluation(denoiser)
    index = torch.from_numpy(stream(seed, "flow-target-datum").integers(len(points), size=n_draws))
    x0 = points[index.to(points.device)]
    noise = normal_batch(seed, "flow-target-noise", range(n_draws), points.shape[1:]).to(x0)
    rows: dict[str, list[tuple[Array, Array]]] = {name: [] for name in MEANING}
    for sigma in progress.bar(grid.tolist(), label="flow target", show=show):
        with torch.no_grad():
            pairs = zip(x0.split(batch_size), noise.split(batch_size), strict=True)
            predicted = torch.cat([velocity(denoiser, y + sigma * n, sigma) for y, n in pairs])
        for name, value in _measured(noise - x0, predicted).items():
            rows[name].append(value)
    found = {name: np.array(values, dtype=np.float64).T for name, values in rows.items()}
    result = xr.Dataset(estimates("sigma", **found), coords={"sigma": grid}, attrs=provenance(seed=seed))
    result["flow_time"], result["ratio_gaussian"] = ("sigma", grid / (1 + grid)), ("sigma", null)
    result.attrs |= {"n": n_draws, "reference": "Bertrand2025"}
    return _explained(result)


def _explained(result: xr.Dataset) -> xr.Dataset:
    for name, meaning in MEANING.items():
        result[name].attrs["long_name"] = meaning
    return result
