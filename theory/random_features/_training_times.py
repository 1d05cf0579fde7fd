r"""When random features know what all data share, and when they know the data one by one [@Bonnaire2025].

Gradient flow learns the direction of an eigenvalue lambda of the features' covariance U at the rate
Delta lambda / psi_p (dA / dtau = -(d^2 / 2) grad_A L, L = E |sqrt(Delta) s + n|^2 / d, s = A phi / sqrt p). The d large
eigenvalues are there for all data alike; the bulk of n small ones is made by the particular data, and falls as 1 / n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..._support import checks as check
from ..._support.types import ArrayLike
from ...errors import ArgumentError
from ..transition import Law, Transition
from ._feature_constants import FeatureConstants
from ._feature_eigenvalues import bulk_edges, memorising_bulk, population_bulk
from ._feature_resolvent import check_ratio

UNIT = "gradient-flow time"
GENERALISATION = Law(
    "generalisation", equation=r"\tau = \psi_p / (\Delta \lambda)", reference="Bonnaire2025", unit=UNIT
)
MEMORISATION = Law(
    "memorisation",
    equation=r"\tau = \psi_p / (\Delta [s^2 + v^2 (1 \mp \sqrt{\psi_p / \psi_n})^2])",
    reference="Bonnaire2025",
    unit=UNIT,
)
TOO_FEW = "no more features than data: they cannot hold the data one by one"


@dataclass(frozen=True)
class TimeInterval:
    """A stretch of training time in which something is learned: where it begins and where it is done.

    Parameters
    ----------
    begin, end : Transition
        The times of the fastest and of the slowest direction; without a value where nothing of the kind happens.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> memorisation_time(feature_constants(0.5), samples=4.0, features=2.0).begin.value is None
    True
    """

    begin: Transition
    end: Transition

    def __str__(self) -> str:
        if self.begin.value is None or self.end.value is None:
            return str(self.begin)
        return f"{self.begin.name}: {self.begin.value:.4g} to {self.end.value:.4g} {self.begin.unit}"


def generalisation_time(constants: FeatureConstants, spectrum: ArrayLike, features: float = math.inf) -> TimeInterval:
    r"""From the fastest to the slowest direction that all data share; it does not depend on the number of data.

    tau = psi_p / (Delta lambda) at the edges of `population_bulk`; for psi_p -> inf 1 / (Delta (a^2 c^2 l + b^2)) at
    the largest and at the smallest l ([@Bonnaire2025], Thm 3.2).

    Parameters
    ----------
    constants : FeatureConstants
        As of `feature_constants`.
    spectrum : array (d,)
        Eigenvalues of the covariance of the data.
    features : float
        psi_p = p / d, features per dimension, > 1; inf by default.

    Returns
    -------
    TimeInterval
        In units of gradient flow.

    Raises
    ------
    ArgumentError
        For psi_p <= 1.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> from idealscore.theory.noise import NoiseLevel
    >>> found = generalisation_time(feature_constants(NoiseLevel.from_ou_time(0.1)), [1.0])
    >>> round(found.begin.value, 2), round(found.end.value, 2)
    (15.04, 15.04)
    """
    check.instance("constants", constants, FeatureConstants)
    psi = check_ratio("features", features)
    if math.isinf(psi):
        psi = 1e30  # population_bulk / psi_p is then the limit to all digits
    low, high = population_bulk(constants, spectrum, psi)
    return TimeInterval(*(GENERALISATION.at(psi / constants.noise / edge) for edge in (high, low)))


def memorisation_time(
    constants: FeatureConstants, samples: float, features: float = math.inf, *, spectrum: ArrayLike | None = None
) -> TimeInterval:
    r"""From the first to the last direction that belongs to single data ([@Bonnaire2025], Thm 3.2).

    tau = psi_p / (Delta lambda) at the edges of `memorising_bulk`; for psi_p -> inf both are psi_n / (Delta v2): the
    time grows as the number of data. For a few samples per dimension the closed edges are wrong; with `spectrum` they
    are those of the bulk of the full resolvent that holds its mean, s2 + v2 (1 + psi_p / psi_n). For n >> d, d more
    directions lie apart below it, near s2 + v2 (psi_p / psi_n - 1) b^2 / (b^2 + a^2 c^2 l), and are learned later.

    Parameters
    ----------
    constants : FeatureConstants
        As of `feature_constants`.
    samples, features : float
        psi_n = n / d and psi_p = p / d, > 0; psi_p is inf by default.
    spectrum : array (d,), optional
        Eigenvalues of the covariance of the data, for the full resolvent.

    Returns
    -------
    TimeInterval
        In units of gradient flow; without values where there are no more features than data (the capacity rule), or
        the activation is linear.

    Raises
    ------
    ArgumentError
        For ratios that are not > 0, or infinite where a spectrum is given.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> from idealscore.theory.noise import NoiseLevel
    >>> constants = feature_constants(NoiseLevel.from_ou_time(0.1))
    >>> print(memorisation_time(constants, samples=8.0, features=16.0))
    memorisation: 936.5 to 5534 gradient-flow time
    >>> round(memorisation_time(constants, samples=8.0).end.value, -1)
    3190.0
    """
    check.instance("constants", constants, FeatureConstants)
    psi_n, psi_p = check_ratio("samples", samples), check_ratio("features", features)
    if math.isinf(psi_n) or psi_p <= psi_n:
        reason = "infinitely many data" if math.isinf(psi_n) else TOO_FEW
        return TimeInterval(MEMORISATION.absent(reason), MEMORISATION.absent(reason))
    if constants.v2 <= 1e-12:
        reason = "the features are linear in the data"
        return TimeInterval(MEMORISATION.absent(reason), MEMORISATION.absent(reason))
    if spectrum is not None:
        bulks = bulk_edges(spectrum, constants, psi_n, psi_p)
        mean = constants.s2 + constants.v2 * (1 + psi_p / psi_n)
        low, high = next((bulk for bulk in bulks if bulk[0] <= mean <= bulk[1]), bulks[0])
    elif math.isinf(psi_p):
        time = MEMORISATION.at(psi_n / (constants.noise * constants.v2))
        return TimeInterval(time, time)
    else:
        low, high = memorising_bulk(constants, psi_n, psi_p)
    return TimeInterval(*(MEMORISATION.at(psi_p / constants.noise / edge) for edge in (high, low)))


def memorisation_ratio(constants: FeatureConstants, samples: float, eigenvalue: float = 1.0) -> float:
    r"""By which factor memorisation comes later than a direction of variance l is learned: a number without a clock.

    tau_mem / tau_gen = psi_n (a^2 c^2 l + b^2) / v2 for psi_p >> psi_n >> 1 ([@Bonnaire2025], Thm 3.2).

    Parameters
    ----------
    constants : FeatureConstants
        As of `feature_constants`.
    samples : float
        psi_n = n / d > 0.
    eigenvalue : float
        l >= 0, variance of the data in the direction.

    Returns
    -------
    float
        The ratio.

    Raises
    ------
    ArgumentError
        For samples that are not > 0, a negative eigenvalue, or features that are linear in the data.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> from idealscore.theory.noise import NoiseLevel
    >>> round(memorisation_ratio(feature_constants(NoiseLevel.from_ou_time(0.01)), samples=1.0), 2)
    14.36
    """
    check.instance("constants", constants, FeatureConstants)
    psi_n, l = check_ratio("samples", samples), check.real("eigenvalue", eigenvalue, 0.0)
    if constants.v2 <= 1e-12:
        raise ArgumentError("constants", "are of features that are linear in the data", "pass a curved activation")
    return psi_n * ((constants.a * constants.signal) ** 2 * l + constants.b**2) / constants.v2
