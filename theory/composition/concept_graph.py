"""Concept graphs: the classes that concept values make, one step apart where they differ in one concept [@Okawa2023].

A class is a tuple of concept values, C = (c_1, ..., c_n), and the concept distance of two classes is the number of
concepts in which they differ, d(C, C') = sum_i 1[c_i != c_i'] (Definition 4). The graph that joins classes at
distance 1 (Definition 5) is a Hamming graph, and d is the length of its shortest paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.display import boxes
from ...errors import ArgumentError, EmptyDataError

if TYPE_CHECKING:
    import networkx as nx

Class = tuple[int, ...]
LARGEST = 10**6


class ConceptGraph:
    """All classes of the given concepts [@Okawa2023].

    A class is a tuple of value numbers, or a label such as "011" (for more than ten values, "0-11-1").

    Parameters
    ----------
    values : sequence of int, or mapping
        Numbers of values, (2, 2, 3), or {concept: its number of values or their names}.

    Raises
    ------
    ArgumentError
        Without concepts, for a concept without values or with a name twice, and for more than 10^6 classes.

    Examples
    --------
    >>> cube = ConceptGraph({"shape": ("circle", "triangle"), "color": ("red", "blue"), "size": 2})
    >>> cube.distance("000", "011"), cube.graph.number_of_edges()
    (2, 12)
    >>> [[cube.label(c) for c in shell] for shell in cube.shells(["000", "001", "010", "100"])]
    [['000', '001', '010', '100'], ['011', '101', '110'], ['111']]
    """

    def __init__(self, values: Mapping[str, int | Sequence[str]] | Sequence[int]) -> None:
        if not isinstance(values, Mapping):
            values = {f"concept {i}": count for i, count in enumerate(check.items("values", values))}
        if not values:
            raise ArgumentError("values", "is empty", "pass the number of values of each concept, e.g. (2, 2, 2)")
        self.concepts: tuple[str, ...] = tuple(values)
        self.names: tuple[tuple[str, ...], ...] = tuple(_names(name, given) for name, given in values.items())
        self.counts: Class = tuple(map(len, self.names))
        if (size := int(np.prod(self.counts, dtype=np.float64))) > LARGEST:
            raise ArgumentError("values", f"make {size} classes", f"pass concepts with at most {LARGEST} classes")

    def __len__(self) -> int:
        return int(np.prod(self.counts))

    def __repr__(self) -> str:
        return f"ConceptGraph({dict(zip(self.concepts, self.counts, strict=True))})"

    def _repr_html_(self) -> str:
        values = {concept: ", ".join(names) for concept, names in zip(self.concepts, self.names, strict=True)}
        return boxes.box(f"ConceptGraph, {len(self)} classes", values)

    @cached_property
    def classes(self) -> list[Class]:
        """Every class, the last concept changing fastest."""
        return list(product(*map(range, self.counts)))

    @cached_property
    def graph(self) -> nx.Graph[Class]:
        """The Hamming graph; nodes are classes."""
        import networkx as nx

        found = nx.Graph()
        found.add_nodes_from(self.classes)
        for node in self.classes:
            for i, count in enumerate(self.counts):
                found.add_edges_from((node, (*node[:i], k, *node[i + 1 :])) for k in range(node[i] + 1, count))
        return found

    def parse(self, given: str | Sequence[int]) -> Class:
        """A class from its label or tuple.

        Parameters
        ----------
        given : str or sequence of int
            The label, "011" or "0-11-1", or the tuple.

        Returns
        -------
        tuple of int
            The class.

        Raises
        ------
        ArgumentError
            For too few or too many values, and a value that does not exist.
        """
        parts: Sequence[str | int] = given
        if isinstance(given, str):
            parts = given.split("-") if "-" in given else list(given)
        if len(parts) != len(self.counts) or not all(str(part).strip().isdigit() for part in parts):
            raise ArgumentError(
                "class", f"is {given!r}", f"pass one value number for each of {', '.join(self.concepts)}"
            )
        found = tuple(int(part) for part in parts)
        for value, count, concept in zip(found, self.counts, self.concepts, strict=True):
            if value >= count:
                raise ArgumentError("class", f"is {given!r}, but {concept} has {count} values", f"use 0 to {count - 1}")
        return found

    def label(self, node: str | Sequence[int]) -> str:
        """The class as text, "011".

        Parameters
        ----------
        node : str or sequence of int
            The class, as label or tuple.

        Returns
        -------
        str
            Its label.
        """
        return ("-" if max(self.counts) > 10 else "").join(map(str, self.parse(node)))

    def describe(self, node: str | Sequence[int]) -> str:
        """The class in words.

        Parameters
        ----------
        node : str or sequence of int
            The class, as label or tuple.

        Returns
        -------
        str
            The names of its values.

        Examples
        --------
        >>> ConceptGraph({"shape": ("circle", "square"), "color": ("red", "blue")}).describe("01")
        'circle, blue'
        """
        return ", ".join(names[value] for names, value in zip(self.names, self.parse(node), strict=True))

    def distance(self, a: str | Sequence[int], b: str | Sequence[int]) -> int:
        """d(a, b), the number of concepts in which two classes differ (Definition 4).

        Parameters
        ----------
        a, b : str or sequence of int
            Two classes, as labels or tuples.

        Returns
        -------
        int
            Their concept distance.
        """
        return sum(x != y for x, y in zip(self.parse(a), self.parse(b), strict=True))

    def training(self, classes: Iterable[str | Sequence[int]]) -> list[Class]:
        """`classes` without repetition, if every value of every concept occurs in them.

        Parameters
        ----------
        classes : iterable of str or sequence of int
            The training classes, as labels or tuples.

        Returns
        -------
        list of tuple of int
            The different ones, in their order.

        Raises
        ------
        EmptyDataError
            Without a class.
        ArgumentError
            For a class that does not exist, and a concept value that never occurs: nothing could be composed from it.
        """
        found = list(dict.fromkeys(map(self.parse, classes)))
        if not found:
            raise EmptyDataError("classes", "hold no training class", "pass at least one, e.g. ['000', '001']")
        for i, (concept, names) in enumerate(zip(self.concepts, self.names, strict=True)):
            seen = {node[i] for node in found}
            for value, name in enumerate(names):
                if value not in seen:
                    problem = f"never show {concept} = {name} (value {value})"
                    raise ArgumentError("classes", problem, "add a class with it, or leave that value out of the graph")
        return found

    def distances(self, training: Iterable[str | Sequence[int]]) -> np.ndarray:
        """The smallest distance of each class to the training classes.

        Parameters
        ----------
        training : iterable of str or sequence of int
            The training classes, as labels or tuples.

        Returns
        -------
        array of int
            `(classes,)`, in the order of `classes`.

        Raises
        ------
        EmptyDataError
            Without a training class.
        """
        nodes, seen = np.array(self.classes), np.array([self.parse(node) for node in training])
        if seen.size == 0:
            raise EmptyDataError("training", "holds no class", "pass at least one training class")
        return np.min([(nodes != one).sum(1) for one in seen], axis=0)

    def shells(self, training: Iterable[str | Sequence[int]]) -> list[list[Class]]:
        """The classes at distance 0, 1, 2, ... from the training classes: the predicted order of emergence.

        Parameters
        ----------
        training : iterable of str or sequence of int
            The training classes, as labels or tuples.

        Returns
        -------
        list of list of tuple of int
            The shells, from the training classes outward.
        """
        apart = self.distances(training)
        return [[self.classes[i] for i in np.flatnonzero(apart == d)] for d in range(int(apart.max()) + 1)]

    def changes(self, node: str | Sequence[int], training: Iterable[str | Sequence[int]]) -> list[tuple[int, ...]]:
        """For each nearest training class, the concepts that must be changed to come from there to `node`.

        Parameters
        ----------
        node : str or sequence of int
            The class, as label or tuple.
        training : iterable of str or sequence of int
            The training classes, as labels or tuples.

        Returns
        -------
        list of tuple of int
            The numbers of the concepts, each set of them once.
        """
        target, seen = self.parse(node), [self.parse(one) for one in training]
        paths = [tuple(i for i, (x, y) in enumerate(zip(target, one, strict=True)) if x != y) for one in seen]
        shortest = min(map(len, paths))
        return list(dict.fromkeys(path for path in paths if len(path) == shortest))


def _names(concept: str, given: int | Sequence[str]) -> tuple[str, ...]:
    """The names of the values of a concept, of which only the number may be given."""
    if isinstance(given, (int, np.integer)):
        return tuple(map(str, range(check.integer(f"values[{concept}]", given, 1))))
    names = tuple(map(str, given))
    if not names or len(set(names)) < len(names):
        raise ArgumentError(f"values[{concept}]", f"is {given!r}", "pass different names, or their number")
    return names
