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

import numpy as np
from scipy.optimize import brentq

from ..._support import checks as check
from ...errors import ArgumentError, GrammarError, NoiseLevelError
from ..belief_propagation.channels import LeafChannel, channel_of
from ..transition import Law, Transition


def _epsilon(value: object) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if not bool(((array >= 0) & (array <= 1)).all()):
        raise NoiseLevelError("epsilon", f"is {value}", "pass values in [0, 1]")
    return array


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(np.asarray(brentq(function, low, high, xtol=1e-15)))


@dataclass(frozen=True)
class HierarchyTheory:
    """Mean field of grammars with v symbols, m rules of s symbols each; m may be any real number >= 1.

    Levels count from the leaves (0). Raises GrammarError where m > v^(s-1).

    >>> theory = HierarchyTheory(v=32, m=8, s=2)
    >>> round(theory.critical_epsilon, 7), round(theory.correlation_exponent, 4)
    (0.7311828, 1.8928)
    >>> HierarchyTheory(v=32, m=17, s=2).critical_epsilon is None
    True
    """

    v: int
    m: float
    s: int

    def __post_init__(self) -> None:
        check.integer("v", self.v, 2)
        check.integer("s", self.s, 2)
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

    def leaf_belief(self, epsilon: object) -> np.ndarray:
        """p_0 = 1 - epsilon + epsilon / v."""
        epsilon = _epsilon(epsilon)
        return 1 - epsilon + epsilon / self.v

    def upward(self, p: object) -> np.ndarray:
        """F(p), the belief in the true symbol one level up ([@Sclocchi2025b], Eq. 22)."""
        tuple_ = np.asarray(p, dtype=np.float64) ** self.s
        return (tuple_ + self.a * (1 - tuple_)) / (tuple_ + self.f * (1 - tuple_))

    def upward_slope(self, p: object) -> np.ndarray:
        """F'(p) = s p^{s-1} (f - a) / [p^s + f (1 - p^s)]^2."""
        p = np.asarray(p, dtype=np.float64)
        weight = p**self.s + self.f * (1 - p**self.s)
        return self.s * p ** (self.s - 1) * (self.f - self.a) / weight**2

    def downward(self, q: object, p: object) -> np.ndarray:
        """G(q, p), the belief from above in the true symbol one level down."""
        q, siblings = np.asarray(q, dtype=np.float64), np.asarray(p, dtype=np.float64) ** (self.s - 1)
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
        return self.window[0] < self.m < self.window[1]

    @property
    def reason(self) -> str:
        """Why there is no transition; empty where there is one."""
        if self.has_transition:
            return ""
        low, high = self.window
        fate = "recovered at every noise" if self.m <= low else "lost at every noise"
        return f"m = {self.m:g} lies outside ({low:.4g}, {high:.4g}): the class is {fate}"

    @cached_property
    def fixed_point(self) -> float | None:
        """p*, the unstable fixed point: the root of sum_{k=0}^{s-1} (v^k - m) p^k; for s = 2, (m - 1)/(v - m)."""
        if not self.has_transition:
            return None
        coefficients = [self.v**k - self.m for k in range(self.s)]

        def polynomial(p: float) -> float:
            return sum(c * p**k for k, c in enumerate(coefficients))

        return _root(polynomial, 1 / self.v, 1)

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
    def dual(self) -> HierarchyTheory:
        """The theory of m' = v^{s-1}/m, which swaps F'(1) with F'(1/v) and has the same F'(p*) and nu."""
        return HierarchyTheory(self.v, self.v ** (self.s - 1) / self.m, self.s)

    def beliefs(self, depth: int, epsilon: object) -> tuple[np.ndarray, np.ndarray]:
        """(p_l, q_l) of the levels l = 0 ... depth along the last axis."""
        depth = check.integer("depth", depth, 1)
        p = [self.leaf_belief(epsilon)]
        for _ in range(depth):
            p.append(self.upward(p[-1]))
        q = [np.full_like(p[0], 1 / self.v)]
        for level in range(depth - 1, -1, -1):
            q.append(self.downward(q[-1], p[level]))
        return np.stack(p, -1), np.stack(q[::-1], -1)

    def _posterior(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """p q over its sum with the other v - 1 symbols."""
        p, q = np.broadcast_arrays(p, q)
        total = p * q + (1 - p) * (1 - q) / (self.v - 1)
        return np.divide(p * q, total, out=np.zeros_like(total), where=total > 0)

    def profile(self, depth: int, epsilon: object) -> np.ndarray:
        """Posterior probability of the true symbol at each level, (..., depth + 1) from the leaves to the root.

        >>> HierarchyTheory(32, 8, 2).profile(10, 0.5)[0].round(10)
        np.float64(0.980730004)
        """
        return self._posterior(*self.beliefs(depth, epsilon))

    def class_belief(self, depth: int, epsilon: object) -> np.ndarray:
        """p_depth, the belief in the true class."""
        return self.beliefs(depth, epsilon)[0][..., -1]

    def crossing(self, depth: int) -> float | None:
        """The epsilon at which a finite tree believes halfway, p_depth = (1 + 1/v)/2; None without a transition."""
        depth = check.integer("depth", depth, 1)
        if not self.has_transition:
            return None
        half = (1 + 1 / self.v) / 2
        return _root(lambda epsilon: float(self.class_belief(depth, epsilon)) - half, 0, 1)

    def correlations(self, depth: int, epsilon: object) -> np.ndarray:
        """C(k), k = 0 ... depth: covariance of the signs "changed" (+1) or "kept" (-1) of two leaves whose paths meet
        at level k, (..., depth + 1) ([@Sclocchi2025b], Eq. 51)."""
        p, q = self.beliefs(depth, epsilon)
        kept = self._posterior(p[..., 0], q[..., 0])
        covariance = [4 * kept * (1 - kept)]
        for level in range(1, depth + 1):
            below, message = p[..., level - 1], q[..., level]
            others = (self.m - message) / self._others
            both = message * below**self.s + others * below**2 * (1 - below ** (self.s - 2))
            one, none = others * below * (1 - below), others * (1 - below) ** 2
            norm = both + 2 * one + none
            if_true, if_false = (self._leaf_given(p, level - 1, start) for start in (1.0, 0.0))
            # deviations from the mean, so that no digits are lost where the covariance is small
            mean = (if_true * (both + one) + if_false * (one + none)) / norm
            t, f = if_true - mean, if_false - mean
            covariance.append(4 * (t * t * both + 2 * t * f * one + f * f * none) / norm)
        return np.stack(covariance, -1)

    def _leaf_given(self, p: np.ndarray, level: int, start: float) -> np.ndarray:
        """Probability that a leaf is kept, given that its ancestor at `level` is (start = 1) or is not (0)."""
        q = np.full_like(p[..., 0], start)
        for below in range(level - 1, -1, -1):
            q = self.downward(q, p[..., below])
        return self._posterior(p[..., 0], q)

    def susceptibility(self, depth: int, epsilon: object) -> np.ndarray:
        """chi = sum_ij C_ij / sum_i C_ii = 1 + sum_k (s - 1) s^{k-1} C(k)/C(0), the volume of correlated change.

        >>> HierarchyTheory(32, 8, 2).susceptibility(9, 0.7312).round(2)
        np.float64(7.98)
        """
        c = self.correlations(depth, epsilon)
        leaves = np.array([(self.s - 1) * self.s ** (k - 1) for k in range(1, depth + 1)], dtype=np.float64)
        changes = c[..., 0] > 0  # at epsilon = 0 nothing changes; the limit is 1
        return 1 + np.where(changes, c[..., 1:] @ leaves / np.where(changes, c[..., 0], 1), 0)

    def sample_complexity(self, level: int, context: str = "latents") -> float:
        """Strings needed to infer the rules of `level` >= 1 from correlations with their context [@Favero2025].

        v m^{l+1}/(1 - m/v^{s-1}) when tuples of already inferred latents are correlated with one token;
        v m^{2l-1}/(1 - m/v^{s-1}) for `context="tokens"`, when all is read from raw tokens.

        >>> round(HierarchyTheory(32, 8, 2).sample_complexity(2))
        21845
        """
        level = check.integer("level", level, 1)
        check.choice("context", context, ("latents", "tokens"))
        power = level + 1 if context == "latents" else 2 * level - 1
        synonyms = 1 - self.m / self.v ** (self.s - 1)
        return math.inf if synonyms == 0 else self.v * self.m**power / synonyms

    def class_sample_complexity(self, depth: int, n_classes: int | None = None) -> float:
        """n_classes m^depth labelled strings for a deep network to learn the class [@Cagnetta2024]."""
        n_classes = self.v if n_classes is None else check.integer("n_classes", n_classes, 1)
        return n_classes * self.m ** check.integer("depth", depth, 1)

    def critical_noise(self, channel: str | LeafChannel = "epsilon", **options: object) -> Transition:
        """Where the class is lost as the depth grows: closed form for "epsilon", density evolution for real channels.

        `options` go to `density_evolution.threshold`. The value is epsilon, the masked or replaced fraction, or the
        SNR 1/sigma^2 of the Gaussian channel, whose `noise` is a NoiseLevel; None where no transition exists.
        """
        channel = channel_of(channel)
        name, unit = f"hierarchy ({channel.name})", "SNR" if channel.name == "gaussian" else channel.unit
        reference = "Sclocchi2025"
        if channel.name == "epsilon":
            equation = r"\sum_{k=0}^{s-1} (v^k - m) p_*^k = 0,\ \epsilon_* = (1 - p_*)/(1 - 1/v)"
            law = Law(name, equation=equation, reference=reference, unit=unit)
            epsilon = self.critical_epsilon
            return law.absent(self.reason) if epsilon is None else law.at(epsilon)
        equation = r"\nu_{l+1} \overset{d}{=} \mathrm{BP}(\nu_l^{(1)}, \dots, \nu_l^{(s)})"
        law = Law(name, equation=equation, reference=reference, unit=unit)
        if not self.has_transition:
            return law.absent(self.reason)
        if self.m != int(self.m):
            raise ArgumentError("m", f"is {self.m}", "density evolution draws rules: pass an integer m")
        from .density_evolution import threshold

        found = threshold(self.v, int(self.m), self.s, channel, **options)  # type: ignore[arg-type]
        return law.at(found.value, found.stderr, found.note)
