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
from ..._support.types import Array, Points, Record
from ...errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class Normalisation:
    """x = scale * raw + shift takes raw values to [-1, 1].

    Parameters
    ----------
    scale : float
        Factor of the raw values.
    shift : float
        What is added afterwards.
    """

    scale: float
    shift: float

    def undo(self, x: Points) -> Points:
        """The raw values of `x`."""
        return (x - self.shift) / self.scale


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images in [-1, 1], with their classes where they are known.

    Parameters
    ----------
    images : torch.Tensor
        `(n, *event)`, as a rule `(n, channels, height, width)`; held as float32.
    labels : torch.Tensor, optional
        `(n,)` integers >= 0, the class of each image.
    name : str
        What a run records of the source.
    normalisation : Normalisation
        How the raw values became those of `images`.
    class_names : tuple of str
        Names of the classes, in the order of their numbers; may be empty.

    Raises
    ------
    ShapeError, EmptyDataError, NotFiniteError
        Where `images` has no event dimension, is empty, or holds NaN or infinite values.
    ShapeError
        Where `labels` is not one integer >= 0 per image.

    Examples
    --------
    >>> ImageData(torch.tensor([[[[-1.0, 1.0]]], [[[0.0, 0.5]]]]), torch.tensor([0, 1]), name="two")
    ImageData(n=2, event=(1, 1, 2), classes=2, range=[-1, 1], 'two')
    """

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
        if labels.shape != images.shape[:1]:
            problem = f"expected one class per image ({len(images)}), got shape {tuple(labels.shape)}"
            raise ShapeError("labels", problem, "pass labels of shape (n,)")
        if labels.is_floating_point() or bool((labels < 0).any()):
            raise ShapeError("labels", "are negative or not integers", "number the classes 0, 1, 2, ...")
        object.__setattr__(self, "labels", labels.long())

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        low, high = (value.item() for value in self.images.aminmax())
        classes = f"classes={self.n_classes}, " if self.n_classes else ""
        return f"ImageData(n={len(self)}, event={self.shape}, {classes}range=[{low:.3g}, {high:.3g}], {self.name!r})"

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
        """The largest label + 1; 0 without labels."""
        return 0 if self.labels is None else int(self.labels.max()) + 1

    @property
    def class_frequencies(self) -> Array:
        """`(n_classes,)`: the share of each class."""
        if self.labels is None:
            raise ArgumentError("labels", f"are missing in {self.name}", "load the data with a label column")
        return np.bincount(self.labels.numpy(), minlength=self.n_classes) / len(self)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of images and labels, by which a run recognises its data."""
        digest = blake2b(self.images.cpu().numpy().tobytes(), digest_size=12)
        if self.labels is not None:
            digest.update(self.labels.cpu().numpy().tobytes())
        return digest.hexdigest()

    def take(self, indices: Sequence[int] | Array, name: str) -> ImageData:
        """The images at `indices`, in that order.

        Parameters
        ----------
        indices : sequence of int
            Which images, `(m,)`.
        name : str
            What the chosen images are called.

        Returns
        -------
        ImageData
            m images with their labels.
        """
        chosen = torch.as_tensor(np.asarray(indices, dtype=np.int64))
        labels = None if self.labels is None else self.labels[chosen]
        return replace(self, images=self.images[chosen], labels=labels, name=name)

    def _order(self, seed: int) -> np.ndarray:
        return _streams.stream(seed, "data order").permutation(len(self))

    def subset(self, size: int, seed: int = 0) -> ImageData:
        """Some images at random; for one seed, the smaller subsets are contained in the larger.

        Parameters
        ----------
        size : int
            How many, 1 to n.
        seed : int
            Of the random order.

        Returns
        -------
        ImageData
            `size` images in random order.
        """
        size = check.integer("size", size, 1, len(self))
        return self.take(self._order(seed)[:size], f"{self.name}[{size}, seed {seed}]")

    def split(self, held_out: int | float, seed: int = 0) -> tuple[ImageData, ImageData]:
        """Two disjoint parts: the training images and the held-out ones.

        Parameters
        ----------
        held_out : int or float
            How many images are held out: a number, or a fraction < 1.
        seed : int
            Of the random order.

        Returns
        -------
        tuple of ImageData
            (training, held out); together they hold every image once.

        Examples
        --------
        >>> from idealscore.learned.data import load
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
        """Two disjoint sets of n // 2 images.

        Parameters
        ----------
        seed : int
            Of the random order.

        Returns
        -------
        tuple of ImageData
            The first and the second half; one image is left out where n is odd.
        """
        order, half = self._order(seed), check.integer("n", len(self) // 2, 1)
        return (
            self.take(order[:half], f"{self.name}[first half, seed {seed}]"),
            self.take(order[half : 2 * half], f"{self.name}[second half, seed {seed}]"),
        )

    def describe(self) -> Record:
        """What a run records of its data.

        Returns
        -------
        dict
            Name, number and shape of the images, their fingerprint, their scale and shift, the names of the classes.
        """
        return {
            "name": self.name,
            "n": len(self),
            "shape": list(self.shape),
            "fingerprint": self.fingerprint,
            "scale": self.normalisation.scale,
            "shift": self.normalisation.shift,
            "class_names": list(self.class_names),
        }
