"""The letters in which identities are stated: one dimension, or two where one would say nothing.

A statement is an equation between functions that are left open (`D`, `p`), so that a test can put a concrete prior
in and have SymPy decide it: see `on_prior`. A statement is given this module and finds here, next to the letters,
the words of SymPy that it needs.
"""

from __future__ import annotations

import sympy as sp
from sympy import Derivative as Derivative
from sympy import Eq as Eq
from sympy import Function as Function
from sympy import Ge as Ge
from sympy import Integral as Integral
from sympy import Limit as Limit
from sympy import Subs as Subs
from sympy import Symbol as Symbol
from sympy import cos as cos
from sympy import diff as diff
from sympy import log as log
from sympy import oo as oo
from sympy import pi as pi
from sympy import sin as sin
from sympy import sqrt as sqrt

from ..._support import checks as check

x: sp.Symbol
y: sp.Symbol
z: sp.Symbol
x, y, z = sp.symbols("x y z", real=True)
sigma: sp.Symbol
tau: sp.Symbol
sigma, tau = sp.symbols("sigma tau", positive=True)
p0: sp.FunctionClass = sp.Function("p_0", nonnegative=True)
p: sp.FunctionClass = sp.Function("p", nonnegative=True)
D: sp.FunctionClass = sp.Function("D", real=True)
D1, D2 = sp.Function("D_1", real=True), sp.Function("D_2", real=True)

u: sp.Symbol
h: sp.Symbol
u, h = sp.symbols("u h", real=True)
r: sp.Symbol = sp.Symbol("r", positive=True)
theta: sp.Symbol = sp.Symbol("theta", real=True)
start: sp.Symbol
end: sp.Symbol
start, end = sp.symbols("a b", real=True)
factor: sp.Symbol = sp.Symbol("a", positive=True)
action: sp.FunctionClass = sp.Function("g")
f: sp.FunctionClass = sp.Function("f", real=True)
g: sp.FunctionClass = sp.Function("g", real=True)

Dx: sp.Expr = D(x, sigma)
px: sp.Expr = p(x, sigma)
path: sp.Expr = sp.Function("x", real=True)(sigma)
on_circle: tuple[sp.Expr, sp.Expr, sp.Symbol] = (r * sp.cos(theta), r * sp.sin(theta), sigma)
later: sp.Expr = sp.sqrt(sigma**2 + tau**2)
snr: sp.Expr = 1 / sigma**2
mean_velocity: sp.Expr = (x - Dx) / sigma - Dx


def normal(value: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """The normal density N(value; 0, variance).

    Parameters
    ----------
    value, variance : sympy.Expr
        Where, and how wide.

    Returns
    -------
    sympy.Expr
        exp(-value^2 / (2 variance)) / sqrt(2 pi variance).

    Examples
    --------
    >>> normal(x, sigma**2).subs({x: 0, sigma: 1})
    sqrt(2)/(2*sqrt(pi))
    """
    return sp.exp(-(value**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def over_x(integrand: sp.Expr) -> sp.Integral:
    """The average over x ~ p_sigma."""
    return sp.Integral(px * integrand, (x, -sp.oo, sp.oo))


def over_both(integrand: sp.Expr) -> sp.Integral:
    """The average over x0 = y ~ p_0 and x ~ N(y, sigma^2)."""
    weight = p0(y) * normal(x - y, sigma**2)
    return sp.Integral(weight * integrand, (x, -sp.oo, sp.oo), (y, -sp.oo, sp.oo))


def over_bridge(integrand: sp.Expr) -> sp.Integral:
    """The average over x ~ p_sigma and z ~ N(x, tau^2)."""
    return sp.Integral(px * normal(z - x, tau**2) * integrand, (x, -sp.oo, sp.oo), (z, -sp.oo, sp.oo))


mmse: sp.Expr = over_both((y - Dx) ** 2)


def cumulant(order: int) -> sp.Expr:
    """The cumulant of x0 given x, of order 2 or 3, as an integral over the posterior."""
    posterior = p0(y) * normal(x - y, sigma**2) / px
    return sp.Integral(posterior * (y - Dx) ** order, (y, -sp.oo, sp.oo))


def on_prior(statement: sp.Basic, density: sp.Expr, noised: sp.Expr, denoised: sp.Expr) -> sp.Basic:
    """A statement with a concrete prior put in, for SymPy to decide it.

    Parameters
    ----------
    statement : sympy.Basic
        Of an identity, `IDENTITIES[name].statement()`.
    density : sympy.Expr
        p_0, an expression in y.
    noised, denoised : sympy.Expr
        p and D, expressions in x and sigma.

    Returns
    -------
    sympy.Basic
        The statement about this prior.

    Raises
    ------
    ArgumentError
        For something that is no expression of SymPy.

    Examples
    --------
    >>> from idealscore.theory.identities import IDENTITIES
    >>> tweedie = IDENTITIES["tweedie"].statement()
    >>> bool(on_prior(tweedie, normal(y, 1), normal(x, 1 + sigma**2), x / (1 + sigma**2)).doit().simplify())
    True
    """
    check.instance("statement", statement, sp.Basic)
    for name, formula in (("density", density), ("noised", noised), ("denoised", denoised)):
        check.instance(name, formula, sp.Expr)
    return (
        statement.replace(p0, lambda a: density.subs(y, a))
        .replace(p, lambda a, s: noised.subs({x: a, sigma: s}, simultaneous=True))
        .replace(D, lambda a, s: denoised.subs({x: a, sigma: s}, simultaneous=True))
    )
