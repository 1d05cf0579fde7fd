"""The noise levels that a network has seen: outside of them it extrapolates, and no theory speaks of that."""

from __future__ import annotations

from typing import Any

import torch

from ...learned.training.noise_levels import Noise, noise_from_dict

Range = tuple[float, float]
TAIL = 1e-3


def noise_range(noise: Noise) -> Range:
    """The levels between which all but a thousandth at either end of a training distribution fall.

    >>> from idealscore.learned.training.noise_levels import Levels, LogUniform
    >>> noise_range(Levels((0.5, 2.0)))
    (0.5, 2.0)
    >>> [round(level, 3) for level in noise_range(LogUniform(0.01, 100.0))]
    [0.01, 99.083]
    """
    low, high = noise.quantile(torch.tensor([TAIL, 1 - TAIL], dtype=torch.float64)).tolist()
    return low, high


def trained_range(network: Any) -> Range | None:
    """`noise_range` of a network that was loaded from a run of this package; None where that is not known."""
    metadata = getattr(network, "metadata", None)
    recipe = metadata.get("train") if isinstance(metadata, dict) else None
    return noise_range(noise_from_dict(recipe["noise"])) if recipe and "noise" in recipe else None
