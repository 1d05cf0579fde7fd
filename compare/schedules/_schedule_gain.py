"""Samples in a few steps next to those of many from the same noise, for each schedule, against the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error, ratio_error
from ..._support.modules import in_evaluation
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike, Device, Points
from ...errors import ArgumentError
from ...simulate.diffusion import sample, starting_noise
from ...theory.denoiser import Denoiser
from ...theory.gaussian import GaussianDenoiser
from ...theory.levels import within_known_range
from ...theory.schedules import SCHEDULES, continuum_schedule, karras_schedule, named_schedule
from ._same_noise_distance import same_noise_distance

if TYPE_CHECKING:
    from ..._support.estimates import Estimate

SOLVERS = ("heun", "euler", "ddim")
COMPARED = ("optimal", "best karras", "karras", "trailing", "cosine")
AGAINST = "karras"


@typed
def schedule_gain(
    denoiser: Denoiser,
    data: ArrayLike | GaussianDenoiser,
    steps: Sequence[int] = (5, 10, 18),
    *,
    schedules: Sequence[str] = COMPARED,
    solver: str = "heun",
    n: int = 64,
    fine_steps: int = 200,
    sigma_max: float = 80.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: Device = "cpu",
    show: bool | None = None,
) -> xr.Dataset:
    """How far samples in N steps are from those of a fine run from the same noise, for each schedule of noise levels.

    The schedules are those of `theory.schedules` for the covariance of the data; the fine run takes Heun steps on the
    Karras grid [@Karras2022]. Distances are root mean squares relative to the spread sqrt(tr C) of the data. The same
    is measured with the Gaussian optimum, which has to give the prediction, and unrelated samples give chance.

    Parameters
    ----------
    denoiser : Denoiser
        The network, or any other denoiser.
    data : array_like, shape (n, *event), or GaussianDenoiser
        The data behind it, or their mean and covariance.
    steps : sequence of int, optional
        Numbers of steps N.
    schedules : sequence of str, optional
        Names of `theory.schedules.SCHEDULES`; "karras", against which the others are held, is added.
    solver : {"heun", "euler", "ddim"}, optional
        Of the N steps.
    n : int, optional
        Samples, at least 2.
    fine_steps : int, optional
        Steps of the fine run, at least 4.
    sigma_max : float, optional
        The first level, never above what the network knows; no level is below that, either.
    seed : int, optional
        Of the starting noise.
    dtype : torch.dtype, optional
        Of the samples.
    device : torch.device or str, optional
        Where they are drawn.
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        Over `(schedule, steps)`: `distance` with `_stderr`, `predicted`, that of the Gaussian optimum `gaussian` with
        `_stderr`; `ratio` of the distance to that of the Karras schedule with the same noise, with `_stderr`, and
        `ratio_predicted`. Single numbers: `chance`, between unrelated samples of the fine run, and `floor`, between it
        and one of half as many steps on another grid, each with `_stderr`. `sigmas` are the levels.

    Raises
    ------
    ArgumentError
        For steps < 1, n < 2, fine_steps < 4, none or repeated steps.
    UnknownNameError
        For an unknown schedule or solver.
    NoiseLevelError
        Where the network knows no level below sigma_max.
    EmptyDataError, ShapeError, NotFiniteError
        For data that are none.

    Examples
    --------
    >>> gaussian = GaussianDenoiser(torch.zeros(3), torch.diag(torch.tensor([4.0, 1.0, 0.1])))
    >>> found = schedule_gain(gaussian, gaussian, (5, 10), n=400, show=False)
    >>> bool((found.ratio.sel(schedule="optimal") < 1).all())
    True
    >>> bool((abs(found.distance / found.predicted - 1) < 0.2).all())
    True
    """
    steps = [check.integer("steps", value, 1) for value in steps]
    if not steps or len(set(steps)) < len(steps):
        raise ArgumentError("steps", f"are {steps}", "pass different numbers of steps")
    names = list(dict.fromkeys([*(check.choice("schedules", name, SCHEDULES) for name in schedules), AGAINST]))
    check.choice("solver", solver, SOLVERS)
    n, fine_steps = check.integer("n", n, 2), check.integer("fine_steps", fine_steps, 4)
    low, high = within_known_range(denoiser, 0.0, check.real("sigma_max", sigma_max, 1e-6))
    gaussian = data if isinstance(data, GaussianDenoiser) else GaussianDenoiser.fit(data)
    c = gaussian.covariance.spectrum
    noise = starting_noise(n, tuple(gaussian.mean.shape), high, seed, dtype).to(device)
    fine = karras_schedule(fine_steps, high, low or min(0.002, high / 2))
    check_grid = continuum_schedule(c, fine_steps // 2, "heun", high, low)
    grids = {(name, N): named_schedule(name, c, N, solver, high, low) for name in names for N in steps}
    runs: list[tuple[Array, str]] = [(fine, "heun"), (check_grid, "heun"), *((grid, solver) for grid in grids.values())]
    distances = []
    for model in (in_evaluation(denoiser), gaussian.to(device)):
        drawn = [sample(model, noise, *run, show=False) for run in progress.bar(runs, label="schedules", show=show)]
        distances.append([_squares(one, drawn[0], gaussian) for one in (drawn[0].roll(1, 0), *drawn[1:])])
    (chance, floor, *found), (_, _, *control) = distances
    shape = (len(names), len(steps))
    base = [found[names.index(AGAINST) * len(steps) + j] for _ in names for j in range(len(steps))]
    predicted = np.array([same_noise_distance(gaussian, grid, fine, solver) for grid in grids.values()]).reshape(shape)
    variables = {
        **estimates(("schedule", "steps"), distance=_grid(found, shape), gaussian=_grid(control, shape)),
        "predicted": (("schedule", "steps"), predicted),
        **estimates(("schedule", "steps"), ratio=_ratios(found, base, shape)),
        "ratio_predicted": (("schedule", "steps"), predicted / predicted[names.index(AGAINST)]),
        **estimates((), chance=_root(chance), floor=_root(floor)),
        "sigmas": (("schedule", "steps", "level"), _padded(list(grids.values()), shape)),
    }
    attributes = provenance(seed=seed, device=str(device)) | {
        "solver": solver, "n": n, "fine_steps": fine_steps, "sigma_max": high, "sigma_min": low,
    }  # fmt: skip
    return xr.Dataset(variables, coords={"schedule": names, "steps": steps}, attrs=attributes)


def _squares(one: Points, other: Points, gaussian: GaussianDenoiser) -> Array:
    """Squared distances of samples, relative to the trace of the covariance."""
    return ((one - other).double().flatten(1).square().sum(1) / gaussian.covariance.trace).numpy(force=True)


def _root(squares: Array) -> Array:
    """Root of the mean of squares, and its standard error by the delta method."""
    mean, error = mean_error(squares)
    root = np.sqrt(mean)
    return np.array([root, error / (2 * root) if root > 0 else 0.0])


def _grid(squares: Sequence[Array], shape: tuple[int, int]) -> Estimate:
    return np.array([_root(one) for one in squares]).T.reshape(2, *shape)


def _ratios(found: Sequence[Array], base: Sequence[Array], shape: tuple[int, int]) -> Estimate:
    """Ratios of distances from the same noise; the pairing takes what varies between draws out of the error."""
    ratios = [ratio_error(top, bottom) for top, bottom in zip(found, base, strict=True)]
    values = [(np.sqrt(ratio), error / (2 * np.sqrt(ratio))) for ratio, error in ratios]
    return np.array(values).T.reshape(2, *shape)


def _padded(grids: Sequence[Array], shape: tuple[int, int]) -> Array:
    """The levels in one array, nan behind the last."""
    padded = np.full((len(grids), max(map(len, grids))), np.nan)
    for row, grid in zip(padded, grids, strict=True):
        row[: len(grid)] = grid
    return padded.reshape(*shape, -1)
