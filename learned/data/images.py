"""Images as tensors, their scale, and splits that depend on a seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
import torch

from ..._support import checks as check
from ..._support import streams as _streams
from ...errors import ArgumentError, ShapeError


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
