"""What a training run will take, before it starts."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from ..._support.typed import typed
from ...errors import EmptyDataError
from ..data.images import ImageData
from ..networks.base import NetworkDenoiser
from ..networks.ensemble import EnsembleDenoiser
from .batches import Batches
from .config import TrainConfig
from .loop import Loop

TIMED_STEPS, TIMED_SECONDS = 3, 1.0


@dataclass(frozen=True)
class Estimate:
    """What a training run will take.

    Parameters
    ----------
    parameters : int
        Of all replicas.
    memory : int
        Bytes of weights, average, gradients, moments, data and activations.
    seconds : float
        Of the whole run, from about a second of steps.
    flops_per_image : int
        Forward and backward, of one replica.
    """

    parameters: int
    memory: int
    seconds: float
    flops_per_image: int

    def __str__(self) -> str:
        return (
            f"{self.parameters:,} parameters | {self.memory / 2**20:.0f} MiB | about {self.seconds:.0f} s | "
            f"{self.flops_per_image / 1e6:.1f} MFLOP per image"
        )


@typed
def estimate(networks: Sequence[NetworkDenoiser], sets: Sequence[ImageData], config: TrainConfig) -> Estimate:
    """Time a few steps of the run on this machine and count what it keeps; nothing is written.

    Parameters
    ----------
    networks : sequence of NetworkDenoiser
        One network, or the replicas of an ensemble.
    sets : sequence of ImageData
        The images of each.
    config : TrainConfig
        How they will be trained.

    Returns
    -------
    Estimate
        Parameters, memory in bytes, seconds, floating-point operations per image.

    Raises
    ------
    ShapeError, ArgumentError
        Where data and networks do not fit together.

    Examples
    --------
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> data = ImageData(torch.zeros(4, 2))
    >>> estimate([MLPDenoiser((2,), width=8, depth=1)], [data], TrainConfig(steps=10, batch=4)).parameters
    546
    """
    if not networks or len(sets) != len(networks):
        problem = f"hold {len(sets)} sets for {len(networks)} networks"
        raise EmptyDataError("sets", problem, "pass a set for each of one or more networks")
    count, short = len(networks), replace(config, steps=TIMED_STEPS, snapshots=0)
    activations, flops = _pass_of(networks[0], sets[0], short)
    model = copy.deepcopy(networks[0]) if count == 1 else EnsembleDenoiser(networks)
    batches = [
        Batches(network, part, replace(config, seed=config.seed + i), None, networks[0].device)
        for i, (network, part) in enumerate(zip(networks, sets, strict=True))
    ]
    seconds = _seconds_of_a_step(Loop(model, batches, config, {}, None)) * config.steps
    parameters = count * networks[0].n_parameters
    images = sum(part.images.numel() for part in sets)
    return Estimate(parameters, 4 * (5 * parameters + images) + count * activations, seconds, flops // config.batch)


def _seconds_of_a_step(loop: Loop) -> float:
    """After one step that may be slower: the mean of about a second of steps."""
    loop._step()  # noqa: SLF001
    begun, steps, spent = time.perf_counter(), 0, 0.0
    while steps < min(TIMED_STEPS, loop.config.steps) or (steps < loop.config.steps and spent < TIMED_SECONDS):
        loop._step()  # noqa: SLF001
        loop.pending[-1].cpu()  # waits for the device
        steps += 1
        spent = time.perf_counter() - begun
    return (time.perf_counter() - begun) / steps


def _pass_of(network: NetworkDenoiser, data: ImageData, config: TrainConfig) -> tuple[int, int]:
    """(bytes kept for the backward pass, floating-point operations) of one batch of one network."""
    loop = Loop(copy.deepcopy(network), [Batches(network, data, config, None, network.device)], config, {}, None)
    kept: dict[int, int] = {}

    def remember(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(remember, lambda tensor: tensor), FlopCounterMode(display=False) as counter:
        losses, _ = loop._losses(0)  # noqa: SLF001
        losses.mean().backward()
    return sum(kept.values()), counter.get_total_flops()
