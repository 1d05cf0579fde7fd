"""Tables: parquet files with a column of pictures, of arrays, or of numbers; CSV files of numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..._support.memory import fits
from ...errors import DataFileError
from .layout import Layout
from .readers import Raw, Reading, labelled, optional
from .stacks import Item, stack
from .text_tables import decimal_of, decoded, has_header, separator_of

FEW_LINES = 2000
"""Of a text table, enough to see how its decimals are written."""


def cell(value: Any, what: str, dtype: Any = None, folder: Path | None = None) -> bytes | Path | np.ndarray:
    """One table entry: {"bytes", "path"}, encoded bytes, a decoded picture, or nested lists.

    A path is followed only below `folder`, where the table lies: a table must not make its reader open other files.
    """
    if isinstance(value, dict) and ("bytes" in value or "path" in value):
        value = value.get("bytes") or value.get("path")
    if value is None:
        raise DataFileError("data", f"{what} is empty", "remove the row")
    if isinstance(value, (str, Path)):
        return _below(folder, str(value), what)
    if isinstance(value, bytes):
        return value
    try:
        return np.asarray(value, dtype=dtype)
    except (ValueError, TypeError) as error:
        raise DataFileError("data", f"{what} is no array ({error})", "store arrays of one shape") from None


def _below(folder: Path | None, name: str, what: str) -> Path:
    path = Path(name) if folder is None else (folder / name).resolve()
    if folder is None or not path.is_relative_to(folder.resolve()):
        raise DataFileError("data", f"{what} names a file outside its folder", "store the images in the table")
    return path


def _entry_type(arrow_type: Any) -> Any:
    """The NumPy type of the entries of nested lists, None for anything else."""
    nested = hasattr(arrow_type, "value_type")
    while hasattr(arrow_type, "value_type"):
        arrow_type = arrow_type.value_type
    return arrow_type.to_pandas_dtype() if nested else None


def read_parquet(path: Path, reading: Reading) -> Raw:
    """A column of pictures or arrays; without one, the columns of numbers as points."""
    file = optional("pyarrow.parquet", "pyarrow", "images").ParquetFile(path)
    names, count = file.schema_arrow.names, file.metadata.num_rows
    if count == 0:
        raise DataFileError("data", f"{path} has no rows", "write it again")
    label = reading.label_name(names)
    image = reading.image_name(names)
    fields = {field.name: field.type for field in file.schema_arrow}
    if reading.column is None and (image is None or _is_number(fields[image])):
        numbers = [name for name in names if name != label and _is_number(fields[name])]
        image = (
            image
            if image and not numbers
            else next((n for n in names if n != label and not _is_number(fields[n])), None)
        )
        if numbers and (image is None or len(numbers) > 1):
            _check_columns(file, (*numbers, label), reading)
            table = file.read(columns=[*numbers, *([label] if label else [])]).to_pandas(ignore_metadata=True)
            return read_frame(table, path.name, reading)
    image = image or names[0]
    dtype = _entry_type(fields[image])
    _check_columns(file, (image, label), reading)

    def cells() -> Iterator[Item]:
        row = 0
        for batch in file.iter_batches(batch_size=64, columns=[image]):
            fits("data", batch.nbytes, reading.limit)
            for value in batch.column(0).to_pylist():
                what = f"{path.name}, row {row}"
                yield what, cell(value, what, dtype, path.parent)
                row += 1

    raw, owners = stack(cells, reading)
    raw.notes.append(f"images '{image}'" + (f", labels '{label}'" if label else ""))
    labels = None if label is None else chosen(file.read(columns=[label])[label].to_pylist(), owners)
    return labelled(raw, labels, _class_names(file.schema_arrow.metadata, label))


def _class_names(metadata: dict[bytes, bytes] | None, label: str | None) -> tuple[str, ...]:
    """The names that the `datasets` library writes beside a column of classes; none where it has not."""
    try:
        found = json.loads((metadata or {})[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(found) if isinstance(found, list) and all(isinstance(name, str) for name in found) else ()


def chosen(labels: Any, owners: list[int]) -> Any:
    """The labels of the data that were read."""
    return labels if owners == list(range(len(labels))) else [labels[i] for i in owners]


def _is_number(arrow_type: Any) -> bool:
    types = optional("pyarrow.types", "pyarrow", "images")
    return types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_boolean(arrow_type)


def _check_columns(file: Any, names: Iterable[str | None], reading: Reading) -> None:
    """Sizes that the footer of a parquet file declares, and counts that do not fit them."""
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group)
        columns = [rows.column(i) for i in range(rows.num_columns)]
        wanted = [column for column in columns if column.path_in_schema.split(".")[0] in names]
        fits("data", sum(max(0, column.total_uncompressed_size) for column in wanted), reading.limit)
        fits("data", 4 * sum(max(0, column.num_values) for column in wanted), reading.limit)


def read_csv(path: Path, reading: Reading) -> Raw:
    """Columns of numbers as points or flattened images, and one of labels."""
    import pandas

    text = decoded(path)
    separator = separator_of(text)
    few = csv.reader(islice(io.StringIO(text, newline=None), FEW_LINES), delimiter=separator, skipinitialspace=True)
    rows = [[cell.strip() for cell in row] for row in few]
    decimal = decimal_of((cell for row in rows for cell in row), separator)
    header = has_header(rows, decimal)
    table = pandas.read_csv(
        io.StringIO(text), sep=separator, decimal=decimal, skipinitialspace=True, header=0 if header else None
    )
    return read_frame(table, path.name, reading, [] if header else ["no header: every line is a datum"])


def read_frame(table: Any, name: str, reading: Reading, notes: list[str] | None = None) -> Raw:
    """The columns of numbers of a pandas table as points, and one of labels; a column that counts rows is no datum."""
    names = [str(column) for column in table.columns]
    names[:1] = [names[0].lstrip("# ")] if names else []  # numpy.savetxt comments its header
    table = table.set_axis(names, axis="columns")
    if not len(table):
        raise DataFileError("data", f"{name} has no rows", "pass a table with a header and rows")
    label = reading.label_name(names)
    reading.used.add("column")
    if reading.column is not None and reading.column not in names:
        raise DataFileError("column", f"there is no '{reading.column}'", f"the table holds: {', '.join(names[:20])}")
    columns = {column: table[column].to_numpy() for column in names if column != label}
    left = [column for column, values in columns.items() if values.dtype.kind not in "biuf"]
    columns = {column: values for column, values in columns.items() if column not in left}
    counts = [column for column, values in columns.items() if column != reading.column and _counts_rows(column, values)]
    if len(counts) < len(columns):
        columns = {column: values for column, values in columns.items() if column not in counts}
    else:
        counts = []
    raw = _points(columns, name, reading, None if label is None else table[label].tolist())
    raw.notes += notes or []
    if left:
        raw.notes.append(f"columns that are no numbers: {', '.join(left)}")
    if counts:
        raw.notes.append(f"columns that count the rows, left out: {', '.join(map(repr, counts))}")
    return raw


def _counts_rows(name: str, values: np.ndarray) -> bool:
    """Whether a column is the number of the row, as programs write it: unnamed, or called index or id."""
    if (
        not (name == "" or name.startswith("Unnamed: ") or name.lower() in ("index", "id"))
        or values.dtype.kind not in "iu"
    ):
        return False
    return any(np.array_equal(values, np.arange(first, first + len(values))) for first in (0, 1))


def _points(columns: dict[str, np.ndarray], name: str, reading: Reading, labels: Any) -> Raw:
    """Columns of numbers as points `(n, d)`; rows with a hole are dropped, with a count."""
    if not columns:
        raise DataFileError("data", f"{name} holds no column of numbers", "name one by --column")
    if reading.column is not None:
        columns = {reading.column: columns[reading.column]} if reading.column in columns else columns
    first = next(iter(columns.values()))
    reading.fits((len(columns), len(first)), 8)
    array = np.stack(list(columns.values()), 1)
    notes = [
        f"points of {len(columns)} columns: {', '.join(list(columns)[:6])}" + (", ..." if len(columns) > 6 else "")
    ]
    skipped = []
    whole = np.flatnonzero(~np.isnan(array).any(axis=1)) if array.dtype.kind == "f" else np.arange(len(array))
    if len(whole) < len(array):
        skipped.append(f"rows with a hole: {len(array) - len(whole)}")
        array = array[whole]
        labels = None if labels is None else [labels[i] for i in whole.tolist()]
    reading.used.add("layout")
    layout = Layout(reading.layout) if reading.layout else Layout("nd", "columns of a table")
    return labelled(Raw(layout.arrange(array, name), layout, notes=notes, skipped=skipped), labels)
