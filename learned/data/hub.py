"""Data sets of the `datasets` library: on the hub, saved to disk, or as objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import ArgumentError, DataFileError
from .readers import Raw, Reading, labelled, optional
from .stacks import Item, stack
from .tables import cell, chosen


def read_hub(name: str, reading: Reading) -> Raw:
    """A name on the hub, or a local folder or file that the library can read."""
    if not name:
        raise ArgumentError("data", "is 'hf:' without a name", "pass hf:OWNER/NAME")
    if is_saved(Path(name)):
        return read_saved(Path(name), reading)
    datasets = optional("datasets", "datasets", "hub")
    split = reading.split or "train"
    reading.used.add("split")
    try:
        table = datasets.load_dataset(name, split=split)
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "check the name, the split and the connection, or download it first"
        raise DataFileError("data", f"hf:{name} cannot be loaded ({said})", remedy) from error
    raw = read_table(table, reading)
    raw.notes.append(f"split '{split}'")
    return raw


def is_saved(path: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def read_saved(path: Path, reading: Reading) -> Raw:
    """What `save_to_disk` wrote."""
    return read_table(optional("datasets", "datasets", "hub").load_from_disk(str(path)), reading)


def is_table(source: object) -> bool:
    """Whether `source` is a Dataset or a DatasetDict of that library, which is not imported for it."""
    return type(source).__module__.split(".")[0] == "datasets" and (
        hasattr(source, "column_names") or isinstance(source, dict)
    )


def _entry_type(feature: Any) -> Any:
    """The type of the entries of arrays and nested lists, which are handed over as lists; None for pictures."""
    nested = "Array" in type(feature).__name__
    while hasattr(feature, "feature"):
        feature, nested = feature.feature, True
    return getattr(feature, "dtype", None) if nested else None


def _column_of_arrays(columns: list[str], features: Any) -> str:
    """The first column that holds pictures or arrays, whatever its name; of an unknown type, the first at all."""
    if not features:
        return columns[0]
    for name in columns:
        feature = features.get(name)
        if type(feature).__name__ == "Image" or _entry_type(feature) not in (None, "string", "large_string"):
            return name
    problem = f"is none of pictures or arrays among {', '.join(columns)}"
    raise DataFileError("column", problem, "name it by --column, column= in Python")


def read_table(table: Any, reading: Reading) -> Raw:
    """A Dataset, or the split of a DatasetDict."""
    notes = []
    if isinstance(table, dict):
        names = list(table)
        reading.used.add("split")
        split = reading.split or ("train" if "train" in names else names[0] if len(names) == 1 else None)
        if split not in names:
            problem = f"there is no '{split}'" if split else "is not said"
            raise DataFileError("split", problem, f"the data set has: {', '.join(names)}")
        table, notes = table[split], [f"split '{split}' of {', '.join(names)}"]
    datasets = optional("datasets", "datasets", "hub")
    table = table.with_format(None)
    columns = list(table.column_names)
    features = table.features or {}
    image = reading.image_name(columns) or _column_of_arrays(columns, features)
    label = reading.label_name(columns)
    if isinstance(features.get(image), datasets.Image):
        table = table.cast_column(image, datasets.Image(decode=False))
    dtype = _entry_type(features.get(image))

    def cells() -> Iterator[Item]:
        for i, row in enumerate(table.select_columns([image])):
            path = row[image].get("path") if isinstance(row[image], dict) else None
            inside = Path(path).parent if path and not row[image].get("bytes") else None
            yield f"row {i}", cell(row[image], f"row {i}", dtype, inside)

    raw, owners = stack(cells, reading)
    raw.notes += [*notes, f"images '{image}'" + (f", labels '{label}'" if label else "")]
    names = getattr(features.get(label), "names", None)
    return labelled(raw, None if label is None else chosen(list(table[label]), owners), names)
