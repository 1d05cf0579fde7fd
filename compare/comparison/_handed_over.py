"""What is wrong with a network as it was handed over, asked before any theory is held against it."""

from __future__ import annotations

import torch

from ...learned._classes import other_range
from ...learned.data.images import ImageData
from ...learned.guided import GuidedDenoiser
from ...theory.denoiser import Denoiser
from ...theory.levels import known_range
from ..measures import handover, probed_range
from ..measures._probed_range import failures
from ._own_levels.trained_range import Range, trained_range
from .options import PER_IMAGE, Comparison

REFERENCE = 5000  # training images are enough for the Gaussian optimum that a network is tried against
TRIED = 16  # held-out images at each of five noise levels
CLASSES = 4  # the most frequent ones, where the network is told each image's class
EVERYWHERE = (0.0, float("inf"))


def wrong_with(
    network: Denoiser, training: ImageData, held_out: ImageData, config: Comparison, trained_on: Range | None = None
) -> list[str]:
    """What the hand-over test finds wrong with the network, and data of another range than those of its training.

    A network that does not say its noise levels is tried at those that are asked for. One that is told each image's
    class is tried class by class, at the most frequent ones.
    """
    found = [warning] if (warning := other_range(network, training)) else []
    if config.condition == PER_IMAGE:
        return found + _by_class(network, training, held_out, config.seed)
    images, seed = training.images[:REFERENCE], config.seed
    found += handover(network, held_out.images, training=images, n_images=TRIED, seed=seed).warnings
    if found or trained_on or trained_range(network) or known_range(network) != EVERYWHERE:
        return found
    return failures(probed_range(network, held_out.images, config.sigmas, n_images=TRIED, seed=seed))


def _by_class(network: Denoiser, training: ImageData, held_out: ImageData, seed: int) -> list[str]:
    """What is wrong with the network at the first of the tried classes where anything is, and at how many."""
    if training.labels is None or held_out.labels is None:
        return []
    told, counts = torch.as_tensor(held_out.labels).unique(return_counts=True)
    tried, wrong = 0, []
    for label in told[counts.argsort(descending=True, stable=True)].tolist()[:CLASSES]:
        images, reference = (_of(part, label) for part in (held_out, training))
        if min(len(images), len(reference)) < 2:
            continue
        tried += 1
        asked = GuidedDenoiser(network, label)
        found = handover(asked, images, training=reference[:REFERENCE], n_images=TRIED, seed=seed).warnings
        wrong += [(label, found)] if found else []
    if not wrong:
        return []
    label, first = wrong[0]
    where = f"at class {held_out.class_name(label)} ({len(wrong)} of {tried} classes that were tried are wrong)"
    return [f"{where}: {first[0]}", *first[1:]]


def _of(data: ImageData, label: int) -> torch.Tensor:
    """The images of one class."""
    return data.images[torch.as_tensor(data.labels) == label]
