"""A torch or torchvision `Dataset`, or that of a `DataLoader`, item by item; no random state is touched."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler

from ...errors import ArgumentError, DataFileError
from .readers import Raw, Reading, broken_line, labelled

FIELDS = (list, tuple)


def is_dataset(source: object) -> bool:
    """Whether `source` is a torch `Dataset` or `DataLoader`, or behaves as one: it has a length and items."""
    return isinstance(source, (Dataset, DataLoader)) or (
        hasattr(source, "__getitem__") and hasattr(source, "__len__") and not hasattr(source, "__array__")
        and not isinstance(source, (str, bytes, Mapping, *FIELDS))
    )  # fmt: skip


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Random transformations draw from a fixed start, and the generators of the user are as they were afterwards."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            torch.manual_seed(0)
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def read_dataset(source: Any, reading: Reading) -> Raw:
    """All items of a data set, in its own order."""
    dataset = _behind(source)
    with _own_randomness():
        images, labels, notes, broken = _gather(dataset, reading)
    raw = reading.arranged(np.stack(images), f"the {type(dataset).__name__}")
    raw.notes += notes
    if broken:
        raw.skipped.append(broken_line(broken))
    names = getattr(dataset, "classes", None)
    return labelled(raw, labels or None, names if isinstance(names, FIELDS) else None)


def _behind(source: Any) -> Any:
    """The data set of a loader that gives every item once; in which order does not matter."""
    if not isinstance(source, DataLoader):
        return source
    sampler = getattr(source, "sampler", None)
    whole = isinstance(sampler, SequentialSampler) or (isinstance(sampler, RandomSampler) and not sampler.replacement)
    if not whole and not isinstance(source.dataset, IterableDataset):
        problem = f"is a DataLoader whose {type(sampler).__name__} gives other items than its dataset has"
        raise ArgumentError("data", problem, "pass a Dataset, torch.utils.data.Subset say")
    return source.dataset


def _items(dataset: Any) -> Iterator[tuple[int, Any]]:
    """Number and item; in place of an item the exception that it raised."""
    if isinstance(dataset, IterableDataset):
        yield from enumerate(dataset)
        return
    for i in range(len(dataset)):
        try:
            yield i, dataset[i]
        except Exception as error:
            yield i, error


def _gather(dataset: Any, reading: Reading) -> tuple[list[np.ndarray], list[Any], list[str], list[str]]:
    """Images, labels, notes, and the items that were left out."""
    images: list[np.ndarray] = []
    labels: list[Any] = []
    notes: list[str] = []
    broken: list[str] = []
    size = 0
    for number, item in _items(dataset):
        if isinstance(item, Exception):
            problem = f"item {number} cannot be read ({type(item).__name__}: {item})"
            if reading.on_error == "stop":
                raise DataFileError("data", problem, "mend it, or pass on_error='skip'") from item
            broken.append(f"item {number}")
            continue
        image, label, used = _fields(item, reading, number)
        notes = notes or ([used] if used else [])
        array = _array(image, number)
        if images and array.shape != images[0].shape:
            problem = f"item {number} has shape {array.shape}, the first {images[0].shape}"
            raise DataFileError("data", problem, "bring all to one size")
        size += array.size
        reading.fits((size,), array.dtype.itemsize)
        images.append(array)
        if label is not None:
            labels.append(label.item() if isinstance(label, torch.Tensor) and label.numel() == 1 else label)
    if not images:
        raise DataFileError("data", f"the {type(dataset).__name__} has no items", "pass one that has")
    repeatable = not isinstance(dataset, IterableDataset) and not broken
    if repeatable and not np.array_equal(
        _array(_fields(dataset[0], reading, 0)[0], 0), images[0], equal_nan=images[0].dtype.kind == "f"
    ):
        notes.append("items change from one read to the next (random augmentation): these are one draw of them")
    return images, labels, notes, broken


def _fields(item: Any, reading: Reading, number: int) -> tuple[Any, Any, str]:
    """(image, label, which keys): of a mapping by the usual names, of a tuple the first two, else the item alone."""
    if isinstance(item, Mapping):
        names = list(map(str, item))
        image, label = reading.image_name(names), reading.label_name(names)
        if image is None:
            problem = f"item {number} has the keys {', '.join(names)}, none of them usual for images"
            raise DataFileError("column", problem, "name it by column=")
        return (
            item[image],
            None if label is None else item[label],
            f"images '{image}'" + (f", labels '{label}'" if label else ""),
        )
    if isinstance(item, FIELDS):
        label = item[1] if len(item) > 1 and reading.label_column != "none" else None
        if label is not None and np.ndim(label) > 0 and np.size(label) > 1:
            label = None
        return next(iter(item)) if item else None, label, ""
    return item, None, ""


def _array(image: Any, number: int) -> np.ndarray:
    """A tensor, array or decoded picture as an array."""
    if isinstance(image, torch.Tensor):
        image = image.detach().cpu()
        return (image.float() if image.dtype in (torch.bfloat16, torch.float16) else image).numpy()
    if type(image).__module__.startswith("PIL.") and image.mode not in ("1", "L", "RGB", "RGBA", "I;16", "F", "I"):
        image = image.convert("RGB")
    array = np.asarray(image)
    if array.dtype.kind not in "biuf":
        problem = f"item {number} is {type(image).__name__}, not an array or picture"
        raise DataFileError("data", problem, "yield (image, label), or a dict")
    return array
