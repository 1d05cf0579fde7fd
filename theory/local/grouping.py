"""The order of images in which groups of neighbours are alike.

Where the images of a group are alike, their windows are near each other or equal: most groups are far from a given
window and can be left out, and more windows have the same pixels in all images of a group.
"""

from __future__ import annotations

import numpy as np
import torch

from ..._support.types import Array

COARSE = 8
"""Images are compared by the means of so many by so many parts."""


def alike_together(images: torch.Tensor, size: int) -> Array:
    """The order of images (n, channels, height, width) in which each next `size` of them are alike.

    They are halved at the median of the coarse pixel that varies most, until `size` or fewer are left.

    >>> images = torch.tensor([0.0, 5.0, 0.1, 5.1]).reshape(4, 1, 1, 1)
    >>> sorted(alike_together(images, 2)[:2].tolist())
    [0, 2]
    """
    side = [min(COARSE, length) for length in images.shape[2:]]
    parts = [torch.nn.functional.adaptive_avg_pool2d(part.detach().float(), side) for part in images.split(4096)]
    coarse = torch.cat(parts).flatten(1).numpy()
    order = np.arange(len(coarse))
    todo = [(0, len(coarse))]
    while todo:
        first, last = todo.pop()
        if last - first <= size:
            continue
        mine = order[first:last]
        inside = coarse[mine]
        widest = inside[:, inside.var(0).argmax()]
        half = -(-(last - first) // (2 * size)) * size
        order[first:last] = mine[widest.argpartition(half - 1)]
        todo += [(first, first + half), (first + half, last)]
    return order
