"""Critical exponents of percolation, as exact fractions or literature values with errors.

Two dimensions: exact [@Smirnov2001] [@Stauffer1994]. Three: [@Wang2013]. From six dimensions on, and on random graphs:
mean field.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ...errors import ArgumentError


@dataclass(frozen=True)
class Exponent:
    """A value with its standard error.

    Parameters
    ----------
    value : float
        The exponent.
    stderr : float, default 0.0
        Its standard error, 0.0 where it is exact.
    exact : Fraction, optional
        The exponent as a fraction where it is exact.

    Examples
    --------
    >>> print(Exponent(1.1410, 0.0015))
    1.141 ± 0.0015
    """

    value: float
    stderr: float = 0.0
    exact: Fraction | None = None

    def __str__(self) -> str:
        return str(self.exact) if self.exact is not None else f"{self.value:.6g} ± {self.stderr:.2g}"


@dataclass(frozen=True)
class Exponents(Boxed):
    """The exponents of one universality class; nu and beta fix all others by the scaling laws.

    `fractal_dimension` = d - beta/nu, `gamma` = d nu - 2 beta, `tau` = 1 + d / d_f and `sigma` = 1 / (beta + gamma),
    with d the upper critical dimension 6 in mean field.

    Parameters
    ----------
    dimension : int
        2, 3, or 6 for mean field.
    nu, beta, gamma, tau, sigma, fractal_dimension, beta_over_nu, gamma_over_nu, one_over_nu : Exponent
        The exponents of the correlation length, the largest cluster, the mean size, the sizes (n_s ~ s^-tau), the
        cutoff of the sizes, the mass of the largest cluster, and the ratios that finite-size scaling needs.
    reference : str
        The paper behind the values.

    Examples
    --------
    >>> print(exponents(2))
    2 dimensions: nu 4/3, beta 5/36, gamma 43/18, tau 187/91, sigma 36/91, fractal_dimension 91/48 [Stauffer1994]
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

    def __str__(self) -> str:
        shown = ("nu", "beta", "gamma", "tau", "sigma", "fractal_dimension")
        values = ", ".join(f"{name} {getattr(self, name)}" for name in shown)
        return f"{self.dimension} dimensions: {values} [{self.reference}]"

    __repr__ = __str__


def _from_exact(dimension: int, nu: Fraction, beta: Fraction, reference: str) -> Exponents:
    gamma = dimension * nu - 2 * beta
    fractal = dimension - beta / nu

    def exact(fraction: Fraction) -> Exponent:
        return Exponent(float(fraction), 0.0, fraction)

    return Exponents(
        dimension,
        nu=exact(nu),
        beta=exact(beta),
        gamma=exact(gamma),
        tau=exact(1 + dimension / fractal),
        sigma=exact(1 / (beta + gamma)),
        fractal_dimension=exact(fractal),
        beta_over_nu=exact(beta / nu),
        gamma_over_nu=exact(gamma / nu),
        one_over_nu=exact(1 / nu),
        reference=reference,
    )


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
    the threshold. Two dimensions and mean field: [@Stauffer1994]; three: [@Wang2013].

    Parameters
    ----------
    dimension : int
        2, 3, or 6 and above.

    Returns
    -------
    Exponents
        Exact fractions where they are known.

    Raises
    ------
    ArgumentError
        For a dimension below 2, and for 4 and 5, whose exponents are not held here.

    Examples
    --------
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
