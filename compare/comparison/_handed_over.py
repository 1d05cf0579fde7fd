"""What is wrong with a network as it was handed over, asked before any theory is held against it."""

from __future__ import annotations

from ...learned._classes import other_range
from ...learned.data.images import ImageData
from ...theory.denoiser import Denoiser
from ...theory.levels import known_range
from ..measures import handover, probed_range
from ..measures._handover.before_use import REFERENCE, TRIED, tried_by_class, unguided
from ..measures._probed_range import failures
from ._own_levels.trained_range import Range, trained_range
from .options import PER_IMAGE, Comparison

EVERYWHERE = (0.0, float("inf"))


def wrong_with(
    network: Denoiser, training: ImageData, held_out: ImageData, config: Comparison, trained_on: Range | None = None
) -> list[str]:
    """What the hand-over test finds wrong with the network, and data of another range than those of its training.

    A network that does not say its noise levels is tried at those that are asked for. One that is told each image's
    class is tried class by class, at the most frequent ones; a guided one without its guidance.
    """
    found = [warning] if (warning := other_range(network, training)) else []
    network = unguided(network)
    if config.condition == PER_IMAGE:
        return found + tried_by_class(network, training, held_out, config.seed)
    images, seed = training.images[:REFERENCE], config.seed
    found += handover(network, held_out.images, training=images, n_images=TRIED, seed=seed).warnings
    if found or trained_on or trained_range(network) or known_range(network) != EVERYWHERE:
        return found
    return failures(probed_range(network, held_out.images, config.sigmas, n_images=TRIED, seed=seed))
