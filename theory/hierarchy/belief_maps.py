r"""Mean-field theory of the Random Hierarchy Model: maps, transition, exponents, profiles and correlations.

Average over the rules the numerator and the denominator of belief propagation separately, with belief p in the true
symbol and (1 - p)/(v - 1) in each other [@Sclocchi2025; @Sclocchi2025b]. The true rule weighs p^s; each of the others
is a random tuple unlike the true one, of mean weight (1 - p^s)/(v^s - 1). Going up a level,

    p_{l+1} = F(p_l) = [p^s + a (1 - p^s)] / [p^s + f (1 - p^s)],   f = (m v - 1)/(v^s - 1),  a = (m - 1)/(v^s - 1),

from p_0 = 1 - epsilon + epsilon / v at the leaves, and going down, from q = 1 / v at the root,

    q_l = G(q_{l+1}, p_l) = [q p^{s-1} + (m - q)(1 - p^{s-1})/(v^s - 1)] / [q p^{s-1} + (m - q)(v - p^{s-1})/(v^s - 1)].

F(p) = p where (p - 1)(v p - 1) sum_{k=0}^{s-1} (v^k - m) p^k = 0. Both 1 and 1/v are stable, and a transition exists
at the root p* of the sum between them, where F'(1) < 1 and F'(1/v) < 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.optimize import brentq

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import GrammarError, NoiseLevelError

EDGE = 1e-12  # an m this close to an edge of the window, relative to it, lies on the edge


def _epsilon(value: ArrayLike) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if not bool(((array >= 0) & (array <= 1)).all()):
        raise NoiseLevelError("epsilon", f"is {value}", "pass values in [0, 1]")
    return array


def root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(np.asarray(brentq(function, low, high, xtol=1e-15)))


@dataclass(frozen=True)
class BeliefMaps:
    """The two maps F and G of v symbols and m rules of s symbols, their fixed points and their exponents."""

    v: int
    m: float
    s: int

    def __post_init__(self) -> None:
        check.integer("v", self.v, 2)
        check.integer("s", self.s, 2, 64)
        check.real("m", self.m, 1)
        if self.m > self.v ** (self.s - 1):
            raise GrammarError("m", f"is {self.m}", f"pass m <= v^(s-1) = {self.v ** (self.s - 1)}")

    @property
    def _others(self) -> int:
        """v^s - 1, the number of tuples unlike the true one."""
        return self.v**self.s - 1

    @property
    def f(self) -> float:
        """Probability that a tuple is a rule, given that another one is."""
        return (self.m * self.v - 1) / self._others

    @property
    def a(self) -> float:
        """Probability that a tuple is a rule of the same symbol."""
        return (self.m - 1) / self._others

    def leaf_belief(self, epsilon: ArrayLike) -> Array:
        """p_0 = 1 - epsilon + epsilon / v, the belief in the true symbol of a leaf.

        Parameters
        ----------
        epsilon : array_like
            Noise on the leaves, in [0, 1], any shape.

        Returns
        -------
        array
            p_0, in the shape of `epsilon`.
        """
        epsilon = _epsilon(epsilon)
        return 1 - epsilon + epsilon / self.v

    def upward(self, p: ArrayLike) -> Array:
        """F(p), the belief in the true symbol one level up ([@Sclocchi2025b], Eq. 22).

        Parameters
        ----------
        p : array_like
            The belief in the true symbol, in [0, 1], any shape.

        Returns
        -------
        array
            F(p), in the shape of `p`.
        """
        tuple_ = check.float_array("p", p) ** self.s
        return (tuple_ + self.a * (1 - tuple_)) / (tuple_ + self.f * (1 - tuple_))

    def upward_slope(self, p: ArrayLike) -> Array:
        """F'(p) = s p^{s-1} (f - a) / [p^s + f (1 - p^s)]^2.

        Parameters
        ----------
        p : array_like
            The belief in the true symbol, in [0, 1], any shape.

        Returns
        -------
        array
            F'(p), in the shape of `p`.
        """
        p = check.float_array("p", p)
        weight = p**self.s + self.f * (1 - p**self.s)
        return self.s * p ** (self.s - 1) * (self.f - self.a) / weight**2

    def downward(self, q: ArrayLike, p: ArrayLike) -> Array:
        """G(q, p), the belief from above in the true symbol one level down.

        Parameters
        ----------
        q : array_like
            The belief from above in the true symbol of the parent.
        p : array_like
            The belief from below in the true symbol of each sibling; its shape and that of `q` broadcast.

        Returns
        -------
        array
            G(q, p).
        """
        q, siblings = check.float_array("q", q), check.float_array("p", p) ** (self.s - 1)
        true, false = q * siblings, (self.m - q) / self._others
        return (true + false * (1 - siblings)) / (true + false * (self.v - siblings))

    @property
    def recovered_slope(self) -> float:
        """F'(1) = s m (v - 1)/(v^s - 1); where it exceeds 1 the class is always lost ([@Sclocchi2025b], Eq. 28)."""
        return self.s * self.m * (self.v - 1) / self._others

    @property
    def lost_slope(self) -> float:
        """F'(1/v) = s v^{s-1} (v - 1)/[m (v^s - 1)]; the class is always recovered where it exceeds 1."""
        return self.s * self.v ** (self.s - 1) * (self.v - 1) / (self.m * self._others)

    @property
    def window(self) -> tuple[float, float]:
        """Edges of the m that have a transition: s v^{s-1} (v-1)/(v^s-1) < m < (v^s-1)/(s (v-1))."""
        upper = self._others / (self.s * (self.v - 1))
        return self.v ** (self.s - 1) / upper, upper

    @property
    def has_transition(self) -> bool:
        """Whether m lies inside the window."""
        low, high = self.window
        return low * (1 + EDGE) < self.m < high * (1 - EDGE)

    @property
    def reason(self) -> str:
        """Why there is no transition; empty where there is one."""
        if self.has_transition:
            return ""
        low, high = self.window
        fate = "recovered at every noise" if self.m**2 < low * high else "lost at every noise"
        return f"m = {self.m:g} lies outside ({low:.4g}, {high:.4g}): the class is {fate}"

    @cached_property
    def fixed_point(self) -> float | None:
        """p*, the unstable fixed point: the root of sum_{k=0}^{s-1} (v^k - m) p^k; for s = 2, (m - 1)/(v - m)."""
        if not self.has_transition:
            return None
        coefficients = [self.v**k - self.m for k in range(self.s)]

        def polynomial(p: float) -> float:
            return sum(c * p**k for k, c in enumerate(coefficients))

        return root(polynomial, 1 / self.v, 1)

    @property
    def critical_epsilon(self) -> float | None:
        """epsilon* = (1 - p*)/(1 - 1/v), where the class is lost as the depth grows; None without a transition."""
        return None if self.fixed_point is None else (1 - self.fixed_point) / (1 - 1 / self.v)

    @property
    def correlation_exponent(self) -> float | None:
        """nu = ln s / ln F'(p*): correlations reach |epsilon - epsilon*|^-nu leaves far ([@Sclocchi2025b], Eq. 54)."""
        if self.fixed_point is None:
            return None
        return math.log(self.s) / math.log(float(self.upward_slope(self.fixed_point)))

    @property
    def decay_exponent(self) -> float | None:
        """a = 2 (1 - 1/nu): correlations decay as r^-a at the transition."""
        nu = self.correlation_exponent
        return None if nu is None else 2 * (1 - 1 / nu)

    @property
    def dual(self) -> Self:
        """The theory of m' = v^{s-1}/m, which swaps F'(1) with F'(1/v) and has the same F'(p*) and nu."""
        return type(self)(self.v, self.v ** (self.s - 1) / self.m, self.s)
