"""The entropy profile f(a): what is unknown of one more symbol when a others are known, on average over all sets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, ShapeError
from ..grammar import Grammar
from ._by_enumeration import enumerated, enumerated_grammar
from ._by_propagation import propagated


@dataclass(frozen=True, eq=False, repr=False)
class EntropyProfile:
    """f(a) at some numbers a of known symbols, with standard errors.

    Parameters
    ----------
    known : integer array (k,)
        Numbers a of known symbols, ascending from 0 to length - 1; all of them where f is exact.
    values : array (k,)
        f(a) in nats.
    stderr : array (k,)
        Standard errors; 0 where f is exact.
    length : int
        Number of symbols of a string.
    n : int
        Strings behind each value; 0 where f is exact.

    Raises
    ------
    ShapeError, ArgumentError
        Unless known, values and stderr are finite numbers (k,), and length and n are integers.

    Examples
    --------
    >>> profile = entropy_profile([[0, 0], [1, 1]])
    >>> profile, profile.values.round(4).tolist()
    (EntropyProfile(length 2, exact, entropy 0.6931 nats), [0.6931, 0.0])
    """

    known: Array
    values: Array
    stderr: Array
    length: int
    n: int = 0

    def __post_init__(self) -> None:
        for name in ("known", "values", "stderr"):
            given = check.finite(name, check.array(name, getattr(self, name)))
            if given.ndim != 1 or not given.size:
                raise ShapeError(name, f"has shape {given.shape}", "pass one number for each set size, (k,)")
            object.__setattr__(self, name, given)
        for name in ("values", "stderr"):
            if len(getattr(self, name)) != len(self.known):
                problem = f"has {len(getattr(self, name))} numbers, known has {len(self.known)}"
                raise ShapeError(name, problem, "pass one for each of known")
        check.integer("length", self.length, 1)
        check.integer("n", self.n, 0)

    def __repr__(self) -> str:
        from ..._support.estimates import show

        kind = "exact" if not self.n else f"{len(self.known)} of its values, {self.n} strings each"
        return f"EntropyProfile(length {self.length}, {kind}, entropy {show(self.entropy, self.entropy_stderr)} nats)"

    @property
    def full(self) -> Array:
        """f(a) for a = 0 ... length - 1 (length,), a monotone interpolation in the square root of the unknown share
        between the values."""
        return self._interpolated(np.minimum.accumulate(self.values))

    def _interpolated(self, values: Array) -> Array:
        if len(self.known) == self.length:
            return self.values
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(self.known, values)(np.arange(self.length))

    @property
    def _weights(self) -> Array:
        """Of the values in the sum of `full`, to first order: trapezoids."""
        if len(self.known) == self.length:
            return np.ones(self.length)
        return np.stack([np.interp(np.arange(self.length), self.known, row) for row in np.eye(len(self.known))]).sum(1)

    @property
    def entropy(self) -> float:
        """H(x) = sum_a f(a) in nats."""
        return float(self.full.sum())

    @property
    def entropy_stderr(self) -> float:
        """Its standard error: that of the sum if all values erred together, since they share strings and orders."""
        return float(self._weights @ self.stderr)


def entropy_profile(
    source: ArrayLike | Grammar,
    probabilities: ArrayLike | None = None,
    *,
    n: int = 32,
    points: int = 32,
    method: str = "auto",
    seed: int = 0,
) -> EntropyProfile:
    r"""The mean entropy f(a) of a symbol given a others, over all sets of a positions and all positions not in them.

    f(a) = mean over S, |S| = a, and i not in S of H(x_i | x_S): the loss of the best masked denoiser [@Austin2021] on
    one hidden symbol where a are visible. It does not increase, and by the chain rule

        sum_a f(a) = H(x),    f(a) = E H(x_S'), |S'| = a + 1, less E H(x_S), |S| = a.

    Parameters
    ----------
    source : integer array (n, length) or Grammar
        The strings, or a grammar, all of whose strings are equally likely.
    probabilities : array (n,), optional
        Of the strings; by default equal.
    n : int
        Strings of a grammar that are drawn where it is too large to be enumerated.
    points : int
        Numbers of known symbols at which its f is measured, at least 4; between them it is interpolated.
    method : {"auto", "enumeration", "propagation"}
        For a grammar: all sets of positions, exact, up to 20 positions; or belief propagation on random strings and
        sets, with errors. "auto" enumerates where it takes seconds.
    seed : int
        Seed of the strings and orders.

    Returns
    -------
    EntropyProfile
        f with errors.

    Raises
    ------
    ShapeError
        For strings of unequal length.
    ArgumentError
        For strings of more than 20 positions, which have too many sets.
    WeightsError
        For probabilities that are negative or do not sum to one.
    GrammarError
        For a grammar of too many strings where "enumeration" is asked for.

    Examples
    --------
    >>> grammar = Grammar.random(v=4, m=2, s=2, depth=2)
    >>> exact = entropy_profile(grammar)
    >>> abs(exact.entropy - grammar.entropy) < 1e-12
    True
    """
    check.choice("method", method, ("auto", "enumeration", "propagation"))
    n, points, seed = check.integer("n", n, 2), check.integer("points", points, 4), check.seed("seed", seed)
    if not isinstance(source, Grammar):
        if method == "propagation":
            raise ArgumentError("method", "needs a Grammar", "pass one, or leave the method out")
        values = enumerated(source, probabilities)
    elif probabilities is not None:
        raise ArgumentError(
            "probabilities", "are given with a grammar", "its strings are equally likely: leave them out"
        )
    elif method == "propagation" or (method == "auto" and _is_large(source)):
        return EntropyProfile(*propagated(source, n, points, seed), source.leaves, n)
    else:
        values = enumerated_grammar(source)
    return EntropyProfile(np.arange(len(values)), values, np.zeros(len(values)), len(values))


def _is_large(grammar: Grammar) -> bool:
    """Whether enumeration would take more than seconds: strings times sets of positions."""
    return grammar.leaves > 20 or math.log2(grammar.n_strings) > 16 or grammar.n_strings * 2.0**grammar.leaves > 2e9
