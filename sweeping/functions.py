"""A function by name: what a worker imports instead of receiving code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import reduce
from hashlib import blake2b
from importlib import import_module
from typing import Any

from ..errors import ArgumentError


def name_of(function: Callable[..., Any]) -> str:
    """`module:name` of a function that another process can import; ArgumentError with the remedy for any other.

    >>> from idealscore.theory import karras_sigmas
    >>> name_of(karras_sigmas)
    'idealscore.theory.noise:karras_sigmas'
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not callable(function) or not module or not name:
        problem = f"{function!r} is no function with a name"
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
    """The function called `module:name`."""
    module, _, path = name.partition(":")
    return reduce(getattr, path.split("."), import_module(module))  # type: ignore[return-value]


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
