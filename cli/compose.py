"""`idealscore compose`: do the concepts of a conditional network compose, and in which order do classes appear?"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from ..compare.concepts.training import ConceptPlan


@dataclass(frozen=True)
class Command:
    """Train networks on a split of a concept graph and time every class; or judge curves of your own (--curves).

    The same command goes on where a stopped one was.
    """

    concepts: str = "shape,color,size"
    """of shape, color, size, position, background; "shape:3" has three values"""
    split: str = "H32-train1"
    """a named split (H22-train1, H32-train1 ... H32-fail1, H42-train1, star), or its classes: 000,001,..."""
    scale: str = "small"
    """small (minutes on a CPU) or full (the paper's sizes; needs a GPU)"""
    out: str = ""
    """run folder (default: compose-SPLIT)"""
    seed: int = 0
    seeds: int | None = None
    """networks, trained side by side"""
    steps: int | None = None
    """training steps"""
    every: int | None = None
    """steps between evaluations"""
    per_class: int | None = None
    """training pictures of each class"""
    n_samples: int | None = None
    """generated pictures per class, seed and evaluation"""
    network: str | None = None
    """mlp or unet"""
    head: str | None = None
    """edm, eps (as in the paper) or v"""
    threshold: float = 0.8
    """accuracy at which a class counts as learned"""
    settled: bool = False
    """time the last crossing of the threshold, not the first"""
    rare: str = ""
    """a training class of which only --kept pictures are shown"""
    kept: tuple[int, ...] = (0, 4, 8, 16, 32, 64, 128, 256)
    """numbers of pictures of the rare class"""
    curves: str = ""
    """a CSV table of your own instead of training: label,timestep,acc"""
    joint: str = "Multiplicative"
    """label of the joint accuracy in the table; all labels but --omit's are concepts"""
    omit: tuple[str, ...] = ("Additive",)
    """labels of the table to leave out"""
    percent: bool = False
    """the table's values are percent"""
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, ..."""
    json: bool = False
    """print the result as JSON"""
    dry_run: bool = False
    """print the plan, the classes and their distances, and stop"""

    def run(self) -> None:
        from .._support.results import save
        from ..compare.concepts.emergence import composition

        if self.curves:
            self._tell(composition(self._table(), threshold=self.threshold, settled=self.settled))
            return
        plan = self._plan()
        if self.dry_run:
            self._describe(plan)
            return
        out = Path(self.out or f"compose-{self.split.replace(',', '_')}")
        if self.rare:
            self._rare(plan, out)
            return
        from .._support.device import best_device
        from ..compare.concepts.training import concept_study

        found = concept_study(plan, out, device=best_device(self.device))
        result = composition(found, threshold=self.threshold, settled=self.settled)
        path = save(result, out / "composition.nc")
        self._tell(result, path)

    def _plan(self) -> ConceptPlan:
        from ..compare.concepts.presets import concept_plan
        from ..compare.concepts.training import with_options
        from ..errors import ArgumentError

        plan = concept_plan(self.scale, concepts=_counts(self.concepts), split=self.split, seed=self.seed)
        names = ("seeds", "steps", "every", "per_class", "n_samples")
        changes: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.network is not None and self.network != plan.network:
            changes |= {"network": self.network, "options": _OPTIONS.get(self.network, {})}
        if self.head is not None:
            changes["options"] = {**(changes.get("options") or plan.options), "head": self.head}
        plan = with_options(plan, **changes)
        if len(plan.train.snapshot_steps()) < 2 and not self.rare:
            problem = f"expected two evaluations or more in {plan.train.steps} steps, got one every {plan.train.every}"
            raise ArgumentError("every", problem, "evaluate more often")
        return plan

    def _rare(self, plan: ConceptPlan, out: Path) -> None:
        import json

        from .._support.device import best_device
        from .._support.estimates import mean_error
        from .._support.results import save
        from ..compare.concepts._critical_samples import critical_samples
        from ..compare.concepts._frequency_study import frequency_study
        from ..errors import EstimateError

        found = frequency_study(plan, self.rare, self.kept, out, device=best_device(self.device))
        path = save(found, out / "frequency.nc")
        last = found.joint.isel(step=-1)
        records = []
        for label in found["class"].values:
            mean, error = mean_error(last.sel({"class": label}).transpose("seed", "kept").values)
            try:
                critical = critical_samples(self.kept, mean) if len(self.kept) >= 4 else None
                note = str(critical) if critical else "-"
            except EstimateError:
                critical, note = None, "no threshold within these numbers"
            record = {"class": str(label), "accuracy": mean.tolist(), "stderr": error.tolist()}
            records.append({**record, "critical": critical.value if critical else None, "note": note})
        if self.json:
            told = {"rare": self.rare, "kept": list(self.kept), "classes": records, "written": str(path)}
            print(json.dumps(_plain(told), indent=2))
            return
        print(f"accuracy at the last step against the pictures kept of {self.rare}")
        print(f"{'class':<8}" + "".join(f"{count:>7}" for count in self.kept) + "  half of the plateau at")
        for record in records:
            print(f"{record['class']:<8}" + "".join(f"{a:>7.2f}" for a in record["accuracy"]) + f"  {record['note']}")
        print(f"\nwritten: {path}")

    def _table(self) -> xr.Dataset:
        from ..compare.concepts.curves import curves_from_table, read_curves

        table = read_curves(self.curves, percent=self.percent)
        if table.attrs.get("dropped"):
            print(f"steps with a hole, dropped: {table.attrs['dropped']}", file=sys.stderr)
        labels = [str(label) for label in table.label.values]
        return curves_from_table(table, [x for x in labels if x not in (self.joint, *self.omit)], self.joint)

    def _describe(self, plan: ConceptPlan) -> None:
        import json

        split, graph = plan.chosen, plan.world.graph
        print(json.dumps(plan.describe(), indent=2))
        for d, shell in enumerate(split.graph.shells(split.train)):
            print(f"distance {d}: " + "; ".join(f"{graph.label(node)} ({graph.describe(node)})" for node in shell))

    def _tell(self, result: xr.Dataset, path: Path | None = None) -> None:
        from ..compare.concepts import _table as emergence_table

        if not self.json:
            print(emergence_table.table(result))
            if path is not None:
                print(f"\nwritten: {path}")
            return
        import json

        told: dict[str, Any] = {"threshold": self.threshold, "laws": emergence_table.law_records(result)}
        if "class" in result.time.dims:
            told |= {"distances": emergence_table.distance_records(result)}
            told |= {"classes": emergence_table.class_records(result)}
        else:
            told |= {"time": float(result.time), "concept_time": dict(zip(*_times(result), strict=True))}
            told |= {"fits": emergence_table.fit_records(result)}
        print(json.dumps(_plain({**told, "written": None if path is None else str(path)}), indent=2))


_OPTIONS: dict[str, dict[str, Any]] = {
    "mlp": {"width": 256, "depth": 2},
    "unet": {"width": 16, "multipliers": (1, 2), "blocks": 1},
}


def _times(result: xr.Dataset) -> tuple[list[str], list[float]]:
    return [str(name) for name in result.concept.values], result.concept_time.values.tolist()


def _plain(value: Any) -> Any:
    """`value` with None where a number is nan, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and value != value else value


def _counts(text: str) -> dict[str, int]:
    """{concept: number of values} of "shape:3,color": two where nothing is said."""
    from ..errors import ArgumentError

    counts: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = part.partition(":")
        if name in counts or (count and not count.isdigit()):
            raise ArgumentError("concepts", f"is '{text}'", "name each once, with its number of values: shape:3,color")
        counts[name] = int(count or 2)
    return counts
