"""The Bethe lattice: every site has z neighbours and there are no loops [@Stauffer1994]."""

from __future__ import annotations

from ..._support import checks as check
from .graph_giant_component import giant_component


def bethe_threshold(coordination: int) -> float:
    """p_c = 1 / (z - 1) of the Bethe lattice, for sites and bonds [@Stauffer1994].

    Parameters
    ----------
    coordination : int
        z >= 3, the number of neighbours of each site.

    Returns
    -------
    float
        p_c.

    Raises
    ------
    ArgumentError
        For a coordination below 3.

    Examples
    --------
    >>> bethe_threshold(3)
    0.5
    """
    return 1 / (check.integer("coordination", coordination, 3) - 1)


def bethe_order_parameter(coordination: int, p: float, kind: str = "site") -> float:
    """Chance that a site of the Bethe lattice belongs to an infinite cluster.

    For z = 3 and sites it is p (1 - ((1 - p) / p)^3) above p_c = 1/2 [@Stauffer1994].

    Parameters
    ----------
    coordination : int
        z >= 3, the number of neighbours of each site.
    p : float
        The fraction of sites or bonds that is kept, in [0, 1].
    kind : str, default "site"
        What is kept: "site" or "bond".

    Returns
    -------
    float
        The chance, 0.0 at and below the threshold.

    Raises
    ------
    ArgumentError
        For a coordination below 3, p outside [0, 1] or an unknown kind.

    Examples
    --------
    >>> abs(bethe_order_parameter(3, 0.75) - 0.75 * (1 - (1 / 3) ** 3)) < 1e-13
    True
    """
    return giant_component([check.integer("coordination", coordination, 3)], p, kind)
