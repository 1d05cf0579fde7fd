"""The networks by name, and their making from plain data."""

from __future__ import annotations

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Record
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


@typed
def build(description: Record, seed: int = 0) -> NetworkDenoiser | EnsembleDenoiser:
    """The network, or the ensemble of equal starts, that `describe()` described, at its seeded start.

    Parameters
    ----------
    description : dict
        "network", a name of `NETWORKS`; "shape"; "replicas" for an ensemble; the options of the network.
    seed : int
        Of the initial weights.

    Returns
    -------
    NetworkDenoiser or EnsembleDenoiser
        With initial weights.

    Raises
    ------
    UnknownNameError
        On an unknown network or option.
    ArgumentError
        On an option outside its range.

    Examples
    --------
    >>> build(MLPDenoiser((2,), width=8).describe()).config.width
    8
    """
    options = dict(description)
    replicas = options.pop("replicas", None)
    kind = check.choice("network", options.pop("network", None), NETWORKS)
    network = NETWORKS[kind](options.pop("shape", ()), seed=seed, **options)
    return network if replicas is None else EnsembleDenoiser([network] * check.integer("replicas", replicas, 1))
