"""Training a denoiser: one call, resumable at any step, the same bits every time on the CPU."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from ..._support.display import boxes
from ..._support.typed import typed
from ..._support.types import Device, FilePath, Record
from ..data.images import ImageData, image_data
from ..networks.base import NetworkDenoiser
from .batches import Batches
from .config import TrainConfig
from .loop import Loop, folder_path, join_ranks
from .snapshots import Snapshots

Network = TypeVar("Network", bound=NetworkDenoiser)


@typed
@dataclass(frozen=True, eq=False)
class Training(Generic[Network]):
    """What training gives.

    Parameters
    ----------
    network : NetworkDenoiser
        Of the class that was trained, with the averaged weights, in evaluation mode and without gradients.
    history : list of dict
        The log, one record per `log_every` steps: "step", "loss", "gradient_norm", "learning_rate",
        "images_per_second".
    snapshots : Snapshots
        The averaged networks at the steps that were kept.
    run_dir : Path, optional
        The run folder, where there is one.

    Examples
    --------
    >>> from idealscore.learned import MLPDenoiser, TrainConfig, train
    >>> points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> trained = train(MLPDenoiser((2,), width=8, depth=1), points, TrainConfig(steps=3, batch=4))
    >>> type(trained).__name__, trained.network.training
    ('Training', False)
    """

    network: Network
    history: list[Record]
    snapshots: Snapshots[Network]
    run_dir: Path | None = None

    def __repr__(self) -> str:
        return f"Training({type(self.network).__name__}, {progress_text(self.history, self.snapshots, self.run_dir)})"

    def _repr_html_(self) -> str:
        return progress_box(repr(self), self.history)


def progress_box(line: str, history: list[Record]) -> str:
    """The line of a run with its loss drawn on a logarithmic axis."""
    losses = [float(record["loss"]) for record in history if isinstance(record.get("loss"), int | float)]
    picture = boxes.curve(losses, f"loss of {len(losses)} records, logarithmic")
    return boxes.from_line(line) + picture


def progress_text(history: list[Record], snapshots: Snapshots, run_dir: Path | None) -> str:
    """How far a run has come, on one line."""
    last = [f"step={history[-1]['step']}", f"loss={history[-1]['loss']:.4g}"] if history else ["no steps"]
    return ", ".join(
        [*last, f"snapshots={len(snapshots)}", *([] if run_dir is None else [f"run_dir={str(run_dir)!r}"])]
    )


@typed
def train(
    network: Network,
    data: ImageData | torch.Tensor,
    config: TrainConfig | None = None,
    run_dir: FilePath | None = None,
    *,
    condition: torch.Tensor | None = None,
    device: Device | None = None,
    show: bool | None = None,
    tensorboard: bool = False,
) -> Training[Network]:
    """Train a copy of `network` to denoise `data`; `network` itself is left as it is.

    Minimises E w(sigma) |D(x0 + sigma n, sigma) - x0|^2 / d over the noise distribution and the weighting of
    `config` [@Karras2022]. A run that is stopped and goes on gives on the CPU the same bits as one that was never
    stopped. Under `torchrun` the batch is shared by the ranks.

    Parameters
    ----------
    network : NetworkDenoiser
        Where training starts.
    data : ImageData or torch.Tensor
        Images or other points, `(n, *event)`.
    config : TrainConfig, optional
        How to train; by default as `TrainConfig()`.
    run_dir : str or Path, optional
        Folder where everything is kept: the configuration, the log, the averaged weights, the state, the snapshots.
        The same call goes on where a stopped one was.
    condition : torch.Tensor, optional
        `(n, k)` for a network with `condition_dim`, or `(n,)` classes for one with `n_classes`, which takes the labels
        of `data` by default.
    device : str or torch.device, optional
        Where to train; by default where the network is.
    show : bool, optional
        Progress bar on or off; by default on a terminal.
    tensorboard : bool
        Also write the log as events in `run_dir`/tensorboard.

    Returns
    -------
    Training
        The averaged network, the log, the snapshots.

    Raises
    ------
    ShapeError, ArgumentError
        Where data, condition and network do not fit together, or `batch` cannot be shared by the ranks.
    CheckpointError
        Where `run_dir` holds another run.
    TrainingError
        Where the loss is not finite (the last good checkpoint stays) or memory runs out.
    MissingDependencyError
        Without tensorboard, where it is asked for.

    Examples
    --------
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> trained = train(MLPDenoiser((2,), width=8, depth=1), points, TrainConfig(steps=3, batch=4))
    >>> trained.network(points, 1.0).shape, trained.history[-1]["step"]
    (torch.Size([2, 2]), 3)
    """
    config = config or TrainConfig()
    data = image_data(data)
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
