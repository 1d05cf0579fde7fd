"""Training sets on disk, read in blocks of rows: .npy files, parquet columns of lists, and anything that is sliced.

Files are read, not mapped: what was read does not stay in memory. The next block is read while the last one is used.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import numpy as np
import torch

from ..._support import checks as check
from ..._support.memory import fits
from ..._support.types import ArrayLike, Device, FilePath
from ...errors import DataFileError, MissingDependencyError, ShapeError


class Sliceable(Protocol):
    """Numbers of shape `(n, *event)` that are sliced: a NumPy memory map, an HDF5 or zarr array."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, rows: slice, /) -> ArrayLike: ...


class Source:
    """Rows of an array `(n, *event)`: a way to read those from `start` to `stop`, and the bytes that takes."""

    def __init__(
        self,
        n: int,
        event_shape: tuple[int, ...],
        dtype: np.dtype,
        read: Callable[[int, int], np.ndarray],
        overhead: int = 0,
    ) -> None:
        self.n: int = n
        self.event_shape: tuple[int, ...] = tuple(event_shape)
        self.dtype: np.dtype[np.generic] = np.dtype(dtype)
        self.read: Callable[[int, int], np.ndarray] = read
        self.overhead = overhead

    @property
    def float_dtype(self) -> torch.dtype:
        """The float type that holds the stored numbers: float64 for those of 64 bits, else float32."""
        return torch.float64 if self.dtype in (np.dtype(np.float64), np.dtype(np.int64)) else torch.float32

    def row_bytes(self, dtype: torch.dtype) -> int:
        """What a row takes while it is used as `dtype`: twice as stored (the next block is read ahead), in floats as
        given, centred and checked, and twice in float64 for sums; and as much again, kept by the allocator."""
        return 2 * math.prod(self.event_shape) * (2 * self.dtype.itemsize + 3 * dtype.itemsize + 16)

    def blocks(self, rows: int) -> Iterator[tuple[slice, np.ndarray]]:
        """All rows in order, `rows` at a time, one block ahead."""
        cuts = [(start, min(start + rows, self.n)) for start in range(0, self.n, rows)]
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self.read, *cuts[0])
            for i, (start, stop) in enumerate(cuts):
                block = ahead.result()
                if i + 1 < len(cuts):
                    ahead = pool.submit(self.read, *cuts[i + 1])
                if block.shape != (stop - start, *self.event_shape):
                    raise DataFileError("data", f"gave rows of shape {block.shape} at {start}", "write it again")
                yield slice(start, stop), block
                del block


def _is_sliceable(data: object) -> TypeGuard[Sliceable]:
    return hasattr(data, "shape") and hasattr(data, "dtype") and hasattr(data, "__getitem__")


def open_source(data: FilePath | Sliceable, column: str | None, limit: int) -> Source:
    """The rows of a file or of a sliceable array; DataFileError or ShapeError where they cannot be read."""
    if isinstance(data, (str, os.PathLike)):
        path = Path(data)
        if not path.is_file():
            raise DataFileError("data", f"{path} does not exist", "check the path")
        if path.suffix == ".npy":
            return _npy(path)
        if path.suffix in (".parquet", ".pq"):
            return _parquet(path, column, limit)
        raise DataFileError(
            "data", f"{path} is of an unknown kind", "pass .npy or .parquet, or an array that is sliced"
        )
    if not _is_sliceable(data):
        raise DataFileError("data", f"is a {type(data).__name__}", "pass a file or an array of shape (n, *event)")
    rows, shape = data, tuple(data.shape)
    source = Source(shape[0], shape[1:], np.dtype(data.dtype), lambda start, stop: np.asarray(rows[start:stop]))
    return _checked(source)


def _checked(source: Source) -> Source:
    if source.dtype.kind not in "biuf":
        raise DataFileError("data", f"expected numbers, got {source.dtype}", "store numeric arrays")
    if source.n < 1 or not source.event_shape or math.prod(source.event_shape) < 1:
        raise ShapeError("data", f"has shape {(source.n, *source.event_shape)}", "store an array (n, *event)")
    return source


def _npy(path: Path) -> Source:
    try:
        with open(path, "rb") as stream:
            version = np.lib.format.read_magic(stream)
            named = f"read_array_header_{version[0]}_{version[1]}"
            shape, fortran, dtype = getattr(np.lib.format, named)(stream)
            offset = stream.tell()
    except Exception as error:
        raise DataFileError(
            "data", f"{path} is not a readable .npy file ({type(error).__name__})", "write it again"
        ) from None
    if fortran and len(shape) > 1:
        raise DataFileError("data", f"{path} is stored by columns", "save np.ascontiguousarray(data)")
    if dtype.kind not in "biuf" or not shape or min(shape) < 1:
        raise DataFileError(
            "data", f"{path}: expected rows of numbers, got {dtype} of shape {shape}", "store (n, *event)"
        )
    size = math.prod(shape[1:])
    if offset + math.prod(shape) * dtype.itemsize > path.stat().st_size:
        raise DataFileError("data", f"{path} is truncated: {shape} of {dtype} do not fit into it", "write it again")

    def read(start: int, stop: int) -> np.ndarray:
        place = offset + start * size * dtype.itemsize
        flat = np.fromfile(path, dtype, (stop - start) * size, offset=place)
        return flat.reshape(-1, *shape[1:])

    return _checked(Source(shape[0], shape[1:], dtype, read))


def _parquet(path: Path, column: str | None, limit: int) -> Source:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingDependencyError("pyarrow", "images") from None
    try:
        file = parquet.ParquetFile(path, pre_buffer=False, memory_map=False)
        names, groups = file.schema_arrow.names, file.metadata.num_row_groups
        name = column or names[0]
        if name not in names:
            raise DataFileError("column", f"there is no '{name}'", f"the file holds: {', '.join(names)}")
        starts = np.cumsum([0, *(file.metadata.row_group(i).num_rows for i in range(groups))])
        largest = max((file.metadata.row_group(i).total_byte_size for i in range(groups)), default=0)
        fits("data", 4 * largest, limit, f"the largest row group of {path}, four times over,")
        if starts[-1] < 1:
            raise DataFileError("data", f"{path} has no rows", "write it again")
        first = _rows(file, name, 0, None)
    except (DataFileError, MissingDependencyError, check.ArgumentError):
        raise
    except Exception as error:
        problem = f"{path} is not a readable parquet file ({type(error).__name__})"
        raise DataFileError("data", problem, "write it again") from None
    shape, dtype = first.shape[1:], first.dtype
    kept: dict[int, np.ndarray] = {0: first}

    def read(start: int, stop: int) -> np.ndarray:
        parts = []
        for group in range(int(np.searchsorted(starts, start, "right")) - 1, groups):
            if starts[group] >= stop:
                break
            if group not in kept:
                kept.clear()
                kept[group] = _rows(file, name, group, shape)
            parts.append(kept[group][max(0, start - starts[group]) : stop - starts[group]])
        return np.concatenate(parts)

    return _checked(Source(int(starts[-1]), shape, dtype, read, 2 * largest))


def _rows(file: Any, name: str, group: int, shape: tuple[int, ...] | None) -> np.ndarray:
    """One row group of a column of numbers or of (nested) lists of one size, as an array."""
    chunked = file.read_row_group(group, columns=[name]).column(0)
    values, sizes, n = chunked.combine_chunks(), [], len(chunked)
    while hasattr(values, "flatten") and hasattr(values.type, "value_type"):
        if values.null_count:
            raise DataFileError("data", f"has empty rows in '{name}'", "remove them")
        outer, values = len(values), values.flatten()
        if outer == 0 or len(values) % outer:
            raise DataFileError("data", f"has rows of several lengths in '{name}'", "bring all to one size")
        sizes.append(len(values) // outer)
    array = values.to_numpy(zero_copy_only=False).reshape(n, *sizes)
    if shape is not None and array.shape[1:] != shape:
        raise DataFileError("data", f"has rows of shape {array.shape[1:]} after {shape}", "bring all to one size")
    return array


def as_block(block: np.ndarray, scale: float, shift: float, device: Device, dtype: torch.dtype) -> torch.Tensor:
    """A block as floats `(m, k)` of `dtype`: scale * value + shift."""
    if not block.flags.writeable:
        block = block.copy()
    tensor = torch.from_numpy(block.reshape(len(block), -1)).to(device, dtype)
    return tensor if (scale, shift) == (1.0, 0.0) else tensor.mul(scale).add_(shift)
