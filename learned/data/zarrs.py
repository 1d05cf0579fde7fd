"""Zarr stores in a folder, of both versions: an array, or a group of arrays. No codec that runs code is let in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataFileError
from .readers import Raw, Reading, labelled, optional

MARKS = ("zarr.json", ".zarray", ".zgroup")
CODECS = (
    "bytes", "endian", "transpose", "sharding_indexed", "crc32", "crc32c", "adler32", "fletcher32", "blosc", "gzip",
    "zlib", "zstd", "lz4", "bz2", "lzma", "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "packbits",
)  # fmt: skip
LARGEST = 2**22


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    return any((path / mark).is_file() for mark in MARKS)


def _metadata(path: Path) -> dict[str, Any]:
    """What the array or group in a folder says of itself; empty for what is neither."""
    file = next((path / mark for mark in MARKS if (path / mark).is_file()), None)
    if file is None:
        return {}
    if file.stat().st_size > LARGEST:
        raise DataFileError("data", f"{file} is larger than {LARGEST >> 20} MiB", "write it again")
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise DataFileError("data", f"{file} does not describe an array", "write it again")
    return found


def _codecs(described: Any) -> Iterator[str]:
    """The names of all codecs, also of those inside others."""
    if isinstance(described, list):
        for entry in described:
            yield from _codecs(entry)
    elif isinstance(described, dict):
        name = described.get("name", described.get("id"))
        if name is not None:
            yield str(name).removeprefix("numcodecs.")
        settings = described.get("configuration")
        for inner in ("codecs", "index_codecs"):
            yield from _codecs(settings.get(inner) if isinstance(settings, dict) else None)


def _header(path: Path, found: dict[str, Any]) -> tuple[tuple[int, ...], int]:
    """Shape and size of an entry, once the array holds numbers that known codecs have packed."""
    packed = [found.get("codecs"), found.get("compressor"), found.get("filters")]
    foreign = [name for name in _codecs(packed) if name not in CODECS]
    if foreign:
        problem = f"{path} is packed by '{foreign[0]}', which may run code"
        raise DataFileError("data", problem, f"store it with one of {', '.join(CODECS[8:13])}")
    kind = found.get("data_type", found.get("dtype"))
    if not isinstance(kind, str) or np.dtype(kind).kind not in "biufSU":
        raise DataFileError("data", f"{path} holds {kind} instead of numbers", "store numeric arrays")
    return tuple(map(int, found["shape"])), np.dtype(kind).itemsize


def read_zarr(path: Path, reading: Reading) -> Raw:
    """The images of a store and their labels."""
    zarr = optional("zarr", "zarr", "zarr")
    arrays = {"": path} if "shape" in _metadata(path) else {}
    if not arrays:
        inside = (entry for entry in sorted(path.iterdir()) if entry.is_dir())
        arrays = {entry.name: entry for entry in inside if "shape" in _metadata(entry)}
    image = "" if "" in arrays else reading.image_name(arrays)
    image = next(iter(arrays)) if image is None and len(arrays) == 1 else image
    if image is None:
        listed = ", ".join(list(arrays)[:20]) or "no array"
        raise DataFileError("data", f"{path} has no array of a usual name", f"name it by --column: {listed}")
    label = None if "" in arrays else reading.label_name(arrays)
    values: dict[str, np.ndarray] = {}
    for name in [image] if label is None else [image, label]:
        reading.fits(*_header(arrays[name], _metadata(arrays[name])))
        values[name] = np.asarray(zarr.open_array(str(arrays[name]), mode="r")[...])
    raw = reading.arranged(values[image], f"{path.name}:{image}" if image else path.name)
    if image:
        raw.notes.append(f"images '{image}'" + (f", labels '{label}'" if label else ""))
    return labelled(raw, None if label is None else values[label])
