"""Pictures of concepts: a coloured shape of some size at some place on some background, with exact labels.

Each class of a concept graph is a cloud of pictures: place, radius, colours and brightness of the background vary a
little from picture to picture, and every pixel has noise. All shapes of one size cover the same area. The picture of
(class, number, seed) does not depend on which others are drawn, so that a rare class is the first k pictures of a
frequent one. The worlds of [@Okawa2023] and [@Park2024] in our own drawing: neither published its generator's jitter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from ..._support import checks as check
from ..._support.streams import normal_batch
from ...errors import ArgumentError, EmptyDataError
from ...theory.composition.concept_graph import ConceptGraph
from .splits import Split

if TYPE_CHECKING:
    import torch

Classes: TypeAlias = Sequence[str | Sequence[int]] | np.ndarray
"""Classes of a concept graph: labels, tuples of values, or integers (n, n_concepts)."""

VALUES: dict[str, tuple[str, ...]] = {
    "shape": ("circle", "triangle", "square"),
    "color": ("red", "blue", "green"),
    "size": ("large", "small", "medium"),
    "position": ("left", "right", "top", "bottom"),
    "background": ("light", "grey"),
}
PLACES = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
SIZES = np.array([1.0, -1.0, 0.0])
GROUNDS = np.array([0.95, 0.7])
FACTORS = ("place x", "place y", "radius", "red", "green", "blue", "background")


class ConceptImages(NamedTuple):
    """Pictures with what they show.

    Parameters
    ----------
    images : tensor
        Pictures in float32 about [-1, 1], shape (n, 3, height, width).
    classes : array of int
        The value of each concept, shape (n, n_concepts).
    condition : tensor
        What a network is told, shape (n, k): the true values of each picture (shape one of so many, colour, radius,
        ...), as in the papers.

    Examples
    --------
    >>> ConceptWorld(pixels=8).draw(["000", "011"])
    ConceptImages(n=2, image=(3, 8, 8), condition=6)
    """

    images: torch.Tensor
    classes: np.ndarray
    condition: torch.Tensor

    def __repr__(self) -> str:
        n, *image = self.images.shape
        return f"ConceptImages(n={n}, image={tuple(image)}, condition={self.condition.shape[1]})"


@dataclass(frozen=True, repr=False)
class ConceptWorld:
    """How classes become pictures [@Okawa2023; @Park2024].

    Parameters
    ----------
    concepts : mapping or sequence of str
        Concepts among shape, color, size, position, background, each with the number of its values, or without, two.
    pixels : int
        Pixels along a side of the picture, >= 4.
    size_mean, size_gap : float
        The radii of large and small are size_mean +- size_gap / 2, in units of half the picture.
    color_gap : float
        Distance of two colours along a channel.
    place_gap : float
        Shift of left and right from the middle, in units of half the picture.
    jitter : float
        Spread of the place, the half-width of a uniform law.
    size_jitter, color_jitter : float
        Spread of radius and colour, half-widths of uniform laws.
    noise : float
        Standard deviation of the noise of a pixel in [-1, 1].

    Raises
    ------
    UnknownNameError
        For an unknown concept.
    ArgumentError
        Without a concept, for a number of values that a concept does not have, or lengths outside [0, 1].

    Examples
    --------
    >>> world = ConceptWorld(pixels=12)
    >>> world
    ConceptWorld(shape=2, color=2, size=2, pixels=12)
    >>> world.draw(["000", "011"], seed=1).images.shape
    torch.Size([2, 3, 12, 12])
    """

    concepts: Mapping[str, int] | Sequence[str] = ("shape", "color", "size")
    pixels: int = 28
    size_mean: float = 0.5
    size_gap: float = 0.3
    color_gap: float = 0.6
    place_gap: float = 0.4
    jitter: float = 0.08
    size_jitter: float = 0.03
    color_jitter: float = 0.05
    noise: float = 0.02

    def __post_init__(self) -> None:
        if not isinstance(self.concepts, Mapping):
            object.__setattr__(self, "concepts", tuple(check.items("concepts", self.concepts)))
        counts = self.counts
        if not counts:
            raise ArgumentError("concepts", "is empty", f"choose from {', '.join(VALUES)}")
        for name, count in counts.items():
            check.choice("concepts", name, VALUES)
            check.integer(f"concepts[{name}]", count, 1, len(VALUES[name]))
        object.__setattr__(self, "concepts", counts)
        check.integer("pixels", self.pixels, 4)
        for name in ("size_gap", "color_gap", "place_gap", "jitter", "size_jitter", "color_jitter", "noise"):
            check.real(name, getattr(self, name), 0.0, 1.0)
        least = self.size_gap / 2 + self.size_jitter
        if not least <= check.real("size_mean", self.size_mean, 0.0, 1.0):
            problem = f"is {self.size_mean:g}, below size_gap / 2 + size_jitter = {least:g}"
            raise ArgumentError("size_mean", problem, "pass a larger one, or a smaller size_gap or size_jitter")

    def __repr__(self) -> str:
        given = {field.name: getattr(self, field.name) for field in fields(self)[2:]}
        changed = {field.name: given[field.name] for field in fields(self)[2:] if given[field.name] != field.default}
        shown = {**self.counts, "pixels": self.pixels, **changed}
        return f"ConceptWorld({', '.join(f'{name}={value}' for name, value in shown.items())})"

    @property
    def counts(self) -> dict[str, int]:
        """The number of values of each concept."""
        return dict(self.concepts) if isinstance(self.concepts, Mapping) else dict.fromkeys(self.concepts, 2)

    @cached_property
    def graph(self) -> ConceptGraph:
        """The graph of all classes."""
        return ConceptGraph({name: VALUES[name][:count] for name, count in self.counts.items()})

    @property
    def shape(self) -> tuple[int, int, int]:
        """Event shape of a picture."""
        return 3, self.pixels, self.pixels

    @property
    def condition_dim(self) -> int:
        """Number of entries of a condition."""
        return self.condition(self.graph.classes[:1]).shape[1]

    def draw(self, classes: Classes, seed: int = 0, numbers: Sequence[int] | np.ndarray | None = None) -> ConceptImages:
        """One picture for each of some classes.

        Parameters
        ----------
        classes : sequence of str or of class, or array
            Labels like "011", tuples of values, or an array of int, shape (n, n_concepts).
        seed : int
            Seed of the pictures.
        numbers : sequence of int, optional
            Which picture of its class each one is, shape (n,); 0, 1, 2, ... unless given.

        Returns
        -------
        ConceptImages
            The n pictures.

        Raises
        ------
        ArgumentError
            For classes that the graph does not have, or not one number per picture.
        """
        import torch

        nodes = self._nodes(classes)
        which = np.arange(len(nodes)) if numbers is None else np.asarray(numbers)
        if which.shape != (len(nodes),):
            problem = f"expected one number per picture ({len(nodes)}), got shape {which.shape}"
            raise ArgumentError("numbers", problem, "pass an array (n,)")
        places = np.atleast_1d(np.ravel_multi_index(tuple(nodes.T), self.graph.counts))
        indices = [int(place) << 32 | int(number) for place, number in zip(places, which, strict=True)]
        draws = normal_batch(seed, "concept jitter", indices, (len(FACTORS),)).numpy()
        factors = self.factors(nodes, draws)
        pictures = torch.from_numpy(self.render(nodes, factors))
        if self.noise:
            noise = normal_batch(seed, "concept pixels", indices, self.shape, dtype=torch.float32)
            pictures += self.noise * noise
        return ConceptImages(pictures, nodes, self.condition(nodes, factors))

    def sample(self, split: Split | Classes, n: int | Mapping[str, int], seed: int = 0, skip: int = 0) -> ConceptImages:
        """Some pictures of each class.

        Parameters
        ----------
        split : Split or sequence of classes
            Which classes.
        n : int or mapping
            Pictures of each class, or {label: n} with the number of each, in which "*" is all others.
        seed : int
            Seed of the pictures.
        skip : int
            Leave out the first pictures of each class: a set that shares none with another.

        Returns
        -------
        ConceptImages
            The pictures, class after class.

        Raises
        ------
        EmptyDataError
            For a class without pictures.
        UnknownNameError
            For a label in `n` that is not among the classes.
        ArgumentError
            For classes that the graph does not have, or a number that is not whole and >= 0.

        Examples
        --------
        >>> world = ConceptWorld(pixels=8)
        >>> len(world.sample(["000", "111"], {"*": 3, "111": 1}).images)
        4
        """
        nodes = list(split.train) if isinstance(split, Split) else [self.graph.parse(node) for node in split]
        labels = [self.graph.label(node) for node in nodes]
        counts = dict(n) if isinstance(n, Mapping) else {"*": n}
        for label in counts:
            if label != "*":
                check.choice("n", label, labels)
        wanted = [counts.get(label, counts.get("*", 0)) for label in labels]
        for label, count in zip(labels, wanted, strict=True):
            if check.integer(f"n[{label}]", count, 0) == 0:
                raise EmptyDataError(
                    "n", f"gives class {label} no picture", "take it out of the split, or give it some"
                )
        repeated = np.repeat(np.array(nodes), wanted, axis=0)
        return self.draw(repeated, seed, np.concatenate([skip + np.arange(count) for count in wanted]))

    def factors(self, classes: Classes, draws: np.ndarray | None = None) -> np.ndarray:
        """What varies from picture to picture.

        Parameters
        ----------
        classes : sequence of classes or array
            Labels, tuples of values, or an array of int, shape (n, n_concepts).
        draws : array, optional
            Standard normal draws, shape (n, 7); the means of the classes unless given.

        Returns
        -------
        array
            Place x, y, radius, red, green, blue, brightness of the background, shape (n, 7).
        """
        from scipy.special import ndtr

        nodes = self._nodes(classes)
        value = {name: nodes[:, i] for i, name in enumerate(self.graph.concepts)}
        zero = np.zeros(len(nodes), dtype=np.int64)
        place = self.place_gap * PLACES[value["position"]] if "position" in value else np.zeros((len(nodes), 2))
        radius = self.size_mean + self.size_gap / 2 * SIZES[value.get("size", zero + 2)]
        colour = 0.5 + self.color_gap * (np.eye(3)[[0, 2, 1]][value.get("color", zero)] - 0.5)
        ground = GROUNDS[value["background"]] if "background" in value else np.full(len(nodes), 0.9)
        means = np.column_stack([place, radius, colour, ground])
        if draws is None:
            return means
        spread = [self.jitter, self.jitter, self.size_jitter, *[self.color_jitter] * 4]
        return means + np.array(spread) * (2 * ndtr(draws) - 1)

    def render(self, classes: Classes, factors: np.ndarray) -> np.ndarray:
        """Pictures of given factors, without noise.

        Parameters
        ----------
        classes : sequence of classes or array
            Labels, tuples of values, or an array of int, shape (n, n_concepts).
        factors : array
            As `factors` returns them, shape (n, 7).

        Returns
        -------
        array
            Pictures in float32 within [-1, 1], shape (n, 3, height, width).
        """
        from ._kernels import paint

        nodes = self._nodes(classes)
        names = self.graph.concepts
        shapes = nodes[:, names.index("shape")] if "shape" in names else np.zeros(len(nodes), dtype=np.int64)
        images = np.empty((len(nodes), *self.shape), dtype=np.float32)
        colours, grounds = np.clip(factors[:, 3:6], 0, 1), np.clip(factors[:, 6:7].repeat(3, 1), 0, 1)
        paint(images, shapes, factors[:, :2].copy(), factors[:, 2].copy(), colours, grounds)
        return images

    def condition(self, classes: Classes, factors: np.ndarray | None = None) -> torch.Tensor:
        """What a network is told: for each concept its values, scaled to about [-1, 1].

        Parameters
        ----------
        classes : sequence of classes or array
            Labels, tuples of values, or an array of int, shape (n, n_concepts).
        factors : array, optional
            As `factors` returns them, shape (n, 7); the means of the classes unless given.

        Returns
        -------
        tensor
            Conditions in float32, shape (n, k).
        """
        import torch

        nodes = self._nodes(classes)
        factors = self.factors(nodes) if factors is None else factors
        parts = {
            "shape": lambda i: 2 * np.eye(self.graph.counts[i])[nodes[:, i]] - 1,
            "color": lambda i: (factors[:, 3:6] - 0.5) / max(self.color_gap / 2, 1e-3),
            "size": lambda i: (factors[:, 2:3] - self.size_mean) / max(self.size_gap / 2, 1e-3),
            "position": lambda i: factors[:, :2] / max(self.place_gap, 1e-3),
            "background": lambda i: (factors[:, 6:7] - GROUNDS.mean()) / (np.ptp(GROUNDS) / 2),
        }
        columns = [parts[name](i) for i, name in enumerate(self.graph.concepts)]
        return torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32))

    def signal(self) -> dict[str, float]:
        """How far one step of each concept from class 00...0 moves the mean picture, in root mean square per pixel.

        The finite-difference form of the concept signal |dG/dz_i| [@Park2024], per concept value.

        Returns
        -------
        dict of str to float
            The signal of each concept that has more than one value.
        """
        origin = (0,) * len(self.graph.counts)
        steps = [tuple(int(j == i) for j in range(len(origin))) for i in range(len(origin))]
        moving = [step for step, count in zip(steps, self.graph.counts, strict=True) if count > 1]
        first, *others = self.render([origin, *moving], self.factors([origin, *moving]))
        names = [name for name, count in zip(self.graph.concepts, self.graph.counts, strict=True) if count > 1]
        return {name: float(np.sqrt(((one - first) ** 2).mean())) for name, one in zip(names, others, strict=True)}

    def _nodes(self, classes: Classes) -> np.ndarray:
        """The classes as integers (n, n_concepts), all of which exist."""
        if isinstance(classes, np.ndarray) and classes.ndim == 2 and classes.dtype.kind in "iu":
            if (
                classes.shape[1] != len(self.graph.counts)
                or (classes < 0).any()
                or (classes >= self.graph.counts).any()
            ):
                raise ArgumentError("classes", "holds values that do not exist", f"pass classes of {self.graph!r}")
            return classes.astype(np.int64)
        return np.array([self.graph.parse(node) for node in classes], dtype=np.int64).reshape(
            -1, len(self.graph.counts)
        )
