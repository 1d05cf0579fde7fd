r"""Probabilities that a critical cluster wraps around a torus, from the Coulomb gas [@Pinson1994] [@Arguin2002].

A torus has two periods, 1 and tau. With q = e^{2 pi i tau} and t = Im tau, the weight of the class (a, b) of closed
loops, a times around the first period and b times around the second, is

    Z_{a,b} = sqrt(2/3) / (sqrt(t) |eta(q)|^2)  exp(-2 pi |a + b tau|^2 / (3 t)).

The sum of Z_{a,b} cos(2 pi gcd(a, b) / 3) over all (a, b) is 1: the total probability. Replacing the cosine by
cos(pi gcd(a, b)) removes every loop that does not shrink to a point, hence leaves the chance that clusters wrap in
no direction or in both; these two are dual to each other and equally likely. So

    P(cross)    = 1/2 sum_{a,b} Z_{a,b} cos(pi gcd(a, b))
    P({a, b})   = sum_{m != 0} Z_{ma,mb} (cos(2 pi m / 3) - cos(pi m)),   a and b coprime

where {a, b} means that every wrapping cluster winds that way. For tau = i the sums are Jacobi theta functions
(`pinson`), Eqs. 13-15 of [@Newman2001].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Number

import numpy as np

from ..._support.display.boxes import Boxed
from ...errors import ArgumentError

# e^{-2 pi m^2 / (3 t)} < 1e-18 for |m| > 4.5 sqrt(t): the range of the sums below
TERMS = 24


@dataclass(frozen=True)
class WrappingProbabilities(Boxed):
    """Chances at p_c that a cluster wraps: the first direction, the second, any, both, and only the first.

    `horizontal` = (`first` + `second`) / 2 and `one` are those of a simulation, where the two directions are averaged.

    Parameters
    ----------
    first, second : float
        Some cluster wraps around the first period; around the second.
    either : float
        Some cluster wraps around at least one of them.
    both : float
        Some cluster wraps around each of them.
    reference : str, default "Pinson1994"
        The paper behind the numbers.

    Examples
    --------
    >>> print(wrapping_probabilities())
    first 0.521058, second 0.521058, either 0.690474, both 0.351643 [Pinson1994]
    """

    first: float
    second: float
    either: float
    both: float
    reference: str = "Pinson1994"

    @property
    def horizontal(self) -> float:
        """Wrapping in a given direction, averaged over the two."""
        return (self.first + self.second) / 2

    @property
    def one(self) -> float:
        """A given direction and not the other: (either - both) / 2."""
        return (self.either - self.both) / 2

    def __str__(self) -> str:
        chances = (f"{name} {getattr(self, name):.6f}" for name in ("first", "second", "either", "both"))
        return f"{', '.join(chances)} [{self.reference}]"


def theta3(q: float) -> float:
    """Jacobi's theta function, sum over all integers n of q^{n^2}, for 0 <= q < 1.

    >>> round(theta3(0.1), 10)
    1.200200002
    """
    n = np.arange(1, 200)
    return 1.0 + 2.0 * float(np.sum(np.float64(q) ** (n * n)))


def dedekind_eta(q: complex) -> complex:
    """q^{1/24} prod_n (1 - q^n), for |q| < 1 (with the principal root)."""
    n = np.arange(1, 400)
    return complex(q) ** (1 / 24) * complex(np.prod(1 - complex(q) ** n))


def pinson() -> WrappingProbabilities:
    r"""The square torus, tau = i, in theta functions: an independent route to `wrapping_probabilities()`.

    R^e = 1 - [th(e^{-3 pi/8}) th(e^{-8 pi/3}) - th(e^{-3 pi/2}) th(e^{-2 pi/3})] / (2 eta(e^{-2 pi})^2),
    R^1 = [3 th(e^{-6 pi}) + th(e^{-2 pi/3}) - 4 th(e^{-8 pi/3})] / (sqrt(6) eta(e^{-2 pi})^2), th = `theta3`;
    R^h = R^e - R^1 and R^b = R^h - R^1 ([@Newman2001], Eqs. 13-15).

    Returns
    -------
    WrappingProbabilities
        The chances on the square torus.

    Examples
    --------
    >>> round(pinson().either, 10), round(pinson().one, 10)
    (0.6904737246, 0.1694154353)
    """
    pi = np.pi
    eta = dedekind_eta(np.exp(-2 * pi)).real
    first = theta3(np.exp(-3 * pi / 8)) * theta3(np.exp(-8 * pi / 3))
    second = theta3(np.exp(-3 * pi / 2)) * theta3(np.exp(-2 * pi / 3))
    either = 1 - (first - second) / (2 * eta**2)
    one = (3 * theta3(np.exp(-6 * pi)) + theta3(np.exp(-2 * pi / 3)) - 4 * theta3(np.exp(-8 * pi / 3))) / (
        6**0.5 * eta**2
    )
    return WrappingProbabilities(either - one, either - one, either, either - 2 * one)


def wrapping_probabilities(tau: complex = 1j) -> WrappingProbabilities:
    """Wrapping at p_c on the torus with periods 1 and `tau` (Im tau > 0; tau = i is the square).

    A lattice of equal sides has tau = `Lattice.modulus`; a rectangle of height h and width w has tau = i h / w. The
    values hold for any isotropic lattice at its threshold, in the limit of a large torus. They are the sums of the
    module's docstring ([@Pinson1994], [@Arguin2002]), taken over the whole plane of (a, b) at once; `reference` takes
    them class by class, and `pinson` is the square in theta functions.

    Parameters
    ----------
    tau : complex, default 1j
        The ratio of the two periods.

    Returns
    -------
    WrappingProbabilities
        The chances, good to about 1e-12.

    Raises
    ------
    ArgumentError
        Where Im tau is not in [0.02, 50].

    Examples
    --------
    >>> round(wrapping_probabilities().horizontal, 9)
    0.521058289
    >>> wrapping_probabilities(0.5 + 0.75**0.5 * 1j).both > wrapping_probabilities().both
    True
    """
    if isinstance(tau, bool) or not isinstance(tau, Number):
        raise ArgumentError("tau", f"is a {type(tau).__name__}", "pass a complex number, such as 1j")
    tau = complex(tau)
    t = tau.imag
    if not (np.isfinite(tau) and 0.02 <= t <= 50):
        raise ArgumentError("tau", f"is {tau}", "pass a complex number with 0.02 <= Im tau <= 50")
    reach = int(TERMS * max(t**0.5, t**-0.5)) + 1
    a, b = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij")
    norm = (2 / 3) ** 0.5 / (t**0.5 * abs(dedekind_eta(np.exp(2j * np.pi * tau))) ** 2)
    z = norm * np.exp(-2 * np.pi * abs(a + b * tau) ** 2 / (3 * t))
    multiple = np.gcd(a, b)
    cross = 0.5 * float((z * np.cos(np.pi * multiple)).sum())
    loops = z * (np.cos(2 * np.pi * multiple / 3) - np.cos(np.pi * multiple))
    first = cross + float(loops[a != 0].sum())
    second = cross + float(loops[b != 0].sum())
    both = cross + float(loops[(a != 0) & (b != 0)].sum())
    return WrappingProbabilities(first, second, first + second - both, both)


def reference(tau: complex = 1j, reach: int = 12) -> dict[str, float]:
    """`wrapping_probabilities` by the literal sums: P(cross), then each class {a, b} on its own."""

    t, eta = tau.imag, dedekind_eta(np.exp(2j * np.pi * tau))

    def z(a: int, b: int) -> float:
        return math.sqrt(2 / 3 / t) / abs(eta) ** 2 * math.exp(-2 * math.pi * abs(a + b * tau) ** 2 / (3 * t))

    plane = [(a, b) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1)]
    cross = sum(z(a, b) * math.cos(math.pi * math.gcd(a, b)) for a, b in plane) / 2
    chances: dict[str, float] = dict.fromkeys(("first", "second", "either", "both"), cross)
    for a, b in plane:
        if math.gcd(a, b) == 1 and (a, b) > (0, 0):  # {a, b} and {-a, -b} are one class
            multiples = [m for m in range(-reach, reach + 1) if m != 0]
            only = sum(z(m * a, m * b) * (math.cos(2 * math.pi * m / 3) - math.cos(math.pi * m)) for m in multiples)
            chances["first"] += only * (a != 0)
            chances["second"] += only * (b != 0)
            chances["both"] += only * (a != 0 and b != 0)
            chances["either"] += only
    return chances
