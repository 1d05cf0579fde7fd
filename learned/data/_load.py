"""Loading data: "digits" (the 1797 real digits that ship with scikit-learn), files, folders, the hub, objects."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..._support import checks as check
from ..._support.memory import available_memory
from ..._support.typed import typed
from ..._support.types import ArrayLike, FilePath
from ...errors import DataFileError, DataWarning, IdealScoreError, UnknownNameError
from .arrays import read_array, read_mapping, read_npy, read_npz, read_safetensors
from .folders import read_folder
from .hub import is_saved, is_table, read_hub, read_saved, read_table
from .idx import is_idx, read_idx
from .images import ImageData
from .layout import Layout
from .pictures import SUFFIXES
from .ranges import SCALES, Range, doubts, normalisation_for
from .readers import Raw, Reading
from .stacks import stack
from .tables import read_csv, read_frame, read_parquet
from .torch_datasets import is_dataset, read_dataset
from .understood import Understood
from .zarrs import is_zarr, read_zarr

DATASETS = ("digits",)
KINDS: dict[str, Callable[[Path, Reading], Raw]] = {
    ".parquet": read_parquet, ".pq": read_parquet, ".npz": read_npz, ".npy": read_npy,
    ".safetensors": read_safetensors, ".csv": read_csv, ".tsv": read_csv,
}  # fmt: skip
CHOICES = {
    "scale": SCALES,
    "mode": ("auto", "gray", "rgb"),
    "alpha": ("drop", "white", "black", "keep"),
    "on_error": ("stop", "skip"),
}
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")


def _digits() -> Raw:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    values = Range(0.0, 16.0, "known of this data set")
    return Raw(
        digits.images[:, None], Layout("nhw", "known of this data set"), digits.target, tuple("0123456789"), values
    )


def _file(path: Path, reading: Reading) -> Raw:
    """Read whatever lies at `path`."""
    if path.is_dir():
        if is_zarr(path):
            return read_zarr(path, reading)
        return read_saved(path, reading) if is_saved(path) else read_folder(path, reading)
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        raise DataFileError("data", f"{path} is empty", "write it again")
    if suffix in SUFFIXES:
        return stack(lambda: iter([(str(path), path)]), reading)[0]
    if suffix in KINDS:
        return KINDS[suffix](path, reading)
    if suffix in PICKLES and not (suffix == ".bin" and not _pickled(path)):
        problem = f"{path} is a pickle, which can run code"
        raise DataFileError("data", problem, "save the array by numpy.save, and load that")
    if is_idx(path):
        return read_idx(path, reading)
    kinds = ", ".join((*KINDS, *SUFFIXES))
    raise DataFileError("data", f"{path} is of an unknown kind", f"pass a folder, an IDX file or one of {kinds}")


def _pickled(path: Path) -> bool:
    """Whether a file begins as pickles and those of torch in a zip do."""
    with open(path, "rb") as stream:
        return stream.read(2) in (b"PK", *(b"\x80" + bytes([protocol]) for protocol in range(2, 6)))


def _read(source: Any, reading: Reading) -> tuple[Raw, str]:
    """What `source` holds, and what it is called."""
    if not isinstance(source, (str, os.PathLike)):
        if is_table(source):
            return read_table(source, reading), f"a {type(source).__name__}"
        if isinstance(source, Mapping):
            return read_mapping(source, reading), f"a {type(source).__name__}"
        if type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "columns"):
            return read_frame(source, "the table", reading), f"a {type(source).__name__}"
        if is_dataset(source):
            return read_dataset(source, reading), f"a {type(source).__name__}"
        return read_array(source, reading), f"a {type(source).__name__}"
    name = str(source)
    if name == "digits":
        return _digits(), name
    if name.startswith("hf:"):
        return read_hub(name[3:], reading), name
    path = Path(name)
    if not path.exists():
        if path.suffix.lower() in (*KINDS, *SUFFIXES, *PICKLES) or len(path.parts) > 1:
            raise DataFileError("data", f"{name} does not exist", "check the path")
        raise UnknownNameError("data", name, DATASETS)
    return _file(path, reading), path.name


def _unreadable(source: object, error: Exception) -> DataFileError:
    said = str(error).splitlines()[0] if str(error) else ""
    if isinstance(source, (str, os.PathLike)):
        problem = f"{source} is unreadable ({type(error).__name__}: {said})"
        return DataFileError("data", problem, "check that the file is whole and holds images")
    problem = f"the {type(source).__name__} cannot be read ({type(error).__name__}: {said})"
    return DataFileError("data", problem, "pass an array, a dict of arrays, or a Dataset of (image, label)")


@typed
def load(
    source: FilePath | ArrayLike | torch.utils.data.Dataset | object,
    *,
    column: str | None = None,
    label_column: str | None = None,
    values: tuple[float, float] | None = None,
    split: str | None = None,
    memory_limit: int | None = None,
    scale: str = "auto",
    layout: str | None = None,
    mode: str = "auto",
    alpha: str = "drop",
    on_error: str = "stop",
) -> ImageData:
    """Load data, say what was understood of them (`print(data)`), and scale them to [-1, 1] where their range is known.

    Parameters
    ----------
    source : str, Path, array, Dataset or DataLoader
        "digits" (the 1797 real digits that ship with scikit-learn); a .parquet (or .pq) file with a column of encoded
        images or of arrays, or with columns of numbers; an .npz, .npy, .safetensors or .csv file; an IDX file, gzipped
        or not; a picture of several pages; a folder of images, in one sub-folder per class or in none; a folder that
        `save_to_disk` of the `datasets` library wrote; a zarr store; `hf:NAME`, read by that library. Or an object: an
        array, tensor or memory map, a dict of arrays by name, a pandas table, a torch `Dataset` or `DataLoader`, a
        `Dataset` of the `datasets` library.
    column : str, optional
        Name of the images inside the file; by default a usual one ("images", "image", "x", ...).
    label_column : str, optional
        Name of the labels inside the file; by default a usual one ("labels", "label", "y", ...), none where there is
        none. "none" reads no labels.
    values : tuple of float, optional
        The raw values that are the lowest and the highest there can be. By default the range of the type for 8 and
        16-bit integers; [-1, 1] or [0, 1] for floating-point pixels that lie in it; for others the range is measured.
    split : str, optional
        The part of a data set that has several.
    memory_limit : int, optional
        Largest size of the float32 images in bytes; by default half of the free memory.
    scale : {"auto", "as-is", "-1..1", "0..1", "standardise"}
        What the range becomes. "auto" is -1..1 where the range is known, and as-is where it was only measured: data of
        an unknown unit are never stretched unasked.
    layout : str, optional
        The axes of an array, one letter each, such as "hwcn"; needed where its shape may mean two things.
    mode : {"auto", "gray", "rgb"}
        What pictures are brought to; "auto" is gray where all are gray, else rgb.
    alpha : {"drop", "white", "black", "keep"}
        What becomes of transparency: dropped, composited over a colour, or kept as a channel.
    on_error : {"stop", "skip"}
        What a broken picture does: it is named and stops, or it is skipped, counted and named.

    Returns
    -------
    ImageData
        The images, float32 `(n, channels, height, width)`, or points `(n, *event)`, with range, axes and labels.

    Raises
    ------
    UnknownNameError
        Where `source` is neither a file nor a known data set.
    ArgumentError
        Where `values` are not (low, high) with low < high.
    DataFileError
        Where the file is missing, unreadable, empty or of an unknown kind, lacks the named column, or may mean two
        things.
    DeviceMemoryError
        Where the images need more than `memory_limit`; raised before the memory is taken.
    MissingDependencyError
        Without pillow, pyarrow or datasets, where the source needs them.

    Warns
    -----
    DataWarning
        Where less than half of the range is used, the deviation is far from the usual, the range was guessed, or an
        option is of no use for this source.

    Examples
    --------
    >>> load("digits")
    ImageData(n=1797, event=(1, 8, 8), classes=10, range=[-1, 1], 'digits')
    """
    limit = available_memory() // 2 if memory_limit is None else check.integer("memory_limit", memory_limit, 1)
    options: dict[str, Any] = {"scale": scale, "mode": mode, "alpha": alpha, "on_error": on_error}
    for option, known in CHOICES.items():
        check.choice(option, options[option], known)
    with check.speaking_of("values"):
        given = None if values is None else Range(*values, "given")
    options |= {"layout": layout, "column": column, "label_column": label_column, "split": split}
    reading = Reading(values, limit=limit, **options)
    if isinstance(source, ImageData):
        return source
    try:
        raw, name = _read(source, reading)
    except (IdealScoreError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _unreadable(source, error) from error
    data = _scaled(raw, name, given, scale, reading.unused())
    if data.understood.warnings:
        warnings.warn(f"{name}: {'. '.join(data.understood.warnings)}", DataWarning, stacklevel=3)
    return data


def _scaled(raw: Raw, name: str, given: Range | None, scale: str, unused: list[str]) -> ImageData:
    """Tensors of what was read, in the scale that was asked for."""
    found = given or raw.values or Range.of(raw.images, raw.layout.image)
    normalisation, words = normalisation_for(raw.images, found, scale)
    images = torch.from_numpy(np.array(raw.images, dtype=np.float32, order="C"))
    if (normalisation.scale, normalisation.shift) != (1.0, 0.0):
        images = images.mul_(normalisation.scale).add_(normalisation.shift)
    labels = None if raw.labels is None else torch.from_numpy(np.asarray(raw.labels, dtype=np.int64))
    understood = Understood(found, str(raw.images.dtype), words, tuple(raw.notes), tuple(raw.skipped))
    scaled = found.under(normalisation)
    data = ImageData(images, labels, name, normalisation, raw.class_names, scaled, raw.layout, understood)
    odd = (*unused, *doubts(raw.images, found, data.sigma_data, scale))
    return replace(data, understood=replace(understood, warnings=odd))
