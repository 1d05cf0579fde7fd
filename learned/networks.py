"""The networks by name, and their making from plain data."""

from __future__ import annotations

from typing import Any

from .. import _checks as check
from ._network import NetworkConfig, NetworkDenoiser
from .linear import LinearConfig, LinearDenoiser
from .mlp import MLPConfig, MLPDenoiser
from .unet import UNetConfig, UNetDenoiser

__all__ = [
    "NETWORKS",
    "LinearConfig",
    "LinearDenoiser",
    "MLPConfig",
    "MLPDenoiser",
    "NetworkConfig",
    "NetworkDenoiser",
    "UNetConfig",
    "UNetDenoiser",
    "build",
]

NETWORKS: dict[str, type[NetworkDenoiser]] = {kind.name: kind for kind in (LinearDenoiser, MLPDenoiser, UNetDenoiser)}


def build(description: dict[str, Any], seed: int = 0) -> NetworkDenoiser:
    """The network that `describe()` described, at its seeded start.

    >>> build(MLPDenoiser((2,), width=8).describe()).config.width
    8
    """
    options = dict(description)
    kind = check.choice("network", options.pop("network", None), NETWORKS)
    return NETWORKS[kind](options.pop("shape", ()), seed=seed, **options)
