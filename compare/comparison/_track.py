"""Which theory does a denoiser follow, noise level by noise level?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error, ratio_error
from ..._support.results import provenance
from ..._support.types import ArrayLike
from ...errors import DenoiserContractError, EmptyDataError, ShapeError
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser, with_condition

METRICS = {
    "score_error": "E|D_net - D_theory|^2 / E|D_theory - x|^2",
    "cosine": "E cos(s_net, s_theory)",
    "explained_variance": "1 - E|s_net - s_theory|^2 / E|s_net|^2",
    "rmse": "E sqrt(|D_net - D_theory|^2 / d)",
    "denoising_error": "E|D_theory - x0|^2 / d",
}

ROUNDING = 1e-12  # relative: distances closer than that are equal


def track(
    denoiser: Denoiser,
    theories: Mapping[str, Denoiser],
    data: ArrayLike,
    sigmas: ArrayLike,
    *,
    n_noise: int = 1,
    seed: int = 0,
    batch_size: int = 256,
    condition: ArrayLike | None = None,
    show: bool | None = None,
) -> xr.Dataset:
    """How far the score of a denoiser is from that of each theory, noise level by noise level.

    The noise of a point is the same at every level (common random numbers), so that curves are smooth and a level's
    result does not depend on which others are asked for. Standard errors are over points.

    Parameters
    ----------
    denoiser : Denoiser
        The network, or any other denoiser.
    theories : mapping of str to Denoiser
        What it is held against, by name.
    data : array_like, shape (n, *event)
        Clean points, best held out from training; two at least.
    sigmas : array_like, shape (levels,)
        Noise levels > 0.
    n_noise : int, optional
        How often each point is noised.
    seed : int, optional
        Of the noise.
    batch_size : int, optional
        Points denoised at once; it changes nothing but the memory needed.
    condition : array_like, shape (n, ...), optional
        What the network is told of each point, such as its class; the theories are not told.
    show : bool, optional
        Show a progress bar (default: on a terminal).

    Returns
    -------
    xarray.Dataset
        Over `(theory, sigma)`, each with its `_stderr`:

        - `score_error` = E|D_net - D_theory|^2 / E|D_theory - x|^2, the squared score difference relative to the
          theory's;
        - `cosine` between the two scores;
        - `explained_variance` = 1 - E|s_net - s_theory|^2 / E|s_net|^2 [@Wang2024];
        - `rmse` = E sqrt(|D_net - D_theory|^2 / d), the score difference of [@Li2024], eq. 10;
        - `denoising_error` = E|D_theory - x0|^2 / d;

        over `(sigma)`: `network_denoising_error`; `closest`, the theory with the least mean squared distance (the first
        of those that are equal but for rounding); over `(theory, sigma)`: `tied`, whether a theory's distance is within
        two standard errors of the least, by a paired comparison on the same points (the closest itself is always tied).

    Raises
    ------
    EmptyDataError
        If there are fewer than two points, or no theory.
    ShapeError
        If `condition` has not one row for each point.
    NoiseLevelError
        If a noise level is not finite and > 0.
    DenoiserContractError
        If a denoiser returns another shape, or values that are not finite.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> x0 = torch.linspace(-1, 1, 20, dtype=torch.float64).reshape(10, 2)
    >>> gaussian = GaussianDenoiser.fit(x0)
    >>> result = track(gaussian, {"gaussian": gaussian, "nothing": lambda x, sigma: 0 * x}, x0, [0.5, 1.0])
    >>> result.closest.values.tolist(), float(result.score_error.sel(theory="gaussian").max())
    (['gaussian', 'gaussian'], 0.0)
    """
    data = check.dataset("data", data, minimum=2)
    grid = check.positive_sigmas("sigmas", sigmas)
    if not theories:
        raise EmptyDataError("theories", "is empty", "pass at least one {name: denoiser}")
    n_noise = check.integer("n_noise", n_noise, 1)
    batch_size = check.integer("batch_size", batch_size, 1)
    told = None if condition is None else torch.as_tensor(condition)
    if told is not None and len(told) != len(data):
        raise ShapeError("condition", f"has {len(told)} rows for {len(data)} points", "pass one for each point")
    levels = [
        _level(denoiser, theories, data, float(sigma), n_noise, seed, batch_size, told)
        for sigma in progress.bar(grid, label="noise levels", show=show)
    ]
    result = xr.concat(levels, dim=xr.Variable("sigma", grid))
    result.attrs |= provenance(seed=seed, device=str(data.device))
    result.attrs |= {"n": len(data), "n_noise": n_noise}
    for metric, meaning in METRICS.items():
        result[metric].attrs["long_name"] = meaning
    return result


def _level(
    denoiser: Denoiser,
    theories: Mapping[str, Denoiser],
    data: torch.Tensor,
    sigma: float,
    n_noise: int,
    seed: int,
    batch_size: int,
    told: torch.Tensor | None,
) -> xr.Dataset:
    """All metrics at one noise level."""
    moments: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(data), batch_size):
        x0 = data[start : start + batch_size]
        indices = range(start, start + len(x0))
        draws = [noised(x0, sigma, seed, indices, draw) for draw in range(n_noise)]
        rows = None if told is None else told[start : start + batch_size]
        network = denoiser if rows is None else with_condition(cast("Any", denoiser), rows)
        for name, value in _mean_over_draws(network, theories, x0, draws, sigma).items():
            moments.setdefault(name, []).append(value)
    return _summary({name: np.concatenate(parts, axis=-1) for name, parts in moments.items()}, list(theories))


def _mean_over_draws(
    denoiser: Denoiser,
    theories: Mapping[str, Denoiser],
    x0: torch.Tensor,
    draws: list[torch.Tensor],
    sigma: float,
) -> dict[str, np.ndarray]:
    """Per point (last axis) and theory (first axis): the squared distances that the metrics are made of."""
    each = [_squares(denoiser, theories, x0, x, sigma) for x in draws]
    return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}


def _squares(
    denoiser: Denoiser, theories: Mapping[str, Denoiser], x0: torch.Tensor, x: torch.Tensor, sigma: float
) -> dict[str, np.ndarray]:
    with torch.no_grad():
        net = _evaluate("denoiser", denoiser, x, sigma)
        optima = torch.stack([_evaluate(name, theory, x, sigma) for name, theory in theories.items()])
    clean, net, x = (t.double().flatten(1) for t in (x0, net, x))
    optima = optima.double().flatten(2)
    moved, theory_moved = net - x, optima - x
    norms = (moved.square().sum(-1) * theory_moved.square().sum(-1)).sqrt()
    inner = (moved * theory_moved).sum(-1)
    distance = (net - optima).square().sum(-1)
    values = {
        "distance": distance,
        "theory_move": theory_moved.square().sum(-1),
        "net_move": moved.square().sum(-1),
        "cosine": torch.where(norms > 0, inner / norms, torch.ones_like(inner)),
        "rmse": (distance / x.shape[1]).sqrt(),
        "theory_error": (optima - clean).square().mean(-1),
        "net_error": (net - clean).square().mean(-1),
    }
    return {name: value.numpy(force=True) for name, value in values.items()}


def _evaluate(name: str, denoiser: Denoiser, x: torch.Tensor, sigma: float) -> torch.Tensor:
    denoised = denoiser(x, sigma)
    if denoised.shape != x.shape:
        raise DenoiserContractError(
            name, f"returned shape {tuple(denoised.shape)} for {tuple(x.shape)}", "return E[x0 | x] in the shape of x"
        )
    if not bool(denoised.isfinite().all()):
        raise DenoiserContractError(name, f"returned NaN or inf at sigma = {sigma:g}", "check it at this noise level")
    return denoised


def _summary(values: dict[str, np.ndarray], names: list[str]) -> xr.Dataset:
    distance = values["distance"]
    unexplained, error = ratio_error(distance, np.broadcast_to(values["net_move"], distance.shape), axis=1)
    mean = distance.mean(1)
    best = int(np.flatnonzero(mean <= mean.min() * (1 + ROUNDING))[0])
    gap, gap_stderr = mean_error(distance - distance[best], axis=1)
    by_theory = estimates(
        "theory",
        score_error=ratio_error(distance, values["theory_move"], axis=1),
        cosine=mean_error(values["cosine"], axis=1),
        explained_variance=(1 - unexplained, error),
        rmse=mean_error(values["rmse"], axis=1),
        denoising_error=mean_error(values["theory_error"], axis=1),
    )
    of_network = estimates((), network_denoising_error=mean_error(values["net_error"]))
    closest = {"tied": ("theory", gap <= 2 * gap_stderr + ROUNDING * mean), "closest": ((), names[best])}
    return xr.Dataset({**by_theory, **of_network, **closest}, coords={"theory": names})
