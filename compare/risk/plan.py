"""What a risk is asked for: the network, how long it shall train, on how many images."""

from __future__ import annotations

from dataclasses import dataclass

from ..._support import checks as check
from ..._support.typed import typed
from ...learned.networks import NETWORKS


@typed
@dataclass(frozen=True)
class RiskPlan:
    """A training that has not happened yet.

    Parameters
    ----------
    n : int, optional
        Number of images that will be trained on (default: those of the data), at least 2.
    steps : int, optional
        Training steps.
    width : int, optional
        Of the network, for the capacity rule.
    network : {"mlp", "unet", "local"}, optional
        The kind of network, for the capacity rule.
    limit : float, optional
        The share of copies that is still acceptable, in (0, 1).
    probes : int, optional
        So many images are held against all others for near-duplicates.
    draws : int, optional
        Noised images behind the collapse by entropy; 0 leaves it out.
    n_samples : int, optional
        Drawn from a trained network, at least 2.
    seed : int, optional
        The seed of everything.

    Raises
    ------
    ArgumentError
        If a number is out of its range.
    UnknownNameError
        If `network` is unknown.

    Examples
    --------
    >>> RiskPlan(steps=5000).width
    128
    """

    n: int | None = None
    steps: int = 8000
    width: int = 128
    network: str = "mlp"
    limit: float = 0.01
    probes: int = 1000
    draws: int = 64
    n_samples: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n is not None:
            check.integer("n", self.n, 2)
        for name, least in (("steps", 1), ("width", 1), ("probes", 2), ("draws", 0), ("n_samples", 2), ("seed", 0)):
            check.integer(name, getattr(self, name), least)
        check.choice("network", self.network, NETWORKS)
        check.real("limit", self.limit, 1e-9, 1 - 1e-9)
