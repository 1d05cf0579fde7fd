"""What the studies of networks on bumps share: accuracy per place, run folders, attributes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..._support.results import provenance
from ..._support.types import Device, FilePath
from ...learned.networks import EnsembleDenoiser
from ...learned.probes.bump_centres import fit_centres
from ...simulate.bumps import BumpCanvas
from .plans import BumpPlan

if TYPE_CHECKING:
    pass

SETS = ("bumps", "stripes", "few bumps", "stripes + few bumps", "stripes + bumps")
REACHED = 0.6


def _right(plan: BumpPlan, networks: EnsembleDenoiser, canvas: BumpCanvas, centres: np.ndarray) -> np.ndarray:
    """Whether each network paints the bump where it is wanted, `(networks, n)`."""
    images = plan.recipe.generate(networks, canvas, centres)
    kind = plan.recipe.kind
    return np.stack([fit_centres(painted, canvas, kind).correct(centres) for painted in images])


def _centre_errors(plan: BumpPlan, networks: EnsembleDenoiser, canvas: BumpCanvas) -> np.ndarray:
    """Rms distance of painted from wanted centres, `(networks, 2)`: at the lattice and in the middle of its cells."""
    errors = []
    for shift in (0.0, canvas.spacing / 2):
        wanted = canvas.centres() + shift
        for painted in plan.recipe.generate(networks, canvas, wanted):
            apart = canvas.offset(fit_centres(painted, canvas, plan.recipe.kind).centres, wanted)
            errors.append(float(np.sqrt(np.nanmean((apart**2).sum(axis=1)))))
    return np.array(errors).reshape(2, -1).T


def _example(plan: BumpPlan, networks: EnsembleDenoiser, canvas: BumpCanvas, centres: np.ndarray) -> np.ndarray:
    """One image in the middle of the band from the first network of each set, `(set, size, size)`."""
    return plan.recipe.generate(networks, canvas, centres[:1])[: len(SETS), 0, 0]


def _folder(run_dir: FilePath | None, name: str) -> Path | None:
    return None if run_dir is None else Path(run_dir) / name


def _attributes(plan: BumpPlan, seed: int, device: Device) -> dict[str, object]:
    recipe = plan.recipe
    about = {"network": recipe.network, "head": recipe.head, "kind": recipe.kind, "resolution": recipe.resolution}
    return {**provenance(seed=seed, device=str(device)), **about, "steps": recipe.train.steps, "seeds": plan.seeds}
