"""What a public docstring owes its reader, in numpydoc sections: the faults of each public name.

`python tests/docstring_sections.py theory.local learned` prints those of some rooms or layers; without arguments, all.
"""

import dataclasses
import inspect
import logging
import re
import sys
from collections.abc import Iterator
from importlib import import_module

import griffe

from checkout import MODULES

SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\s*$", re.M)
REFUSES = re.compile(r"\braise \w|\bcheck\.\w")


def rooms() -> list[str]:
    """The faces: every folder of the package that offers names, without `idealscore.` in front."""
    modules = [(name, import_module(name)) for name in MODULES]
    faces = [name for name, module in modules if hasattr(module, "__path__") and hasattr(module, "__all__")]
    return [face.removeprefix("idealscore.") for face in faces if "paper_figs" not in face and "_support" not in face]


def public(room: str) -> dict[str, object]:
    """The functions and classes that a face offers and no deeper face does."""
    face = import_module(f"idealscore.{room}")
    found = {name: getattr(face, name) for name in face.__all__}
    callables = {name: value for name, value in found.items() if inspect.isclass(value) or inspect.isfunction(value)}
    below = [other for other in rooms() if other.startswith(f"{room}.")]
    deeper = {name for other in below for name in import_module(f"idealscore.{other}").__all__}
    modules = [value for value in found.values() if inspect.ismodule(value) and not hasattr(value, "__path__")]
    for module in modules:
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and callable(value):
                callables.setdefault(name, value)
    return {
        name: value
        for name, value in callables.items()
        if name not in deeper and (inspect.isclass(value) or inspect.isfunction(value))
    }


def sections(text: str) -> dict[str, list[str]]:
    """{kind: [documented names]} of a docstring, and a fault of its syntax under "faults"."""
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    found: dict[str, list[str]] = {}
    parsed = griffe.Docstring(inspect.cleandoc(text), parser="numpy").parse(warnings=False)
    for section in parsed:
        value = section.value
        names = [str(getattr(item, "name", "")) for item in value] if isinstance(value, list) else []
        found.setdefault(section.kind.value, []).extend(names)
    return found


def _parameters(thing: object) -> list[str]:
    if inspect.isclass(thing) and (issubclass(thing, Exception) or getattr(thing, "_is_protocol", False)):
        return []
    try:
        names = list(inspect.signature(thing).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []
    return [name for name in names if name not in ("self", "cls")]


def _bare(names: list[str]) -> list[str]:
    return [part.strip().lstrip("*") for name in names for part in name.split(",")]


def faults(name: str, thing: object, method: bool = False) -> Iterator[str]:
    """What the docstring of a function, class or method lacks."""
    text = inspect.getdoc(thing)
    if not text:
        yield f"{name}: no docstring"
        return
    found = sections(text)
    documented = _bare(found.get("parameters", []) + found.get("other parameters", []))
    if inspect.isclass(thing) and dataclasses.is_dataclass(thing):
        documented += _bare(found.get("attributes", []))
    wanted = _parameters(thing)
    if missing := [parameter for parameter in wanted if parameter not in documented]:
        yield f"{name}: Parameters lacks {', '.join(missing)}"
    if extra := [parameter for parameter in _bare(found.get("parameters", [])) if parameter not in wanted]:
        yield f"{name}: Parameters lists {', '.join(extra)}, which the signature has not"
    if inspect.isfunction(thing):
        returned = str(thing.__annotations__.get("return", "None"))
        if returned not in ("None", "NoReturn") and not {"returns", "yields"} & set(found):
            yield f"{name}: no Returns"
    if method:
        return
    try:
        source = inspect.getsource(thing)  # type: ignore[arg-type]
    except (OSError, TypeError):
        source = ""
    if REFUSES.search(source) and "raises" not in found:
        yield f"{name}: no Raises"
    if ">>> " not in text:
        yield f"{name}: no Examples"


def methods(thing: type) -> Iterator[tuple[str, object]]:
    """The public methods that a class of ours defines itself."""
    for name, value in vars(thing).items():
        plain = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if not name.startswith("_") and inspect.isfunction(plain):
            inherited = any(name in vars(base) for base in thing.__mro__[1:])
            if not (inherited and not plain.__doc__):
                yield name, plain


def of_room(room: str) -> list[str]:
    """All faults of what a face offers."""
    found: list[str] = []
    for name, thing in public(room).items():
        if not str(getattr(thing, "__module__", "")).startswith("idealscore"):
            continue
        found.extend(faults(name, thing))
        if inspect.isclass(thing):
            for method, function in methods(thing):
                found.extend(faults(f"{name}.{method}", function, method=True))
    return found


if __name__ == "__main__":
    chosen = [room for room in rooms() if not sys.argv[1:] or room.startswith(tuple(sys.argv[1:]))]
    total = 0
    for room in chosen:
        lacking = of_room(room)
        total += len(lacking)
        print(f"== {room}: {len(lacking)}")
        print("".join(f"   {fault}\n" for fault in lacking), end="")
    print(f"{total} faults")
