"""The noise levels that a network has seen: outside of them it extrapolates, and no theory speaks of that."""

from __future__ import annotations

import torch

from ...._support.typed import typed
from ....learned.training.noise_levels import Noise, noise_from_dict

Range = tuple[float, float]
TAIL = 1e-3


@typed
def noise_range(noise: Noise) -> Range:
    """The levels between which all but a thousandth at either end of a training distribution fall.

    Parameters
    ----------
    noise : Noise
        The distribution of noise levels of a `TrainConfig`.

    Returns
    -------
    low, high : float
        The two noise levels.

    Examples
    --------
    >>> from idealscore.learned.training import Levels, LogUniform
    >>> noise_range(Levels((0.5, 2.0)))
    (0.5, 2.0)
    >>> [round(level, 3) for level in noise_range(LogUniform(0.01, 100.0))]
    [0.01, 99.083]
    """
    low, high = noise.quantile(torch.tensor([TAIL, 1 - TAIL], dtype=torch.float64)).tolist()
    return low, high


@typed
def trained_range(network: object) -> Range | None:
    """`noise_range` of a network that was loaded from a run of this package.

    Parameters
    ----------
    network : object
        Any denoiser.

    Returns
    -------
    (float, float) or None
        The noise levels, or None where they are not known.

    Examples
    --------
    >>> trained_range(lambda x, sigma: x) is None
    True
    """
    metadata = getattr(network, "metadata", None)
    recipe = metadata.get("train") if isinstance(metadata, dict) else None
    return noise_range(noise_from_dict(recipe["noise"])) if recipe and "noise" in recipe else None
