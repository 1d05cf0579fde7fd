"""The Random Hierarchy Model as data: production rules on a regular tree [@Cagnetta2024].

A class at the root produces s symbols, each of these s further ones, and so on down to the s^depth leaves. Every
symbol of a level has m production rules, chosen with probability 1/m; the rules of one level are distinct
s-tuples, so that a tuple has one parent and a string at most one derivation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Self

import numpy as np

from .._support import checks as check
from .._support.display import boxes
from .._support.results import atomic_path
from .._support.streams import stream
from ..errors import ArgumentError, DataFileError, GrammarError, ShapeError

if TYPE_CHECKING:
    from .._support.types import Array, ArrayLike, FilePath


def _check_unambiguous(v: int, m: int, s: int, n_symbols: int) -> None:
    """Refuses sizes for which no rules with one parent per tuple exist."""
    if s > 62 or v**s > 2**62:
        raise GrammarError("v", f"gives v**s = {v}**{s} tuples", "keep v**s <= 2**62, where tuples have integer codes")
    if n_symbols * m > v**s:
        raise GrammarError(
            "m",
            f"is {m}: {n_symbols} symbols need {n_symbols * m} distinct tuples, there are v**s = {v**s}",
            f"pass m <= {v**s // n_symbols}",
        )


@dataclass(frozen=True, eq=False)
class Grammar:
    """Production rules of every level over a vocabulary of `v` symbols.

    Levels are counted from the leaves, except in `rules`: level 0 are the leaves, level `depth` is the root.

    Parameters
    ----------
    rules : list of integer arrays
        `rules[0]` belongs to the root and has shape (n_classes, m, s); `rules[l]` for l = 1 ... depth - 1 has shape
        (v, m, s); `rules[l][y, k]` is the k-th tuple that symbol y produces.
    v : int
        Number of symbols.

    Raises
    ------
    ShapeError
        Where the arrays do not fit together.
    GrammarError
        Where symbols lie outside the vocabulary or a tuple has two parents.

    Examples
    --------
    >>> grammar = Grammar.random(v=4, m=2, s=2, depth=3)
    >>> grammar
    Grammar(v=4, m=2, s=2, depth=3, n_classes=4)
    >>> grammar.leaves, grammar.n_strings
    (8, 512)
    >>> [rules.shape for rules in grammar.rules]
    [(4, 2, 2), (4, 2, 2), (4, 2, 2)]
    """

    rules: Sequence[Array]
    v: int

    def __post_init__(self) -> None:
        v = check.integer("v", self.v, 2)
        rules = [check.array("rules", level).copy() for level in check.items("rules", self.rules)]
        if not rules or any(level.ndim != 3 for level in rules):
            raise ShapeError("rules", "are not a list of (n_symbols, m, s) arrays", "pass one array per level")
        m, s = rules[0].shape[1:]
        if s < 2 or m < 1 or rules[0].shape[0] < 1:
            raise ShapeError("rules", f"have shape {rules[0].shape} at the root", "pass n_classes, m >= 1 and s >= 2")
        for depth, level in enumerate(rules):
            if level.shape != (level.shape[0] if depth == 0 else v, m, s):
                raise ShapeError("rules", f"have shape {level.shape} at depth {depth}", f"pass ({v}, {m}, {s})")
            if not np.issubdtype(level.dtype, np.integer):
                raise GrammarError("rules", f"hold {level.dtype} at depth {depth}", "pass integer symbols")
            if level.min() < 0 or level.max() >= v:
                raise GrammarError("rules", f"leave the vocabulary at depth {depth}", f"pass symbols 0 ... {v - 1}")
            _check_unambiguous(v, m, s, level.shape[0])
            if np.unique(self._code(level, v)).size < level.shape[0] * m:
                raise GrammarError("rules", f"use a tuple twice at depth {depth}", "give every tuple one parent")
        frozen = tuple(level.astype(np.int64) for level in rules)
        for level in frozen:
            level.setflags(write=False)
        object.__setattr__(self, "v", v)
        object.__setattr__(self, "rules", frozen)

    @classmethod
    def random(cls, v: int, m: int, s: int, depth: int, n_classes: int | None = None, seed: int = 0) -> Self:
        """Rules drawn uniformly without replacement from the v^s tuples, anew on every level.

        Raises GrammarError where fewer than m tuples per symbol exist.

        Parameters
        ----------
        v : int
            Number of symbols.
        m : int
            Rules per symbol.
        s : int
            Children per rule.
        depth : int
            Levels above the leaves.
        n_classes : int, optional
            Number of symbols at the root, `v` unless given.
        seed : int
            Which rules.

        Returns
        -------
        Grammar
            Level l is drawn from a stream of its own.
        """
        v, s = check.integer("v", v, 2), check.integer("s", s, 2)
        m, depth = check.integer("m", m, 1), check.integer("depth", depth, 1)
        n_classes = v if n_classes is None else check.integer("n_classes", n_classes, 1)
        counts = [n_classes] + [v] * (depth - 1)
        for n_symbols in counts:
            _check_unambiguous(v, m, s, n_symbols)
        rules = []
        for level, n_symbols in enumerate(counts):
            codes = stream(seed, "grammar", level).choice(v**s, size=n_symbols * m, replace=False)
            digits = codes[:, None] // v ** np.arange(s - 1, -1, -1) % v
            rules.append(digits.reshape(n_symbols, m, s))
        return cls(rules, v)

    @staticmethod
    def _code(tuples: Array, v: int) -> Array:
        """Each tuple as one integer, its symbols being digits in base v."""
        return tuples.astype(np.int64) @ v ** np.arange(tuples.shape[-1] - 1, -1, -1, dtype=np.int64)

    @property
    def depth(self) -> int:
        """Levels above the leaves."""
        return len(self.rules)

    @property
    def m(self) -> int:
        """Rules per symbol."""
        return self.rules[0].shape[1]

    @property
    def s(self) -> int:
        """Children per rule."""
        return self.rules[0].shape[2]

    @property
    def n_classes(self) -> int:
        """Number of symbols at the root."""
        return self.rules[0].shape[0]

    @property
    def leaves(self) -> int:
        """Number of leaves, s^depth."""
        return self.s**self.depth

    @property
    def n_strings(self) -> int:
        """Number of strings, all equally likely: n_classes m^((s^depth - 1)/(s - 1))."""
        return self.n_classes * self.m ** ((self.leaves - 1) // (self.s - 1))

    @property
    def entropy(self) -> float:
        """Entropy of a string in nats, log of `n_strings`."""
        return math.log(self.n_classes) + (self.leaves - 1) // (self.s - 1) * math.log(self.m)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Grammar)
            and self.v == other.v
            and self.depth == other.depth
            and all(map(np.array_equal, self.rules, other.rules))
        )

    def __hash__(self) -> int:
        return hash((self.v, *(level.tobytes() for level in self.rules)))

    def __repr__(self) -> str:
        return f"Grammar(v={self.v}, m={self.m}, s={self.s}, depth={self.depth}, n_classes={self.n_classes})"

    def _repr_html_(self) -> str:
        sizes = {"symbols v": self.v, "rules per symbol m": self.m, "children s": self.s, "depth": self.depth}
        facts = {
            **sizes,
            "classes": self.n_classes,
            "leaves": self.leaves,
            "strings": f"10^{self.entropy / math.log(10):.1f}",
        }
        return boxes.box("Grammar", facts, f"<pre>{escape(self._tree())}</pre>")

    def _tree(self, most: int = 12) -> str:
        """The tree of class 0 by the first rule of every symbol, indented by level; `most` lines at most."""
        lines: list[str] = []

        def grow(symbol: int, level: int) -> None:
            if len(lines) > most:
                return
            lines.append("  " * level + f"{symbol}")
            if level < self.depth:
                for child in self.rules[level][symbol, 0].tolist():
                    grow(child, level + 1)

        grow(0, 0)
        return "\n".join([*lines[:most], *(["..."] if len(lines) > most else [])])

    @cached_property
    def _parents(self) -> list[tuple[Array, Array]]:
        """For each level, from the root, the sorted codes of its tuples and the symbols that produce them."""
        tables = []
        for level in self.rules:
            codes = self._code(level, self.v).ravel()
            order = np.argsort(codes)
            tables.append((codes[order], order // self.m))
        return tables

    def parse(self, strings: Array) -> list[Array]:
        """The symbols of every level, from the leaves to the root.

        Parameters
        ----------
        strings : integer array (n, leaves)
            Symbols of the leaves.

        Returns
        -------
        list of integer arrays (n, nodes)
            The leaves first, the root last; -1 where no rule fits.

        Examples
        --------
        >>> grammar = Grammar.random(v=4, m=2, s=2, depth=1)
        >>> grammar.parse(grammar.rules[0][3])[1].ravel()
        array([3, 3])
        """
        strings = check_strings("strings", strings, self)
        levels = [strings]
        for codes, parents in reversed(self._parents):
            children = levels[-1].reshape(len(strings), -1, self.s)
            code = self._code(children, self.v)
            place = np.minimum(np.searchsorted(codes, code), codes.size - 1)
            valid = (children >= 0).all(-1) & (codes[place] == code)
            levels.append(np.where(valid, parents[place], -1))
        return levels

    def below(self, depth: int) -> Grammar:
        """The grammar that a symbol at `depth` below the root follows.

        Parameters
        ----------
        depth : int
            From 1 to the depth of this grammar less one.

        Returns
        -------
        Grammar
            Its classes are the v symbols.
        """
        return Grammar(self.rules[check.integer("depth", depth, 1, self.depth - 1) :], self.v)

    def save(self, path: FilePath) -> None:
        """Write the grammar as JSON, whole or not at all.

        Parameters
        ----------
        path : path
            The file.
        """
        content = {"v": self.v, "rules": [level.tolist() for level in self.rules]}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """Read a grammar; raises DataFileError where the file is missing or holds none.

        Parameters
        ----------
        path : path
            A file that `save` wrote.

        Returns
        -------
        Grammar
            As it was saved.
        """
        try:
            with open(path, encoding="utf-8") as stream_:
                content = json.load(stream_)
            return cls([np.asarray(level) for level in content["rules"]], content["v"])
        except OSError as error:
            raise DataFileError("path", f"cannot read {path} ({error.strerror})", "check the name") from None
        except (ArgumentError, ValueError, KeyError, TypeError) as error:
            raise DataFileError("path", f"{path} holds no grammar ({error})", "save the grammar again") from None


def check_strings(argument: str, strings: ArrayLike, grammar: Grammar) -> Array:
    """`strings` if they are made of the symbols of `grammar`.

    Parameters
    ----------
    argument : str
        The name under which an error speaks of them.
    strings : integer array (n, leaves)
        Symbols of the leaves.
    grammar : Grammar
        Whose vocabulary and number of leaves count.

    Returns
    -------
    int64 array (n, leaves)
        The same symbols.

    Raises
    ------
    ShapeError
        On another shape.
    ArgumentError
        On values that are not integers from 0 to v - 1.

    Examples
    --------
    >>> check_strings("strings", np.array([[0, 3]]), Grammar.random(v=4, m=2, s=2, depth=1))
    array([[0, 3]])
    """
    array = check.array(argument, strings)
    if array.ndim != 2 or array.shape[1] != grammar.leaves:
        raise ShapeError(argument, f"has shape {array.shape}", f"pass (n, {grammar.leaves}) symbols")
    if not np.issubdtype(array.dtype, np.integer) or (array.size and not 0 <= array.min() <= array.max() < grammar.v):
        raise ArgumentError(argument, "holds values that are not symbols", f"pass integers 0 ... {grammar.v - 1}")
    return array.astype(np.int64)
