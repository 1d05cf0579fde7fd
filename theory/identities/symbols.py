"""The letters in which identities are stated: one dimension, or two where one would say nothing.

A statement is an equation between functions that are left open (`D`, `p`), so that a test can put a concrete prior
in and have SymPy decide it: see `on_prior`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

x, y, z = sp.symbols("x y z", real=True)
sigma, tau = sp.symbols("sigma tau", positive=True)
p0 = sp.Function("p_0", nonnegative=True)
p = sp.Function("p", nonnegative=True)
D = sp.Function("D", real=True)
D1, D2 = sp.Function("D_1", real=True), sp.Function("D_2", real=True)

Dx = D(x, sigma)
px = p(x, sigma)


def normal(value: Any, variance: Any) -> sp.Expr:
    """The density N(value; 0, variance)."""
    return sp.exp(-(value**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)


def over_x(integrand: Any) -> sp.Integral:
    """The average over x ~ p_sigma."""
    return sp.Integral(px * integrand, (x, -sp.oo, sp.oo))


def over_both(integrand: Any) -> sp.Integral:
    """The average over x0 = y ~ p_0 and x ~ N(y, sigma^2)."""
    weight = p0(y) * normal(x - y, sigma**2)
    return sp.Integral(weight * integrand, (x, -sp.oo, sp.oo), (y, -sp.oo, sp.oo))


def cumulant(order: int) -> sp.Expr:
    """The cumulant of x0 given x, of order 2 or 3, as an integral over the posterior."""
    posterior = p0(y) * normal(x - y, sigma**2) / px
    return sp.Integral(posterior * (y - Dx) ** order, (y, -sp.oo, sp.oo))


def on_prior(statement: sp.Basic, density: Any, noised: Any, denoised: Any) -> sp.Basic:
    """`statement` with p_0, p and D put in as expressions in y, in (x, sigma) and in (x, sigma)."""
    return (
        statement.replace(p0, lambda a: density.subs(y, a))
        .replace(p, lambda a, s: noised.subs({x: a, sigma: s}, simultaneous=True))
        .replace(D, lambda a, s: denoised.subs({x: a, sigma: s}, simultaneous=True))
    )
