"""The folder of a sweep: sweep.json says which; points/ holds results, failed/ errors, running/ what runs now."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from .._support import results as saved
from .._support.files import lock
from .._support.files.leftovers import clear_leftovers
from ..errors import DataFileError, OutputError
from . import functions

FORMAT = "idealscore sweep 1"
_IDENTITY = ("format", "function", "axes", "fixed")
_LIMIT = 2**26


class SweepFolder:
    """The files of one sweep. Each is written whole, by whichever worker made it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path)

    @property
    def description_path(self) -> Path:
        """The file that says which sweep this is."""
        return self.path / "sweep.json"

    def claim(self, description: dict[str, Any]) -> str:
        """Take the folder for the described sweep, or find it taken by the same; returns the sweep's identity.

        A sweep without any result yet gives way.

        Raises OutputError where the folder belongs to another sweep or to something else.
        """
        if self.description_path.exists():
            try:
                found = self.description()
            except DataFileError as error:
                raise OutputError("out", error.problem, error.remedy) from None
            differences = list(_differences(found, description))
            if differences and (any(self.path.glob("points/*/*.nc")) or any(self.path.glob("failed/*.json"))):
                raise OutputError("out", f"{self.path} holds another sweep: {'; '.join(differences)}", "pass another")
            if differences:
                self._describe(description)
            else:
                description = found  # the same sweep, whose function may have had another address
        elif self.path.is_dir() and any(not _early(file.name) for file in self.path.iterdir()):
            raise OutputError("out", f"{self.path} holds other files", "pass a new or an empty folder")
        else:
            self._describe(description)
        for name in ("points", "failed", "running"):
            saved.make_folder(self.path / name)
        return identity(description)

    def _describe(self, description: dict[str, Any]) -> None:
        made = {**description, "provenance": saved.provenance()}
        saved.write_text(self.description_path, json.dumps(made, indent=2) + "\n")

    def description(self) -> dict[str, Any]:
        """What sweep.json says; DataFileError where it is missing or damaged."""
        file = self.description_path
        if not file.is_file():
            raise DataFileError("path", f"{self.path} holds no sweep", "check the name")
        try:
            if file.stat().st_size > _LIMIT:
                raise ValueError("too large")
            found = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(found, dict) or not isinstance(found.get("axes"), dict) or found["format"] != FORMAT:
                raise ValueError("not a sweep")
        except (ValueError, KeyError, RecursionError):
            remedy = "bring it back, or remove it and move points/ and failed/ away"
            raise DataFileError("path", f"{file} is damaged", remedy) from None
        return found

    def __repr__(self) -> str:
        return f"SweepFolder({self.path})"

    def point(self, index: int) -> Path:
        """The file of a point's result."""
        return self.path / "points" / f"{index // 1000:04d}" / f"{index:07d}.nc"

    def failure(self, index: int) -> Path:
        """The file of a point's error."""
        return self.path / "failed" / f"{index:07d}.json"

    def marker(self, index: int) -> Path:
        """The file that is there while a point is computed."""
        return self.path / "running" / f"{index:07d}"

    def is_done(self, index: int) -> bool:
        """Whether the result of a point is there, whole and undamaged."""
        try:
            return saved.intact(self.point(index)) is True
        except FileNotFoundError:
            return False

    def failures(self) -> dict[int, str]:
        """The error of each failed point."""
        return dict(sorted((_number(file), _error(file)) for file in (self.path / "failed").glob("[0-9]*.json")))

    def fail(self, index: int, place: dict[str, Any], error: str, trace: str = "") -> None:
        """Record the error of a point."""
        record = {"point": place, "error": error, "traceback": trace}
        saved.write_text(self.failure(index), json.dumps(record, indent=2) + "\n", sync=False)

    def in_flight(self) -> list[int]:
        """The points that were begun and not ended."""
        return sorted(_number(file) for file in (self.path / "running").glob("[0-9]*"))

    def tidy(self) -> None:
        """Remove what killed processes left behind."""
        for file in self.path.glob("running/*"):
            file.unlink(missing_ok=True)
        clear_leftovers(self.path)


def _early(name: str) -> bool:
    """Whether a file is of a sweep that was stopped before its description was written."""
    return name.startswith(".sweep.json.") or name == lock.NAME


def identity(description: dict[str, Any]) -> str:
    """A short name of what is swept."""
    text = json.dumps([description.get(key) for key in _IDENTITY])
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _number(file: Path) -> int:
    return int(file.stem)


def _error(file: Path) -> str:
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"unknown, {file} is damaged"


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    if not functions.same(str(found.get("function")), wanted["function"]):
        yield f"function {found.get('function')} there, {wanted['function']} here"
    for part in ("axes", "fixed"):
        there, here = found.get(part), wanted[part]
        there = there if isinstance(there, dict) else {}
        for name in dict.fromkeys([*there, *here]):
            if name not in there or name not in here or there[name] != here[name]:
                yield f"{name} {_show(there, name)} there, {_show(here, name)} here"
    if list(found["axes"]) != list(wanted["axes"]) and set(found["axes"]) == set(wanted["axes"]):
        yield f"axes in the order {', '.join(found['axes'])} there, {', '.join(wanted['axes'])} here"


def _show(part: dict[str, Any], name: str) -> str:
    if name not in part:
        return "not given"
    text = json.dumps(part[name])
    return text if len(text) <= 60 else f"{text[:40]} ... {text[-15:]}"
