"""Images as tensors, their scale, and splits that depend on a seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np
import torch

from ..._support import checks as check
from ..._support import streams as _streams
from ..._support.display import boxes
from ..._support.labels import class_number
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike, Record
from ...errors import ArgumentError, ShapeError
from .layout import Layout
from .ranges import IDENTITY, Normalisation, Range
from .understood import Understood

MOST_CLASSES = 12
SHOWN = 10  # images in a notebook


@typed
@dataclass(frozen=True, eq=False)
class ImageData:
    """Images, points or any other items, with their range, and their classes where they are known.

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
    range : Range, optional
        The values that `images` can take, and how that is known; by default the smallest and the largest of them.
    layout : Layout, optional
        The axes of the source; `images` are (n, channels, height, width) or (n, *event) whatever these were.
    understood : Understood
        What else was found in the source and done to it.

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
    normalisation: Normalisation = IDENTITY
    class_names: tuple[str, ...] = ()
    range: Range = None  # type: ignore[assignment]  # set below where it is not given
    layout: Layout = None  # type: ignore[assignment]
    understood: Understood = field(default_factory=Understood)

    def __post_init__(self) -> None:
        images = check.dataset("images", self.images, dtype=torch.float32).detach()
        object.__setattr__(self, "images", images)
        if self.range is None:
            object.__setattr__(self, "range", Range.of(images.numpy(force=True), pixels=False))
        if self.layout is None:
            object.__setattr__(self, "layout", Layout("nchw" if images.ndim == 4 else "n*", "as it was made"))
        if self.labels is None:
            return
        labels = check.tensor("labels", self.labels)
        if labels.shape != images.shape[:1]:
            problem = f"expected one class per image ({len(images)}), got shape {tuple(labels.shape)}"
            raise ShapeError("labels", problem, "pass labels of shape (n,)")
        if labels.is_floating_point() or bool((labels < 0).any()):
            raise ShapeError("labels", "are negative or not integers", "number the classes 0, 1, 2, ...")
        object.__setattr__(self, "labels", labels.long())

    def __len__(self) -> int:
        return len(self.images)

    def __str__(self) -> str:
        found = self.understood
        kind = "images" if self.layout.image else "points" if len(self.shape) == 1 else "items"
        raw = [] if found.raw is None else [("values", f"{found.dtype}, range {found.raw}, {found.raw.found}")]
        lines = [
            (kind, f"{len(self)} of shape {self.shape}"),
            ("axes", f"{self.layout}, {self.layout.found}"),
            *raw,
            ("scaling", found.scaling),
            ("now", f"range {self.range}, mean {float(self.images.mean()):.3g}, sigma_data {self.sigma_data:.4g}"),
            ("classes", self._classes()),
            *(("skipped", line) for line in found.skipped or ("nothing",)),
            *(("note", line) for line in found.notes),
            *(("warning", line) for line in found.warnings),
        ]
        return "\n".join([f"what was understood of {self.name}", *(f"  {name:<8} {text}" for name, text in lines)])

    def _classes(self) -> str:
        """The classes by name with their counts."""
        if self.labels is None:
            return "none: there are no labels"
        counts = np.bincount(self.labels.numpy(), minlength=self.n_classes)
        present = [f"{self.class_name(i)} ({count})" for i, count in enumerate(counts.tolist()) if count]
        more = [f"... {present[-1]}"] if len(present) > MOST_CLASSES else []
        return f"{len(present)}: " + ", ".join([*(present[: MOST_CLASSES - 1] if more else present), *more])

    def __repr__(self) -> str:
        low, high = (value.item() for value in self.images.aminmax())
        classes = f"classes={self.n_classes}, " if self.n_classes else ""
        return f"ImageData(n={len(self)}, event={self.shape}, {classes}range=[{low:.3g}, {high:.3g}], {self.name!r})"

    def _repr_html_(self) -> str:
        found = self.understood
        facts = {"number": len(self), "shape": self.shape, "range": self.range, "scaling": found.scaling}
        notes = {"note": "; ".join([*found.notes, *found.warnings])} if found.notes or found.warnings else {}
        picture = ""
        if self.layout.image and len(self.shape) == 3:
            low, high = (value.item() for value in self.images.aminmax())
            picture = boxes.thumbnails(self.images[:SHOWN].numpy(force=True), low, high)
        return boxes.box(self.name, {**facts, "classes": self._classes(), **notes}, picture)

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

    def class_name(self, number: int) -> str:
        """The name of a class, which is its number where classes have no names.

        Parameters
        ----------
        number : int
            Of the class.

        Returns
        -------
        str
            As tables show it.
        """
        return self.class_names[number] if number < len(self.class_names) else str(number)

    def class_number(self, label: int | str) -> int:
        """The number of the class that is called `label`.

        Parameters
        ----------
        label : int or str
            A number, or a name.

        Returns
        -------
        int
            From 0 to `n_classes` - 1.

        Raises
        ------
        UnknownNameError
            Where no class has that name.
        ArgumentError
            Where there are no labels, or fewer classes.

        Examples
        --------
        >>> ImageData(torch.zeros(2, 3), torch.tensor([0, 1]), class_names=("bird", "cat")).class_number("cat")
        1
        """
        if self.labels is None:
            raise ArgumentError("label", f"is {label!r}, but {self.name} has no classes", "load labels with the data")
        return class_number("label", label, self.class_names, self.n_classes)

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
            Name, number and shape of the images, their fingerprint, scaling, range, axes and classes.
        """
        return {
            "name": self.name,
            "n": len(self),
            "shape": list(self.shape),
            "fingerprint": self.fingerprint,
            "scale": self.normalisation.scale,
            "shift": self.normalisation.shift,
            "scaling": self.understood.scaling,
            "range": self.range.describe(),
            "layout": self.layout.axes,
            "class_names": list(self.class_names),
        }


def image_data(data: ImageData | ArrayLike, argument: str = "data") -> ImageData:
    """`data` as they are, or an array as `ImageData`."""
    if isinstance(data, ImageData):
        return data
    with check.speaking_of(argument):
        return ImageData(check.as_float_tensor(argument, data))
