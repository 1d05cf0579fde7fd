"""How often value ± 1.96 standard errors covers the truth, over repeats of a small known case from fresh draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from idealscore._support.estimates import CONFIDENCE

LOW, HIGH = 0.90, 0.98
REPEATS = 1000  # of a sound error 900 to 980 cover but for a chance below 1e-6

Estimates = Mapping[str, tuple[float, float]]
"""Value and standard error by the name of the quantity."""


@dataclass(frozen=True)
class Explained:
    """A share beyond LOW ... HIGH that has its reason: between which bounds it lies, and why."""

    low: float
    high: float
    why: str


@dataclass(frozen=True)
class Case:
    """A small known case of one function.

    measure: from a seed to its estimates, everything drawn anew; truth: what they estimate, and `known`, how that is
    known; `explained`: by quantity, what keeps its share from LOW ... HIGH.
    """

    name: str
    measure: Callable[[int], Estimates]
    truth: Callable[[], Mapping[str, float]]
    known: str
    repeats: int = REPEATS
    explained: Mapping[str, Explained] = field(default_factory=dict)

    def bounds(self, quantity: str) -> tuple[float, float]:
        """Between which shares the coverage of a quantity has to lie."""
        reason = self.explained.get(quantity)
        return (LOW, HIGH) if reason is None else (reason.low, reason.high)


@dataclass(frozen=True)
class Coverage:
    """Of `n` repeats that stated an error `covered` held the truth.

    bias: of the mean value, in standard deviations of the values; ratio: root mean square stated error over that
    standard deviation, 1 for an error that is right on average.
    """

    quantity: str
    n: int
    covered: int
    bias: float
    ratio: float

    @property
    def share(self) -> float:
        return self.covered / self.n


CASES: dict[str, Case] = {}


def case(name, known, truth, **options):
    """A decorator: the function measures the case `name`, whose truth is `truth()`."""

    def register(measure):
        assert name not in CASES
        CASES[name] = Case(name, measure, truth, known, **options)
        return measure

    return register


def covered(found: list[Estimates], truth: Mapping[str, float]) -> list[Coverage]:
    """The coverage of each quantity of `truth` in repeats; a repeat without an error does not count."""
    result = []
    for quantity, true in truth.items():
        value, error = np.array([repeat[quantity] for repeat in found], dtype=np.float64).T
        stated = np.isfinite(value) & np.isfinite(error)
        value, error = value[stated], error[stated]
        spread = value.std(ddof=1)
        held = np.abs(value - true) <= CONFIDENCE * error
        result.append(
            Coverage(
                quantity, len(value), int(held.sum()), (value.mean() - true) / spread,
                float(np.sqrt((error**2).mean())) / spread,
            )
        )  # fmt: skip
    return result


def run(chosen: Case) -> list[Coverage]:
    """Repeat a case."""
    return covered([chosen.measure(1000 + seed) for seed in range(chosen.repeats)], chosen.truth())


def generator(seed, *purpose):
    """Random numbers of one repeat."""
    return np.random.default_rng([seed, *map(ord, "".join(purpose))])


def pick(found, *names, **at):
    """Estimates of a Dataset at one place, by the names of its variables."""
    here = found.sel(**at) if at else found
    return {name: (float(here[name]), float(here[f"{name}_stderr"])) for name in names}
