"""What all readers share: what they give back, how they refuse, and sizes that are checked before memory is taken."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ..._support.labels import class_codes
from ..._support.memory import fits
from ...errors import ArgumentError, DataFileError, MissingDependencyError, ShapeError
from .layout import Layout, is_bytes
from .options import DataOptions
from .ranges import Range

IMAGE_NAMES = ("images", "image", "img", "x", "X", "data", "arr_0", "pixel_values", "x_train", "train_images")
LABEL_NAMES = ("labels", "label", "y", "target", "targets", "class", "fine_label", "y_train", "train_labels")
UNUSED = {
    "split": "there is one part only",
    "column": "there is one array only",
    "label_column": "there are no columns of labels",
    "layout": "the axes are known",
    "mode": "there are no encoded pictures",
    "alpha": "there are no encoded pictures",
}
"""Why an option that was given can be of no use."""
MEANT_SO = (("label_column", "none"), ("alpha", "keep"))
"""Options that are kept where there is nothing to be done."""

SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation", "dev")


@dataclass
class Raw:
    """Items `(n, c, h, w)` or `(n, *event)` as they were stored, with what is known about them."""

    images: np.ndarray
    layout: Layout
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    values: Range | None = None
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading(DataOptions):
    """The options of a reader, with the largest size in bytes of what it may read, and which options it has used."""

    limit: int = 2**40
    used: set[str] = field(default_factory=set, compare=False)

    def unused(self) -> list[str]:
        """A sentence on each option that was given and that the source has no use for."""
        odd = [name for name in UNUSED if name not in self.used and getattr(self, name) != getattr(DataOptions, name)]
        odd = [name for name in odd if (name, getattr(self, name)) not in MEANT_SO]
        return [f"--{name.replace('_', '-')} {getattr(self, name)} is of no use here: {UNUSED[name]}" for name in odd]

    def fits(self, shape: Iterable[int], itemsize: int = 4) -> None:
        """DeviceMemoryError where an array of this shape, or its float32 images, would be larger than the limit."""
        fits("data", math.prod(map(int, shape)) * max(4, itemsize), self.limit)

    def image_name(self, names: Iterable[str]) -> str | None:
        """The name asked for, or a usual one that is among `names`; of the split where names say theirs."""
        return self._name(list(names), "column", ("x", "X", "images", "image", "data"), IMAGE_NAMES)

    def label_name(self, names: Iterable[str]) -> str | None:
        """The name asked for, or a usual one that is among `names`; none for "none"."""
        names = list(names)
        if self.label_column == "none" and "none" not in names:
            return None
        return self._name(names, "label_column", ("y", "labels", "label", "targets"), LABEL_NAMES)

    def _name(self, names: list[str], argument: str, kinds: tuple[str, ...], usual: tuple[str, ...]) -> str | None:
        wanted = getattr(self, argument)
        self.used.add(argument)
        if wanted is None and self.split:
            own = next((name for kind in kinds for name in _of_split(kind, self.split) if name in names), None)
            if own is not None:
                self.used.add("split")
                return own
            others = [name for kind in kinds for split in SPLITS for name in _of_split(kind, split) if name in names]
            if others and argument == "column":
                raise DataFileError("split", f"there is no '{self.split}'", f"the file holds: {', '.join(others)}")
        return choose(names, wanted, usual, argument)

    def arranged(self, array: np.ndarray, what: str) -> Raw:
        """An array in its layout, the one asked for or the one that its shape has beyond doubt."""
        if array.dtype.kind not in "biuf":
            raise DataFileError("data", f"{what} holds {array.dtype} instead of numbers", "store numeric arrays")
        if array.size == 0:
            raise DataFileError("data", f"{what} has shape {array.shape}", "store one item or more")
        self.used.add("layout")
        layout = Layout(self.layout) if self.layout else Layout.of(array.shape, what, is_bytes(array))
        notes = ["the fourth channel may be transparency; it is kept"] if _fourth(array, layout) else []
        return Raw(layout.arrange(array, what), layout, notes=notes)


def _of_split(name: str, split: str) -> tuple[str, str]:
    """How files call one of their arrays of a split.

    >>> _of_split("x", "test")
    ('x_test', 'test_x')
    """
    return f"{name}_{split}", f"{split}_{name}"


def _fourth(array: np.ndarray, layout: Layout) -> bool:
    return layout.image and array.ndim == 4 and is_bytes(array) and array.shape[layout.axes.index("c")] == 4


def optional(module: str, package: str, extra: str) -> ModuleType:
    """An optional module, or the command that installs it."""
    try:
        return import_module(module)
    except ImportError:
        raise MissingDependencyError(package, extra) from None


def choose(names: Iterable[str], wanted: str | None, usual: tuple[str, ...], argument: str) -> str | None:
    """The name that is wanted, or the first usual one among `names`, or None."""
    names = list(names)
    if wanted is not None:
        if wanted not in names:
            listed = ", ".join(map(str, names[:20])) + (", ..." if len(names) > 20 else "")
            raise DataFileError(argument, f"there is no '{wanted}'", f"the file holds: {listed}")
        return wanted
    return next((name for name in usual if name in names), None)


def broken_line(names: list[str]) -> str:
    """How many were broken, and the first of them by name.

    >>> broken_line(list("abcd"))
    'broken: 4 (a, b, c, ...)'
    """
    return f"broken: {len(names)} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"


def labelled(raw: Raw, labels: Any, names: Iterable[str] | None = None) -> Raw:
    """`raw` with its labels as numbers; `names` are those of the classes where the source says them."""
    if labels is None:
        return raw
    try:
        codes = class_codes("label_column", labels, len(raw.images))
    except ShapeError as error:
        count = np.shape(labels)[0] if np.ndim(labels) else 0
        problem = f"has {count} labels for {len(raw.images)} images" if count != len(raw.images) else error.problem
        raise DataFileError("label_column", problem, "store one each, or pass --label-column none") from None
    except ArgumentError as error:
        raise DataFileError("label_column", error.problem, f"{error.remedy}: --label-column none") from None
    listed = tuple(map(str, names or ()))
    if listed and not codes.names and int(codes.codes.max()) < len(listed):
        codes = codes._replace(names=listed)
    raw.labels, raw.class_names = codes.codes, codes.names
    if codes.note:
        raw.notes.append(codes.note)
    return raw
