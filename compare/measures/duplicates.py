"""Images that are, bit for bit, also in another set."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike


@typed
def exact_duplicates(images: ArrayLike, training: ArrayLike) -> int:
    """How many of some images are, bit for bit, in the training set.

    Parameters
    ----------
    images : array_like, shape (n, *event)
        The images that are counted.
    training : array_like, shape (m, *event)
        The set in which they are sought.

    Returns
    -------
    int
        The number of images whose values, read in float64, are those of an image in `training`.

    Raises
    ------
    ShapeError, EmptyDataError, ArgumentError
        If one of the two is not a non-empty array of numbers with an event shape.

    Examples
    --------
    >>> exact_duplicates([[0.0], [1.0], [1.0]], [[1.0], [2.0]])
    2
    """
    images, training = check.points("images", images), check.points("training", training)
    seen = set(_digests(training))
    return sum(digest in seen for digest in _digests(images))


def _digests(images: torch.Tensor) -> list[bytes]:
    """A hash of each image, its values read in float64."""
    return [blake2b(image.double().numpy(force=True).tobytes(), digest_size=16).digest() for image in images]


def distinct(training: torch.Tensor) -> np.ndarray:
    """Indices of the first of every group of equal images."""
    first: dict[bytes, int] = {}
    for index, digest in enumerate(_digests(training)):
        first.setdefault(digest, index)
    return np.array(list(first.values()))
