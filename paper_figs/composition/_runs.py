"""Networks on concept graphs for the figures on composition: one plan, so that the figures differ in split alone."""

from __future__ import annotations

from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import xarray as xr

from ..._support.device import best_device
from ...compare.concepts._frequency_study import frequency_study
from ...compare.concepts.emergence import composition
from ...compare.concepts.presets import concept_plan
from ...compare.concepts.training import ConceptPlan, concept_study, with_options


def plan(
    scale: str, seed: int, split: str = "H32-train1", concepts: Any = ("shape", "color", "size"), **changes: Any
) -> ConceptPlan:
    """The preset of a scale, for a split."""
    return with_options(concept_plan(scale, concepts=concepts, split=split, seed=seed), **changes)


def emergence(scale: str, seed: int, split: str = "H32-train1") -> xr.Dataset:
    """`composition` of a study, made once for all figures that are computed in one go."""
    return composition(_study(scale, seed, split))


@cache
def _study(scale: str, seed: int, split: str) -> xr.Dataset:
    """Networks on the way are kept in a folder that is thrown away."""
    with TemporaryDirectory() as folder:
        return concept_study(plan(scale, seed, split), folder, device=best_device())


def frequency(scale: str, seed: int, rare: str, kept: tuple[int, ...], every: int) -> xr.Dataset:
    """`frequency_study` of a training class, three seeds for each number of its pictures."""
    chosen = plan(scale, seed, seeds=3, every=every)
    with TemporaryDirectory() as folder:
        return frequency_study(chosen, rare, kept, folder, device=best_device())
