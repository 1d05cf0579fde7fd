"""Studies on bumps for the figures, on the best available device."""

from __future__ import annotations

from typing import Any

import xarray as xr

from ..._support import checks as check
from ..._support.device import best_device
from ..._support.estimates import show
from ...compare import bumps
from ...compare.bumps.plans import PLANS, plan


def study(name: str, scale: str, seed: int) -> xr.Dataset:
    """The result of a function of `compare.bumps` at a scale."""
    chosen = plan(check.choice("scale", scale, PLANS))
    return getattr(bumps, name)(chosen, seed, device=best_device())


def told(data: Any, name: str) -> str:
    """`value ± error` of a variable without dimensions."""
    return show(float(data[name]), float(data[f"{name}_stderr"]))
