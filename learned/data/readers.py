"""Files of images as arrays, one reader per kind; sizes are checked before memory is taken."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..._support.memory import fits
from ...errors import ArgumentError, DataFileError, IdealScoreError, MissingDependencyError

IMAGE_NAMES = ("images", "image", "img", "x", "X", "data", "arr_0", "x_train")
LABEL_NAMES = ("labels", "label", "y", "target", "targets", "class", "fine_label", "y_train")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
LONGEST_HEADER = 2**16
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
"""What an image may be, whatever its name says: other formats of the library call other programs."""
MODES = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB"}


class Raw(NamedTuple):
    """Images `(n, channels, height, width)` in raw values, with what is known about them."""

    images: np.ndarray
    labels: np.ndarray | None = None
    values: tuple[float, float] | None = None
    class_names: tuple[str, ...] = ()


def optional(module: str, package: str, extra: str) -> ModuleType:
    """An optional module, or the command that installs it."""
    try:
        return import_module(module)
    except ImportError:
        raise MissingDependencyError(package, extra) from None


def read(source: str, column: str | None, label_column: str | None, split: str, limit: int) -> Raw:
    """Read whatever `source` is; anything a library says about a broken file becomes a DataFileError."""
    try:
        if source.startswith("hf:"):
            return _hub(source[3:], column, label_column, split, limit)
        path = Path(source)
        if path.is_dir():
            return _folder(path, limit)
        reader = KINDS.get(path.suffix.lower())
        if reader is None:
            kinds = ", ".join(KINDS)
            raise DataFileError("data", f"{path} is of an unknown kind", f"pass a folder or one of {kinds}")
        if path.stat().st_size == 0:
            raise DataFileError("data", f"{path} is empty", "write it again")
        return reader(path, column, label_column, limit)
    except (IdealScoreError, KeyboardInterrupt):
        raise
    except Exception as error:
        problem = f"{source} is unreadable ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
        raise DataFileError("data", problem, "check that the file is whole and holds images") from error


def _fits(shape: Iterable[int], limit: int, itemsize: int = 4) -> None:
    """DeviceMemoryError where an array of this shape, or its float32 images, would be larger than the limit."""
    fits("data", math.prod(map(int, shape)) * max(4, itemsize), limit)


def as_images(array: np.ndarray, what: str) -> np.ndarray:
    """(n, h, w), (n, h, w, c) or (n, c, h, w) as (n, c, h, w)."""
    if array.dtype.kind not in "biuf":
        raise DataFileError("data", f"{what} holds {array.dtype} instead of numbers", "store numeric arrays")
    if array.ndim not in (3, 4) or array.size == 0:
        raise DataFileError("data", f"{what} has shape {array.shape}", "store (n, h, w), (n, h, w, c) or (n, c, h, w)")
    if array.ndim == 3:
        return array[:, None]
    last = array.shape[3] <= 4 and array.shape[1] > 4
    return array.transpose(0, 3, 1, 2) if last else array


def _choose(names: Iterable[str], wanted: str | None, usual: tuple[str, ...], argument: str) -> str | None:
    names = list(names)
    if wanted is not None:
        if wanted not in names:
            raise DataFileError(argument, f"there is no '{wanted}'", f"the file holds: {', '.join(names)}")
        return wanted
    return next((name for name in usual if name in names), None)


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    size = stream.read(2 if version == (1, 0) else 4)
    if (length := int.from_bytes(size, "little")) > LONGEST_HEADER:
        raise DataFileError("data", f"declares a header of {length} bytes", "write it again")
    shape, _, dtype = reader(io.BytesIO(size + stream.read(length)))
    if dtype.hasobject:
        raise DataFileError("data", "holds pickled Python objects, which can run code", "save it as plain numbers")
    if any(size < 0 for size in shape):
        raise DataFileError("data", f"declares the shape {shape}", "write it again")
    return shape, dtype


def _npy(path: Path, _column: str | None, _label_column: str | None, limit: int) -> Raw:
    with open(path, "rb") as stream:
        shape, dtype = _header(stream)
    _fits(shape, limit, dtype.itemsize)
    return Raw(as_images(np.load(path, allow_pickle=False), path.name))


def _npz(path: Path, column: str | None, label_column: str | None, limit: int) -> Raw:
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as stream:
                name = member.removesuffix(".npy")
                if name in headers:
                    raise DataFileError("data", f"{path} holds '{name}' twice", "write it again")
                headers[name] = _header(stream)
    image = _choose(headers, column, IMAGE_NAMES, "column")
    image = image or next((name for name, (shape, _) in headers.items() if len(shape) >= 3), None)
    if image is None:
        raise DataFileError("data", f"{path} holds no array of images", "name it by column=")
    _fits(headers[image][0], limit, headers[image][1].itemsize)
    label = _choose(headers, label_column, LABEL_NAMES, "label_column")
    if label is not None:
        _fits(headers[label][0], limit, headers[label][1].itemsize)
    with np.load(path, allow_pickle=False) as arrays:
        images = as_images(arrays[image], f"{path.name}:{image}")
        return _labelled(images, None if label is None else arrays[label])


def _labelled(images: np.ndarray, labels: Any) -> Raw:
    """Labels of any kind as integers 0 ... k - 1; integers stay what they are."""
    if labels is None:
        return Raw(images)
    labels = np.asarray(labels).reshape(-1)
    if len(labels) != len(images):
        raise DataFileError("label_column", f"has {len(labels)} labels for {len(images)} images", "store one each")
    if labels.dtype.kind in "iu" and labels.min() >= 0:
        return Raw(images, labels.astype(np.int64))
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    return Raw(images, codes, class_names=tuple(names.tolist()))


def decode(source: bytes | str | Path, what: str, limit: int) -> np.ndarray:
    """An encoded image (bytes or path) as (c, h, w), uint8; its declared size is held against the limit first."""
    image = optional("PIL.Image", "pillow", "images")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, which are measured here, and of odd metadata
            with image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as opened:
                _fits((*opened.size, len(opened.getbands())), limit)
                converted = opened.convert(MODES.get(opened.mode, opened.mode))
                array = np.asarray(converted)
    except IdealScoreError:
        raise
    except Exception as error:
        raise DataFileError("data", f"{what} is not a readable image ({type(error).__name__})", "replace it") from error
    if array.dtype != np.uint8:
        raise DataFileError("data", f"{what} has {converted.mode} pixels", "convert it to 8 bits per channel")
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _collect(count: int, images: Iterator[tuple[str, np.ndarray]], limit: int) -> np.ndarray:
    """Stack `count` images of one shape, the memory checked at the first."""
    stacked: np.ndarray | None = None
    for i, (what, image) in enumerate(images):
        if stacked is None:
            _fits((count, image.size), limit)
            stacked = np.empty((count, *image.shape), image.dtype)
        if image.shape != stacked.shape[1:]:
            raise DataFileError(
                "data", f"{what} has shape {image.shape}, the first {stacked.shape[1:]}", "bring all to one size"
            )
        stacked[i] = image
    if stacked is None:
        raise DataFileError("data", "there are no images", "check the source")
    return stacked


def _folder(path: Path, limit: int) -> Raw:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise DataFileError("data", f"folder {path} holds no images", f"known endings: {', '.join(SUFFIXES)}")
    images = _collect(len(files), ((str(file), decode(file, str(file), limit)) for file in files), limit)
    folders = [file.relative_to(path).parts[:-1] for file in files]
    return _labelled(images, [parts[0] for parts in folders]) if all(folders) else Raw(images)


def _cell(value: Any, what: str, limit: int, dtype: Any = None, folder: Path | None = None) -> np.ndarray:
    """One table entry: {"bytes", "path"}, encoded bytes, a decoded image, or nested lists.

    A path is followed only below `folder`, where the table lies: a table must not make its reader open other files.
    """
    if isinstance(value, dict) and ("bytes" in value or "path" in value):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str) and folder is not None:
        value = _below(folder, value, what)
    if value is None:
        raise DataFileError("data", f"{what} is empty", "remove the row")
    if isinstance(value, (bytes, str, Path)):
        return decode(value, what, limit)
    return as_images(np.asarray(value, dtype=dtype)[None], what)[0]


def _below(folder: Path, name: str, what: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataFileError("data", f"{what} names a file outside its folder", "store the images in the table")
    return path


def _entry_type(arrow_type: Any) -> Any:
    """The NumPy type of the entries of nested lists, None for anything else."""
    nested = hasattr(arrow_type, "value_type")
    while hasattr(arrow_type, "value_type"):
        arrow_type = arrow_type.value_type
    return arrow_type.to_pandas_dtype() if nested else None


def _parquet(path: Path, column: str | None, label_column: str | None, limit: int) -> Raw:
    file = optional("pyarrow.parquet", "pyarrow", "images").ParquetFile(path)
    names, count = file.schema_arrow.names, file.metadata.num_rows
    if count == 0:
        raise DataFileError("data", f"{path} has no rows", "write it again")
    image = _choose(names, column, IMAGE_NAMES, "column") or names[0]
    label = _choose(names, label_column, LABEL_NAMES, "label_column")
    dtype = _entry_type(file.schema_arrow.field(image).type)
    _check_columns(file, (image, label), limit)

    def cells() -> Iterator[tuple[str, np.ndarray]]:
        row = 0
        for batch in file.iter_batches(batch_size=64, columns=[image]):
            fits("data", batch.nbytes, limit)
            for value in batch.column(0).to_pylist():
                what = f"{path.name}, row {row}"
                yield what, _cell(value, what, limit, dtype, path.parent)
                row += 1

    images = _collect(count, cells(), limit)
    return _labelled(images, None if label is None else file.read(columns=[label])[label].to_pylist())


def _check_columns(file: Any, names: Iterable[str | None], limit: int) -> None:
    """Sizes that the footer of a parquet file declares, and counts that do not fit them."""
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group)
        columns = [rows.column(i) for i in range(rows.num_columns)]
        wanted = [column for column in columns if column.path_in_schema.split(".")[0] in names]
        fits("data", sum(max(0, column.total_uncompressed_size) for column in wanted), limit)
        fits("data", 4 * sum(max(0, column.num_values) for column in wanted), limit)


def _hub(name: str, column: str | None, label_column: str | None, split: str, limit: int) -> Raw:
    """A data set of the `datasets` library: a name on the hub, or a local folder or file it can read."""
    if not name:
        raise ArgumentError("data", "is 'hf:' without a name", "pass hf:OWNER/NAME")
    datasets = optional("datasets", "datasets", "hub")
    table = datasets.load_dataset(name, split=split)
    image = _choose(table.column_names, column, IMAGE_NAMES, "column") or table.column_names[0]
    label = _choose(table.column_names, label_column, LABEL_NAMES, "label_column")
    if isinstance(table.features[image], datasets.Image):
        table = table.cast_column(image, datasets.Image(decode=False))
    cells = ((f"row {i}", _cell(row[image], f"row {i}", limit)) for i, row in enumerate(table))
    images = _collect(len(table), cells, limit)
    raw = _labelled(images, None if label is None else table[label])
    names = getattr(table.features.get(label), "names", None) or raw.class_names
    return raw._replace(class_names=tuple(names))


KINDS: dict[str, Callable[[Path, str | None, str | None, int], Raw]] = {
    ".parquet": _parquet,
    ".pq": _parquet,
    ".npz": _npz,
    ".npy": _npy,
}
