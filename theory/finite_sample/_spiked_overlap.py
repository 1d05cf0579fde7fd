"""How much of a direction a sample finds: one spike over white noise [@Baik2005]."""

from __future__ import annotations

import math

from ..._support import checks as check


def spiked_overlap(spike: float, samples_per_dimension: float) -> float:
    r"""Squared overlap of the top eigenvector of a sample with the one direction of variance 1 + spike, others 1.

    (1 - 1 / (gamma spike^2)) / (1 + 1 / (gamma spike)) above gamma spike^2 = 1 and 0 below, gamma = n / d
    [@Baik2005; @Paul2007], for n, d -> inf.

    Parameters
    ----------
    spike : float
        By how much its variance exceeds that of the others, >= 0, in their unit.
    samples_per_dimension : float
        gamma = n / d, > 0.

    Returns
    -------
    float
        From 0 (below the threshold the sample does not find the direction) to 1.

    Raises
    ------
    ArgumentError
        For a negative spike or a gamma that is not > 0.

    Examples
    --------
    >>> spiked_overlap(2.0, 1.0), spiked_overlap(0.9, 1.0)
    (0.5, 0.0)
    """
    spike = check.real("spike", spike, 0.0)
    gamma = check.real("samples_per_dimension", samples_per_dimension, math.ulp(0.0))
    if spike == 0 or gamma * spike * spike <= 1:
        return 0.0
    return (1 - 1 / (gamma * spike) / spike) / (1 + 1 / (gamma * spike))
