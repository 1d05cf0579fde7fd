"""Data parallelism: `torchrun` sets the environment, everything else follows from it."""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist


def ranks(device: torch.device) -> tuple[int, int]:
    """(rank, number of ranks); joins the group that `torchrun` asks for, (0, 1) without one."""
    if not dist.is_available():
        return 0, 1
    if not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1 and "MASTER_ADDR" in os.environ:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def local_device(device: torch.device, world: int) -> torch.device:
    """The GPU of this rank where several share a machine; any other device unchanged."""
    if world > 1 and device.type == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def average_gradients(parameters: Iterable[torch.nn.Parameter], world: int) -> None:
    """Replace each gradient by its mean over the ranks, in one message."""
    if world == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    means = flat.div_(world).split([gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))


def wait(world: int) -> None:
    """Until all ranks are here."""
    if world > 1:
        dist.barrier()


def sum_over_ranks(tensor: torch.Tensor, world: int) -> torch.Tensor:
    """`tensor`, replaced by its sum over the ranks."""
    if world > 1:
        dist.all_reduce(tensor)
    return tensor
