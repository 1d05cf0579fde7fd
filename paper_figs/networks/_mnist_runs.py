"""The networks on subsets of MNIST, for the figure on what n images teach a network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ._regime_runs import run_folder

if TYPE_CHECKING:
    import xarray as xr

IMAGES = "IDEALSCORE_IMAGES"
SMALL: dict[str, Any] = {
    "sizes": (64, 256, 1024, 4096, 16384, 59000), "widths": (256,), "repeats": 1, "held_out": 1000,
    "steps": 8000, "theories": ("empirical", "gaussian"), "levels": 5, "sigma_min": 0.2, "sigma_max": 5.0,
    "n_pairs": 50, "n_images": 128, "n_samples": 64, "snapshots": 14, "first_step": 50,
}  # fmt: skip
FULL = SMALL | {"widths": (256, 1024), "repeats": 3, "steps": 100_000, "snapshots": 20}
PLANS = {"small": SMALL, "full": FULL}


def mnist_regimes(scale: str, seed: int) -> xr.Dataset:
    """The regime map of perceptrons on the images in the file that `IMAGES` names."""
    from ..._support import checks as check
    from ..._support.device import best_device
    from ...compare.regimes import RegimePlan, regime_map
    from ...errors import ArgumentError
    from ...learned.data import load

    plan = RegimePlan(**PLANS[check.choice("scale", scale, PLANS)], seed=seed)
    if not os.environ.get(IMAGES):
        raise ArgumentError(IMAGES, "is not set", "let it name the file with the images of MNIST")
    folder = run_folder(scale, seed).with_name(f"regimes-mnist-{scale}-seed{seed}")
    return regime_map(load(os.environ[IMAGES]), plan, folder, device=best_device())
