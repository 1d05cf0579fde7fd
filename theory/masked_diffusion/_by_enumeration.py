"""The entropy profile of strings by all sets of positions: exact, for up to 20 positions."""

from __future__ import annotations

import math

import numpy as np

from ..._support import checks as check
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, EmptyDataError, ShapeError
from ..belief_propagation.enumeration import derivations
from ..grammar import Grammar
from ._kernels import subset_entropies

MOST_POSITIONS = 20
INSTEAD = (
    "pass a Grammar (belief propagation does thousands of positions), measure f(a) as the loss of a masked denoiser "
    "with a symbols visible, or cut the strings"
)


def checked_strings(argument: str, strings: ArrayLike) -> Array:
    """`(n, d)` integers; ShapeError where the strings are of unequal length."""
    if isinstance(strings, str) or strings is None:
        raise ShapeError(argument, f"are {strings!r}", "pass integers (n, length)")
    if not hasattr(strings, "shape"):
        try:
            lengths = {len(string) for string in strings}  # type: ignore[union-attr, arg-type]
        except TypeError:
            raise ShapeError(argument, "are not a list of strings", "pass integers (n, length)") from None
        if len(lengths) > 1:
            problem = f"are of unequal length, {min(lengths)} to {max(lengths)}"
            raise ShapeError(argument, problem, "pad them with a symbol of its own, or take each length by itself")
        strings = [list(map(ord, s)) if isinstance(s, str) else s for s in strings]  # type: ignore[union-attr]
    array = check.array(argument, strings)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ShapeError(argument, f"have shape {array.shape}", "pass integers (n, length)")
    if not len(array):
        raise EmptyDataError(argument, "hold no string", "pass at least one")
    if not np.issubdtype(array.dtype, np.integer):
        raise ArgumentError(argument, f"hold {array.dtype}", "pass integers, one per symbol")
    return array


def enumerated(strings: ArrayLike, probabilities: ArrayLike | None) -> Array:
    """f(a) of the strings, `(d,)`."""
    strings = checked_strings("source", strings)
    n, d = strings.shape
    if d > MOST_POSITIONS:
        raise ArgumentError("source", f"has {d} positions, 2**{d} sets; enumeration ends at {MOST_POSITIONS}", INSTEAD)
    weights = np.full(n, 1 / n)
    if probabilities is not None:
        weights = check.probabilities("probabilities", probabilities, n).numpy(force=True)
    symbols, coded = np.unique(strings, return_inverse=True)
    distinct, place = np.unique(coded.reshape(n, d), axis=0, return_inverse=True)
    mass = np.bincount(place.ravel(), weights, minlength=len(distinct))
    columns = np.ascontiguousarray(distinct[mass > 0].T)
    binomial = np.array([[math.comb(rest, more) for more in range(d + 1)] for rest in range(d + 1)], dtype=np.float64)
    totals = subset_entropies(columns, mass[mass > 0], len(symbols), binomial)
    return np.diff(totals / binomial[d])


def enumerated_grammar(grammar: Grammar) -> Array:
    """f(a) of all strings of a grammar."""
    if grammar.leaves > MOST_POSITIONS:
        problem = f"has {grammar.leaves} leaves, 2**{grammar.leaves} sets; enumeration ends at {MOST_POSITIONS}"
        raise ArgumentError("source", problem, 'pass method="propagation"')
    return enumerated(derivations(grammar)[0].numpy(), None)
