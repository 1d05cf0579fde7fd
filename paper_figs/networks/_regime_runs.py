"""The one set of training runs that the figures on memorisation and generalisation share.

On a user's own images the largest training set is all of them but those held out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from ...compare.regimes._regime_map import RegimePlan
    from ...learned.data.images import ImageData

SMALL: dict[str, Any] = {}
MEDIUM: dict[str, Any] = {
    "sizes": (64, 256, 1024, 4096, 16384), "widths": (32, 128, 512), "repeats": 1, "held_out": 1000, "steps": 4000,
    "theories": ("empirical", "gaussian"), "levels": 5, "sigma_min": 0.2, "sigma_max": 5.0, "n_pairs": 50,
    "n_images": 128, "n_samples": 64, "snapshots": 12, "first_step": 50,
}  # fmt: skip
FULL: dict[str, Any] = {
    "sizes": (64, 256, 1024, 4096, 16384, 24000), "widths": (16, 32), "network": "unet", "depth": None, "repeats": 1,
    "held_out": 2000, "steps": 12000, "batch": 64, "learning_rate": 1e-3, "noise": "lognormal -0.6 1.4",
    "sigma_max": 40.0, "sample_max": 40.0, "n_images": 256, "n_samples": 512, "theories": ("empirical", "gaussian"),
}  # fmt: skip
PLANS = {"small": SMALL, "medium": MEDIUM, "full": FULL}
WORKERS = 2
SOURCES = {"small": "digits", "full": "hf:cifar10"}


def run_folder(scale: str, seed: int) -> Path:
    """Where the networks and measurements of a scale are kept, so that all figures train them once."""
    from .._digit_networks import caches

    return caches() / f"regimes-{scale}-seed{seed}"


def prepared(scale: str, seed: int) -> tuple[ImageData, RegimePlan, Path]:
    """(data, plan, folder of the runs)."""
    from ..._support import checks as check
    from ...compare.regimes._regime_map import RegimePlan
    from ...learned.data import load
    from .._digit_networks import OWN_IMAGES, own_images

    plan = RegimePlan(**PLANS[check.choice("scale", scale, PLANS)], seed=seed)
    if scale != OWN_IMAGES:
        return load(SOURCES[scale]), plan, run_folder(scale, seed)
    data = own_images()
    plan = up_to(len(plan.pool(data)[0]), plan)
    folder = run_folder(scale, seed)
    return data, plan, folder.with_name(f"{folder.name}-{data.fingerprint[:12]}")


def up_to(most: int, plan: RegimePlan) -> RegimePlan:
    """The same plan with the sizes that so many images have, and all of them."""
    return replace(plan, sizes=(*(size for size in plan.sizes if size < most), most))


def regimes(scale: str, seed: int) -> xr.Dataset:
    """The regime map: trained and measured where it is not yet in the folder."""
    from ..._support.device import best_device
    from ...compare.regimes._regime_map import regime_map

    data, plan, folder = prepared(scale, seed)
    return regime_map(data, plan, folder, workers=WORKERS, device=best_device())


def only(result: xr.Dataset, kept: tuple[str, ...]) -> xr.Dataset:
    """The variables `kept` with their standard errors."""
    return result[[name for name in result.data_vars if str(name).removesuffix("_stderr") in kept]]
