"""Loading images: "digits" (the 1797 real digits that ship with scikit-learn), files, folders, the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..._support import checks as check
from ..._support.memory import available_memory
from ..._support.types import Array, FilePath
from ...errors import ArgumentError, DataFileError, UnknownNameError
from .images import ImageData, Normalisation
from .readers import KINDS, Raw, read

DATASETS = ("digits",)


def _digits() -> Raw:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return Raw(digits.images[:, None], digits.target, (0.0, 16.0), tuple("0123456789"))


def value_range(array: Array) -> tuple[float, float]:
    """The range that becomes [-1, 1]: of the type for integers; [-1, 1], [0, 1] or min-max for floats.

    >>> value_range(np.zeros(3, np.uint8)), value_range(np.array([0.2, 0.9])), value_range(np.array([3.0, 9.0]))
    ((0.0, 255.0), (0.0, 1.0), (3.0, 9.0))
    """
    if array.dtype == bool:
        return 0.0, 1.0
    low, high = float(array.min()), float(array.max())
    if array.dtype in (np.uint8, np.uint16):
        return 0.0, float(np.iinfo(array.dtype).max)
    if np.issubdtype(array.dtype, np.floating) and low >= -1 and high <= 1:
        return (-1.0 if low < 0 else 0.0), 1.0
    return (low, high) if high > low else (low - 1, low + 1)


def load(
    source: FilePath,
    *,
    column: str | None = None,
    label_column: str | None = None,
    values: tuple[float, float] | None = None,
    split: str = "train",
    memory_limit: int | None = None,
) -> ImageData:
    """Load images and scale them to [-1, 1].

    Parameters
    ----------
    source : str or Path
        "digits" (the 1797 real digits that ship with scikit-learn); a .parquet (or .pq) file with a column of encoded
        images or of arrays; an .npz or .npy file; a folder of images, in one sub-folder per class or in none;
        `hf:NAME`, read by the `datasets` library. Arrays are (n, h, w), (n, h, w, c) or (n, c, h, w).
    column : str, optional
        Name of the images inside the file; by default a usual one ("images", "image", "x", ...).
    label_column : str, optional
        Name of the labels inside the file; by default a usual one ("labels", "label", "y", ...), none where there is
        none.
    values : tuple of float, optional
        The raw values that become -1 and 1. By default the range of the type for 8 and 16-bit integers; [-1, 1],
        [0, 1] or (minimum, maximum) for others.
    split : str
        Of `hf:` data sets.
    memory_limit : int, optional
        Largest size of the float32 images in bytes; by default half of the free memory.

    Returns
    -------
    ImageData
        The images, float32 `(n, channels, height, width)`, with their labels.

    Raises
    ------
    UnknownNameError
        Where `source` is neither a file nor a known data set.
    ArgumentError
        Where `values` are not (low, high) with low < high.
    DataFileError
        Where the file is missing, unreadable, empty or of an unknown kind, or lacks the named column.
    DeviceMemoryError
        Where the images need more than `memory_limit`; raised before the memory is taken.
    MissingDependencyError
        Without pillow, pyarrow or datasets, where the source needs them.

    Examples
    --------
    >>> load("digits")
    ImageData(n=1797, event=(1, 8, 8), classes=10, range=[-1, 1], 'digits')
    """
    source = str(source)
    limit = available_memory() // 2 if memory_limit is None else check.integer("memory_limit", memory_limit, 1)
    if source == "digits":
        raw = _digits()
    else:
        if not source.startswith("hf:") and not Path(source).exists():
            if Path(source).suffix.lower() in KINDS or len(Path(source).parts) > 1:
                raise DataFileError("data", f"{source} does not exist", "check the path")
            raise UnknownNameError("data", source, DATASETS)
        raw = read(source, column, label_column, split, limit)
    low, high = values or raw.values or value_range(raw.images)
    if not low < high:
        raise ArgumentError("values", f"are ({low}, {high})", "pass (low, high) with low < high")
    normalisation = Normalisation(2 / (high - low), -(high + low) / (high - low))
    images = torch.from_numpy(np.ascontiguousarray(raw.images, dtype=np.float32))
    images = images.mul_(normalisation.scale).add_(normalisation.shift)
    labels = None if raw.labels is None else torch.from_numpy(np.asarray(raw.labels, dtype=np.int64))
    name = source if source == "digits" or source.startswith("hf:") else Path(source).name
    return ImageData(images, labels, name, normalisation, raw.class_names)
