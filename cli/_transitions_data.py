"""`idealscore transitions data DATA`: when modes, classes and single images appear, in every clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import tyro

from .._support import progress
from ..learned.data._tell import load_data
from ..learned.data.options import DataOptions
from ._plans.budget import allowed, tell

if TYPE_CHECKING:
    from ..learned.data.images import ImageData
    from ..theory.transition import Transition

CLOCKS = ("alpha_bar", "OU time", "flow time", "DDPM step")


@dataclass(frozen=True)
class Data(DataOptions):
    """Speciation, emergence of modes and collapse of a data set, with errors."""

    data: tyro.conf.Positional[str] = "digits"
    """digits, a file (.npy, .npz, .parquet, .csv, .safetensors, IDX, TIFF), a folder, or hf:NAME"""
    modes: int = 5
    """so many of the first eigenmodes"""
    draws: int = 1000
    """noised images behind the entropy criterion of the collapse; 0 leaves it out"""
    symmetry: bool = False
    """symmetry breaking by all criteria too (slow beyond a thousand pixels)"""
    budget: str = ""
    """the time that it may take, as 90s, 3min or 1h30min: fewer draws keep it, with a word (default: no limit)"""
    nulls: bool = False
    """next to the data null data: Gaussian of the same spectrum, random phases, shuffled labels, shuffled pixels"""
    figure: str = ""
    """with --nulls: draw all transitions on one noise axis, in every clock, into this .png, .pdf or .svg"""
    seed: int = 0
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        started = time.monotonic()
        self._check()
        from ._plans.transitions import planned_draws

        data = load_data(self.data, self, self.json)
        if self.nulls:
            self._report(data)
            return
        draws, seconds = planned_draws(data, self.draws, self.budget, started)
        found: list[Transition] = []
        try:
            with progress.overall(sum(seconds), "transitions") as bar:
                self.transitions(data, draws, found, lambda share: bar.update(share * seconds[0]))
        except KeyboardInterrupt:
            if found:
                self._tell(data, found)
            tell(f"stopped; {len(found)} transitions are done; a budget or fewer --draws take less time")
            raise
        self._tell(data, found)

    def _tell(self, data: ImageData, found: Sequence[Transition]) -> None:
        if self.json:
            import json

            print(json.dumps({"data": data.name, "n": len(data), "transitions": records(found)}, indent=2))
        else:
            print(table(found))

    def _check(self) -> None:
        """Options that do not go together, before any work."""
        from pathlib import Path

        from .._support import checks as check
        from ..errors import ArgumentError

        allowed(self.budget)
        check.integer("n_modes", self.modes, 1)
        check.integer("n_draws", self.draws, 0)
        if self.figure and not self.nulls:
            raise ArgumentError("figure", "shows the nulls too, and there are none", "add --nulls")
        if self.symmetry and self.nulls:
            raise ArgumentError("symmetry", "is not compared with nulls", "leave out --symmetry or --nulls")
        if self.figure:
            check.choice("figure", Path(self.figure).suffix.lstrip("."), ("png", "pdf", "svg"))

    def _report(self, data: ImageData) -> None:
        """The transitions of the data and of their nulls: table or JSON, and the figure."""
        from ..compare.transitions import (
            null_transitions,
            null_transitions_json,
            null_transitions_text,
            plot_transitions,
        )

        names = {k: data.class_name(k) for k in range(data.n_classes)}
        labels = data.labels if data.n_classes > 1 else None
        found = null_transitions(
            data.images, labels, n_modes=self.modes, n_draws=self.draws, class_names=names, seed=self.seed
        )
        if self.figure:
            from .._support.results import atomic_path

            with atomic_path(self.figure) as path:
                plot_transitions(found).savefig(path, format=self.figure.rpartition(".")[2])
        print(null_transitions_json(found) if self.json else null_transitions_text(found))

    def transitions(
        self,
        data: ImageData,
        draws: int | None = None,
        found: list[Transition] | None = None,
        done: Callable[[float], object] = lambda share: None,
    ) -> list[Transition]:
        """All of them, from the latest on the way back (the most noise) to the earliest within each kind; they are
        put into `found` as they are done, and `done` hears of the share of what comes before the entropy."""
        from dataclasses import replace

        from ..theory.transitions import class_speciation, collapse, mode_emergence, speciation, symmetry_breaking
        from ..theory.transitions._spectrum import spectrum

        images = data.images
        shared = spectrum(images)
        found = [] if found is None else found
        draws = self.draws if draws is None else draws
        found += [*mode_emergence(shared, self.modes), speciation(shared)]
        done(0.5)
        if data.labels is not None and data.n_classes > 1:
            pairs = sorted(
                class_speciation(images, data.labels, shared).items(), key=lambda pair: -(pair[1].value or 0.0)
            )
            found += [_named(pair, data) for pair in ([pairs[0], pairs[-1]] if len(pairs) > 1 else pairs)]
        if self.symmetry:
            found += [symmetry_breaking(images, criterion) for criterion in ("variance", "bimodality", "sde")]
        found.append(replace(collapse(shared), name="collapse, Gaussian bound"))
        done(0.5)
        if draws:
            by_entropy = collapse(images, criterion="entropy", n_draws=draws, seed=self.seed)
            found.append(replace(by_entropy, name="collapse, half of log n"))
        return found


def _named(pair: tuple[tuple[int, int], Transition], data: ImageData) -> Transition:
    """The speciation of a pair of classes under the names that the user knows."""
    from dataclasses import replace

    (a, b), transition = pair
    return replace(transition, name=f"speciation {data.class_name(a)} | {data.class_name(b)}")


def records(transitions: Sequence[Transition]) -> list[dict]:
    """For JSON: every field but the noise level, which becomes its clocks; a clock that has ended gives null."""
    rows = []
    for transition in transitions:
        fields = {name: value for name, value in asdict(transition).items() if name != "noise"}
        clocks = {name: value if math.isfinite(value) else None for name, value in transition.clocks().items()}
        rows.append(fields | {"clocks": clocks})
    return rows


def table(transitions: Sequence[Transition]) -> str:
    """One line per transition: its noise level with error in sigma, the other clocks, and the paper."""
    from .._support.estimates import show

    lines: list[tuple[str, ...]] = [("transition", "sigma", *CLOCKS, "reference")]
    for transition in transitions:
        if transition.value is None:
            lines.append((transition.name, "none", *["-"] * len(CLOCKS), transition.reference))
            continue
        clocks = transition.clocks()
        shown = [f"{clocks[name]:.4g}" if math.isfinite(clocks[name]) else "-" for name in CLOCKS]
        lines.append((transition.name, show(transition.value, transition.stderr), *shown, transition.reference))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(cell.ljust(w) if i in (0, len(widths) - 1) else cell.rjust(w) for i, (cell, w) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    notes = [f"{t.name}: {t.note}" for t in transitions if t.value is None]
    return "\n".join([*(line.rstrip() for line in text), *notes])
