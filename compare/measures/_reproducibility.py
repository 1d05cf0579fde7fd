r"""Reproducibility: do two models, from the same starting noise, arrive at the same image?

Every model carries the same draws of noise along its deterministic trajectory ([@Zhang2024]); for each pair of models,
over the draws,

    rp        P(cos(f(x), f(x')) > threshold), f a feature extractor: the reproducibility score
    mae       P(mean |x - x'| < 15 grey values of 255): the MAE score
    cosine    E cos(x - mu, x' - mu), mu the mean of all samples
    rmse      E sqrt(|x - x'|^2 / d)

and, as the level of chance, `rp_chance` and `cosine_chance`, for which draw j of one model is held against draw j + 1
of the other: samples of the same two models that have nothing in common but the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error, wilson_interval
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import ArrayLike, Device, Record
from ...errors import EmptyDataError, ShapeError
from ...theory.denoiser import Denoiser
from ._memorisation import Features, unit_features
from ._paired_samples import paired_samples

SHARES = ("rp", "mae", "rp_chance")


@typed
def pairwise_reproducibility(
    samples: Mapping[str, torch.Tensor],
    *,
    features: Features | None = None,
    threshold: float = 0.6,
    grey_values: float = 15.0,
    centre: ArrayLike | None = None,
) -> xr.Dataset:
    """The measures of this module for every pair of models, as symmetric matrices.

    Parameters
    ----------
    samples : mapping of str to Tensor
        For each model `(n, *event)`, draw j of all from the same noise, values in [-1, 1]; two draws at least.
    features : callable, optional
        From a batch of images to features `(batch, ...)`. Without it, the features are the images less `centre`.
    threshold : float, optional
        Of the cosine of features above which two samples count as the same.
    grey_values : float, optional
        Mean distance, in grey values of 255, below which two samples count as the same for the MAE score.
    centre : array_like, shape event, optional
        The image that is subtracted (default: the mean over all models).

    Returns
    -------
    xarray.Dataset
        Over `(model, other)`: shares (`rp`, `mae`, `rp_chance`) with `_stderr` and a 95 % Wilson interval `_low`,
        `_high`; means (`cosine`, `rmse`, `cosine_chance`) with `_stderr`.

    Raises
    ------
    EmptyDataError
        If there are fewer than two models or draws.
    ShapeError
        If the models' samples differ in shape.
    ArgumentError
        If `threshold` or `grey_values` is out of range.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.5]])
    >>> found = pairwise_reproducibility({"a": x, "b": -x}, centre=torch.zeros(2))
    >>> found.rp.values.tolist(), found.cosine.values.round(6).tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [[1.0, -1.0], [-1.0, 1.0]])
    """
    if len(samples) < 2:
        raise EmptyDataError("samples", f"expected two models or more, got {len(samples)}", "pass more samples")
    checked = {name: check.points("samples", x, minimum=2).double() for name, x in samples.items()}
    shapes = {tuple(x.shape) for x in checked.values()}
    if len(shapes) > 1:
        raise ShapeError("samples", f"have the shapes {sorted(shapes)}", "pass models of one event shape")
    threshold = check.real("threshold", threshold, -1.0, 1.0)
    limit = check.real("grey_values", grey_values, 0.0) * 2 / 255
    mu = torch.stack([x.mean(0) for x in checked.values()]).mean(0)
    if centre is not None:
        given = check.as_float_tensor("centre", centre).to(mu)
        if given.ndim and given.shape != mu.shape:
            raise ShapeError("centre", f"has shape {tuple(given.shape)}", f"pass one point, {tuple(mu.shape)}")
        mu = given
    centred = {name: torch.nn.functional.normalize((x - mu).flatten(1), dim=1) for name, x in checked.items()}
    described = centred if features is None else {n: unit_features(features, x) for n, x in samples.items()}
    views = {name: (checked[name], centred[name], described[name]) for name in samples}
    rows = [[_pair(views[a], views[b], threshold, limit) for b in samples] for a in samples]
    n = next(iter(checked.values())).shape[0]
    variables: Record = {}
    for name in rows[0][0]:
        values = np.array([[pair[name] for pair in row] for row in rows])
        mean, stderr = mean_error(values, axis=2)
        variables |= estimates(("model", "other"), **{name: (mean, stderr)})
        if name in SHARES:
            for side, bound in zip(("low", "high"), wilson_interval(mean, n), strict=True):
                variables[f"{name}_{side}"] = (("model", "other"), bound)
    names = list(samples)
    attributes = provenance() | {"threshold": threshold, "grey_values": grey_values, "n": n}
    return xr.Dataset(variables, coords={"model": names, "other": names}, attrs=attributes)


Views = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _pair(one: Views, other: Views, threshold: float, limit: float) -> dict[str, np.ndarray]:
    """Every measure, draw by draw, from the samples, their directions from the centre, and their features."""
    difference = (one[0] - other[0]).flatten(1)
    cosine, cosine_chance = _cosines(one[1], other[1])
    likeness, likeness_chance = _cosines(one[2], other[2])
    values = {
        "rp": likeness > threshold,
        "mae": difference.abs().mean(1) < limit,
        "cosine": cosine,
        "rmse": difference.square().mean(1).sqrt(),
        "rp_chance": (likeness_chance > threshold).double().mean(0),
        "cosine_chance": cosine_chance.mean(0),
    }
    return {name: value.double().numpy(force=True) for name, value in values.items()}


def _cosines(u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines `(n,)` of unit vectors of the same draw, and `(2, n)` of neighbouring draws, either way."""
    return (u * v).sum(1), torch.stack([(u * v.roll(1, 0)).sum(1), (u.roll(1, 0) * v).sum(1)])


@partial(typed, says={"x": "event_shape"})
def reproducibility(
    models: Mapping[str, Denoiser],
    event_shape: Sequence[int],
    n: int = 64,
    *,
    sigmas: ArrayLike | None = None,
    method: str = "heun",
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: Device = "cpu",
    features: Features | None = None,
    threshold: float = 0.6,
    grey_values: float = 15.0,
    centre: ArrayLike | None = None,
    show: bool | None = None,
) -> xr.Dataset:
    """Whether models (networks and optima alike) arrive at the same images from the same noise.

    `paired_samples` of all, then `pairwise_reproducibility` of them.

    Parameters
    ----------
    models : mapping of str to Denoiser
        Two models or more, by name.
    event_shape : sequence of int
        The shape of one sample.
    n : int, optional
        Samples of each model.
    sigmas, method, seed, dtype, device, show
        As of `paired_samples`.
    features, threshold, grey_values, centre
        As of `pairwise_reproducibility`.

    Returns
    -------
    xarray.Dataset
        As of `pairwise_reproducibility`.

    Raises
    ------
    EmptyDataError
        If there are fewer than two models or draws.
    UnknownNameError
        If `method` is unknown or draws noise of its own.

    Examples
    --------
    >>> from idealscore.theory import GaussianDenoiser
    >>> one, two = (GaussianDenoiser(torch.zeros(2), torch.eye(2) * v) for v in (0.25, 0.26))
    >>> found = reproducibility({"one": one, "two": two}, (2,), n=8)
    >>> found.rp.sel(model="one", other="two").item(), found.mae.sel(model="one", other="two").item()
    (1.0, 1.0)
    """
    samples = paired_samples(
        models, event_shape, n, sigmas=sigmas, method=method, seed=seed, dtype=dtype, device=device, show=show
    )
    result = pairwise_reproducibility(
        samples, features=features, threshold=threshold, grey_values=grey_values, centre=centre
    )
    result.attrs |= provenance(seed=seed, device=str(device)) | {"method": method}
    return result
