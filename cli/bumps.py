"""`idealscore bumps STUDY`: do networks compose what they learned of bumps and stripes?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

if TYPE_CHECKING:
    import xarray as xr

STUDIES = {
    "held-out": "held_out_composition",
    "efficiency": "data_efficiency",
    "representation": "bump_representation",
    "percolation": "percolation_of_accuracy",
}


@dataclass(frozen=True)
class Command:
    """Train conditional networks on Gaussian bumps and stripes, and measure what they compose.

    held-out: accuracy inside a band of places that training left out. efficiency: images needed to reach 60 % against
    the size of the canvas. representation: orthogonality, parallelism and topology, layer by layer, next to two tori.
    percolation: accuracy next to the largest connected share of the data. A stopped command goes on when repeated.
    """

    study: tyro.conf.Positional[str] = "held-out"
    """held-out, efficiency, representation, percolation"""
    scale: str = "small"
    """small (a CPU) or full (a GPU)"""
    kind: str = "bump"
    """bump, or sum (of a stripe along x and one along y)"""
    head: str = ""
    """edm, eps (noise prediction) or v (default: that of the scale)"""
    size: int | None = None
    """side of the canvas in pixels (held-out and percolation; representation: of the torus)"""
    band: tuple[float, float] | None = None
    """held-out interval of places, in pixels"""
    shape: str = "band"
    """of the held-out places: band, lesion, interior, exterior"""
    layer: tuple[str, ...] = ()
    """layers whose representation is read (default: those of the scale)"""
    networks: int | None = None
    """networks, each from its own seed, per setting"""
    steps: int | None = None
    """training steps"""
    seed: int = 0
    device: str = "auto"
    """auto (the GPU where there is one), cpu, cuda, ..."""
    out: str = ""
    """folder of the result and the networks (default: bumps-STUDY)"""
    json: bool = False
    """print the table as JSON"""

    def run(self) -> None:
        from .._support import checks as check

        name = STUDIES[check.choice("study", self.study, STUDIES)]
        from .._support.device import best_device
        from .._support.results import save
        from ..compare import bumps
        from ..compare.bumps._table import records, table

        plan = self._plan()
        out = Path(self.out or f"bumps-{self.study}")
        result: xr.Dataset = getattr(bumps, name)(plan, self.seed, out / "networks", best_device(self.device))
        path = save(result, out / f"{self.study}.nc")
        rows = records(self.study, result)
        if self.json:
            import json

            print(json.dumps(rows, indent=2, ensure_ascii=False))
        else:
            print(table(rows))
            print(f"\nwritten: {path}")

    def _plan(self) -> Any:
        """The plan of the scale, with what was given in its place."""
        from dataclasses import replace

        from .._support import checks as check
        from ..compare.bumps.plans import plan
        from ..compare.representation._factorisation import representation_layers
        from ..simulate.bumps import HeldOut

        chosen = plan(self.scale)
        train = chosen.recipe.train
        if self.steps is not None:
            train = replace(train, steps=check.integer("steps", self.steps, 1))
        recipe = replace(chosen.recipe, kind=self.kind, head=self.head or chosen.recipe.head, train=train)
        changes: dict[str, Any] = {"recipe": recipe}
        if self.size is not None:
            which = "torus" if self.study == "representation" else "canvas"
            changes[which] = replace(getattr(chosen, which), size=self.size)
        low, high = self.band or (chosen.held_out.low, chosen.held_out.high)
        changes["held_out"] = HeldOut(low, high, self.shape)
        if self.networks is not None:
            changes["seeds"] = check.integer("networks", self.networks, 1)
        if self.layer:
            known = representation_layers(recipe.build(chosen.torus))
            changes["layers"] = tuple(check.choice("layer", layer, known) for layer in self.layer)
        changed = replace(chosen, **changes)
        if self.study == "held-out":
            changed.held_out.mask(changed.canvas.centres())
        return changed
