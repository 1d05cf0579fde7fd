"""Training a denoiser: one call, resumable at any step, the same bits every time on the CPU."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..data.images import ImageData
from ..networks.base import NetworkDenoiser
from .batches import Batches
from .config import TrainConfig
from .loop import Loop, Record, folder_path, join_ranks
from .snapshots import Snapshots


@dataclass(frozen=True, eq=False)
class Training:
    """What training gives: the averaged network, the log (one record per `log_every` steps) and the snapshots."""

    network: NetworkDenoiser
    history: list[Record]
    snapshots: Snapshots
    run_dir: Path | None = None


def train(
    network: NetworkDenoiser,
    data: ImageData | torch.Tensor,
    config: TrainConfig | None = None,
    run_dir: str | os.PathLike | None = None,
    *,
    condition: torch.Tensor | None = None,
    device: str | torch.device | None = None,
    show: bool | None = None,
    tensorboard: bool = False,
) -> Training:
    """Train a copy of `network` to denoise `data`; `network` itself is left as it is.

    Minimises E w(sigma) |D(x0 + sigma n, sigma) - x0|^2 / d over the noise distribution and the weighting of
    `config` [@Karras2022]. With `run_dir`, everything is kept there and the same call goes on where a killed one
    stopped; on the CPU the result is the same bit for bit. `condition` is (n, k) for a network with
    `condition_dim`; labels of `data` serve one with `n_classes`. Under `torchrun` the batch is shared by the
    ranks. `show` forces the progress bar on or off. `tensorboard` mirrors the log as events in
    `run_dir`/tensorboard.

    Raises ShapeError or ArgumentError where data and network do not fit, CheckpointError where `run_dir` holds
    another run, TrainingError where the loss is not finite (the last good checkpoint stays) or memory runs out,
    MissingDependencyError without tensorboard.

    >>> from idealscore.learned.networks import MLPDenoiser
    >>> points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> trained = train(MLPDenoiser((2,), width=8, depth=1), points, TrainConfig(steps=3, batch=4))
    >>> trained.network(points, 1.0).shape, trained.history[-1]["step"]
    (torch.Size([2, 2]), 3)
    """
    config = config or TrainConfig()
    data = data if isinstance(data, ImageData) else ImageData(data)
    device = network.device if device is None else torch.device(device)
    device, rank, world = join_ranks(config, device)
    batches = Batches(network, data, config, condition, device, rank, world)
    layout = torch.channels_last if config.channels_last else torch.preserve_format
    model: Any = copy.deepcopy(network).to(device)
    model = model.to(memory_format=layout)
    description = {"network": network.describe(), "train": config.to_dict(), "data": data.describe()}
    loop = Loop(model, [batches], config, description, run_dir, tensorboard)
    loop.run(show)
    return Training(loop.averaged(), loop.history, Snapshots(loop.kept), folder_path(run_dir))
