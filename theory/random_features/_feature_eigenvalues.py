r"""Eigenvalues of the covariance of random features: closed edges, and the full density from the resolvent."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..finite_sample._kappa import check_spectrum
from ._feature_constants import FeatureConstants
from ._feature_resolvent import Equations, check_ratio

HEIGHT = 1e-10  # of the imaginary part at which edges are sought, relative to the place
GRID = 240


def memorising_bulk(constants: FeatureConstants, samples: float, features: float) -> tuple[float, float]:
    r"""The bulk of eigenvalues that belong to the particular data, by its closed edges ([@Bonnaire2025], Thm 3.2).

    s2 + v2 (1 -+ sqrt(p / n))^2, for p > n >> d. For n of a few d the isolated eigenvalues above push it down:
    `bulk_edges` has the full answer.

    Parameters
    ----------
    constants : FeatureConstants
        As of `feature_constants`.
    samples, features : float
        n and p, or both per dimension: only their ratio counts. Both > 0.

    Returns
    -------
    low, high : float
        The edges.

    Raises
    ------
    ArgumentError
        For samples or features <= 0.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> from idealscore.theory.noise import NoiseLevel
    >>> constants = feature_constants(NoiseLevel.from_ou_time(0.1))
    >>> [round(edge, 4) for edge in memorising_bulk(constants, samples=8.0, features=16.0)]
    [0.0159, 0.0942]
    """
    check.instance("constants", constants, FeatureConstants)
    root = math.sqrt(check_ratio("features", features) / check_ratio("samples", samples))
    return constants.s2 + constants.v2 * (1 - root) ** 2, constants.s2 + constants.v2 * (1 + root) ** 2


def population_bulk(constants: FeatureConstants, spectrum: ArrayLike, features: float) -> tuple[float, float]:
    r"""The d large eigenvalues, of what all data share: where they lie for n -> inf.

    From s2 + v2 + (b^2 + a^2 c^2 l_min) (sqrt psi_p - 1)^2 to s2 + v2 + (b^2 + a^2 c^2 l_max) (sqrt psi_p + 1)^2, exact
    for data of one variance and bounds for others.

    Parameters
    ----------
    constants : FeatureConstants
        As of `feature_constants`.
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    features : float
        psi_p = p / d > 1, features per dimension.

    Returns
    -------
    low, high : float
        The edges.

    Raises
    ------
    ArgumentError
        For psi_p <= 1: fewer features than dimensions have no such bulk.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> low, high = population_bulk(feature_constants(0.5), [1.0], 16.0)
    >>> low < high
    True
    """
    check.instance("constants", constants, FeatureConstants)
    psi = check_ratio("features", features)
    if not 1 < psi < math.inf:
        raise ArgumentError("features", f"is {features!r} per dimension", "pass a finite ratio above 1")
    values = check_spectrum(spectrum)
    least = float(values.min()) if len(values) == np.asarray(check.float_array("spectrum", spectrum)).size else 0.0
    low, high = (constants.b**2 + (constants.a * constants.signal) ** 2 * l for l in (least, float(values.max())))
    base = constants.s2 + constants.v2
    return base + low * (math.sqrt(psi) - 1) ** 2, base + high * (math.sqrt(psi) + 1) ** 2


def eigenvalue_density(
    places: ArrayLike, spectrum: ArrayLike, constants: FeatureConstants, samples: float, features: float
) -> Array:
    r"""Density of the eigenvalues of U at real places, Im q / pi just above the axis ([@Bonnaire2025], Thm 3.1).

    Its integral is 1 where p <= n + d; else a share 1 - (n + d) / p of the eigenvalues sits at s2 and is not in it.

    Parameters
    ----------
    places : array (k,)
        Positive places.
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    constants : FeatureConstants
        As of `feature_constants`.
    samples, features : float
        psi_n = n / d and psi_p = p / d, > 0.

    Returns
    -------
    array (k,)
        The density, 0 outside the bulks.

    Raises
    ------
    ArgumentError
        For places or ratios that are not > 0.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> found = eigenvalue_density([0.001, 0.05], [1.0], feature_constants(0.47053), 8.0, 16.0)
    >>> bool(found[0] < 1e-3 < found[1])
    True
    """
    x = np.atleast_1d(check.float_array("places", places))
    if x.ndim != 1 or not x.size or not bool(((x > 0) & (x < math.inf)).all()):
        raise ArgumentError("places", "are not a list of finite positive numbers", "pass places > 0")
    equations = _equations(spectrum, constants, samples, features)
    return equations.solve(x + 1j * HEIGHT * x)[0].imag / math.pi


def _equations(spectrum: ArrayLike, constants: FeatureConstants, samples: float, features: float) -> Equations:
    return Equations(spectrum, constants, samples, features, np.asarray(check.float_array("spectrum", spectrum)).size)


def bulk_edges(
    spectrum: ArrayLike, constants: FeatureConstants, samples: float, features: float
) -> list[tuple[float, float]]:
    r"""The bulks of eigenvalues of U from the full resolvent, lowest first: what training learns, and how fast.

    A place is inside where Im q stays finite as the place is approached from above; edges are bisected to 1e-9.

    Parameters
    ----------
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    constants : FeatureConstants
        As of `feature_constants`.
    samples, features : float
        psi_n = n / d and psi_p = p / d, > 0.

    Returns
    -------
    list of (low, high)
        The intervals that hold eigenvalues. Intervals closer than the grid of 240 places resolves count as one.

    Raises
    ------
    ArgumentError
        For ratios that are not > 0.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> bulks = bulk_edges([1.0], feature_constants(0.47053), 64.0, 16.0)
    >>> len(bulks)
    2
    """
    equations = _equations(spectrum, constants, samples, features)
    low, high = constants.s2 * 0.9, equations.largest() * 1.1
    grid = np.append(low, constants.s2 + np.geomspace(low * 1e-4, high - constants.s2, GRID))

    def inside(x: np.ndarray) -> np.ndarray:
        q = equations.solve(x + 1j * HEIGHT * x)[0]
        return q.imag > 1e-4 * abs(q)

    within = inside(grid)
    at = np.flatnonzero(within[1:] != within[:-1])
    left, right = grid[at], grid[at + 1]
    entering = within[at + 1]
    for _ in range(30):
        middle = (left + right) / 2
        after = inside(middle) == entering
        left, right = np.where(after, left, middle), np.where(after, middle, right)
    edges = ((left + right) / 2).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
