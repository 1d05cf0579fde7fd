"""Same condition, same noise: does the noise decide the sample beyond what the condition already does?

Two samplers that are given the same class label or the same measurement agree to some extent whatever their noise:
the condition alone makes their samples alike. What [@Zhang2024] claim of conditional networks and of inverse problems
is therefore held here against two nulls,

    other noise    the same pair of models and the same conditions, the noise of one model drawn afresh
    chance         draw j of one model against draw j + 1 of the other: neither noise nor condition in common
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Unpack

import xarray as xr

from ..._support.streams import stream_seed
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...theory.denoiser import Denoiser
from ._memorisation import Features
from ._paired_samples import SamplingOptions, paired_samples
from ._reproducibility import SHARES, pairwise_reproducibility

MEASURES = ("rp", "mae", "cosine", "rmse")


@partial(typed, says={"x": "event_shape"})
def controlled_reproducibility(
    models: Mapping[str, Denoiser],
    event_shape: Sequence[int],
    n: int = 64,
    *,
    features: Features | None = None,
    threshold: float = 0.6,
    centre: ArrayLike | None = None,
    seed: int = 0,
    **sampling: Unpack[SamplingOptions],
) -> xr.Dataset:
    """Reproducibility from the same noise, next to that of other noise under the same conditions.

    A model is a denoiser whose draw j is already under condition j: `theory.with_condition(network, labels)`, or a
    `simulate.GuidedDenoiser` with one measurement per draw.

    Parameters
    ----------
    models : mapping of str to Denoiser
        Two models or more, by name.
    event_shape : sequence of int
        The shape of one sample.
    n : int, optional
        Samples of each model.
    features : callable, optional
        From a batch of images to features; with features of the unknown pixels, say, `rp` counts those alone.
    threshold : float, optional
        Of the cosine above which two samples count as the same.
    centre : array_like, shape event, optional
        The image that is subtracted (default: the mean over all samples).
    seed : int, optional
        Of the starting noise.
    **sampling
        `sigmas`, `method`, `dtype`, `device` and `show` of `paired_samples`.

    Returns
    -------
    xarray.Dataset
        As of `pairwise_reproducibility`, with `..._other_noise` next to each of rp, mae, cosine and rmse.

    Examples
    --------
    >>> import torch
    >>> from idealscore.theory import GaussianDenoiser
    >>> one, two = (GaussianDenoiser(torch.zeros(9), v * torch.eye(9)) for v in (0.25, 0.26))
    >>> found = controlled_reproducibility({"one": one, "two": two}, (9,), n=8)
    >>> pair = found.sel(model="one", other="two")
    >>> pair.rp.item(), bool(pair.rp_other_noise < 0.5)
    (1.0, True)
    """
    draws = {
        name: paired_samples(models, event_shape, n, seed=start, **sampling)
        for name, start in (("", seed), ("other noise", stream_seed(seed, "other noise")))
    }
    fresh = {name: f"{name}, other noise" for name in models}
    together = draws[""] | {fresh[name]: x for name, x in draws["other noise"].items()}
    whole = pairwise_reproducibility(together, features=features, threshold=threshold, centre=centre)
    names = list(models)
    result = whole.sel(model=names, other=names)
    null = whole.sel(model=names, other=[fresh[name] for name in names]).assign_coords(other=names)
    for name in MEASURES:
        for part in ("", "_stderr", *(("_low", "_high") if name in SHARES else ())):
            result[f"{name}_other_noise{part}"] = null[f"{name}{part}"]
    result.attrs |= {"seed": str(seed)}
    return result
