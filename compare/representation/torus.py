r"""The two shapes that a representation of (mu_x, mu_y) on a torus may take, with their exact values [@Liang2024].

    Clifford torus (factorised)   (cos x, sin x, cos y, sin y) / sqrt(2)
    three-torus (coupled)         ((R + r cos y) cos x, (R + r cos y) sin x, r sin y)

Between tangents at (x, y) and (x', y') the cosines are, with d = x - x' and e = y - y',

    test         Clifford     three-torus
    x on y       0            sin y' sin d        (x-tangent at (x, y), y-tangent at (x', y'))
    x on x       cos d        cos d
    y on y       cos e        sin y sin y' cos d + cos y cos y'
    x parallel   1            1                   (x on x at the same x)
    y parallel   1            sin^2 y cos d + cos^2 y, on average 1/2

and of the whole set of points the participation ratio (sum l)^2 / sum l^2 of the covariance's eigenvalues is 4 and
(R^2 + r^2)^2 / ((R^2 + r^2/2)^2 / 2 + r^4 / 4); the share of the variance in f(x) + g(y) is 1 and
(R^2 + r^2/2) / (R^2 + r^2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ...errors import ArgumentError


def _angles(n: int) -> tuple[np.ndarray, np.ndarray]:
    angle = 2 * np.pi * np.arange(check.integer("n", n, 5)) / n
    x, y = np.meshgrid(angle, angle, indexing="ij")
    return x, y


@typed
def clifford_torus(n: int) -> np.ndarray:
    """The factorised torus on an n x n grid of angles: `(n, n, 4)` [@Liang2024].

    Parameters
    ----------
    n : int
        Angles along each feature, at least 5.

    Returns
    -------
    ndarray, shape (n, n, 4)
        (cos x, sin x, cos y, sin y) / sqrt(2).

    Examples
    --------
    >>> bool(np.allclose((clifford_torus(8) ** 2).sum(-1), 1))
    True
    """
    x, y = _angles(n)
    return np.stack([np.cos(x), np.sin(x), np.cos(y), np.sin(y)], axis=-1) / np.sqrt(2)


@typed
def three_torus(n: int, ratio: float = 0.5) -> np.ndarray:
    """The torus in three dimensions with r / R = `ratio` on an n x n grid of angles: `(n, n, 3)` [@Liang2024].

    Parameters
    ----------
    n : int
        Angles along each feature, at least 5.
    ratio : float
        r / R.

    Returns
    -------
    ndarray, shape (n, n, 3)
        ((R + r cos y) cos x, (R + r cos y) sin x, r sin y) for R = 1.

    Raises
    ------
    ArgumentError
        For a ratio outside (0, 1), where the torus would cross itself.

    Examples
    --------
    >>> torus = three_torus(8)
    >>> torus.shape, float(torus[0, 0, 0])
    ((8, 8, 3), 1.5)
    """
    _check_ratio(ratio)
    x, y = _angles(n)
    tube = 1 + ratio * np.cos(y)
    return np.stack([tube * np.cos(x), tube * np.sin(x), ratio * np.sin(y)], axis=-1)


@dataclass(frozen=True)
class TorusValues:
    """Exact means over a whole torus: rms of the cosine x on y, mean parallelism along x and y, participation ratio,
    share of the variance that is a sum of a function of x and one of y."""

    orthogonality: float
    parallel_x: float
    parallel_y: float
    participation_ratio: float
    additive_share: float


CLIFFORD = TorusValues(0.0, 1.0, 1.0, 4.0, 1.0)


@typed
def three_torus_values(ratio: float = 0.5) -> TorusValues:
    """The exact values of the three-torus with r / R = `ratio` [@Liang2024].

    Parameters
    ----------
    ratio : float
        r / R.

    Returns
    -------
    TorusValues
        The means over the whole torus.

    Raises
    ------
    ArgumentError
        For a ratio outside (0, 1).

    Examples
    --------
    >>> values = three_torus_values(0.5)
    >>> round(values.participation_ratio, 4), round(values.additive_share, 4)
    (2.4096, 0.9)
    """
    _check_ratio(ratio)
    square = ratio**2
    participation = (1 + square) ** 2 / ((1 + square / 2) ** 2 / 2 + square**2 / 4)
    return TorusValues(0.5, 1.0, 0.5, participation, (1 + square / 2) / (1 + square))


def _check_ratio(ratio: float) -> None:
    if not 0 < check.real("ratio", ratio) < 1:
        raise ArgumentError("ratio", f"is {ratio:g}", "pass r / R between 0 and 1")
