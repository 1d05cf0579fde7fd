"""The points of a sweep: a product of named axes, each a list of numbers, of words or of truth values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np

from .._support import checks as check
from .._support.typed import typed
from ..errors import ArgumentError, EmptyDataError, UnknownNameError

MOST_POINTS = 10**7
Value: TypeAlias = bool | int | float | str


@typed
@dataclass(frozen=True, repr=False)
class Grid:
    """The points of a sweep: a product of named axes, and values common to all points.

    Point 0 has the first value of every axis, and the last axis runs fastest. `Grid.of` checks what it is given.

    Parameters
    ----------
    axes : tuple of (name, values)
        The axes in order, each with the tuple of its values.
    fixed : tuple of (name, value)
        Arguments that are the same at every point.

    Raises
    ------
    EmptyDataError, ArgumentError, UnknownNameError
        From its methods; see there.

    Examples
    --------
    >>> grid = Grid.of({"p": [0.1, 0.2], "seed": range(2)})
    >>> grid
    Grid(p: 2, seed: 2; 4 points)
    >>> grid.shape, grid.point(2)
    ((2, 2), {'p': 0.2, 'seed': 0})
    """

    axes: tuple[tuple[str, tuple[Value, ...]], ...]
    fixed: tuple[tuple[str, object], ...] = ()

    @classmethod
    def of(
        cls,
        axes: Mapping[str, Iterable[Value]] | Iterable[tuple[str, Iterable[Value]]],
        seeds: int | Sequence[int] | None = None,
        fixed: Mapping[str, object] | None = None,
    ) -> Grid:
        """The grid of some axes, checked.

        Parameters
        ----------
        axes : mapping or sequence of pairs
            Axes by name, each a list of numbers, of words or of truth values.
        seeds : int or sequence of int, optional
            An axis `seed`: a list, or a number n for 0 ... n - 1.
        fixed : mapping, optional
            Arguments that are the same at every point: numbers, words, lists and dicts of them.

        Returns
        -------
        Grid
            The grid.

        Raises
        ------
        EmptyDataError
            Without a point.
        ArgumentError
            For an axis or a value that is there twice, an axis that is not a list or mixes kinds of values, a name
            that cannot be an argument, or too many points.
        """
        named: list[Any] = list(axes.items() if isinstance(axes, Mapping) else axes)
        if seeds is not None:
            count = isinstance(seeds, Integral)
            named.append(("seed", range(check.integer("seeds", seeds, 1)) if count else seeds))
        fixed = dict(fixed or {})
        names = [name for name, _ in named]
        for name in names:
            if not isinstance(name, str) or not name.isidentifier():
                raise ArgumentError("grid", f"has an axis {name!r}", "name axes like arguments of the function")
            if names.count(name) > 1 or name in fixed:
                raise ArgumentError("grid", f"names '{name}' twice", "give each argument in one place only")
        checked = tuple((name, _values(name, values)) for name, values in named)
        if not checked:
            raise EmptyDataError("grid", "has no axis", "pass at least one, e.g. {'seed': [0]}")
        if (size := math.prod(len(values) for _, values in checked)) > MOST_POINTS:
            raise ArgumentError("grid", f"has {size} points", f"split it into sweeps of at most {MOST_POINTS}")
        return cls(checked, tuple(sorted((name, _constant(name, value)) for name, value in fixed.items())))

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {len(values)}" for name, values in self.axes)
        return f"Grid({axes}; {len(self)} points)"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(name for name, _ in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(values) for _, values in self.axes)

    def __len__(self) -> int:
        return math.prod(self.shape)

    def point(self, index: int) -> dict[str, Value]:
        """The place of a point.

        Parameters
        ----------
        index : int
            Number of the point.

        Returns
        -------
        dict of str to value
            One value of each axis.
        """
        places = np.unravel_index(index, self.shape)
        return {name: values[int(place)] for (name, values), place in zip(self.axes, places, strict=True)}

    def arguments(self, index: int) -> dict[str, object]:
        """What the function gets at a point.

        Parameters
        ----------
        index : int
            Number of the point.

        Returns
        -------
        dict of str to value
            One value of each axis, and the fixed values.
        """
        return {**self.point(index), **dict(self.fixed)}

    def fit(self, function: Callable[..., object]) -> None:
        """Check that a function can be called at every point.

        Parameters
        ----------
        function : callable
            The function.

        Raises
        ------
        UnknownNameError
            Where it has no argument of an axis's name.
        ArgumentError
            Where it needs an argument that is not given, or its arguments are not known.
        """
        try:
            parameters = signature(function).parameters.values()
        except (TypeError, ValueError):
            raise ArgumentError("function", f"{function!r} has no known arguments", "wrap it in a function") from None
        named = [p for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
        given = {*self.names, *dict(self.fixed)}
        if not any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
            for name in sorted(given - {p.name for p in named}):
                raise UnknownNameError("grid", name, [p.name for p in named])
        lonely = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_ONLY and p.default is Parameter.empty]
        missing = [p.name for p in named if p.default is Parameter.empty and p.name not in given]
        if missing or lonely:
            raise ArgumentError("grid", f"leaves {', '.join(missing or lonely)} open", "add an axis or a fixed value")

    def describe(self) -> dict[str, dict[str, object]]:
        """The grid as plain data.

        Returns
        -------
        dict
            "axes" and "fixed", each a dictionary by name.
        """
        return {"axes": {name: list(values) for name, values in self.axes}, "fixed": dict(self.fixed)}


def _plain(value: Any) -> Any:
    """A NumPy number as a Python one."""
    return value.item() if isinstance(value, np.generic) else value


def _constant(name: str, value: Any) -> Any:
    """A fixed argument: plain data of any depth."""
    value = _plain(value)
    if isinstance(value, (list, tuple)):
        return [_constant(name, item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _constant(name, item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ArgumentError("fixed", f"gives '{name}' a {type(value).__name__}", "pass numbers, words, lists of them")


def _values(name: str, values: Any) -> tuple[Value, ...]:
    """The values of an axis: of one kind, finite, each once."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise ArgumentError("grid", f"gives axis '{name}' a {type(values).__name__}, not a list", f"pass {name}=[...]")
    if isinstance(values, range) and len(values) > MOST_POINTS:
        raise ArgumentError("grid", f"gives axis '{name}' {len(values)} values", f"pass at most {MOST_POINTS}")
    plain = tuple(_plain(value) for value in values)
    if not plain:
        raise EmptyDataError("grid", f"gives axis '{name}' no value", "pass at least one")
    kinds = {"word": str, "truth value": bool, "number": Real}
    kind = next((kind for kind, type_ in kinds.items() if isinstance(plain[0], type_)), None)
    for value in plain:
        fits = kind and isinstance(value, kinds[kind]) and isinstance(value, bool) == (kind == "truth value")
        if not fits or (kind == "number" and not math.isfinite(value)):
            raise ArgumentError("grid", f"has {value!r} on axis '{name}'", "pass finite numbers, or words only")
    if len(set(plain)) < len(plain):
        twice = next(value for value in plain if plain.count(value) > 1)
        raise ArgumentError("grid", f"has {twice!r} twice on axis '{name}'", "pass each value once")
    return plain
