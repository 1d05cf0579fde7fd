"""`idealscore transitions guidance DATA`: at which noise levels guidance acts, and what it does to each class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro

from ..learned.data._tell import load_data
from ..learned.data.options import DataOptions
from ._transitions_data import records, table

if TYPE_CHECKING:
    from ..learned.data.images import ImageData
    from ..theory.guidance import ClassShift, GuidanceWindow
    from ..theory.guidance.shared_classes import SharedClasses
    from ..theory.transition import Transition


@dataclass(frozen=True)
class Guidance(DataOptions):
    """Where the class is decided, and what a guidance scale does to mean and spread of each class."""

    data: tyro.conf.Positional[str] = "digits"
    """digits, a file (.npy, .npz, .parquet, .csv, .safetensors, IDX, TIFF), a folder, or hf:NAME; with labels"""
    w: float = 1.0
    """weight w of the guidance, D_c + w (D_c - D_u); others write the scale 1 + w"""
    interval: tuple[float, float] | None = None
    """noise levels to guide between (default: where the class is decided)"""
    sigma_min: float = 0.002
    """lowest noise level of the sampler"""
    sigma_max: float = 80.0
    """highest noise level of the sampler"""
    pairs: bool = False
    """the window of every pair of classes, not only of the first and the last"""
    draws: int = 4096
    """draws behind the information on all classes"""
    starts: int = 256
    """starts of the guided flow of each class"""
    seed: int = 0
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        from .._support import checks as check
        from ..errors import ArgumentError
        from ..theory.guidance import guidance_window
        from ..theory.guidance.shared_classes import SharedClasses

        check.real("w", self.w, 0.0)
        check.real("sigma_max", self.sigma_max, check.real("sigma_min", self.sigma_min, 0.0))
        self._refuse_outside()
        data = load_data(self.data, self, self.json)
        if data.labels is None:
            raise ArgumentError("data", f"{data.name} has no labels", "name them, for example --label-column label")
        classes = SharedClasses.of(data.images, data.labels)
        window = guidance_window(classes, n=self.draws, seed=self.seed)
        low, high = self.interval or window.interval
        interval = max(low, self.sigma_min), min(high, self.sigma_max)
        rows = {data.class_name(k): self._shifts(classes, k, interval) for k in classes.names}
        transitions = self._transitions(window, data)
        if self.json:
            import json

            print(json.dumps(self._record(data, transitions, interval, rows), indent=2))
        else:
            print("\n".join([table(transitions), "", *self._told(interval, rows)]))

    def _refuse_outside(self) -> None:
        """Before any work: an interval that is none, or that no step of the sampler falls into."""
        from ..errors import ArgumentError
        from ..theory.guidance._guided_shift import check_interval

        if self.interval is None:
            return
        _, high = check_interval(self.interval, self.sigma_max)
        if high < self.sigma_min:
            problem = f"ends at {high:g}, below the lowest noise level {self.sigma_min:g}"
            raise ArgumentError("interval", problem, "guide where the sampler is, or lower --sigma-min")

    def _shifts(self, classes: SharedClasses, k: int, interval: tuple[float, float]) -> dict[str, ClassShift]:
        from ..theory.guidance import class_shift

        # what is left outside of the sampler's range differs from all noise levels by less than the digits shown
        ranges = {"always": (0.0, math.inf), "interval": interval}
        return {
            name: class_shift(classes, k, self.w, interval=levels, n=self.starts, seed=self.seed)
            for name, levels in ranges.items()
        }

    def _transitions(self, window: GuidanceWindow, data: ImageData) -> list[Transition]:
        from dataclasses import replace

        found = [window.upper, window.lower]
        pairs = sorted(window.pairs.items(), key=lambda pair: -(pair[1].upper.value or 0.0))
        shown = pairs if self.pairs or len(pairs) < 3 else [pairs[0], pairs[-1]]
        for (a, b), one in shown if len(pairs) > 1 else []:
            names = f"{data.class_name(a)} | {data.class_name(b)}"
            found.append(replace(one.upper, name=f"{names} sets in"))
            found.append(replace(one.lower, name=f"{names} is done"))
        return found

    def _record(
        self,
        data: ImageData,
        transitions: list[Transition],
        interval: tuple[float, float],
        rows: dict[str, dict[str, ClassShift]],
    ) -> dict:
        names = ("shift", "variance", "spread")
        shifts = {
            label: {
                kind: {name: getattr(one, name) for name in (*names, *(f"{name}_stderr" for name in names))}
                for kind, one in pair.items()
            }
            for label, pair in rows.items()
        }
        described = {"data": data.name, "n": len(data), "w": self.w, "interval": list(interval)}
        return described | {"transitions": records(transitions), "classes": shifts}

    def _told(self, interval: tuple[float, float], rows: dict[str, dict[str, ClassShift]]) -> list[str]:
        """The interval, and a line per class: shift in widths of the class, variance along it, spread of all pixels."""
        from .._support.estimates import show

        low, high = interval
        kinds = {"always": "always", "interval": "interval"}
        lines = [("class", *(f"{what}, {kind}" for kind in kinds.values() for what in ("shift", "variance", "spread")))]
        for label, pair in rows.items():
            cells = [
                show(getattr(pair[kind], name), getattr(pair[kind], f"{name}_stderr"))
                for kind in kinds
                for name in ("shift", "variance", "spread")
            ]
            lines.append((label, *cells))
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        share = sum(pair["interval"].shift for pair in rows.values()) / (
            sum(pair["always"].shift for pair in rows.values()) or 1.0
        )
        return [
            f"guide for sigma from {low:.4g} to {high:.4g}: {share:.0%} of the shift of guidance at all noise levels",
            f"w = {self.w:g}; shift of the mean in widths of the class, variance along it, spread of all pixels; "
            "1, 1 without guidance",
            *("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines),
        ]
