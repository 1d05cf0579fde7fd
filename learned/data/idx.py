"""MNIST's IDX files, gzipped or not; the labels are found next to the images by their usual names."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ...errors import DataFileError
from .readers import Raw, Reading, labelled

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
SPLITS = {"train": "train", "test": "t10k"}


def _open(path: Path) -> BinaryIO:
    with open(path, "rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    return cast("BinaryIO", gzip.open(path, "rb") if zipped else open(path, "rb"))


def is_idx(path: Path) -> bool:
    """Whether a file begins as an IDX file does: two zero bytes, a type, and one to four axes."""
    try:
        with _open(path) as stream:
            magic = stream.read(4)
    except (OSError, EOFError):
        return False
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in TYPES and 1 <= magic[3] <= 4


def _array(path: Path, reading: Reading) -> np.ndarray:
    with _open(path) as stream:
        magic = stream.read(4)
        if len(magic) < 4 or magic[2] not in TYPES:
            raise DataFileError("data", f"{path} is not an IDX file", "download it again")
        dtype = np.dtype(TYPES[magic[2]])
        shape = tuple(int.from_bytes(stream.read(4), "big") for _ in range(magic[3]))
        reading.fits(shape, dtype.itemsize)
        size = math.prod(shape) * dtype.itemsize
        content = stream.read(size + 1)
    if len(content) != size:
        raise DataFileError("data", f"{path} declares {size} bytes of {shape}, and holds others", "download it again")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _labels_of(path: Path) -> Path | None:
    """`...-labels-idx1-ubyte` beside `...-images-idx3-ubyte`, zipped or not."""
    name = path.name.removesuffix(".gz")
    if "images" not in name:
        return None
    other = name.replace("images", "labels").replace("idx3", "idx1")
    found = (path.with_name(other + ending) for ending in ("", ".gz"))
    return next((file for file in found if file.is_file()), None)


def read_idx(path: Path, reading: Reading) -> Raw:
    """The images of an IDX file, with the labels of the file next to it."""
    array = _array(path, reading)
    if array.ndim < 2:
        raise DataFileError("data", f"{path} holds {array.ndim} axis, as of labels", "pass the file of the images")
    if reading.layout is None and array.ndim == 3:
        reading = Reading(**{**reading.__dict__, "layout": "nhw"})  # the format says so
    raw = reading.arranged(array, path.name)
    labels = None if reading.label_column == "none" else _labels_of(path)
    if labels is None:
        return raw
    raw.notes.append(f"labels of {labels.name}")
    return labelled(raw, _array(labels, reading))


def idx_of_folder(path: Path, reading: Reading) -> Path | None:
    """The file of the images in a folder of IDX files, the one of the split where there are several."""
    files = sorted(f for f in path.iterdir() if f.is_file() and "images" in f.name and "idx" in f.name and is_idx(f))
    unzipped = {file.name for file in files}
    files = [file for file in files if file.suffix != ".gz" or file.stem not in unzipped]
    if (split := reading.split) is not None:
        reading.used.add("split")
        files = [file for file in files if file.name.startswith(SPLITS.get(split, split))]
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise DataFileError("split", f"{path} holds {names}", "pass --split train or --split test, or one of the files")
    return files[0] if files else None
