"""Many pictures, or many arrays, as one array: first all headers, then the pixels, so that nothing is guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ...errors import DataFileError
from .layout import Layout
from .pictures import Header, Source, peek, pixels
from .readers import Raw, Reading, broken_line

Item = tuple[str, "Source | np.ndarray"]
Items = Callable[[], Iterator[Item]]
CHANNELS = {"gray": 1, "rgb": 3, "rgba": 4}


def stack(items: Items, reading: Reading) -> tuple[Raw, list[int]]:
    """The items of a source, which can be gone through twice, and for each datum the number of its item.

    A picture of several pages gives as many data; a broken one stops, or is left out and named.
    """
    first = next(iter(items()), None)
    if first is None:
        raise DataFileError("data", "there are no images", "check the source")
    if isinstance(first[1], np.ndarray):
        return _arrays(items(), reading)
    return _pictures(items, reading)


def _arrays(items: Iterable[Item], reading: Reading) -> tuple[Raw, list[int]]:
    gathered: list[np.ndarray] = []
    size = 0
    for what, item in items:
        if not isinstance(item, np.ndarray):
            raise DataFileError("data", f"{what} is an encoded picture, the first is an array", "store them alike")
        if item.dtype.kind not in "biuf":
            raise DataFileError("data", f"{what} holds {item.dtype} instead of numbers", "store numeric arrays")
        if gathered and item.shape != gathered[0].shape:
            raise _unequal(what, item.shape, gathered[0].shape)
        one_kind(what, item, gathered)
        size += item.size
        reading.fits((size,), item.dtype.itemsize)
        gathered.append(item)
    return reading.arranged(np.stack(gathered), "the stack of all rows"), list(range(len(gathered)))


def one_kind(what: str, item: np.ndarray, others: list[np.ndarray]) -> None:
    """DataFileError where an item is of another kind of numbers than the first, and so may have another unit."""
    if others and (item.dtype.kind in "biu" or others[0].dtype.kind in "biu") and item.dtype != others[0].dtype:
        problem = f"{what} is of type {item.dtype}, the first of {others[0].dtype}: they may be in different units"
        raise DataFileError("data", problem, "store all as one type")


def _unequal(what: str, shape: tuple[int, ...], first: tuple[int, ...]) -> DataFileError:
    return DataFileError("data", f"{what} has shape {shape}, the first {first}", "bring all to one size")


def _pictures(items: Items, reading: Reading) -> tuple[Raw, list[int]]:
    reading.used.update(("mode", "alpha"))
    skipped: list[str] = []
    headers: dict[int, Header] = {}
    shape: tuple[int, ...] = ()
    for i, (what, source) in enumerate(items()):
        if isinstance(source, np.ndarray):
            raise DataFileError("data", f"{what} is an array, the first is an encoded picture", "store them alike")
        try:
            header = peek(source, what, reading)
        except DataFileError:
            if reading.on_error == "stop":
                raise
            skipped.append(what)
            continue
        found = (1 if header.gray else 3, *header.size)
        shape = shape or found
        if found[1:] != shape[1:]:
            raise _unequal(what, found, shape)
        headers[i] = header
    if not headers:
        raise DataFileError("data", f"none of {len(skipped)} pictures is readable", "check the source")
    colour, notes = _one_mode(headers.values(), reading)
    dtype = _one_depth(headers.values())
    count = sum(header.pages for header in headers.values())
    reading.fits((count, CHANNELS[colour], *shape[1:]), dtype.itemsize)
    images = np.empty((count, CHANNELS[colour], *shape[1:]), dtype)
    owners: list[int] = []
    for i, (what, source) in enumerate(items()):
        if i not in headers or isinstance(source, np.ndarray):
            continue
        start = len(owners)
        try:
            for page in pixels(source, what, colour, reading):
                if page.shape != images.shape[1:] or page.dtype != dtype:
                    raise DataFileError("data", f"{what} has pages of several shapes or depths", "store one shape")
                images[len(owners)] = page
                owners.append(i)
        except DataFileError:
            if reading.on_error == "stop":
                raise
            skipped.append(what)
            del owners[start:]
    if not owners:
        raise DataFileError("data", f"none of {len(skipped)} pictures is readable", "check the source")
    several = [header.pages for header in headers.values() if header.pages > 1]
    if several:
        notes.append(f"files of several pages: {len(several)}, which give {sum(several)} images")
    raw = Raw(images[: len(owners)], Layout("nchw", "decoded pictures"), notes=notes)
    if skipped:
        raw.skipped.append(broken_line(skipped))
    return raw, owners


def _one_mode(headers: Iterable[Header], reading: Reading) -> tuple[str, list[str]]:
    """The mode that all pictures are brought to, and that in words."""
    headers = list(headers)
    kinds = Counter(map(str, headers))
    transparent = sum(header.alpha for header in headers)
    colour = reading.mode
    if colour == "auto":
        colour = "gray" if all(header.gray for header in headers) else "rgb"
    if reading.alpha == "keep" and transparent:
        colour = "rgba"
    name = {"gray": "gray", "rgb": "RGB", "rgba": "RGBA"}[colour]
    notes = []
    if len(kinds) > 1 or next(iter(kinds)).lower().split(" of")[0] != colour:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        notes.append(f"{counts}: all read as {name} (--mode)")
    if transparent and colour != "rgba":
        notes.append(transparency(transparent, len(headers), reading.alpha))
    return colour, notes


def transparency(transparent: int, count: int, alpha: str) -> str:
    """What became of the transparency of some pictures, in words."""
    done = "dropped" if alpha in ("drop", "keep") else f"composited over {alpha}"
    return f"transparency of {transparent} of {count} is {done} (--alpha drop, white, black or keep)"


def _one_depth(headers: Iterable[Header]) -> np.dtype:
    kinds = Counter(header.dtype for header in headers)
    if len(kinds) > 1:
        counts = ", ".join(f"{count} of {dtype}" for dtype, count in kinds.most_common())
        raise DataFileError("data", f"pictures of several depths: {counts}", "store all in one depth")
    return next(iter(kinds))
