"""The networks by name, and their making from plain data."""

from __future__ import annotations

from typing import Any

from .. import _checks as check
from ._network import NetworkConfig, NetworkDenoiser
from .hierarchy_net import HierarchyConfig, HierarchyNet
from .linear import LinearConfig, LinearDenoiser
from .local import LocalConfig, LocalNet
from .mlp import MLPConfig, MLPDenoiser
from .stacked import EnsembleDenoiser
from .unet import UNetConfig, UNetDenoiser

__all__ = [
    "NETWORKS",
    "EnsembleDenoiser",
    "HierarchyConfig",
    "HierarchyNet",
    "LinearConfig",
    "LinearDenoiser",
    "LocalConfig",
    "LocalNet",
    "MLPConfig",
    "MLPDenoiser",
    "NetworkConfig",
    "NetworkDenoiser",
    "UNetConfig",
    "UNetDenoiser",
    "build",
]

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
