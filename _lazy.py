"""Lazy faces: a package lists its public names, each is imported when first used (PEP 562).

The command line must answer `--help` without torch, numba, matplotlib or xarray.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def attach(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return `(__getattr__, __dir__, __all__)` for `package`, given {submodule: [public names]}.

    A public name must not be that of a submodule too, whose import would hide it: ImportError.
    """
    home = {name: module for module, exported in names.items() for name in exported}
    if hidden := home.keys() & names.keys():
        raise ImportError(f"{package}: {sorted(hidden)} name both a module and one of its contents; rename the module")

    def getattribute(name: str) -> object:
        if name in home:
            return getattr(import_module(f"{package}.{home[name]}"), name)
        if name in names:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    public = sorted({*home, *names})
    return getattribute, lambda: public, public
