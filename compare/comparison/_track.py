"""Which theory does a denoiser follow, noise level by noise level?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support import progress
from ..._support.estimates import estimates, mean_error, ratio_error
from ..._support.modules import guarded, in_evaluation
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import DenoiserContractError, EmptyDataError, ShapeError
from ...learned.data.images import ImageData
from ...simulate.diffusion import noised
from ...theory.covariance import Covariance
from ...theory.denoiser import Denoiser, with_condition
from ...theory.gaussian import GaussianDenoiser
from ...theory.levels import asked_levels
from ..measures._handover.before_use import tried, tried_by_class
from ._combination import beats, explained_by_all
from ._own_levels.steps import with_steps

METRICS = {
    "score_error": "E|D_net - D_theory|^2 / E|D_theory - x|^2",
    "cosine": "E cos(s_net, s_theory)",
    "explained_variance": "1 - E|s_net - s_theory|^2 / E|s_net|^2",
    "rmse": "E sqrt(|D_net - D_theory|^2 / d)",
    "denoising_error": "E|D_theory - x0|^2 / d",
    "null_explained": "explained_variance of the Gaussian that knows only the mean and the variance of the data",
    "best_explained": "explained_variance of the theory that is the best on the other half of the points",
    "combination_explained": "explained_variance of the convex combination fitted on the other half of the points",
}

NONE = "none"
"""What stands for the closest theory where none explains any of the score."""

ROUNDING = 1e-12  # relative: distances closer than that are equal


@partial(typed, says={"x": "data", "covariance": "data"})
def track(
    denoiser: Denoiser,
    theories: Mapping[str, Denoiser],
    data: ArrayLike,
    sigmas: ArrayLike | str,
    *,
    n_noise: int = 1,
    seed: int = 0,
    batch_size: int = 256,
    condition: ArrayLike | None = None,
    null: Denoiser | None = None,
    hand_over: bool = True,
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
    sigmas : array_like, shape (levels,), or "network"
        Noise levels > 0; "network": 18 of the network's own steps (`theory.levels.known_levels`).
    n_noise : int, optional
        How often each point is noised.
    seed : int, optional
        Of the noise.
    batch_size : int, optional
        Points denoised at once; it changes nothing but the memory needed.
    condition : array_like, shape (n, ...), optional
        What the network is told of each point, such as its class; the theories are not told.
    null : Denoiser, optional
        What knows nothing of the structure of the data (default: `featureless(data)`).
    hand_over : bool, optional
        Try the denoiser first as `compare.measures.handover` does; what is wrong is warned of and kept as the attribute
        `hand_over`. Class by class where it is told classes; not where it is told anything else.
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
        of those that are equal but for rounding), "none" where that explains no part of the score (a share of 0 or
        less) or points the other way (a negative cosine); over `(theory, sigma)`: `tied`, whether a theory's distance
        is within two standard errors of the least, by a paired comparison on the same points (the closest itself is
        always tied); `failed`, whether it gave NaN or inf, so that its numbers are NaN there.

        How much all of them explain together, over `(sigma)` with `_stderr`: `null_explained`, the share that the
        `null` explains; `best_explained` and `combination_explained`, those of the best theory and of the best convex
        combination of theories, chosen on one half of the points and measured on the other; `combination_gain`, their
        difference; over `(theory, sigma)`: `combination_weight`, and `beats_null`, whether a theory explains more than
        the null by two standard errors.

        Of a network in steps, over `(sigma)`: `network_step`, what it is told; `network_sigma`, the noise level for
        which it answers; `step_error`, by how much that is off at most, in |x - mean| for Gaussian data (0 but for
        networks in whole steps between two of them).

    Raises
    ------
    EmptyDataError
        If there are fewer than two points, or no theory.
    ShapeError
        If `condition` has not one row for each point.
    ArgumentError
        If the noise levels are another word than "network".
    NoiseLevelError
        If a noise level is not finite and > 0.
    DenoiserContractError
        If a denoiser returns another shape, or the network values that are not finite.

    Warns
    -----
    UserWarning
        If the hand-over test finds something wrong with the denoiser.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> x0 = torch.linspace(-1, 1, 20, dtype=torch.float64).reshape(10, 2)
    >>> gaussian = GaussianDenoiser.fit(x0)
    >>> result = track(gaussian, {"gaussian": gaussian, "nothing": lambda x, sigma: 0 * x}, x0, [0.5, 1.0])
    >>> result.closest.values.tolist(), float(result.score_error.sel(theory="gaussian").max())
    (['gaussian', 'gaussian'], 0.0)
    """
    data = check.points("data", data, minimum=2)
    grid = check.positive_sigmas("sigmas", asked_levels(denoiser, sigmas))
    if not theories:
        raise EmptyDataError("theories", "is empty", "pass at least one {name: denoiser}")
    n_noise = check.integer("n_noise", n_noise, 1)
    batch_size = check.integer("batch_size", batch_size, 1)
    told = None if condition is None else check.tensor("condition", condition)
    if told is not None and tuple(told.shape[:1]) != (len(data),):
        raise ShapeError("condition", f"has shape {tuple(told.shape)} for {len(data)} points", "pass one for each")
    options = {"n_noise": n_noise, "seed": seed, "batch_size": batch_size, "told": told}
    null = null or featureless(data)
    wrong = _wrong_with(denoiser, data, told, seed) if hand_over else []
    if wrong:
        warnings.warn(f"the denoiser as it was handed over: {'; '.join(wrong)}", stacklevel=3)
    levels = [
        track_level(denoiser, theories, null, data, float(sigma), **options)
        for sigma in progress.bar(grid, label="noise levels", show=show)
    ]
    result = with_steps(joined(levels, data, n_noise, seed), denoiser)
    return result.assign_attrs(hand_over=wrong or "") if hand_over else result


def _wrong_with(denoiser: Denoiser, data: torch.Tensor, told: torch.Tensor | None, seed: int) -> list[str]:
    """What the hand-over test finds, class by class where the network is told classes; other conditions have none."""
    if told is None:
        return tried(denoiser, None, data, seed)
    if told.ndim != 1 or told.is_floating_point() or told.is_complex() or bool((told < 0).any()):
        return []
    points = ImageData(data, told)
    return tried_by_class(denoiser, points, points, seed)


def featureless(data: ArrayLike) -> GaussianDenoiser:
    """The Gaussian that knows the mean and the variance per entry of `data`, and nothing of their structure.

    Parameters
    ----------
    data : array_like, shape (n, *event)
        Points.

    Returns
    -------
    GaussianDenoiser
        D(x, sigma) = m + v / (v + sigma^2) (x - m).

    Examples
    --------
    >>> featureless(torch.tensor([[1.0, 5.0], [3.0, 1.0]]))(torch.zeros(1, 2), 5.0**0.5 / 2**0.5)
    tensor([[1.0000, 1.5000]])
    """
    points = check.points("data", data).double()
    variance = points.var(0, correction=0).mean()
    return GaussianDenoiser(points.mean(0), Covariance.isotropic(variance, points[0].numel()))


def joined(levels: list[xr.Dataset], data: torch.Tensor, n_noise: int, seed: int) -> xr.Dataset:
    """Levels, in their order, as one Dataset over `sigma` that says what was done."""
    grid = np.array([float(level.attrs["sigma"]) for level in levels])
    result = xr.concat(levels, dim=xr.Variable("sigma", grid), combine_attrs="drop")
    result.attrs |= provenance(seed=seed, device=str(data.device))
    result.attrs |= {"n": len(data), "n_noise": n_noise}
    for metric, meaning in METRICS.items():
        result[metric].attrs["long_name"] = meaning
    return result


def conditioned(denoiser: Denoiser, told: torch.Tensor | None, rows: slice) -> Denoiser:
    """The denoiser of some points of a set in evaluation mode, told of each what `told` holds, if anything."""
    safe = in_evaluation(denoiser)
    return safe if told is None else with_condition(cast("Any", safe), told[rows])


def track_level(
    denoiser: Denoiser,
    theories: Mapping[str, Denoiser],
    null: Denoiser,
    data: torch.Tensor,
    sigma: float,
    *,
    n_noise: int = 1,
    seed: int = 0,
    batch_size: int = 256,
    told: torch.Tensor | None = None,
    done: Callable[[str, int], object] = lambda name, count: None,
) -> xr.Dataset:
    """All that `track` measures, at one noise level; `done(name, n)` hears of every n points that the network
    or a theory has denoised."""
    moments: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(data), batch_size):
        x0 = data[start : start + batch_size]
        indices = range(start, start + len(x0))
        draws = [noised(x0, sigma, seed, indices, draw) for draw in range(n_noise)]
        network = conditioned(denoiser, told, slice(start, start + len(x0)))
        for name, value in _mean_over_draws(network, theories, null, x0, draws, sigma, done).items():
            moments.setdefault(name, []).append(value)
    found = _summary({name: np.concatenate(parts, axis=-1) for name, parts in moments.items()}, list(theories))
    return found.assign_attrs(sigma=sigma)


def _mean_over_draws(
    denoiser: Denoiser,
    theories: Mapping[str, Denoiser],
    null: Denoiser,
    x0: torch.Tensor,
    draws: list[torch.Tensor],
    sigma: float,
    done: Callable[[str, int], object],
) -> dict[str, np.ndarray]:
    """Per point (last axis) and theory (first axis): the squared distances that the metrics are made of."""
    each = [_squares(denoiser, theories, null, x0, x, sigma, done) for x in draws]
    return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}


def _squares(
    denoiser: Denoiser,
    theories: Mapping[str, Denoiser],
    null: Denoiser,
    x0: torch.Tensor,
    x: torch.Tensor,
    sigma: float,
    done: Callable[[str, int], object],
) -> dict[str, np.ndarray]:
    denoised = []
    with torch.no_grad():
        for name, one in {"denoiser": denoiser, **{f"theory {key}": each for key, each in theories.items()}}.items():
            denoised.append(_evaluate(name, one, x, sigma))
            done("network" if name == "denoiser" else name.removeprefix("theory "), len(x))
        nothing = null(x, sigma)
    if not bool(denoised[0].isfinite().all()):
        raise DenoiserContractError(
            "denoiser", f"returned NaN or inf at sigma = {sigma:g}", "check it at this noise level"
        )
    clean, net, x, nothing = (t.double().flatten(1) for t in (x0, denoised[0], x, nothing))
    optima = torch.stack(denoised[1:]).double().flatten(2)
    optima[~optima.isfinite().all(2)] = torch.nan
    moved, theory_moved = net - x, optima - x
    norms = (moved.square().sum(-1) * theory_moved.square().sum(-1)).sqrt()
    inner = (moved * theory_moved).sum(-1)
    gaps = optima - net
    distance = gaps.square().sum(-1)
    values = {
        "distance": distance,
        "gram": torch.einsum("knd,lnd->kln", gaps, gaps),
        "null_distance": (nothing - net).square().sum(-1),
        "theory_move": theory_moved.square().sum(-1),
        "net_move": moved.square().sum(-1),
        "cosine": torch.where(norms == 0, torch.ones_like(inner), inner / norms),
        "rmse": (distance / x.shape[1]).sqrt(),
        "theory_error": (optima - clean).square().mean(-1),
        "net_error": (net - clean).square().mean(-1),
    }
    return {name: value.numpy(force=True) for name, value in values.items()}


def _evaluate(name: str, denoiser: Denoiser, x: torch.Tensor, sigma: float) -> torch.Tensor:
    denoised = guarded(denoiser, name)(x, sigma)
    if denoised.shape != x.shape:
        raise DenoiserContractError(
            name, f"returned shape {tuple(denoised.shape)} for {tuple(x.shape)}", "return E[x0 | x] in the shape of x"
        )
    return denoised


def _summary(values: dict[str, np.ndarray], names: list[str]) -> xr.Dataset:
    distance, net_move = values["distance"], values["net_move"]
    unexplained, error = ratio_error(distance, np.broadcast_to(net_move, distance.shape), axis=1)
    null_missed, null_error = ratio_error(values["null_distance"], net_move)
    cosine, cosine_error = mean_error(values["cosine"], axis=1)
    mean = distance.mean(1)
    failed = ~np.isfinite(mean)
    tied, name = np.zeros(len(names), dtype=bool), NONE
    if not failed.all():
        best = int(np.flatnonzero(mean <= np.nanmin(mean) * (1 + ROUNDING))[0])
        if not unexplained[best] >= 1 and not cosine[best] < 0:
            gap, gap_stderr = mean_error(distance - distance[best], axis=1)
            tied, name = gap <= 2 * gap_stderr + ROUNDING * mean, names[best]
    by_theory = estimates(
        "theory",
        score_error=ratio_error(distance, values["theory_move"], axis=1),
        cosine=(cosine, cosine_error),
        explained_variance=(1 - unexplained, error),
        rmse=mean_error(values["rmse"], axis=1),
        denoising_error=mean_error(values["theory_error"], axis=1),
    )
    of_network = estimates(
        (),
        network_denoising_error=mean_error(values["net_error"]),
        null_explained=(1 - null_missed, null_error),
    )
    words = {
        "tied": ("theory", tied),
        "failed": ("theory", failed),
        "beats_null": ("theory", beats(values["null_distance"], distance)),
        "closest": ((), name),
    }
    together = explained_by_all(values["gram"], net_move)
    return xr.Dataset({**by_theory, **of_network, **words, **together.data_vars}, coords={"theory": names})
