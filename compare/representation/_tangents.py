r"""Geometry of a representation over a grid of two features: orthogonality, parallelism, dimension, additivity.

The representation is an array h `(n_x, n_y, d)`. Its tangents are differences of neighbours along each feature, central
on a periodic grid, h(i+1, j) - h(i-1, j), and one-sided with borders [@Liang2024].
"""

from __future__ import annotations

import numpy as np

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError, EmptyDataError, ShapeError
from .torus import clifford_torus, three_torus

TESTS = ("x_on_y", "x_on_x", "y_on_y", "x_parallel", "y_parallel")
LARGEST = 1e70
TELLING = ("x_on_y", "x_parallel", "y_parallel")  # the tests in which the two tori differ


def grid_values(given: ArrayLike) -> np.ndarray:
    """`given` as a finite float64 array `(n_x, n_y, d)` of at least 5 x 5 points that are not all the same."""
    values = check.finite("values", check.float_array("values", given))
    if values.ndim != 3 or min(values.shape[:2]) < 5:
        raise ShapeError("values", f"has shape {values.shape}", "pass (n_x, n_y, d) with at least 5 x 5 points")
    largest = float(np.abs(values).max(initial=0.0))
    if largest > LARGEST:
        raise ArgumentError("values", f"holds {largest:.3g}, whose fourth power is no number", "pass another unit")
    spread = float(np.ptp(values.reshape(-1, values.shape[2]), axis=0).max(initial=0.0))
    if spread < 1 / LARGEST:
        raise EmptyDataError("values", "is the same at every point", "pass a layer that sees the condition")
    return values


def tangents(values: np.ndarray, periodic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Unit differences along x and along y at every point, each `(m_x, m_y, d)`; a vanishing one stays zero."""
    found = []
    for axis in (0, 1):
        step = np.roll(values, -1, axis) - np.roll(values, 1, axis) if periodic else np.diff(values, axis=axis)
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        found.append(step / np.where(length > 0, length, 1.0))
    return found[0], found[1]


@typed
def tangent_cosines(values: ArrayLike, periodic: bool = True) -> dict[str, np.ndarray]:
    """All cosines of each test of `TESTS`, over all pairs of grid points [@Liang2024].

    Parameters
    ----------
    values : array-like, shape (n_x, n_y, d)
        The representation over the grid of both features, at least 5 x 5.
    periodic : bool
        Whether both features are periodic.

    Returns
    -------
    dict of str to ndarray, shape (pairs,)
        "x_on_y": tangents of the two features anywhere; "x_on_x", "y_on_y": of one feature at different values of it;
        "x_parallel", "y_parallel": of one feature at one value of it and different values of the other.

    Raises
    ------
    ShapeError
        For values that are not (n_x, n_y, d) with at least 5 x 5 points.
    EmptyDataError
        For values that are the same at every point.

    Examples
    --------
    >>> cosines = tangent_cosines(clifford_torus(8))
    >>> float(abs(cosines["x_on_y"]).max().round(12)), float(cosines["y_parallel"].min().round(12))
    (0.0, 1.0)
    """
    along_x, along_y = tangents(grid_values(values), periodic)
    found = {"x_on_y": (_flat(along_x) @ _flat(along_y).T).ravel()}
    for name, steps, axis in (("x", along_x, 0), ("y", along_y, 1)):
        cosine = _flat(steps) @ _flat(steps).T
        places = np.indices(steps.shape[:2]).reshape(2, -1)
        same = [places[k][:, None] == places[k] for k in (0, 1)]
        found[f"{name}_on_{name}"] = cosine[~same[axis]]
        found[f"{name}_parallel"] = cosine[same[axis] & ~same[1 - axis]]
    return {name: np.clip(found[name], -1.0, 1.0) for name in TESTS}


@typed
def participation_ratio(values: ArrayLike) -> float:
    """(sum l)^2 / sum l^2 of the eigenvalues l of the covariance over the grid, by traces [@Liang2024].

    Parameters
    ----------
    values : array-like, shape (n_x, n_y, d)
        The representation over the grid of both features, at least 5 x 5.

    Returns
    -------
    float
        Between 1 and d: how many dimensions share the variance.

    Examples
    --------
    >>> round(participation_ratio(clifford_torus(8)), 12)
    4.0
    """
    flat = _flat(grid_values(values))
    flat = flat - flat.mean(axis=0)
    gram = flat @ flat.T if len(flat) < flat.shape[1] else flat.T @ flat
    return float(np.trace(gram) ** 2 / (gram**2).sum())


@typed
def additive_share(values: ArrayLike) -> float:
    """The share of the variance over the grid that is a sum f(x) + g(y): main effects over all [@Liang2024].

    Parameters
    ----------
    values : array-like, shape (n_x, n_y, d)
        The representation over the grid of both features, at least 5 x 5.

    Returns
    -------
    float
        In [0, 1]; 1 where the two features add.

    Examples
    --------
    >>> round(additive_share(three_torus(8)), 12)
    0.9
    """
    grid = grid_values(values)
    grid = grid - grid.mean(axis=(0, 1))
    effects = [(grid.mean(axis=axis) ** 2).sum() / grid.shape[1 - axis] for axis in (0, 1)]
    return float(sum(effects) / (grid**2).sum(axis=-1).mean())


@typed
def winding(values: ArrayLike) -> tuple[int, int]:
    """How often the mean over the other feature turns around its own centre as a periodic x (y) runs once round.

    In the plane of the two largest principal components: 1 and 1 for the Clifford torus; for the three-torus the mean
    over x is a segment, so 1 and 0. A test of the circle topology that needs no persistent homology.

    Parameters
    ----------
    values : array-like, shape (n_x, n_y, d)
        The representation over the grid of both features, at least 5 x 5.

    Returns
    -------
    tuple of int
        The turns along x and along y, without sign.

    Examples
    --------
    >>> winding(clifford_torus(9)), winding(three_torus(9))
    ((1, 1), (1, 0))
    """
    grid, turns = grid_values(values), []
    for axis in (1, 0):
        curve = grid.mean(axis=axis)
        curve = curve - curve.mean(axis=0)
        left, size, _ = np.linalg.svd(curve, full_matrices=False)
        if size[1] <= 1e-9 * size[0]:
            turns.append(0)
            continue
        plane = left[:, 0] * size[0] + 1j * left[:, 1] * size[1]
        turned = np.angle(np.roll(plane, -1) / plane).sum() / (2 * np.pi)
        turns.append(abs(round(float(turned))))
    return turns[0], turns[1]


def distances_to_tori(cosines: dict[str, np.ndarray], n: int, ratio: float = 0.5) -> tuple[float, float]:
    """Mean Wasserstein-1 distance of the tests in which they differ to (Clifford torus, three-torus) on an n x n grid.

    The three-torus may lie either way round; the nearer one counts [@Liang2024].

    >>> away = distances_to_tori(tangent_cosines(three_torus(12)), 12)
    >>> away[0] > 0.2, round(away[1], 12)
    (True, 0.0)
    """
    from scipy.stats import wasserstein_distance

    def apart(reference: np.ndarray) -> float:
        other = tangent_cosines(reference)
        return float(np.mean([wasserstein_distance(cosines[name], other[name]) for name in TELLING]))

    torus = three_torus(n, ratio)
    return apart(clifford_torus(n)), min(apart(torus), apart(torus.transpose(1, 0, 2)))


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])
