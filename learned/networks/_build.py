"""The networks by name, and their making from plain data."""

from __future__ import annotations

from typing import Any

from ..._support import checks as check
from .base import NetworkDenoiser
from .ensemble import EnsembleDenoiser
from .hierarchy import HierarchyNet
from .linear import LinearDenoiser
from .local import LocalNet
from .mlp import MLPDenoiser
from .unet import UNetDenoiser

NETWORKS: dict[str, type[NetworkDenoiser]] = {
    kind.name: kind for kind in (LinearDenoiser, MLPDenoiser, UNetDenoiser, LocalNet, HierarchyNet)
}


def build(description: dict[str, Any], seed: int = 0) -> Any:
    """The network, or the ensemble of equal starts, that `describe()` described, at its seeded start.

    >>> build(MLPDenoiser((2,), width=8).describe()).config.width
    8
    """
    options = dict(description)
    replicas = options.pop("replicas", None)
    if replicas is not None:
        return EnsembleDenoiser([build(options, seed)] * check.integer("replicas", replicas, 1))
    kind = check.choice("network", options.pop("network", None), NETWORKS)
    return NETWORKS[kind](options.pop("shape", ()), seed=seed, **options)
