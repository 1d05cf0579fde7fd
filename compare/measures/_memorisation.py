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
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
import xarray as xr

from ..._support import checks as check
from ..._support.estimates import estimates, mean_error
from ..._support.results import provenance
from ...errors import ShapeError

Features = Callable[[torch.Tensor], torch.Tensor]

CANDIDATES = 8
CONFIDENCE = 1.959963984540054
METRICS = {
    "memorised": "share with |x - a_1| / |x - a_2| < ratio",
    "copies": "share within half a grey level of a training image",
    "nearest_distance": "E |x - a_1|",
    "generalisation_distance": "E |x - a_1| / |x|",
    "generalisation_score": "1 - P(max_i cos(f(x), f(y_i)) > threshold)",
}


def wilson_interval(share: Any, n: int, z: float = CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
    """The Wilson score interval of a share observed in `n` trials (default: 95 %), which is not empty at 0 and 1.

    >>> low, high = wilson_interval(0.0, 100)
    >>> float(low), round(float(high), 4)
    (0.0, 0.037)
    """
    share = np.asarray(share, dtype=np.float64)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.where(share > 0, centre - half, 0.0), np.where(share < 1, centre + half, 1.0)


def nearest_neighbours(
    queries: Any, reference: Any, k: int = 2, exclude_self: bool = False, batch_size: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices `(n, k)` of the k nearest of `reference` `(m, *event)` to each query, in order.

    Matrix products of centred points in float64 find the candidates, differences give their distances, so that a copy
    has distance 0. `exclude_self` leaves out item i for query i, for a set's distances to itself. Raises ArgumentError
    where `reference` has fewer than k others.

    >>> nearest_neighbours([[0.0], [3.0]], [[0.0], [1.0], [5.0]])[0].tolist()
    [[0.0, 1.0], [2.0, 2.0]]
    """
    queries, reference = check.dataset("queries", queries), check.dataset("reference", reference)
    if queries.shape[1:] != reference.shape[1:]:
        raise ShapeError(
            "queries", f"have shape {tuple(queries.shape[1:])}", f"pass events {tuple(reference.shape[1:])}"
        )
    k = check.integer("k", k, 1, len(reference) - int(exclude_self))
    points = reference.double().flatten(1)
    centre = points.mean(0)
    points = points - centre
    half = points.square().sum(1) / 2
    distances, indices = [], []
    for start in range(0, len(queries), batch_size):
        x = queries[start : start + batch_size].to(points).flatten(1) - centre
        energy = torch.addmm(half, x, points.T, alpha=-1)
        if exclude_self:
            rows = torch.arange(len(x), device=x.device)
            energy[rows, rows + start] = torch.inf
        candidates = energy.topk(min(max(k, CANDIDATES), len(points) - int(exclude_self)), largest=False).indices
        exact = (x[:, None] - points[candidates]).norm(dim=2)
        nearest = exact.sort(dim=1, stable=True)
        distances.append(nearest.values[:, :k].numpy(force=True))
        indices.append(candidates.gather(1, nearest.indices[:, :k]).numpy(force=True))
    return np.concatenate(distances), np.concatenate(indices)


def exact_duplicates(images: Any, training: Any) -> int:
    """How many of `images` are, bit for bit, in `training`."""
    images, training = check.dataset("images", images), check.dataset("training", training)
    seen = set(_digests(training))
    return sum(digest in seen for digest in _digests(images))


def _digests(images: torch.Tensor) -> list[bytes]:
    """A hash of each image, its values read in float64."""
    return [blake2b(image.double().numpy(force=True).tobytes(), digest_size=16).digest() for image in images]


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


def memorisation(
    samples: Any,
    training: Any,
    *,
    held_out: Any = None,
    features: Features | None = None,
    ratio: float = 1 / 3,
    threshold: float = 0.6,
    grey_level: float = 2 / 255,
) -> xr.Dataset:
    """How far `samples` `(n, *event)` are copies of `training` images, as a Dataset over `(set)`.

    `set` is "samples" and, as the null, "held-out" where such images are given. Shares (`memorised`, `copies`,
    `generalisation_score`) come with `_stderr` and a 95 % Wilson interval `_low`, `_high`; mean distances
    (`nearest_distance`, `generalisation_distance`) with `_stderr`. Copies inside the training set count once, so that
    the second neighbour is another image. Over `(sample)`: `distance`, `second_distance`, `neighbour`, an index into
    `training`. `features` maps a batch of images to features, `threshold` applies to their cosine; `grey_level` is the
    step between two grey values (images in [-1, 1] from bytes: 2 / 255).

    Warns where held-out images are in the training set. Raises EmptyDataError for fewer than two different training
    images, ShapeError where shapes disagree.

    >>> training = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> found = memorisation(torch.tensor([[0.0, 0.0], [2.0, 1.0]]), training)
    >>> found.memorised.item(), found.copies.item(), found.neighbour.values.tolist()
    (0.5, 0.5, [0, 0])
    """
    training = check.dataset("training", training, minimum=2)
    sets = {"samples": check.dataset("samples", samples, minimum=2)}
    if held_out is not None:
        sets["held-out"] = check.dataset("held_out", held_out, minimum=2)
        shared = exact_duplicates(held_out, training)
        if shared:
            warnings.warn(f"{shared} of the held-out images are in the training set", stacklevel=2)
    ratio, threshold = check.real("ratio", ratio, 0.0, 1.0), check.real("threshold", threshold, -1.0, 1.0)
    grey_level = check.real("grey_level", grey_level, 0.0)
    kept = _distinct(training)
    distinct = check.dataset("training", training[kept], minimum=2)
    reference = None if features is None else unit_features(features, distinct)
    parts, neighbours = [], None
    for name, images in sets.items():
        distances, indices = nearest_neighbours(images, distinct)
        neighbours = (distances, kept[indices[:, 0]]) if neighbours is None else neighbours
        shares, means = _measures(images, distances, ratio, grey_level)
        if features is not None and reference is not None:
            closest = _closest_cosine(unit_features(features, images), reference)
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


def _distinct(training: torch.Tensor) -> np.ndarray:
    """Indices of the first of every group of equal images."""
    first: dict[bytes, int] = {}
    for index, digest in enumerate(_digests(training)):
        first.setdefault(digest, index)
    return np.array(list(first.values()))


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
    found = {name: mean_error(values) for name, values in (shares | means).items()}
    bounds: dict[str, float] = {}
    for name, values in shares.items():
        low, high = wilson_interval(found[name][0], len(values))
        bounds |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return xr.Dataset({**estimates((), **found), **bounds})
