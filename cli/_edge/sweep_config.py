"""The file that describes a sweep: TOML with a function, a grid, seeds and fixed values. Nothing in it is evaluated."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, DataFileError, UnknownNameError
from ...sweeping.functions import find
from ...sweeping.grids import MOST_POINTS
from .._sweep_points import POINTS

LARGEST = 2**22
KEYS = ("function", "out", "grid", "seeds", "fixed", "workers", "cluster")


@dataclass(frozen=True)
class SweepConfig:
    """What a configuration says; `function` is a known name or `module:function`."""

    function: str
    grid: dict[str, Any]
    out: str = ""
    seeds: int | list[int] | None = None
    fixed: dict[str, Any] = field(default_factory=dict)
    workers: int | None = None
    cluster: str | None = None

    @classmethod
    def read(cls, path: str | Path) -> SweepConfig:
        """The configuration in a TOML file; DataFileError where it is missing, no TOML, or not as described."""
        path = Path(path)
        if not path.is_file():
            raise DataFileError("config", f"{path} does not exist", "check the name")
        if path.stat().st_size > LARGEST:
            raise DataFileError("config", f"{path} is larger than {LARGEST >> 20} MiB", "use linspace for long axes")
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (ValueError, RecursionError, OverflowError) as error:
            problem = f"{path} is not a TOML file ({str(error) or type(error).__name__})"
            raise DataFileError("config", problem, "correct it") from None
        for key in content:
            if key not in KEYS:
                raise UnknownNameError("config", key, KEYS)
        for key, kind in _KINDS.items():
            if key in content and (not isinstance(content[key], kind) or isinstance(content[key], bool)):
                raise DataFileError("config", f"gives {key} as {content[key]!r:.60}", "see `idealscore sweep --help`")
        for key in ("function", "grid"):
            if key not in content:
                raise DataFileError("config", f"{path} has no {key}", "see `idealscore sweep --help`")
        return cls(**{**content, "grid": {name: _axis(name, values) for name, values in content["grid"].items()}})

    def callable(self, allowed: Sequence[str]) -> Callable[..., Any]:
        """The function, whose module is imported only if it is known or allowed."""
        if self.function in POINTS:
            return find(POINTS[self.function])
        module, _, name = self.function.partition(":")
        if not name:
            raise UnknownNameError("function", self.function, POINTS)
        if module not in allowed:
            problem = f"is in module '{module}', and a configuration alone may not choose what is run"
            raise ArgumentError("function", problem, f"if you trust that module, add --allow {module}")
        try:
            return find(self.function)
        except (ImportError, AttributeError) as error:
            raise ArgumentError("function", f"{self.function} cannot be imported ({error})", "correct it") from None


_KINDS = {
    "function": str, "out": str, "grid": dict, "seeds": (int, list), "fixed": dict, "workers": int, "cluster": str,
}  # fmt: skip


def _axis(name: str, values: Any) -> Any:
    """A list unchanged; {linspace = [first, last, n]}, {geomspace = [...]} and {range = [...]} as lists."""
    if not isinstance(values, dict):
        return values
    if len(values) != 1:
        raise ArgumentError("grid", f"gives axis '{name}' {len(values)} rules", "give a list or one rule")
    ((rule, numbers),) = values.items()
    check.choice(f"grid.{name}", rule, ("geomspace", "linspace", "range"))
    if not isinstance(numbers, list) or not 1 <= len(numbers) <= 3:
        raise ArgumentError("grid", f"gives axis '{name}' {rule} = {numbers!r:.60}", "pass a list of up to 3 numbers")
    if rule == "range":
        listed = range(*(check.integer(f"grid.{name}", number, -(2**62), 2**62) for number in numbers))
        check.integer(f"grid.{name}", len(listed), 1, MOST_POINTS)
        return listed
    if len(numbers) != 3:
        raise ArgumentError("grid", f"gives axis '{name}' {rule} = {numbers!r:.60}", "pass [first, last, number]")
    first, last = (check.real(f"grid.{name}", number) for number in numbers[:2])
    count = check.integer(f"grid.{name}", numbers[2], 1, MOST_POINTS)
    if rule == "linspace":
        return np.linspace(first, last, count).tolist()
    if first * last <= 0:
        raise ArgumentError("grid", f"gives axis '{name}' geomspace from {first:g} to {last:g}", "pass one sign")
    return np.geomspace(first, last, count).tolist()
