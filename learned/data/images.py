"""Images as tensors: loading, scaling, and splits that depend on a seed alone.

`load` reads "digits" (the 1797 real digits that ship with scikit-learn), a parquet, npz or npy file, a folder of
images, or `hf:NAME` through the `datasets` library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..._support import checks as check
from ..._support import streams as _streams
from ..._support.memory import available_memory
from ...errors import ArgumentError, DataFileError, ShapeError, UnknownNameError
from .readers import KINDS, Raw, read

DATASETS = ("digits",)


@dataclass(frozen=True)
class Normalisation:
    """x = scale * raw + shift takes raw values to [-1, 1]."""

    scale: float
    shift: float

    def undo(self, x: torch.Tensor) -> torch.Tensor:
        """The raw values of `x`."""
        return (x - self.shift) / self.scale


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images `(n, channels, height, width)` in [-1, 1], float32, with optional integer labels `(n,)`."""

    images: torch.Tensor
    labels: torch.Tensor | None = None
    name: str = "images"
    normalisation: Normalisation = Normalisation(1.0, 0.0)
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        images = check.dataset("images", self.images, dtype=torch.float32)
        object.__setattr__(self, "images", images)
        if self.labels is None:
            return
        labels = torch.as_tensor(self.labels)
        if labels.shape != images.shape[:1] or labels.is_floating_point() or bool((labels < 0).any()):
            raise ShapeError("labels", f"are no class of each of {len(images)} images", "pass integers >= 0, (n,)")
        object.__setattr__(self, "labels", labels.long())

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """Event shape, (channels, height, width)."""
        return tuple(self.images.shape[1:])

    @cached_property
    def sigma_data(self) -> float:
        """Standard deviation over all entries of all images, the same bits for any number of threads."""
        return float(self.images.numpy(force=True).std(dtype="float64"))

    @property
    def n_classes(self) -> int:
        return 0 if self.labels is None else int(self.labels.max()) + 1

    @property
    def class_frequencies(self) -> np.ndarray:
        """`(n_classes,)`: the share of each class."""
        if self.labels is None:
            raise ArgumentError("labels", f"are missing in {self.name}", "load the data with a label column")
        return np.bincount(self.labels.numpy(), minlength=self.n_classes) / len(self)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of images and labels, by which a run knows its data again."""
        digest = blake2b(self.images.cpu().numpy().tobytes(), digest_size=12)
        if self.labels is not None:
            digest.update(self.labels.cpu().numpy().tobytes())
        return digest.hexdigest()

    def take(self, indices: Sequence[int] | np.ndarray, name: str) -> ImageData:
        """The images at `indices`, in that order."""
        chosen = torch.as_tensor(np.asarray(indices, dtype=np.int64))
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, images=self.images[chosen], labels=labels, name=name)

    def _order(self, seed: int) -> np.ndarray:
        return _streams.stream(seed, "data order").permutation(len(self))

    def subset(self, size: int, seed: int = 0) -> ImageData:
        """`size` images at random; for one seed, the smaller subsets are contained in the larger."""
        size = check.integer("size", size, 1, len(self))
        return self.take(self._order(seed)[:size], f"{self.name}[{size}, seed {seed}]")

    def split(self, held_out: int | float, seed: int = 0) -> tuple[ImageData, ImageData]:
        """(training, held-out) images, disjoint; `held_out` is a number of images or a fraction < 1.

        >>> train, test = load("digits").split(0.2)
        >>> len(train), len(test)
        (1438, 359)
        """
        count = round(held_out * len(self)) if isinstance(held_out, float) else held_out
        count = check.integer("held_out", count, 1, len(self) - 1)
        order = self._order(seed)
        kept = self.take(order[count:], f"{self.name}[train {len(self) - count}, seed {seed}]")
        return kept, self.take(order[:count], f"{self.name}[held out {count}, seed {seed}]")

    def halves(self, seed: int = 0) -> tuple[ImageData, ImageData]:
        """Two disjoint sets of n // 2 images."""
        order, half = self._order(seed), check.integer("n", len(self) // 2, 1)
        return (
            self.take(order[:half], f"{self.name}[first half, seed {seed}]"),
            self.take(order[half : 2 * half], f"{self.name}[second half, seed {seed}]"),
        )

    def describe(self) -> dict:
        """What a run records of its data."""
        return {
            "name": self.name,
            "n": len(self),
            "shape": list(self.shape),
            "fingerprint": self.fingerprint,
            "scale": self.normalisation.scale,
            "shift": self.normalisation.shift,
            "class_names": list(self.class_names),
        }


def _digits() -> Raw:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return Raw(digits.images[:, None], digits.target, (0.0, 16.0), tuple("0123456789"))


def value_range(array: np.ndarray) -> tuple[float, float]:
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
    source: str | Path,
    *,
    column: str | None = None,
    label_column: str | None = None,
    values: tuple[float, float] | None = None,
    split: str = "train",
    memory_limit: int | None = None,
) -> ImageData:
    """Load images and scale them to [-1, 1].

    source: "digits"; a .parquet (or .pq) file with a column of encoded images or of arrays; an .npz or .npy
    file; a folder of images, in one sub-folder per class or none; `hf:NAME`. Arrays are (n, h, w), (n, h, w, c)
    or (n, c, h, w). column, label_column: names inside the file, guessed when not given. values: the raw values
    that become -1 and 1, see `value_range`. split: of `hf:` data sets. memory_limit: bytes of the float32
    images, half of the free memory when not given.

    Raises UnknownNameError, DataFileError (missing, unreadable, empty, unknown kind), DeviceMemoryError before
    the memory is taken, MissingDependencyError without pillow, pyarrow or datasets.

    >>> data = load("digits")
    >>> data.shape, len(data), data.images.min().item(), data.images.max().item()
    ((1, 8, 8), 1797, -1.0, 1.0)
    """
    source = str(source)
    limit = available_memory() // 2 if memory_limit is None else check.integer("memory_limit", memory_limit, 1)
    if source == "digits":
        raw = _digits()
    else:
        if not source.startswith("hf:") and not Path(source).exists():
            if Path(source).suffix.lower() in KINDS or len(Path(source).parts) > 1:
                raise DataFileError("data", f"there is no file {source}", "check the path")
            raise UnknownNameError("data", source, DATASETS)
        raw = read(source, column, label_column, split, limit)
    low, high = values or raw.values or value_range(raw.images)
    if not low < high:
        raise ArgumentError("values", f"is ({low}, {high})", "pass (low, high) with low < high")
    normalisation = Normalisation(2 / (high - low), -(high + low) / (high - low))
    images = torch.from_numpy(np.ascontiguousarray(raw.images, dtype=np.float32))
    images = images.mul_(normalisation.scale).add_(normalisation.shift)
    labels = None if raw.labels is None else torch.from_numpy(np.asarray(raw.labels, dtype=np.int64))
    name = source if source == "digits" or source.startswith("hf:") else Path(source).name
    return ImageData(images, labels, name, normalisation, raw.class_names)
