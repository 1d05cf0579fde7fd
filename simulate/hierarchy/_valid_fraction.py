"""How much of strings obeys a grammar [@Cagnetta2024]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ...errors import EmptyDataError
from ...theory.grammar import Grammar, check_strings

if TYPE_CHECKING:
    from ..._support.types import Array


def valid_fraction(grammar: Grammar, strings: Array) -> Array:
    """Fraction of the nodes of each level that have a derivation.

    Parameters
    ----------
    grammar : Grammar
        The production rules.
    strings : array of int
        Leaves, shape (n, leaves).

    Returns
    -------
    array
        Shape (depth + 1,), the leaves first; the last entry is the fraction of valid strings.

    Raises
    ------
    ShapeError, ArgumentError
        Where `strings` are not integers of the vocabulary of shape (n, leaves).
    EmptyDataError
        Where there are none.

    Examples
    --------
    >>> from idealscore.simulate.hierarchy import sample
    >>> grammar = Grammar.random(v=4, m=2, s=2, depth=2)
    >>> valid_fraction(grammar, sample(grammar, 5)[0])
    array([1., 1., 1.])
    """
    check.instance("grammar", grammar, Grammar)
    checked = check_strings("strings", strings, grammar)
    if not len(checked):
        raise EmptyDataError("strings", "holds no string", "pass at least one")
    levels = grammar.parse(checked)
    return np.array([(level >= 0).mean() for level in levels])
