"""Class labels of any kind as numbers 0 ... K - 1 with their names: numbers stay numbers and sort as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, ShapeError, UnknownNameError

SHOWN = 20


class Classes(NamedTuple):
    """The class of each datum as a number, the names in the order of the numbers, and what was done to get there."""

    codes: np.ndarray
    names: tuple[str, ...] = ()
    note: str = ""


def class_codes(argument: str, labels: Any, n: int) -> Classes:
    """The classes of `n` data from integers, whole floats, booleans, strings, bytes or one-hot rows.

    Integers keep their value where most of the numbers below the largest are in use; ids and sparse numbers (0, 100,
    ..., 900) are counted through in their order, and their values become the names. Strings are counted through in
    alphabetical order, or as numbers where all of them are integers. A missing label is refused, and so is -1, by
    which many mean "not labelled", next to two classes or more.

    >>> class_codes("labels", ["10", "2", "2"], 3)
    Classes(codes=array([1, 0, 0]), names=('2', '10'), note='')
    >>> class_codes("labels", [0.0, 900.0, 100.0], 3)[:2]
    (array([0, 2, 1]), ('0', '100', '900'))
    """
    values = _array(argument, labels)
    note = ""
    if values.ndim == 2 and values.shape == (n, values.shape[1]) and values.shape[1] > 1 and _one_hot(values):
        note = f"one-hot labels of {values.shape[1]} columns read as classes"
        values = values.argmax(1)
    values = values.reshape(-1)
    if len(values) != n:
        raise ShapeError(argument, f"expected one label per datum ({n}), got {len(values)}", "store one each")
    if values.dtype.kind == "f":
        values = _whole(argument, values)
    if values.dtype.kind in "iu":
        return _numbers(argument, values, note)
    if values.dtype == bool:
        return _counted(values, sorted(set(values.tolist())), note)
    missing = sum(not value for value in values.tolist())
    if missing:
        raise _unlabelled(argument, f"{missing} of {n} are empty")
    names = sorted(set(values.tolist()))
    if all(name.strip().lstrip("+-").isdecimal() for name in names):
        names.sort(key=lambda name: (int(name), name))
    return _counted(values, names, note)


def class_number(argument: str, label: int | str, names: Sequence[str], n_classes: int) -> int:
    """The number of the class that is called `label`: by its name where classes have names, else by the number.

    >>> class_number("label", "cat", ("bird", "cat"), 2), class_number("label", "3", (), 10)
    (1, 3)
    """
    text = str(label)
    if isinstance(label, str) and text in names:
        return list(names).index(text)
    if text.lstrip("-").isdecimal() and (not isinstance(label, str) or not _numeric(names)):
        if not 0 <= int(text) < n_classes:
            raise ArgumentError(argument, f"is {text}", f"pass a class from 0 to {n_classes - 1}")
        return int(text)
    if names:
        raise UnknownNameError(argument, text, names)
    raise ArgumentError(argument, f"is '{text}', and the classes have no names", f"pass 0 to {n_classes - 1}")


def _numeric(names: Sequence[str]) -> bool:
    return bool(names) and all(name.lstrip("-").isdecimal() for name in names)


def _array(argument: str, labels: Any) -> np.ndarray:
    """`labels` as booleans, integers, floats or strings."""
    if hasattr(labels, "detach"):  # a tensor, whatever its device and type
        labels = labels.detach().cpu()
        labels = (labels.double() if labels.is_floating_point() else labels).numpy()
    try:
        values = np.asarray(labels)
    except ValueError:
        raise ShapeError(argument, "are lists of unequal length", "store one label each") from None
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind == "c":
        raise ArgumentError(argument, "are complex numbers", "store one class each")
    flat = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in values.ravel().tolist()]
    missing = sum(value is None or value != value for value in flat)
    if missing:
        raise _unlabelled(argument, f"{missing} of {len(flat)} are missing")
    if values.dtype == object and all(isinstance(value, (int, float)) for value in flat):
        return np.array(flat).reshape(values.shape)
    return np.array([str(value) for value in flat], dtype=str).reshape(values.shape)


def _one_hot(values: np.ndarray) -> bool:
    if values.dtype.kind not in "biuf":
        return False
    return bool(np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all())


def _whole(argument: str, values: np.ndarray) -> np.ndarray:
    """Floats that are integers, as after a missing value in a table."""
    missing = int(np.isnan(values).sum())
    if missing:
        raise _unlabelled(argument, f"{missing} of {len(values)} are missing")
    fractions = values[values != np.round(values)]
    if len(fractions) or bool((abs(values) > 2**53).any()):
        problem = f"expected classes, got the number {fractions[0]:g}" if len(fractions) else "are larger than 2^53"
        raise ArgumentError(argument, problem, "name a column of classes")
    return values.astype(np.int64)


def _numbers(argument: str, values: np.ndarray, note: str) -> Classes:
    found = np.unique(values)
    others = found[found >= 0]
    if found[0] == -1 and len(found) - len(others) == 1 and len(others) != 1:
        raise _unlabelled(argument, f"{int((values == -1).sum())} of {len(values)} are -1")
    if found[0] >= 0 and int(found[-1]) < 2 * len(found):
        return Classes(values.astype(np.int64), note=note)
    shown = ", ".join(map(str, found[:3].tolist())) + (f", ... {found[-1]}" if len(found) > 3 else "")
    return _counted(values, found.tolist(), note or f"labels {shown} numbered 0 to {len(found) - 1}")


def _counted(values: np.ndarray, names: Sequence[Any], note: str) -> Classes:
    number = {name: i for i, name in enumerate(names)}
    codes = np.array([number[value] for value in values.tolist()], dtype=np.int64)
    return Classes(codes, tuple(map(str, names)), note)


def _unlabelled(argument: str, problem: str) -> ArgumentError:
    return ArgumentError(argument, f"{problem}, which is no class", "leave these data out, or all labels")
