"""`idealscore transitions`: predicted transitions of data (`data`), of guidance, or of a grammar (`hierarchy`)."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from ._plans.budget import allowed, tell
from ._transitions_data import Data
from ._transitions_guidance import Guidance

if TYPE_CHECKING:
    from ..theory.hierarchy.mean_field import HierarchyTheory
    from ..theory.transition import Transition


@dataclass(frozen=True)
class Hierarchy:
    """Critical noise, exponents and finite-depth crossings of the Random Hierarchy Model."""

    v: int = 32
    """symbols of the vocabulary"""
    m: int = 8
    """rules per symbol"""
    s: int = 2
    """symbols per rule"""
    depth: int = 10
    """largest depth of the finite-depth crossings"""
    error: float = 0.01
    """relative standard error at which density evolution stops"""
    workers: int = 1
    """processes; the result does not depend on their number"""
    budget: str = ""
    """the time that it may take, as 90s, 3min or 1h30min: a larger error keeps it, with a word (default: no limit)"""
    seed: int = 0
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        from ..theory.hierarchy.mean_field import HierarchyTheory
        from ._plans.hierarchy import CHANNELS, planned_error

        started = time.monotonic()
        allowed(self.budget)
        theory = HierarchyTheory(self.v, self.m, self.s)
        error = planned_error(theory, self.error, self.seed, self.budget, started)
        crossings = {depth: theory.crossing(depth) for depth in range(1, self.depth + 1)}
        options = {"relative_error": error, "n_jobs": self.workers, "seed": self.seed}
        transitions = [theory.critical_noise("epsilon")]
        try:
            for channel in CHANNELS:
                transitions.append(theory.critical_noise(channel, **options))
        except KeyboardInterrupt:
            self._tell(theory, transitions, crossings)
            tell(
                f"stopped; done: {', '.join(one.name for one in transitions)}; a larger --error or a budget takes less"
            )
            raise
        self._tell(theory, transitions, crossings)

    def _tell(self, theory: HierarchyTheory, transitions: list[Transition], crossings: dict) -> None:
        if self.json:
            import json

            print(json.dumps(_record(theory, transitions, crossings), indent=2))
        else:
            print(_table(theory, transitions, crossings))


@dataclass(frozen=True)
class Levels:
    """What survives at each level of a grammar at one epsilon, in mean field."""

    v: int = 32
    """symbols of the vocabulary"""
    m: int = 8
    """rules per symbol"""
    s: int = 2
    """symbols per rule"""
    depth: int = 10
    """depth of the tree"""
    epsilon: float = 0.7
    """noise on the leaves, 0 to 1"""
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        from ..theory.hierarchy.mean_field import HierarchyTheory

        theory = HierarchyTheory(self.v, self.m, self.s)
        kept = theory.profile(self.depth, self.epsilon).tolist()
        chi = float(theory.susceptibility(self.depth, self.epsilon))
        if self.json:
            import json

            print(json.dumps({"epsilon": self.epsilon, "probability_kept": kept, "chi": chi}, indent=2))
            return
        print("level   probability that the symbol is kept (level 0: leaves)")
        print("\n".join(f"{level:>5}   {value:.5f}" for level, value in enumerate(kept)))
        print(f"chi = {chi:.4g}")


@dataclass(frozen=True)
class Command:
    """Predicted phase transitions."""

    source: Annotated[
        Annotated[Data, tyro.conf.subcommand("data")]
        | Annotated[Guidance, tyro.conf.subcommand("guidance")]
        | Annotated[Hierarchy, tyro.conf.subcommand("hierarchy")]
        | Annotated[Levels, tyro.conf.subcommand("hierarchy-levels")],
        tyro.conf.arg(name=""),
    ]

    def run(self) -> None:
        self.source.run()


def _record(theory: HierarchyTheory, transitions: list[Transition], crossings: dict) -> dict:
    found = []
    for transition in transitions:
        fields = {name: value for name, value in asdict(transition).items() if name != "noise"}
        found.append(fields | {"clocks": transition.clocks()})
    return {
        "v": theory.v,
        "m": theory.m,
        "s": theory.s,
        "window": theory.window,
        "fixed_point": theory.fixed_point,
        "nu": theory.correlation_exponent,
        "a": theory.decay_exponent,
        "transitions": found,
        "crossings": crossings,
    }


def _table(theory: HierarchyTheory, transitions: list[Transition], crossings: dict) -> str:
    low, high = theory.window
    lines = [
        f"Random Hierarchy Model: v = {theory.v}, m = {theory.m:g}, s = {theory.s}",
        f"  a transition exists for {low:.4g} < m < {high:.4g}",
    ]
    if not theory.has_transition:
        return "\n".join([*lines, f"  none here: {theory.reason}"])
    lines += [
        f"  p* = {theory.fixed_point:.6g}, nu = {theory.correlation_exponent:.5g}, a = {theory.decay_exponent:.5g}",
        "",
        "critical noise",
        *(f"  {transition}" for transition in transitions),
        "",
        "epsilon at which a tree of finite depth believes halfway in the class",
        *(f"  depth {depth:>3}   {epsilon:.5f}" for depth, epsilon in crossings.items()),
        f"  infinite    {theory.critical_epsilon:.5f}",
    ]
    return "\n".join(lines)
