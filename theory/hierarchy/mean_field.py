r"""Mean-field theory of the Random Hierarchy Model: profiles, correlations, thresholds and sample complexities.

The maps F and G of `belief_maps` carry beliefs up and down the tree, from p_0 = 1 - epsilon + epsilon / v at the leaves
and q = 1 / v at the root [@Sclocchi2025; @Sclocchi2025b].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError
from ..belief_propagation.channels import LeafChannel, channel_of
from ..transition import Law, Transition
from .belief_maps import BeliefMaps, root
from .density_evolution import Options, threshold


@dataclass(frozen=True)
class HierarchyTheory(BeliefMaps):
    """Mean field of grammars with v symbols and m rules of s symbols each [@Sclocchi2025b].

    Levels count from the leaves (0). `sums_over_rules.reference` writes the recursions out, tuple by tuple.

    Parameters
    ----------
    v : int
        Number of symbols of each level, at least 2.
    m : float
        Number of rules of each symbol, from 1 to v^(s-1); any real number.
    s : int
        Number of symbols that a rule produces, at least 2.

    Raises
    ------
    ArgumentError
        For v, m or s below its range.
    GrammarError
        Where m > v^(s-1): two symbols would share a rule.

    Examples
    --------
    >>> theory = HierarchyTheory(v=32, m=8, s=2)
    >>> theory
    HierarchyTheory(v=32, m=8, s=2: critical epsilon 0.7312, nu 1.893)
    >>> round(theory.critical_epsilon, 7), round(theory.correlation_exponent, 4)
    (0.7311828, 1.8928)
    >>> HierarchyTheory(v=32, m=17, s=2).critical_epsilon is None
    True
    """

    def __repr__(self) -> str:
        found, nu = self.critical_epsilon, self.correlation_exponent
        fate = "no transition" if found is None else f"critical epsilon {found:.4g}, nu {nu:.4g}"
        return f"HierarchyTheory(v={self.v}, m={self.m:g}, s={self.s}: {fate})"

    def beliefs(self, depth: int, epsilon: ArrayLike) -> tuple[Array, Array]:
        """The beliefs from below and from above at every level.

        Parameters
        ----------
        depth : int
            Number of levels above the leaves, at least 1.
        epsilon : array_like
            Noise on the leaves, in [0, 1], any shape.

        Returns
        -------
        tuple of two array
            p_l and q_l of the levels l = 0 ... depth, `(*epsilon.shape, depth + 1)`.
        """
        depth = check.integer("depth", depth, 1)
        p = [self.leaf_belief(epsilon)]
        for _ in range(depth):
            p.append(self.upward(p[-1]))
        q = [np.full_like(p[0], 1 / self.v)]
        for level in range(depth - 1, -1, -1):
            q.append(self.downward(q[-1], p[level]))
        return np.stack(p, -1), np.stack(q[::-1], -1)

    def posterior(self, p: ArrayLike, q: ArrayLike) -> Array:
        """The probability of the true symbol, p q over its sum with the other v - 1 symbols.

        Parameters
        ----------
        p, q : array_like
            The beliefs in it from below and from above; their shapes broadcast.

        Returns
        -------
        array
            p q / [p q + (1 - p)(1 - q)/(v - 1)].
        """
        p, q = np.broadcast_arrays(check.float_array("p", p), check.float_array("q", q))
        total = p * q + (1 - p) * (1 - q) / (self.v - 1)
        return np.divide(p * q, total, out=np.zeros_like(total), where=total > 0)

    def profile(self, depth: int, epsilon: ArrayLike) -> Array:
        """Posterior probability of the true symbol at each level.

        Parameters
        ----------
        depth : int
            Number of levels above the leaves, at least 1.
        epsilon : array_like
            Noise on the leaves, in [0, 1], any shape.

        Returns
        -------
        array
            `(*epsilon.shape, depth + 1)`, from the leaves to the root.

        Examples
        --------
        >>> float(HierarchyTheory(32, 8, 2).profile(10, 0.5)[0].round(10))
        0.980730004
        """
        return self.posterior(*self.beliefs(depth, epsilon))

    def class_belief(self, depth: int, epsilon: ArrayLike) -> Array:
        """p_depth, the belief in the true class.

        Parameters
        ----------
        depth : int
            Number of levels above the leaves, at least 1.
        epsilon : array_like
            Noise on the leaves, in [0, 1], any shape.

        Returns
        -------
        array
            The belief, in the shape of `epsilon`.
        """
        return self.beliefs(depth, epsilon)[0][..., -1]

    def crossing(self, depth: int) -> float | None:
        """The epsilon at which a finite tree believes halfway, p_depth = (1 + 1/v)/2.

        Parameters
        ----------
        depth : int
            Number of levels above the leaves, at least 1.

        Returns
        -------
        float or None
            The epsilon; None without a transition.
        """
        depth = check.integer("depth", depth, 1)
        if not self.has_transition:
            return None
        half = (1 + 1 / self.v) / 2
        return root(lambda epsilon: float(self.class_belief(depth, epsilon)) - half, 0, 1)

    def correlations(self, depth: int, epsilon: ArrayLike) -> Array:
        """C(k): covariance of the signs "changed" (+1) or "kept" (-1) of two leaves ([@Sclocchi2025b], Eq. 51).

        Parameters
        ----------
        depth : int
            Number of levels above the leaves, at least 1.
        epsilon : array_like
            Noise on the leaves, in [0, 1], any shape.

        Returns
        -------
        array
            `(*epsilon.shape, depth + 1)`: C(k) of leaves whose paths meet at level k = 0 ... depth.

        Notes
        -----
        The two siblings below the meeting point are both true, one true or none true with the weights `both`, `one`
        and `none`; from each of them a chain of G leads to its leaf.
        """
        p, q = self.beliefs(depth, epsilon)
        kept = self.posterior(p[..., 0], q[..., 0])
        covariance = [4 * kept * (1 - kept)]
        for level in range(1, depth + 1):
            below, message = p[..., level - 1], q[..., level]
            others = (self.m - message) / (self._others)
            both = message * below**self.s + others * below**2 * (1 - below ** (self.s - 2))
            one, none = others * below * (1 - below), others * (1 - below) ** 2
            norm = both + 2 * one + none
            if_true, if_false = (self._leaf_given(p, level - 1, start) for start in (1.0, 0.0))
            # deviations from the mean, so that no digits are lost where the covariance is small
            mean = (if_true * (both + one) + if_false * (one + none)) / norm
            t, f = if_true - mean, if_false - mean
            covariance.append(4 * (t * t * both + 2 * t * f * one + f * f * none) / norm)
        return np.stack(covariance, -1)

    def _leaf_given(self, p: Array, level: int, start: float) -> Array:
        """Probability that a leaf is kept, given that its ancestor at `level` is (start = 1) or is not (0)."""
        q = np.full_like(p[..., 0], start)
        for below in range(level - 1, -1, -1):
            q = self.downward(q, p[..., below])
        return self.posterior(p[..., 0], q)

    def susceptibility(self, depth: int, epsilon: ArrayLike) -> Array:
        """chi = sum_ij C_ij / sum_i C_ii = 1 + sum_k (s - 1) s^{k-1} C(k)/C(0), the volume of correlated change.

        Parameters
        ----------
        depth : int
            Number of levels above the leaves, at least 1.
        epsilon : array_like
            Noise on the leaves, in [0, 1], any shape.

        Returns
        -------
        array
            chi, in the shape of `epsilon`; 1 at epsilon = 0, where nothing changes.

        Examples
        --------
        >>> float(HierarchyTheory(32, 8, 2).susceptibility(9, 0.7312).round(2))
        7.98
        """
        c = self.correlations(depth, epsilon)
        leaves = np.array([(self.s - 1) * self.s ** (k - 1) for k in range(1, depth + 1)], dtype=np.float64)
        changes = c[..., 0] > 0  # at epsilon = 0 nothing changes; the limit is 1
        return 1 + np.where(changes, c[..., 1:] @ leaves / np.where(changes, c[..., 0], 1), 0)

    def sample_complexity(self, level: int, context: str = "latents") -> float:
        """Strings needed to infer the rules of one level from correlations with their context [@Favero2025].

        v m^{l+1}/(1 - m/v^{s-1}) when tuples of already inferred latents are correlated with one token;
        v m^{2l-1}/(1 - m/v^{s-1}) for `context="tokens"`, when all is read from raw tokens.

        Parameters
        ----------
        level : int
            The level l >= 1.
        context : str, default "latents"
            "latents" or "tokens".

        Returns
        -------
        float
            The number of strings; infinite where m = v^(s-1) and nothing correlates.

        Examples
        --------
        >>> round(HierarchyTheory(32, 8, 2).sample_complexity(2))
        21845
        """
        level = check.integer("level", level, 1)
        check.choice("context", context, ("latents", "tokens"))
        power = level + 1 if context == "latents" else 2 * level - 1
        every = self.v ** (self.s - 1)
        return math.inf if self.m == every else self.v * self.m**power / (1 - self.m / every)

    def class_sample_complexity(self, depth: int, n_classes: int | None = None) -> float:
        """n_classes m^depth labelled strings for a deep network to learn the class [@Cagnetta2024].

        Parameters
        ----------
        depth : int
            Number of levels above the leaves, at least 1.
        n_classes : int, optional
            Number of classes; v unless given.

        Returns
        -------
        float
            The number of strings.
        """
        n_classes = self.v if n_classes is None else check.integer("n_classes", n_classes, 1)
        return n_classes * self.m ** check.integer("depth", depth, 1)

    def critical_noise(self, channel: str | LeafChannel = "epsilon", **options: Unpack[Options]) -> Transition:
        """Where the class is lost as the depth grows: closed form for "epsilon", density evolution for real channels.

        Parameters
        ----------
        channel : str or LeafChannel, default "epsilon"
            "epsilon", "masking", "uniform", "gaussian", or a channel of your own.
        **options
            Precision and cost of the density evolution: the keywords `relative_error`, `size`, `max_sequences`,
            `max_levels`, `n_jobs` and `seed` of `density_evolution.threshold`.

        Returns
        -------
        Transition
            Its value is epsilon, the masked or replaced fraction, or the SNR 1/sigma^2 of the Gaussian channel, whose
            `noise` is a NoiseLevel; None, with the reason in `note`, where no transition exists.

        Raises
        ------
        ArgumentError
            For an unknown channel, or a real channel where m is not an integer.
        EstimateError
            Where `max_sequences` do not suffice.
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
        if self.fixed_point is None:
            return law.absent(self.reason)
        if self.m != int(self.m):
            raise ArgumentError("m", f"is {self.m}", "density evolution draws rules: pass an integer m")
        found = threshold(self.v, int(self.m), self.s, channel, fixed_point=self.fixed_point, **options)
        return law.at(found.value, found.stderr, found.note)
