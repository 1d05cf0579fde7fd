r"""Memorisation: are samples nearer to training images than new images are?

Four measures, of the samples and, as a null, of held-out images that the network has never seen:

- the ratio test |x - a_1| / |x - a_2| < 1/3, with a_1, a_2 the nearest and second nearest training images
  ([@Bonnaire2025; @Gu2023]), which needs no scale;
- the distance to the nearest training image, and relative to |x| ([@Li2024], eq. 14, "GL");
- exact copies, to less than half a grey level per entry (root mean square);
- with a feature extractor, GL = 1 - P(max_i cos(f(x), f(y_i)) > threshold) ([@Zhang2024]).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error, wilson_interval
from ..._support.results import provenance
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...learned.data.ranges import same_range
from .duplicates import distinct, exact_duplicates
from .neighbours import nearest_neighbours

Features = Callable[[torch.Tensor], torch.Tensor]

METRICS = {
    "memorised": "share with |x - a_1| / |x - a_2| < ratio",
    "copies": "share within half a grey level of a training image",
    "nearest_distance": "E |x - a_1|",
    "generalisation_distance": "E |x - a_1| / |x|",
    "generalisation_score": "1 - P(max_i cos(f(x), f(y_i)) > threshold)",
}


def unit_features(features: Features, images: torch.Tensor, batch_size: int = 256) -> torch.Tensor:
    """`(n, f)`: features of length 1 of `images`, by any callable; a module gets its own dtype and device."""
    weight = next(features.parameters(), None) if isinstance(features, torch.nn.Module) else None
    given = images if weight is None else images.to(weight)
    with torch.no_grad():
        parts = [features(part).to(images.device, torch.float64).flatten(1) for part in given.split(batch_size)]
    return torch.nn.functional.normalize(torch.cat(parts), dim=1)


def _closest_cosine(features: torch.Tensor, reference: torch.Tensor) -> np.ndarray:
    parts = [(part @ reference.T).amax(1) for part in features.split(256)]
    return torch.cat(parts).numpy(force=True)


@partial(typed, says={"queries": "samples"})
def memorisation(
    samples: ArrayLike,
    training: ArrayLike,
    *,
    held_out: ArrayLike | None = None,
    features: Features | None = None,
    ratio: float = 1 / 3,
    threshold: float = 0.6,
    grey_level: float = 2 / 255,
) -> xr.Dataset:
    """How far samples are copies of training images, with held-out images as the null.

    Copies inside the training set count once, so that the second neighbour is another image.

    Parameters
    ----------
    samples : array_like, shape (n, *event)
        What a network has drawn, two at least.
    training : array_like, shape (m, *event)
        The images that it was trained on, two different ones at least.
    held_out : array_like, shape (k, *event), optional
        Images that the network has never seen, measured as if they were samples.
    features : callable, optional
        From a batch of images to features `(batch, ...)`, for `generalisation_score`.
    ratio : float, optional
        A sample is memorised where its nearest distance is below this share of the second nearest.
    threshold : float, optional
        Of the cosine of features above which two images are alike.
    grey_level : float, optional
        The step between two grey values (images in [-1, 1] from bytes: 2 / 255).

    Returns
    -------
    xarray.Dataset
        Over `set`, which is "samples" and, where given, "held-out": shares (`memorised`, `copies`,
        `generalisation_score`) with `_stderr` and a 95 % Wilson interval `_low`, `_high`; mean distances
        (`nearest_distance`, `generalisation_distance`) with `_stderr`. Over `sample`: `distance`, `second_distance`,
        `neighbour`, an index into `training`.

    Raises
    ------
    EmptyDataError
        If there are fewer than two samples, or fewer than two different training images.
    ShapeError
        If the images differ in shape.
    ArgumentError
        If `ratio`, `threshold` or `grey_level` is out of range, or samples and training images are of different
        ranges, such as bytes and [-1, 1].

    Warns
    -----
    UserWarning
        If held-out images are in the training set.

    Examples
    --------
    >>> training = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> found = memorisation(torch.tensor([[0.0, 0.0], [1.5, 1.0]]), training)
    >>> found.memorised.item(), found.copies.item(), found.neighbour.values.tolist()
    (0.5, 0.5, [0, 0])
    """
    same_range(samples=samples, training=training, **({} if held_out is None else {"held_out": held_out}))
    training = check.points("training", training, minimum=2)
    sets = {"samples": check.points("samples", samples, minimum=2)}
    if held_out is not None:
        sets["held-out"] = check.points("held_out", held_out, minimum=2)
        shared = exact_duplicates(held_out, training)
        if shared:
            warnings.warn(f"{shared} of the held-out images are in the training set", stacklevel=3)
    ratio, threshold = check.real("ratio", ratio, 0.0, 1.0), check.real("threshold", threshold, -1.0, 1.0)
    grey_level = check.real("grey_level", grey_level, 0.0)
    kept = distinct(training)
    reference = check.points("training", training[kept], minimum=2)
    described = None if features is None else unit_features(features, reference)
    parts, neighbours = [], None
    for name, images in sets.items():
        distances, indices = nearest_neighbours(images, reference)
        neighbours = (distances, kept[indices[:, 0]]) if neighbours is None else neighbours
        shares, means = _measures(images, distances, ratio, grey_level)
        if features is not None and described is not None:
            closest = _closest_cosine(unit_features(features, images), described)
            shares["generalisation_score"] = closest <= threshold
        parts.append(_summary(shares, means).expand_dims({"set": [name]}))
    result = xr.concat(parts, dim="set")
    assert neighbours is not None and isinstance(result, xr.Dataset)
    result["distance"] = ("sample", neighbours[0][:, 0])
    result["second_distance"] = ("sample", neighbours[0][:, 1])
    result["neighbour"] = ("sample", neighbours[1])
    result.attrs = provenance(device=str(training.device)) | {
        "n_train": len(training),
        "n_duplicates": len(training) - len(kept),
        "ratio": ratio,
        "threshold": threshold,
    }
    for metric in set(METRICS) & set(result):
        result[metric].attrs["long_name"] = METRICS[metric]
    return result


def _measures(
    images: torch.Tensor, distances: np.ndarray, ratio: float, grey_level: float
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    nearest, second = distances.T
    norms = images.double().flatten(1).norm(dim=1).numpy(force=True)
    shares = {
        "memorised": nearest < ratio * second,
        "copies": nearest / math.sqrt(images[0].numel()) < grey_level / 2,
    }
    relative = np.divide(nearest, norms, out=np.where(nearest > 0, np.inf, 0.0), where=norms > 0)
    return shares, {"nearest_distance": nearest, "generalisation_distance": relative}


def _summary(shares: dict[str, np.ndarray], means: dict[str, np.ndarray]) -> xr.Dataset:
    with np.errstate(invalid="ignore"):  # the relative distance of an image of zeros is infinite
        found = {name: mean_error(values) for name, values in (shares | means).items()}
    bounds: dict[str, float] = {}
    for name, values in shares.items():
        low, high = wilson_interval(found[name][0], len(values))
        bounds |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return xr.Dataset({**estimates((), **found), **bounds})
