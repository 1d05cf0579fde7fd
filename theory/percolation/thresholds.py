r"""Percolation thresholds: exact ones derived with sympy, all others from the literature with error and source.

Exact in two dimensions [@Sykes1964] [@Suding1999]. The bonds of the square lattice and of its dual are complementary
and alike, so p = 1 - p. A triangle of bonds p and the star of dual bonds 1 - p connect their three corners with the
same probability,

    p^3 + 3 p^2 (1 - p) = (1 - p)^3,   that is   p^3 - 3 p + 1 = 0,   p_c = 2 sin(pi / 18),

which is the triangular lattice; the honeycomb is its dual. Sites of the kagome lattice are the bonds of the
honeycomb; on (3,12^2) each bond of the honeycomb is two sites in series, p^2 = p_c of the honeycomb. The triangular
lattice matches itself, so its site threshold is 1/2; the square lattice with next-nearest neighbours matches the
square lattice, so their site thresholds add up to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ...errors import UnknownNameError

if TYPE_CHECKING:
    import sympy


@dataclass(frozen=True)
class Threshold(Boxed):
    """A critical probability (critical reduced density eta_c in the continuum) with its standard error and source.

    Parameters
    ----------
    lattice : str
        The name of the lattice, or of the objects in the continuum.
    kind : str
        "site", "bond" or "continuum".
    value : float
        p_c, or eta_c.
    stderr : float
        Its standard error, 0.0 where the value is exact.
    reference : str
        The paper behind it.

    Examples
    --------
    >>> Threshold("square", "bond", 0.5, 0.0, "Sykes1964")
    square bond 0.5 exactly [Sykes1964]
    """

    lattice: str
    kind: str
    value: float
    stderr: float
    reference: str

    def exact(self) -> sympy.Expr | None:
        """The exact value.

        Returns
        -------
        sympy.Expr or None
            The expression, None where none is known.
        """
        return exact_thresholds().get((self.lattice, self.kind))

    def __str__(self) -> str:
        error = f"± {self.stderr:.1g}" if self.stderr else "exactly"
        return f"{self.lattice} {self.kind} {self.value:.12g} {error} [{self.reference}]"

    __repr__ = __str__


EXACT_SOURCES = {
    ("square", "bond"): "Sykes1964",
    ("triangular", "site"): "Sykes1964",
    ("triangular", "bond"): "Sykes1964",
    ("honeycomb", "bond"): "Sykes1964",
    ("kagome", "site"): "Sykes1964",
    ("three-twelve", "site"): "Suding1999",
}

LITERATURE: dict[tuple[str, str], tuple[float, float, str]] = {
    ("square", "site"): (0.59274605079210, 2e-14, "Jacobsen2015"),
    ("honeycomb", "site"): (0.697040230, 5e-9, "Jacobsen2014"),
    ("kagome", "bond"): (0.52440499916744820, 1e-17, "Jacobsen2015"),
    ("three-twelve", "bond"): (0.740420798850811610, 2e-18, "Jacobsen2015"),
    ("four-eight", "site"): (0.7297232, 5e-7, "Jacobsen2014"),
    ("four-eight", "bond"): (0.6768031243900113, 3e-16, "Jacobsen2015"),
    ("(4,6,12)", "site"): (0.747806, 2e-6, "Suding1999"),
    ("(3^4,6)", "site"): (0.579498, 2e-6, "Suding1999"),
    ("(3,4,6,4)", "site"): (0.621819, 2e-6, "Suding1999"),
    ("(3^3,4^2)", "site"): (0.550213, 2e-6, "Suding1999"),
    ("(3^2,4,3,4)", "site"): (0.550806, 2e-6, "Suding1999"),
    ("cubic", "site"): (0.31160768, 1.5e-7, "Xu2014"),
    ("cubic", "bond"): (0.24881185, 1.0e-7, "Xu2014"),
    ("bcc", "site"): (0.2459615, 2e-7, "Xu2014"),
    ("bcc", "bond"): (0.18028762, 2.0e-7, "Xu2014"),
    ("fcc", "site"): (0.19923517, 2.0e-7, "Xu2014"),
    ("fcc", "bond"): (0.12016377, 1.5e-7, "Xu2014"),
    ("diamond", "site"): (0.4299870, 4e-7, "Xu2014"),
    ("diamond", "bond"): (0.3895892, 5e-7, "Xu2014"),
    ("hypercubic4", "site"): (0.19688561, 3e-8, "Mertens2018"),
    ("hypercubic4", "bond"): (0.16013122, 6e-8, "Mertens2018"),
    ("hypercubic5", "site"): (0.14079633, 4e-8, "Mertens2018"),
    ("hypercubic5", "bond"): (0.11817145, 3e-8, "Mertens2018"),
    ("hypercubic6", "site"): (0.109016661, 8e-9, "Mertens2018"),
    ("hypercubic6", "bond"): (0.09420165, 2e-8, "Mertens2018"),
    ("square12", "site"): (0.2891226, 1.4e-6, "Xun2021"),
    ("square20", "site"): (0.1967293, 7e-7, "Xun2021"),
    ("square24", "site"): (0.1647124, 6e-7, "Xun2021"),
    ("square28", "site"): (0.1432551, 9e-7, "Xun2021"),
    ("square36", "site"): (0.1153481, 9e-7, "Xun2021"),
    ("disks", "continuum"): (1.12808737, 6e-8, "Mertens2012"),
    ("squares", "continuum"): (1.09884280, 9e-8, "Mertens2012"),
    ("sticks", "continuum"): (5.6372858, 6e-7, "Mertens2012"),
    ("spheres", "continuum"): (0.341889, 3e-6, "Lorenz2001"),
}


def star_triangle() -> sympy.Expr:
    """The polynomial in p whose root is the triangular bond threshold, from the sum over all states of the bonds.

    >>> star_triangle()
    p**3 - 3*p + 1
    """
    from itertools import product

    import sympy

    p = sympy.Symbol("p", positive=True)
    triangle = sum(
        (p ** sum(bonds) * (1 - p) ** (3 - sum(bonds)) for bonds in product((0, 1), repeat=3) if sum(bonds) >= 2),
        sympy.Integer(0),
    )
    star = (1 - p) ** 3
    return sympy.expand(star - triangle) * sympy.sign(sympy.expand(star - triangle).coeff(p, 3))


@cache
def exact_thresholds() -> dict[tuple[str, str], sympy.Expr]:
    """All thresholds that are known exactly, derived with sympy: by duality, star and triangle, and matching.

    Two dimensions only ([@Sykes1964], [@Suding1999]).

    Returns
    -------
    dict
        {(lattice, kind): sympy expression}.

    Raises
    ------
    AssertionError
        If the star-triangle polynomial were not that of 2 sin(pi / 18).

    Examples
    --------
    >>> exact_thresholds()["honeycomb", "bond"]
    1 - 2*sin(pi/18)
    """
    import sympy

    p, x = sympy.Symbol("p", positive=True), sympy.Symbol("x", positive=True)
    (half,) = sympy.solve(sympy.Eq(p, 1 - p), p)
    # With p = 2 sin x the polynomial is 1 - 2 sin 3x, zero at x = pi / 18.
    reduced = sympy.expand_trig(1 - 2 * sympy.sin(3 * x)) - star_triangle().subs(p, 2 * sympy.sin(x))
    if sympy.simplify(reduced) != 0:
        raise AssertionError("the star-triangle polynomial is not that of 2 sin(pi/18)")
    triangular = 2 * sympy.sin(sympy.pi / 18)
    honeycomb = 1 - triangular
    return {
        ("square", "bond"): half,
        ("triangular", "site"): half,
        ("triangular", "bond"): triangular,
        ("honeycomb", "bond"): honeycomb,
        ("kagome", "site"): honeycomb,
        ("three-twelve", "site"): sympy.sqrt(honeycomb),
    }


@cache
def all_thresholds() -> dict[tuple[str, str], Threshold]:
    """Every threshold that is held here.

    Returns
    -------
    dict
        {(lattice, kind): Threshold}.

    Examples
    --------
    >>> all_thresholds()["kagome", "bond"]
    kagome bond 0.524404999167 ± 1e-17 [Jacobsen2015]
    """
    held = {key: Threshold(*key, float(e), 0.0, EXACT_SOURCES[key]) for key, e in exact_thresholds().items()}
    held |= {key: Threshold(*key, *entry) for key, entry in LITERATURE.items()}
    square = held["square", "site"]
    held["square8", "site"] = Threshold("square8", "site", 1 - square.value, square.stderr, square.reference)
    return held


def threshold(lattice: str, kind: str = "site") -> Threshold:
    """The threshold of a lattice for kind "site" or "bond", or eta_c of randomly placed objects for "continuum".

    Lattices are those of `theory.percolation.LATTICES`, the other Archimedean ones by their vertex symbol, e.g.
    "(3,4,6,4)", and the objects "disks", "squares" (aligned), "sticks" and "spheres". Reduced density: eta = number
    per volume x volume of one (number per area x length^2 for sticks).

    Parameters
    ----------
    lattice : str
        The name of the lattice or of the objects.
    kind : str, default "site"
        "site", "bond" or "continuum".

    Returns
    -------
    Threshold
        The value with its error and source.

    Raises
    ------
    UnknownNameError
        For a lattice, or a kind on it, that is not held.

    Examples
    --------
    >>> print(threshold("triangular", "bond"))
    triangular bond 0.347296355334 exactly [Sykes1964]
    >>> threshold("disks", "continuum").value
    1.12808737
    """
    held = all_thresholds()
    check.instance("lattice", lattice, str)
    check.instance("kind", kind, str)
    if (lattice, kind) not in held:
        lattices = {name for name, _ in held}
        if lattice not in lattices:
            raise UnknownNameError("lattice", lattice, lattices)
        raise UnknownNameError("kind", kind, {k for name, k in held if name == lattice})
    return held[lattice, kind]
