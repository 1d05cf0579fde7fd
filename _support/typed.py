"""Arguments against type hints: what a signature excludes is refused before any work, by name.

`@typed` on a function, or on a class for its `__init__`, looks at what is passed. Numbers have to be numbers, names
words, callables callable, and things of the classes that the hint names. What arrays hold is left to `checks`, which
know what they mean; here they only have to be there. A hint that cannot be read allows all.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, wraps
from importlib import import_module
from itertools import chain
from numbers import Integral, Number
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from ..errors import ArgumentError, UnknownNameError
from . import checks as check

F = TypeVar("F", bound=Callable[..., Any])


class _Device:
    """Stands for the hint `Device`."""


OURS = {**dict.fromkeys(("ArrayLike", "Points", "Array"), np.ndarray), "Device": _Device}


def typed(function: F, free: tuple[str, ...] = (), says: Mapping[str, str] | None = None) -> F:
    """`function` (or class) with its arguments checked against its type hints, but for those that are `free`.

    `says` names the argument behind what a part inside complains of: {"x": "data"} says of the data what a denoiser
    says of its points.

    >>> @typed
    ... def cut(width: float, names: Mapping[str, int], show: bool | None = None) -> None: ...
    >>> cut(1, {"a": 2})
    >>> cut(None, {})
    Traceback (most recent call last):
    idealscore.errors.ArgumentError: width: is None; pass a number
    >>> cut(1.0, {"a": 2.5})
    Traceback (most recent call last):
    idealscore.errors.ArgumentError: names: holds 2.5; pass an integer
    """
    if inspect.isclass(function):
        spaces = [vars(sys.modules[kind.__module__]) for kind in function.__mro__]  # a field may be inherited
        function.__init__ = _typed(function.__init__, free, says or {}, spaces)  # type: ignore[misc]
        return typing.cast("F", function)
    return _typed(function, free, says or {}, [function.__globals__])


def _typed(function: F, free: tuple[str, ...], says: Mapping[str, str], spaces: list[dict[str, Any]]) -> F:
    """`typed` with the modules in which the words of its hints are looked up."""
    parameters = inspect.signature(function).parameters.values()
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    optional = {one.name for one in parameters if one.default is None}
    tests = _Tests(function.__annotations__, spaces)
    tests.update(dict.fromkeys(free, _anything))

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if (value is not None or name not in optional) and (fault := tests[name](value)):
                raise fault.of(name)
        try:
            return function(*args, **kwargs)
        except ArgumentError as error:
            if error.argument not in says:
                raise
            raise check.said_of(says[error.argument], error) from None

    return typing.cast("F", call)


class Fault(NamedTuple):
    """What is wrong with a value and what to pass."""

    problem: str
    remedy: str
    value: object = None
    known: tuple[str, ...] = ()

    def of(self, name: str) -> ArgumentError:
        """The error about an argument."""
        if self.known:
            return UnknownNameError(name, self.value, self.known)
        return ArgumentError(name, self.problem, f"pass {self.remedy}")


Test = Callable[[Any], Fault | None]
"""None for what a hint allows."""


def _anything(_: Any) -> None:
    """Allows all."""


class _Tests(dict[str, Test]):
    """The test of each argument, made when it is first passed: then all modules are there."""

    def __init__(self, hints: Mapping[str, Any], spaces: list[dict[str, Any]]) -> None:
        super().__init__()
        self.hints, self.words = dict(hints), _Words(spaces)

    def __missing__(self, name: str) -> Test:
        one = types.SimpleNamespace(__annotations__={name: self.hints.get(name, Any)})
        try:
            hint = typing.get_type_hints(one, {}, self.words)[name]
        except (TypeError, AttributeError):
            hint = Any
        self[name] = made = _test(hint)
        return made


class _Words(dict[str, Any]):
    """What the words of a hint mean: in a module, also where it imports them for hints alone, else anything."""

    def __init__(self, spaces: list[dict[str, Any]]) -> None:
        super().__init__()
        self.spaces = spaces

    def __missing__(self, name: str) -> Any:
        if name in OURS:
            return OURS[name]
        places = chain(self.spaces, [vars(builtins)], (_hinted(space["__name__"]) for space in self.spaces))
        return next((place[name] for place in places if name in place), Any)


@cache
def _hinted(name: str) -> Mapping[str, Any]:
    """What a module imports under `if TYPE_CHECKING`, as far as it is there."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (OSError, TypeError):
        return {}
    blocks = [node.body for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    found: dict[str, Any] = {}
    package = sys.modules[name].__package__
    for node in (node for block in blocks for node in block):
        with suppress(ImportError, AttributeError):
            if isinstance(node, ast.Import):
                found |= {alias.asname or alias.name: import_module(alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                module = import_module("." * node.level + (node.module or ""), package)
                found |= {alias.asname or alias.name: getattr(module, alias.name) for alias in node.names}
    return found


def _test(hint: Any) -> Test:
    """The test that a hint stands for."""
    if isinstance(hint, TypeVar):
        return _test(hint.__bound__ or Any)
    origin, parts = typing.get_origin(hint) or hint, typing.get_args(hint)
    protocol = getattr(origin, "_is_protocol", False)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return _one_of([_test(part) for part in parts])
    if origin is Literal:
        return lambda value: None if value in parts else Fault("", "", value, tuple(map(str, parts)))
    if origin is Callable or (protocol and "__call__" in vars(origin)):
        return _rule("a function", callable)
    if origin in _RULES:
        return _rule(*_RULES[origin])
    if not inspect.isclass(origin) or origin in (Any, object) or protocol:
        return _anything
    general = origin.__module__ in ("collections.abc", "builtins")
    if general and issubclass(origin, Mapping):
        return _mapping([_test(part) for part in parts])
    if general and issubclass(origin, Iterable):
        return _listing([_test(part) for part in parts if part is not Ellipsis], fixed=Ellipsis not in parts)
    if origin.__name__ in ("Tensor", "ndarray"):
        return _array
    return _rule(f"a {origin.__name__}", lambda value: isinstance(value, origin))


def _shown(value: object) -> str:
    plain = value is None or isinstance(value, int | float | complex | str)
    return f"{value!r}" if plain else f"a {type(value).__name__}"


def _rule(wanted: str, allowed: Callable[[Any], bool]) -> Test:
    return lambda value: None if allowed(value) else Fault(f"is {_shown(value)}", wanted)


def _one_of(tests: Sequence[Test]) -> Test:
    """What one of the alternatives of a union allows."""

    def test(value: Any) -> Fault | None:
        faults = []
        for one in tests:
            if not (fault := one(value)):
                return None
            faults.append(fault)
        inner = next((fault for fault in faults if not fault.problem.startswith("is")), faults[0])
        return inner._replace(remedy=" or ".join(dict.fromkeys(fault.remedy for fault in faults if fault.remedy)))

    return test


def _is_number(value: Any) -> bool:
    """A real number, or an array of one; NaN is none."""
    if type(value) is float:
        return value == value
    try:
        check.number("", value)
    except ArgumentError:
        return False
    return True


def _is_device(value: Any) -> bool:
    """A device of this machine, as torch names it."""
    import torch

    try:
        torch.empty(0, device=value)
    except (RuntimeError, AssertionError, TypeError):
        return False
    return value is not None


_RULES: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    type(None): ("None", lambda value: value is None),
    bool: ("True or False", lambda value: isinstance(value, bool | np.bool_)),
    int: ("an integer", lambda value: isinstance(value, Integral) and not isinstance(value, bool)),
    float: ("a number", _is_number),
    complex: ("a number", lambda value: isinstance(value, Number) and not isinstance(value, bool)),
    str: ("a word", lambda value: isinstance(value, str)),
    type: ("a class", inspect.isclass),
    _Device: ("a device of this machine, such as 'cpu'", _is_device),
}


def _array(value: Any) -> Fault | None:
    """An array, a list or a number, which are arrays too; not one without numbers."""
    if getattr(value, "is_meta", False):
        return Fault("is on the device 'meta', where tensors hold no numbers", "one with data")
    there = hasattr(value, "__array__") or isinstance(value, list | tuple | range | Number)
    return None if there else Fault(f"is {_shown(value)}", "an array")


def _listing(tests: Sequence[Test], fixed: bool) -> Test:
    """A list, and what it holds; an array stands for a list of numbers."""

    def test(value: Any) -> Fault | None:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            return Fault(f"is {_shown(value)}", "a list")
        if hasattr(value, "__array__"):
            return _array(value)
        if not isinstance(value, list | tuple):
            return None
        if fixed and len(tests) > 1:
            if len(value) != len(tests):
                return Fault(f"has {len(value)} entries", f"{len(tests)}")
            return _held(zip(tests, value, strict=True))
        return _held((one, entry) for one in tests[:1] for entry in value)

    return test


def _mapping(tests: Sequence[Test]) -> Test:
    """A mapping, its keys and its values."""

    def test(value: Any) -> Fault | None:
        if not isinstance(value, Mapping):
            return Fault(f"is {_shown(value)}", "a mapping")
        return _held(pair for item in value.items() for pair in zip(tests, item, strict=False))

    return test


def _held(pairs: Iterable[tuple[Test, Any]]) -> Fault | None:
    """What is wrong with the first wrong entry."""
    for one, entry in pairs:
        if fault := one(entry):
            return fault if fault.problem.startswith("holds") else fault._replace(problem=f"holds {_shown(entry)}")
    return None
