"""Permutations: of the labels over the data, and of each pixel's values over the images."""

from __future__ import annotations

import numpy as np
import torch

from ..._support import checks as check
from ..._support.labels import class_codes
from ..._support.streams import stream
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, EmptyDataError, ShapeError
from ._gaussian_null import varying


@typed
def shuffled_label_null(labels: ArrayLike, seed: int = 0) -> Array:
    """The labels in random order: as many data of each class, and no class has anything in common.

    Parameters
    ----------
    labels : array_like, shape (n,)
        One label per datum, of two classes or more.
    seed : int
        Of the permutation.

    Returns
    -------
    np.ndarray
        `(n,)`, the same labels.

    Raises
    ------
    ArgumentError
        Where all labels are the same, or some are not of a class.
    EmptyDataError
        Where there are none.
    ShapeError
        Where they are not `(n,)`.

    Examples
    --------
    >>> sorted(shuffled_label_null([0, 0, 1, 2]).tolist())
    [0, 0, 1, 2]
    """
    found = check.array("labels", labels) if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if found.ndim != 1:
        raise ShapeError("labels", f"has shape {found.shape}", "pass one per datum (n,)")
    if not len(found):
        raise EmptyDataError("labels", "are none", "pass one per datum")
    if len(set(class_codes("labels", found, len(found)).codes)) < 2:
        raise ArgumentError("labels", "are all the same", "pass data of two classes or more")
    return found[stream(seed, "label-null").permutation(len(found))]


@typed
def permuted_pixel_null(data: ArrayLike, seed: int = 0) -> torch.Tensor:
    """Images whose pixels come each from another image: every pixel keeps its histogram, all correlations go.

    (One permutation of the places, the same for all images, would be no null here: spectrum, classes and distances
    between images do not know where a pixel is, and no transition would move.)

    Parameters
    ----------
    data : array_like, shape (n, *event)
        Two or more.
    seed : int
        Of the permutations, one stream for each pixel.

    Returns
    -------
    tensor (n, *event)
        In the dtype and on the device of the data.

    Raises
    ------
    CovarianceError
        Where the data do not vary.
    EmptyDataError
        For fewer than two data.

    Examples
    --------
    >>> null = permuted_pixel_null([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    >>> null.sort(0).values.tolist()
    [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
    """
    points = varying(data)
    columns = check.as_float_tensor("data", points).flatten(1).T.contiguous()
    rows = torch.empty_like(columns)
    for k, column in enumerate(columns):
        order = stream(seed, "pixel-null", k).permutation(len(column))
        rows[k] = column[torch.from_numpy(order).to(column.device)]
    return rows.T.reshape(points.shape).contiguous()
