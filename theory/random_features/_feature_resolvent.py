r"""The resolvent of the covariance of random features, tr (U - z)^-1 / p, for any spectrum of the data.

In the limit of many dimensions U behaves like Z Z' / n + b^2 W W' / d + s2 with Z = a c W X / sqrt d + sqrt(v2) Omega.
With q = tr (U - z)^-1 / p, alpha = a^2 c^2 and D = q / y the equations of [@Bonnaire2025], Thm 3.1, read

    1 / y       = 1 / q + (psi_p / psi_n) (v2 + alpha R)
    (s2 - z) q  = 1 - 1 / psi_p + S / psi_p - v2 y

    S = < 1 / A >,  R = < l / A >,  A = 1 + psi_p (b^2 q + l alpha y),  averaged over the spectrum l of the data

(q times s, r of the theorem are S, R). Far above the real axis q = y = -1 / z; from there Newton's iteration follows
the solution down, which is analytic all the way.
"""

from __future__ import annotations

import math
from numbers import Number

import numpy as np
import numpy.typing as npt

from ..._support import checks as check
from ..._support.types import ArrayLike
from ...errors import ArgumentError, EstimateError
from ..finite_sample._kappa import check_spectrum
from ._feature_constants import FeatureConstants

Complex = npt.NDArray[np.complex128]


def check_ratio(argument: str, value: float) -> float:
    """A ratio of a number to the dimension, > 0; inf is allowed."""
    number = float(value) if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) else math.nan
    if not number > 0:
        raise ArgumentError(argument, f"is {value!r}", "pass a ratio to the dimension > 0")
    return number


class Equations:
    """The two equations for one spectrum and one pair of sizes, and their solution for an array of z."""

    def __init__(
        self,
        spectrum: ArrayLike,
        constants: FeatureConstants,
        samples: float,
        features: float,
        dim: int | None = None,
        names: tuple[str, str] = ("samples", "features"),
    ) -> None:
        check.instance("constants", constants, FeatureConstants)
        positive = check_spectrum(spectrum)
        values, counts = np.unique(positive, return_counts=True)
        total = len(positive) if dim is None else dim
        if total > len(positive):  # eigenvalues that are 0
            values, counts = np.append(0.0, values), np.append(total - len(positive), counts)
        self.l, self.weights = values, counts / counts.sum()
        self.constants = constants
        self.alpha = (constants.a * constants.signal) ** 2
        self.psi_p = check_ratio(names[1], features)
        if math.isinf(self.psi_p):
            raise ArgumentError(names[1], "is infinite", "pass a finite number of features per dimension")
        self.kappa = self.psi_p / check_ratio(names[0], samples)
        self.names = names

    def residual(self, z: Complex, q: Complex, y: Complex) -> tuple[Complex, Complex, tuple[Complex, ...]]:
        """(first equation, second, the four derivatives) of arrays of equal shape."""
        k, psi = self.constants, self.psi_p
        inverse = 1 / (1 + psi * (k.b**2 * q[..., None] + self.alpha * y[..., None] * self.l))
        squares = inverse**2
        w, wl = self.weights, self.weights * self.l
        S, R = inverse @ w, inverse @ wl
        S2, R2, T2 = squares @ w, squares @ wl, squares @ (wl * self.l)
        b2, al, ka = psi * k.b**2, psi * self.alpha, self.kappa
        first = 1 / y - 1 / q - ka * (k.v2 + self.alpha * R)
        second = (k.s2 - z) * q - 1 + (1 - S) / psi + k.v2 * y
        first_q, first_y = 1 / q**2 + ka * self.alpha * b2 * R2, -1 / y**2 + ka * self.alpha * al * T2
        second_q, second_y = (k.s2 - z) + b2 * S2 / psi, al * R2 / psi + k.v2
        return first, second, (first_q, first_y, second_q, second_y)

    def newton(self, z: Complex, q: Complex, y: Complex) -> tuple[Complex, Complex, np.ndarray]:
        """(q, y, whether the iteration has settled in the upper half plane)."""
        change = np.full(z.shape, np.inf)
        with np.errstate(all="ignore"):
            for _ in range(12):
                first, second, (fq, fy, sq, sy) = self.residual(z, q, y)
                determinant = fq * sy - fy * sq
                dq, dy = (first * sy - fy * second) / determinant, (fq * second - first * sq) / determinant
                q, y = q - dq, y - dy
                change = abs(dq) / abs(q) + abs(dy) / abs(y)
                if not (change > 1e-10).any():
                    break
            good = (change < 1e-9) & (q.imag > 0) & (y.imag > 0)
        return q, y, good

    def solve(self, z: Complex) -> tuple[Complex, Complex]:
        """(q, y) at an array of z in the upper half plane, each followed down from far above."""
        scale = 10 * (self.largest() + abs(z.real).max())
        height = np.maximum(scale, z.imag)
        at = z.real + 1j * height
        q, y, good = self.newton(at, -1 / at, -1 / at)
        factor, left = np.full(z.shape, 4.0), height > z.imag
        for _ in range(600):
            left = height > z.imag
            if good.all() and not left.any():
                return q, y
            lower = np.where(left, np.maximum(height / factor, z.imag), height)
            found = self.newton(z.real + 1j * lower, q, y)
            # a jump to another branch would be large; small moves in log height keep to the analytic one
            near = (abs(found[0] - q) < 0.5 * abs(q)) & (abs(found[1] - y) < 0.5 * abs(y))
            taken = found[2] & near & left
            q, y = np.where(taken, found[0], q), np.where(taken, found[1], y)
            height = np.where(taken, lower, height)
            factor = np.where(taken, np.minimum(factor * 1.3, 8.0), 1 + (factor - 1) / 2)
            good = good | taken
        where = f"the resolvent was not found at z = {z[~good | left][0]:.4g}"
        blame = ", ".join(("spectrum", *self.names))
        raise EstimateError(f"{where}; pass places, {blame} that are not as far from 1", (q, y))

    def largest(self) -> float:
        """A bound of the eigenvalues of U."""
        k = self.constants
        linear = (k.b**2 + self.alpha * self.l.max()) * self.psi_p * (1 + self.psi_p**-0.5) ** 2
        return float(k.s2 + linear * (1 + math.sqrt(self.kappa / self.psi_p)) ** 2 + k.v2 * (1 + self.kappa**0.5) ** 2)


def feature_resolvent(
    z: complex,
    spectrum: ArrayLike,
    constants: FeatureConstants,
    samples_per_dimension: float,
    features_per_dimension: float,
) -> complex:
    r"""tr (U - z)^-1 / p of the covariance U of p random features on n data ([@Bonnaire2025], Thm 3.1).

    Parameters
    ----------
    z : complex
        With an imaginary part > 0.
    spectrum : array (d,)
        Eigenvalues of the covariance of the data, in the unit in which `constants` has their mean.
    constants : FeatureConstants
        As of `feature_constants`.
    samples_per_dimension : float
        psi_n = n / d > 0; inf is the limit of infinitely many data.
    features_per_dimension : float
        psi_p = p / d > 0.

    Returns
    -------
    complex
        The normalised trace; its imaginary part over pi is the density of eigenvalues as z falls on the real axis.

    Raises
    ------
    ArgumentError
        For a z that is not above the real axis, or a ratio that is not > 0.
    CovarianceError, EmptyDataError, ShapeError, NotFiniteError
        For a spectrum that is none.
    EstimateError
        Where the iteration does not settle.

    Examples
    --------
    >>> from idealscore.theory.random_features import feature_constants
    >>> constants = feature_constants(0.5)
    >>> high = feature_resolvent(1e6j, [1.0], constants, 8.0, 16.0)
    >>> round(abs(high * 1e6 - 1j), 4)
    0.0
    """
    if isinstance(z, bool) or not isinstance(z, Number):
        raise ArgumentError("z", f"is a {type(z).__name__}", "pass a complex number above the real axis")
    value = complex(z)
    if not (np.isfinite(value) and value.imag > 0):
        raise ArgumentError("z", f"is {z!r}", "pass a finite complex number above the real axis")
    check.instance("constants", constants, FeatureConstants)
    full = np.asarray(check.float_array("spectrum", spectrum))
    names = ("samples_per_dimension", "features_per_dimension")
    equations = Equations(spectrum, constants, samples_per_dimension, features_per_dimension, full.size, names)
    return complex(equations.solve(np.array([value]))[0][0])
