"""A function by name: what a worker imports instead of receiving code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import reduce
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from ..errors import ArgumentError

PACKAGE = __name__.partition(".")[0]


def name_of(function: Callable[..., Any]) -> str:
    """`module:name` of a function that another process can import; ArgumentError with the remedy for any other.

    >>> from idealscore.theory import karras_sigmas
    >>> name_of(karras_sigmas)
    'idealscore.theory.noise:karras_sigmas'
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not callable(function) or not module or not name:
        problem = f"{function!r} is not a function with a name"
    elif module == "__main__":
        problem = f"{name} lives in the script or notebook itself, which the workers cannot import"
    elif "<lambda>" in name:
        problem = "a lambda has no name that the workers could import"
    elif "<locals>" in name:
        problem = f"{name} is made inside another function, where the workers cannot find it"
    elif not _is_found(f"{module}:{name}", function):
        problem = f"{module}.{name} is another object than the one given"
    else:
        return f"{module}:{name}"
    raise ArgumentError("function", problem, "define it by `def` at the top of a module file and import it from there")


def find(name: str) -> Callable[..., Any]:
    """The function called `module:name`; one of ours that has moved since is found in the rooms of its layer.

    >>> find("idealscore.theory.module_of_an_old_version:speciation").__name__
    'speciation'
    """
    module, _, path = name.partition(":")
    try:
        return _attribute(import_module(module), path)
    except (ImportError, AttributeError):
        moved = _in_rooms(module, path)
        if moved is None:
            raise
        return moved


def same(one: str, other: str) -> bool:
    """Whether two names are of one function: equal, or both ours and found at the same place."""
    if one == other:
        return True
    try:
        return _is_ours(one) and _is_ours(other) and find(one) is find(other)
    except (ImportError, AttributeError):
        return False


def _is_ours(name: str) -> bool:
    return name.startswith(f"{PACKAGE}.") and "__main__" not in name


def _attribute(module: ModuleType, path: str) -> Callable[..., Any]:
    found: Any = reduce(getattr, path.split("."), module)
    return found


def _in_rooms(module: str, path: str) -> Callable[..., Any] | None:
    """The one public function of a layer of ours called `path`, None unless there is exactly one."""
    if not _is_ours(module):
        return None
    layer = find_spec(".".join(module.split(".")[:2]))
    if layer is None or layer.submodule_search_locations is None:
        return None
    inside = iter_modules(layer.submodule_search_locations, f"{layer.name}.")
    rooms = [layer.name, *(room.name for room in inside if room.ispkg)]
    faces = [face for face in map(import_module, rooms) if path in getattr(face, "__all__", ())]
    found = {id(function): function for function in (_attribute(face, path) for face in faces)}
    return found.popitem()[1] if len(found) == 1 else None


def _is_found(name: str, function: object) -> bool:
    try:
        return find(name) is function
    except (ImportError, AttributeError):
        return False


def source_digest(function: Callable[..., Any]) -> str:
    """A hash of the function's own source, empty where there is none."""
    try:
        return blake2b(inspect.getsource(function).encode(), digest_size=8).hexdigest()
    except (OSError, TypeError):
        return ""
