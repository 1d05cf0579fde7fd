"""A network is tried on the images at hand before a command uses it: what is wrong with it, in a line each."""

from __future__ import annotations

import torch

from ...._support.modules import at_least_float32, floating_dtype
from ....errors import ArgumentError
from ....learned._classes import in_classes_of, other_range
from ....learned.data.images import ImageData
from ....learned.guided import GuidedDenoiser
from ....theory.denoiser import Denoiser
from .._hand_over import handover

REFERENCE, TRIED = 5000, 16  # images: of the Gaussian optimum of the hand-over test, and those that are noised
CLASSES = 4  # the most frequent ones, where a network is told each image's class


def before_use(network: Denoiser, data: ImageData, condition: int | None = None, seed: int = 0) -> list[str]:
    """What `handover` finds wrong with a network on these images, and whether they are of another range than its own.

    At a class it is tried on the images of that class, where the data have labels; without guidance, which no optimum
    of the data follows.
    """
    shape = getattr(network, "shape", None)
    if shape is not None and tuple(shape) != data.shape:
        problem, remedy = (
            f"are images of shape {data.shape}",
            f"pass images of shape {tuple(shape)}, as the network has",
        )
        raise ArgumentError("data", problem, remedy)
    found = [warning] if (warning := other_range(network, data)) else []
    images = data.images
    if isinstance(network, GuidedDenoiser) and condition is None and isinstance(network.condition, int):
        condition = network.condition
    if condition is not None and data.labels is not None:
        of_class = _of(in_classes_of(network, data), condition)
        images = of_class if len(of_class) > 1 else images
    return found + tried(network, condition, images, seed)


def tried(network: Denoiser, condition: int | None, images: torch.Tensor, seed: int) -> list[str]:
    """What `handover` finds wrong with a network on some images, where the network has its weights."""
    if len(images) < 2:
        return []
    asked = unguided(network)
    asked = asked if condition is None else GuidedDenoiser(asked, condition)
    weights = next(network.parameters(), None) if isinstance(network, torch.nn.Module) else None
    precision = torch.float32 if weights is None else floating_dtype(network, torch.float32)  # type: ignore[arg-type]
    reference = images[:REFERENCE].to(images.device if weights is None else weights.device)
    reference = reference.to(at_least_float32(precision))
    evenly = torch.linspace(0, len(reference) - 1, min(TRIED, len(reference))).long()  # also where classes lie in order
    others = torch.ones(len(reference), dtype=torch.bool)
    if len(reference) >= 2 * TRIED:  # an optimum of the very images that are noised would be too good
        others[evenly] = False
    return list(handover(asked, reference[evenly], training=reference[others.to(reference.device)], seed=seed).warnings)


def tried_by_class(network: Denoiser, training: ImageData, held_out: ImageData, seed: int) -> list[str]:
    """What is wrong with a network that is told the class of each image: at the first of the most frequent classes
    where anything is, and at how many."""
    if training.labels is None or held_out.labels is None:
        return []
    told, counts = torch.as_tensor(held_out.labels).unique(return_counts=True)
    asked, wrong = 0, []
    for label in told[counts.argsort(descending=True, stable=True)].tolist()[:CLASSES]:
        images, reference = (_of(part, label) for part in (held_out, training))
        if min(len(images), len(reference)) < 2:
            continue
        asked += 1
        one = GuidedDenoiser(network, label)
        found = handover(one, images, training=reference[:REFERENCE], n_images=TRIED, seed=seed).warnings
        wrong += [(label, found)] if found else []
    if not wrong:
        return []
    label, first = wrong[0]
    where = f"at class {held_out.class_name(label)} ({len(wrong)} of {asked} classes that were tried are wrong)"
    return [f"{where}: {first[0]}", *first[1:]]


def _of(data: ImageData, label: int) -> torch.Tensor:
    """The images of one class."""
    return data.images[torch.as_tensor(data.labels) == label]


def unguided(network: Denoiser) -> Denoiser:
    """The network at its condition, without guidance."""
    if not isinstance(network, GuidedDenoiser) or not network.guidance:
        return network
    return GuidedDenoiser(network.denoiser, network.condition, 0.0, network.null)
