"""A torch or torchvision `Dataset`, or that of a `DataLoader`, item by item; no random state is touched."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    default_collate,
)

from ...errors import ArgumentError, DataFileError
from .pictures import as_decoded, has_alpha
from .readers import Raw, Reading, broken_line, labelled
from .stacks import one_kind, transparency

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
    images, said = one_mode(images)
    raw = reading.arranged(np.stack(images), f"the {type(dataset).__name__}")
    raw.notes += [*notes, *said]
    if getattr(source, "collate_fn", default_collate) is not default_collate:
        raw.notes.append("these are the items of the data set, before the collate_fn of the DataLoader")
    if broken:
        raw.skipped.append(broken_line(broken))
    return labelled(raw, labels or None, _class_names(dataset))


def _class_names(dataset: Any) -> Sequence[str] | None:
    """The names of the classes, also of a data set of which this one is a part."""
    while not isinstance(names := getattr(dataset, "classes", None), FIELDS):
        if not isinstance(dataset, Subset):
            return None
        dataset = dataset.dataset
    return names


def one_mode(images: list[np.ndarray]) -> tuple[list[np.ndarray], list[str]]:
    """Decoded pictures of which some are gray (h, w) and some (h, w, 3), all in colour, and that in words."""
    gray = [array.ndim == 2 for array in images]
    if all(gray) or not any(gray):
        return images, []
    colour = [np.repeat(array[..., None], 3, -1) if array.ndim == 2 else array for array in images]
    return colour, [f"{sum(gray)} gray, {len(gray) - sum(gray)} RGB: all read as RGB (--mode)"]


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
    size = transparent = 0
    for number, item in _items(dataset):
        if isinstance(item, Exception):
            problem = f"item {number} cannot be read ({type(item).__name__}: {item})"
            if reading.on_error == "stop":
                raise DataFileError("data", problem, "mend it, or pass on_error='skip'") from item
            broken.append(f"item {number}")
            continue
        image, label, used = _fields(item, reading, number)
        notes = notes or ([used] if used else [])
        array = _array(image, number, reading)
        if images and array.shape != images[0].shape and not (_picture(image) and _alike(array, images[0])):
            problem = f"item {number} has shape {array.shape}, the first {images[0].shape}"
            raise DataFileError("data", problem, "bring all to one size")
        one_kind(f"item {number}", array, images)
        transparent += _picture(image) and has_alpha(image)
        size += array.size
        reading.fits((size,), array.dtype.itemsize)
        images.append(array)
        if label is not None:
            labels.append(label.item() if np.size(label) == 1 and hasattr(label, "item") else label)
    if not images:
        raise DataFileError("data", f"the {type(dataset).__name__} has no items", "pass one that has")
    if transparent and reading.alpha != "keep":
        notes.append(transparency(transparent, len(images), reading.alpha))
    repeatable = not isinstance(dataset, IterableDataset) and not broken
    if repeatable and not np.array_equal(
        _array(_fields(dataset[0], reading, 0)[0], 0, reading), images[0], equal_nan=images[0].dtype.kind == "f"
    ):
        notes.append("items change from one read to the next (random augmentation): these are one draw of them")
    return images, labels, notes, broken


def _fields(item: Any, reading: Reading, number: int) -> tuple[Any, Any, str]:
    """(image, label, what was done): of a mapping by the usual names, of a tuple the first two, else the item alone."""
    if isinstance(item, Mapping):
        names = list(map(str, item))
        image, label = reading.image_name(names), reading.label_name(names)
        if image is None:
            problem = f"item {number} has the keys {', '.join(names)}, none of them usual for images"
            raise DataFileError("column", problem, "name it by column=")
        others = [name for name in names if name not in (image, label)]
        used = f"images '{image}'" + (f", labels '{label}'" if label else "")
        used += f"; not read: {', '.join(others)}" if others else ""
        return item[image], None if label is None else _plain(item[label]), used
    if not isinstance(item, FIELDS):
        return item, None, ""
    reading.used.add("label_column")
    label = _plain(item[1]) if len(item) > 1 and reading.label_column != "none" else None
    if label is None or np.ndim(label) == 0 or np.size(label) == 1 or _one_hot(label):
        return next(iter(item), None), label, ""
    return next(iter(item)), None, f"the second entry of the items, of shape {np.shape(label)}, is no label: not read"


def _plain(label: Any) -> Any:
    """A tensor as an array, which is what NumPy can ask for its size."""
    return label.detach().cpu().numpy() if isinstance(label, torch.Tensor) else label


def _one_hot(label: Any) -> bool:
    array = np.asarray(label)
    return array.ndim == 1 and array.dtype.kind in "biuf" and bool(np.isin(array, (0, 1)).all()) and array.sum() == 1


def _picture(image: Any) -> bool:
    """Whether it is a picture of pillow."""
    return type(image).__module__.startswith("PIL.")


def _alike(array: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are of one height and width, and one of them gray where the other has three colours."""
    return array.shape[:2] == other.shape[:2] and {array.shape[2:], other.shape[2:]} <= {(), (3,)}


def _array(image: Any, number: int, reading: Reading) -> np.ndarray:
    """A tensor, array or decoded picture as an array."""
    if isinstance(image, torch.Tensor):
        image = image.detach().cpu()
        return (image.float() if image.dtype in (torch.bfloat16, torch.float16) else image).numpy()
    if _picture(image):
        reading.used.update(("mode", "alpha"))
        return as_decoded(image, reading)
    array = np.asarray(image)
    if array.dtype.kind not in "biuf":
        problem = f"item {number} is {type(image).__name__}, not an array or picture"
        raise DataFileError("data", problem, "yield (image, label), or a dict")
    return array
