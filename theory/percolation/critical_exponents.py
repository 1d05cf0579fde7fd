r"""Critical exponents of percolation, as exact fractions or literature values with errors, and the scaling forms.

Near p_c, for a system of side L,

    S_max / N = L^{-beta/nu} F((p - p_c) L^{1/nu})
    sum s^2 / N = L^{gamma/nu} G((p - p_c) L^{1/nu})
    R = H((p - p_c) L^{1/nu})

Two dimensions: exact [@Smirnov2001] [@Stauffer1994]. Three: [@Wang2013]. From six dimensions on, and on random graphs:
mean field.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..._support import checks as check
from ...errors import ArgumentError


@dataclass(frozen=True)
class Exponent:
    """A value with its standard error, 0.0 where it is exact; `exact` is then the fraction."""

    value: float
    stderr: float = 0.0
    exact: Fraction | None = None

    def __str__(self) -> str:
        return str(self.exact) if self.exact is not None else f"{self.value:.6g} ± {self.stderr:.2g}"


def _exact(numerator: int, denominator: int = 1) -> Exponent:
    fraction = Fraction(numerator, denominator)
    return Exponent(float(fraction), 0.0, fraction)


@dataclass(frozen=True)
class Exponents:
    """The exponents of one universality class; nu and beta fix all others by the scaling laws.

    `fractal_dimension` = d - beta/nu, `gamma` = d nu - 2 beta, `tau` = 1 + d / d_f and `sigma` = 1 / (beta + gamma),
    with d the upper critical dimension 6 in mean field.
    """

    dimension: int
    nu: Exponent
    beta: Exponent
    gamma: Exponent
    tau: Exponent
    sigma: Exponent
    fractal_dimension: Exponent
    beta_over_nu: Exponent
    gamma_over_nu: Exponent
    one_over_nu: Exponent
    reference: str


def _from_exact(dimension: int, nu: Fraction, beta: Fraction, reference: str) -> Exponents:
    gamma = dimension * nu - 2 * beta
    fractal = dimension - beta / nu

    def exact(fraction: Fraction) -> Exponent:
        return _exact(fraction.numerator, fraction.denominator)

    values = (nu, beta, gamma, 1 + dimension / fractal, 1 / (beta + gamma), fractal, beta / nu, gamma / nu, 1 / nu)
    return Exponents(dimension, *map(exact, values), reference)  # pyright: ignore[reportCallIssue]


def _three_dimensions() -> Exponents:
    """From 1/nu = 1.1410(15) and beta/nu = 0.47705(15); errors are carried to first order, taken as independent."""
    inverse, ratio = Exponent(1.1410, 0.0015), Exponent(0.47705, 0.00015)
    relative = inverse.stderr / inverse.value
    nu = Exponent(1 / inverse.value, relative / inverse.value)
    beta_value = ratio.value * nu.value
    beta = Exponent(beta_value, beta_value * ((ratio.stderr / ratio.value) ** 2 + relative**2) ** 0.5)
    gamma_ratio = Exponent(3 - 2 * ratio.value, 2 * ratio.stderr)
    gamma_value = gamma_ratio.value * nu.value
    gamma_error = gamma_value * ((gamma_ratio.stderr / gamma_ratio.value) ** 2 + relative**2) ** 0.5
    fractal = Exponent(3 - ratio.value, ratio.stderr)
    total = 3 - ratio.value
    sigma = inverse.value / total
    return Exponents(
        3,
        nu,
        beta,
        Exponent(gamma_value, gamma_error),
        Exponent(1 + 3 / fractal.value, 3 * fractal.stderr / fractal.value**2),
        Exponent(sigma, sigma * ((fractal.stderr / total) ** 2 + relative**2) ** 0.5),
        fractal,
        ratio,
        gamma_ratio,
        inverse,
        "Wang2013",
    )


def exponents(dimension: int) -> Exponents:
    """The critical exponents in `dimension` 2 (exact), 3 (Monte Carlo) or >= 6 (mean field).

    Mean-field ratios to nu use nu = 1/2; on a random graph of N nodes put L = N^{1/6}, so that S_max ~ N^{2/3} at
    the threshold. Raises ArgumentError for dimensions 4 and 5, whose exponents are not held here.

    >>> print(exponents(2).nu, exponents(2).tau, exponents(2).fractal_dimension)
    4/3 187/91 91/48
    >>> print(exponents(6).beta, exponents(6).fractal_dimension)
    1 4
    >>> round(exponents(3).nu.value, 4)
    0.8764
    """
    dimension = check.integer("dimension", dimension, 2)
    if dimension == 2:
        return _from_exact(2, Fraction(4, 3), Fraction(5, 36), "Stauffer1994")
    if dimension == 3:
        return _three_dimensions()
    if dimension >= 6:
        return _from_exact(6, Fraction(1, 2), Fraction(1), "Stauffer1994")
    raise ArgumentError("dimension", f"is {dimension}", "pass 2, 3 or 6 and above (mean field)")


def scaling_variable(p: float, threshold: float, size: float, dimension: int = 2) -> float:
    """(p - p_c) L^{1/nu}, the variable of the scaling forms in the module docstring.

    >>> round(scaling_variable(0.51, 0.5, 256.0), 9)
    0.64
    """
    return (p - threshold) * size ** exponents(dimension).one_over_nu.value


def order_parameter_scale(size: float, dimension: int = 2) -> float:
    """L^{-beta/nu}, by which S_max / N of side L is divided in a data collapse."""
    return size ** -exponents(dimension).beta_over_nu.value


def mean_size_scale(size: float, dimension: int = 2) -> float:
    """L^{gamma/nu}, by which sum s^2 / N of side L is divided in a data collapse."""
    return size ** exponents(dimension).gamma_over_nu.value
