"""Which classes of a concept graph are trained on, by name [@Okawa2023].

Names and contents are those of the paper's configuration: H22 and H32 are two and three concepts of two values, H42
four concepts of two. Digits are (shape, color, size). "H32-fail1" is the adversarial split, in which the farthest
corner is shown but its neighbours are not. "star" is the corner 00...0 and all classes one step away, for any graph.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ...errors import ArgumentError, UnknownNameError
from ...theory.composition.concept_graph import Class, ConceptGraph

SPLITS: dict[str, tuple[str, ...]] = {
    "H22-train1": ("00", "01", "10"),
    "H32-train1": ("000", "001", "100", "010"),
    "H32-train2": ("000", "001", "011", "101"),
    "H32-train3": ("000", "010", "011", "110"),
    "H32-train4": ("000", "100", "110", "101"),
    "H32-train5": ("000", "100", "010", "111"),
    "H32-fail1": ("000", "100", "010", "111"),
    "H32-train6": ("001", "101", "011", "110"),
    "H32-train7": ("000", "010", "110", "101"),
    "H32-train8": ("000", "100", "110", "011"),
    "H32-train9": ("000", "011", "110", "101"),
    "H32-train10": ("000", "001", "010", "100", "011", "101", "110"),
    "H42-train1": ("0000", "1000", "0100", "0010", "0001"),
}


@dataclass(frozen=True, repr=False)
class Split(Boxed):
    """The training classes of a concept graph; all other classes are never seen [@Okawa2023].

    Parameters
    ----------
    name : str
        Name of the split.
    graph : ConceptGraph
        The graph of all classes.
    train : tuple of classes
        The training classes, each a tuple with one value per concept.

    Raises
    ------
    ArgumentError
        Where `train` holds something else than classes of the graph.

    Examples
    --------
    >>> split = concept_split("H22-train1", ConceptGraph((2, 2)))
    >>> split
    Split('H22-train1', trained on 00 01 10, 1 held out)
    >>> split.labels, split.held_out
    (['00', '01', '10'], ((1, 1),))
    """

    name: str
    graph: ConceptGraph
    train: tuple[Class, ...]

    def __post_init__(self) -> None:
        check.instance("name", self.name, str)
        check.instance("graph", self.graph, ConceptGraph)
        with check.speaking_of("train"):
            object.__setattr__(self, "train", tuple(map(self.graph.parse, check.items("train", self.train))))

    def __repr__(self) -> str:
        return f"Split({self.name!r}, trained on {' '.join(self.labels)}, {len(self.held_out)} held out)"

    @property
    def held_out(self) -> tuple[Class, ...]:
        """The classes that are not trained on."""
        seen = set(self.train)
        return tuple(node for node in self.graph.classes if node not in seen)

    @property
    def labels(self) -> list[str]:
        """The training classes as text."""
        return [self.graph.label(node) for node in self.train]


def concept_split(name: str, graph: ConceptGraph) -> Split:
    """A split by name, or of listed classes [@Okawa2023].

    Parameters
    ----------
    name : str
        A name in `SPLITS`; "star" (the class 00...0 and all classes one step away); or classes, "000,011,101".
    graph : ConceptGraph
        The graph of all classes.

    Returns
    -------
    Split
        The training classes.

    Raises
    ------
    UnknownNameError
        For an unknown name, with the nearest one.
    ArgumentError
        Where the split is of another graph, or leaves a concept value unseen (which it names).

    Examples
    --------
    >>> cube = ConceptGraph((2, 2, 2))
    >>> concept_split("H32-train1", cube).labels, len(concept_split("star", ConceptGraph((3, 2))).train)
    (['000', '001', '100', '010'], 4)
    """
    check.instance("name", name, str)
    check.instance("graph", graph, ConceptGraph)
    listed = tuple(part.strip() for part in name.split(","))
    if name == "star":
        origin = (0,) * len(graph.counts)
        chosen = [origin, *(node for node in graph.classes if graph.distance(node, origin) == 1)]
    elif all(part.replace("-", "").isdigit() for part in listed):
        chosen = [graph.parse(part) for part in listed]
    else:
        if name not in SPLITS:
            raise UnknownNameError("split", name, [*SPLITS, "star"])
        chosen = [graph.parse(label) for label in _fitting(name, graph)]
    try:
        return Split(name, graph, tuple(graph.training(chosen)))
    except ArgumentError as error:
        raise ArgumentError("split", f"'{name}': the training classes {error.problem}", error.remedy) from None


def _fitting(name: str, graph: ConceptGraph) -> tuple[str, ...]:
    """The classes of a named split, if it is one of `graph`."""
    labels = SPLITS[name]
    if len(labels[0]) != len(graph.counts) or any(count != 2 for count in graph.counts):
        problem = f"'{name}' is of {len(labels[0])} concepts with two values each, not of {graph!r}"
        raise ArgumentError("split", problem, "choose another split, 'star', or list the classes: 000,001,...")
    return labels
