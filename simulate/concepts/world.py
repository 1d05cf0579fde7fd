"""Pictures of concepts: a coloured shape of some size at some place on some background, with exact labels.

Each class of a concept graph is a cloud of pictures: place, radius, colours and brightness of the background vary a
little from picture to picture, and every pixel has noise. All shapes of one size cover the same area. The picture of
(class, number, seed) does not depend on which others are drawn, so that a rare class is the first k pictures of a
frequent one. The worlds of [@Okawa2023] and [@Park2024] in our own drawing: neither published its generator's jitter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..._support import checks as check
from ..._support.streams import normal_batch
from ...errors import ArgumentError, EmptyDataError
from ...theory.composition.concept_graph import ConceptGraph
from .splits import Split

if TYPE_CHECKING:
    import torch

VALUES = {
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
    """images `(n, 3, h, w)` float32 about [-1, 1]; classes `(n, concepts)`; condition `(n, k)`: what a network is told.

    The condition holds the true values of each picture (shape one of so many, colour, radius, ...), as in the papers.
    """

    images: torch.Tensor
    classes: np.ndarray
    condition: torch.Tensor


@dataclass(frozen=True)
class ConceptWorld:
    """How classes become pictures.

    concepts: of shape, color, size, position, background, each with the number of its values or, without, two.
    pixels: side of the picture. Lengths are in units of half of it: size_mean +- size_gap / 2 are the radii of large
    and small, place_gap the shift of left and right. color_gap: distance of two colours along a channel. jitter: spread
    (uniform, half-width) of place; size_jitter and color_jitter: of radius and colour; noise: standard deviation of
    a pixel in [-1, 1]. Raises UnknownNameError for an unknown concept.

    >>> world = ConceptWorld(pixels=12)
    >>> world.graph
    ConceptGraph({'shape': 2, 'color': 2, 'size': 2})
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
        counts = dict(self.concepts) if isinstance(self.concepts, Mapping) else dict.fromkeys(self.concepts, 2)
        if not counts:
            raise ArgumentError("concepts", "is empty", f"choose from {', '.join(VALUES)}")
        for name, count in counts.items():
            check.choice("concepts", name, VALUES)
            check.integer(f"concepts[{name}]", count, 1, len(VALUES[name]))
        object.__setattr__(self, "concepts", counts)
        check.integer("pixels", self.pixels, 4)
        for name in ("size_gap", "color_gap", "place_gap", "jitter", "size_jitter", "color_jitter", "noise"):
            check.real(name, getattr(self, name), 0.0, 1.0)
        check.real("size_mean", self.size_mean, self.size_gap / 2 + self.size_jitter, 1.0)

    @cached_property
    def graph(self) -> ConceptGraph:
        counts: Any = self.concepts
        return ConceptGraph({name: VALUES[name][:count] for name, count in counts.items()})

    @property
    def shape(self) -> tuple[int, int, int]:
        """Event shape of a picture."""
        return 3, self.pixels, self.pixels

    @property
    def condition_dim(self) -> int:
        return self.condition(self.graph.classes[:1]).shape[1]

    def draw(
        self, classes: Sequence[Any] | np.ndarray, seed: int = 0, numbers: Sequence[int] | np.ndarray | None = None
    ) -> ConceptImages:
        """One picture for each of `classes`; `numbers` says which of its class (0, 1, 2, ... when not given)."""
        import torch

        nodes = self._nodes(classes)
        which = np.arange(len(nodes)) if numbers is None else np.asarray(numbers)
        if which.shape != (len(nodes),):
            raise ArgumentError("numbers", f"has shape {which.shape}", f"pass one number for each of {len(nodes)}")
        places: Any = np.ravel_multi_index(tuple(nodes.T), self.graph.counts)
        indices = [int(place) << 32 | int(number) for place, number in zip(places, which)]
        draws = normal_batch(seed, "concept jitter", indices, (len(FACTORS),)).numpy()
        factors = self.factors(nodes, draws)
        pictures = torch.from_numpy(self.render(nodes, factors))
        if self.noise:
            noise = normal_batch(seed, "concept pixels", indices, self.shape, dtype=torch.float32)
            pictures += self.noise * noise
        return ConceptImages(pictures, nodes, self.condition(nodes, factors))

    def sample(
        self, split: Split | Sequence[Any], n: int | Mapping[str, int], seed: int = 0, skip: int = 0
    ) -> ConceptImages:
        """`n` pictures of each class of `split`, or {label: n} with the number of each, in which "*" is all others.

        `skip` leaves out the first pictures of each class: a set that shares none with another. Raises
        EmptyDataError for a class without pictures.

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
        for label, count in zip(labels, wanted):
            if check.integer(f"n[{label}]", count, 0) == 0:
                raise EmptyDataError(
                    "n", f"gives class {label} no picture", "take it out of the split, or give it some"
                )
        repeated = np.repeat(np.array(nodes), wanted, axis=0)
        return self.draw(repeated, seed, np.concatenate([skip + np.arange(count) for count in wanted]))

    def factors(self, classes: Sequence[Any] | np.ndarray, draws: np.ndarray | None = None) -> np.ndarray:
        """`(n, 7)` place x, y, radius, red, green, blue, brightness of the background; `draws` are standard normal.

        Without `draws`: the means of the classes.
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

    def render(self, classes: Sequence[Any] | np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Pictures `(n, 3, h, w)` of the given factors, without noise."""
        from ._kernels import paint

        nodes = self._nodes(classes)
        names = self.graph.concepts
        shapes = nodes[:, names.index("shape")] if "shape" in names else np.zeros(len(nodes), dtype=np.int64)
        images = np.empty((len(nodes), *self.shape), dtype=np.float32)
        colours, grounds = np.clip(factors[:, 3:6], 0, 1), np.clip(factors[:, 6:7].repeat(3, 1), 0, 1)
        paint(images, shapes, factors[:, :2].copy(), factors[:, 2].copy(), colours, grounds)
        return images

    def condition(self, classes: Sequence[Any] | np.ndarray, factors: np.ndarray | None = None) -> torch.Tensor:
        """`(n, k)` float32: for each concept its values, scaled to about [-1, 1]; without `factors`, class means."""
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
        """
        origin = (0,) * len(self.graph.counts)
        steps = [tuple(int(j == i) for j in range(len(origin))) for i in range(len(origin))]
        moving = [step for step, count in zip(steps, self.graph.counts) if count > 1]
        first, *others = self.render([origin, *moving], self.factors([origin, *moving]))
        names = [name for name, count in zip(self.graph.concepts, self.graph.counts) if count > 1]
        return {name: float(np.sqrt(((one - first) ** 2).mean())) for name, one in zip(names, others)}

    def _nodes(self, classes: Sequence[Any] | np.ndarray) -> np.ndarray:
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
