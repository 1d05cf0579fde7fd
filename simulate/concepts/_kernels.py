"""Anti-aliased shapes on a background, one image at a time; draws no random numbers."""

from __future__ import annotations

import math

import numpy as np

from ..._support.compiled import compiled

CIRCLE, TRIANGLE, SQUARE = 0, 1, 2
SQUARE_HALF = math.sqrt(math.pi) / 2
TRIANGLE_INRADIUS = math.sqrt(math.pi / (3 * math.sqrt(3)))
HALF_ROOT_THREE = math.sqrt(3) / 2


@compiled()
def _signed_distance(shape, x, y, radius):
    """Below 0 inside, above 0 outside; all shapes have the area of the circle of `radius`."""
    if shape == CIRCLE:
        return math.sqrt(x * x + y * y) - radius
    if shape == SQUARE:
        return max(abs(x), abs(y)) - SQUARE_HALF * radius
    slanted = HALF_ROOT_THREE * abs(x) - 0.5 * y
    return max(slanted, y) - TRIANGLE_INRADIUS * radius


@compiled()
def paint(images, shapes, places, radii, colours, grounds):
    """Fill `images` (n, 3, h, w) in [-1, 1] from shapes (n,), places (n, 2), radii (n,), colours and grounds (n, 3).

    Coordinates run from -1 to 1 over the picture, y downwards; a pixel is covered by 1/2 - distance / pixel,
    within [0, 1].
    """
    n, channels, height, width = images.shape
    pixel = 2.0 / max(height, width)
    for i in range(n):
        for row in range(height):
            y = (2 * row + 1 - height) / max(height, width) - places[i, 1]
            for column in range(width):
                x = (2 * column + 1 - width) / max(height, width) - places[i, 0]
                covered = 0.5 - _signed_distance(shapes[i], x, y, radii[i]) / pixel
                covered = min(max(covered, 0.0), 1.0)
                for c in range(channels):
                    value = covered * colours[i, c] + (1 - covered) * grounds[i, c]
                    images[i, c, row, column] = np.float32(2 * value - 1)
