"""Many networks in one pass: replicas stacked along a first axis, never mixing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..._support.typed import typed
from ..._support.types import Device, FilePath, Record
from ...errors import ArgumentError
from ..data.images import ImageData, image_data
from ..networks.base import NetworkDenoiser
from ..networks.ensemble import EnsembleDenoiser
from ..networks.layers import Dropout
from ._train import progress_box, progress_text
from .batches import Batches
from .config import TrainConfig
from .loop import Loop, folder_path, join_ranks
from .snapshots import Snapshots


@typed
@dataclass(frozen=True, eq=False)
class EnsembleTraining:
    """What training an ensemble gives.

    Parameters
    ----------
    networks : list of NetworkDenoiser
        The networks with their averaged weights.
    batched : EnsembleDenoiser
        The same as one denoiser.
    history : list of dict
        The log, one record per `log_every` steps; "losses" holds those of the replicas.
    snapshots : Snapshots
        The averaged ensembles at the steps that were kept, each an `EnsembleDenoiser`.
    run_dir : Path, optional
        The run folder, where there is one.

    Examples
    --------
    >>> from idealscore.learned import MLPDenoiser, TrainConfig, train_ensemble
    >>> replicas = [MLPDenoiser((2,), width=8, depth=1, seed=i) for i in range(3)]
    >>> trained = train_ensemble(replicas, torch.eye(2), TrainConfig(steps=2, batch=4))
    >>> trained.batched
    EnsembleDenoiser(3 x MLPDenoiser, event=(2,), width=8, depth=1, 1638 parameters in all, float32, cpu)
    """

    networks: list[NetworkDenoiser]
    batched: EnsembleDenoiser
    history: list[Record]
    snapshots: Snapshots[EnsembleDenoiser]
    run_dir: Path | None = None

    def __repr__(self) -> str:
        kind = f"{len(self.networks)} x {type(self.networks[0]).__name__}"
        return f"EnsembleTraining({kind}, {progress_text(self.history, self.snapshots, self.run_dir)})"

    def _repr_html_(self) -> str:
        return progress_box(repr(self), self.history)


@typed
def train_ensemble(
    networks: Sequence[NetworkDenoiser],
    data: ImageData | torch.Tensor | Sequence[ImageData],
    config: TrainConfig | None = None,
    run_dir: FilePath | None = None,
    *,
    seeds: Sequence[int] | None = None,
    condition: torch.Tensor | Sequence[torch.Tensor] | None = None,
    device: Device | None = None,
    show: bool | None = None,
    tensorboard: bool = False,
    done: Callable[[int], object] = lambda steps: None,
) -> EnsembleTraining:
    """Train copies of `networks`, all of one configuration, in one batched pass.

    Replica i becomes what `train(networks[i], data[i], config at seeds[i])` gives, up to rounding.

    Parameters
    ----------
    networks : sequence of NetworkDenoiser
        Where training starts; without dropout.
    data : ImageData, torch.Tensor, or a sequence of ImageData
        For all, or one set for each, of any sizes (see `ImageData.subset` and `halves`).
    config : TrainConfig, optional
        How to train; by default as `TrainConfig()`.
    run_dir : str or Path, optional
        Folder where everything is kept: the configuration, the log, the averaged weights, the state, the snapshots.
        The same call goes on where a stopped one was.
    seeds : sequence of int, optional
        Of the random streams of each; by default `config.seed` + 0, 1, 2, ...
    condition : torch.Tensor or a sequence of them, optional
        As in `train`, for all or one for each.
    device : str or torch.device, optional
        Where to train; by default where the first network is.
    show : bool, optional
        Progress bar on or off; by default on a terminal.
    tensorboard : bool
        Also write the log as events in `run_dir`/tensorboard.
    done : callable, optional
        Hears of every k steps that are done, and of those of an earlier start.

    Returns
    -------
    EnsembleTraining
        The averaged networks, the log, the snapshots.

    Raises
    ------
    ArgumentError
        Where the configurations differ or use dropout, or there is not one entry for each network.
    ShapeError, CheckpointError, TrainingError, MissingDependencyError
        As `train`.

    Examples
    --------
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> replicas = [MLPDenoiser((2,), width=8, depth=1, seed=i) for i in range(3)]
    >>> trained = train_ensemble(replicas, points, TrainConfig(steps=2, batch=4))
    >>> len(trained.networks), trained.batched(points, 1.0).shape
    (3, torch.Size([3, 2, 2]))
    """
    config = config or TrainConfig()
    model = EnsembleDenoiser(networks)
    if any(isinstance(layer, Dropout) and layer.p for layer in model.modules()):
        raise ArgumentError("networks", "use dropout", "train them one by one, or without dropout")
    count = len(networks)
    sets = [data] * count if isinstance(data, (ImageData, torch.Tensor)) else list(data)
    sets = [image_data(part) for part in sets]
    seeds = [config.seed + i for i in range(count)] if seeds is None else list(seeds)
    conditions: list[Any] = list(condition) if isinstance(condition, (list, tuple)) else [condition] * count
    for argument, given in (("data", sets), ("seeds", seeds), ("condition", conditions)):
        if len(given) != count:
            raise ArgumentError(argument, f"has {len(given)} entries", f"pass one for each of {count} networks")
    device = networks[0].device if device is None else torch.device(device)
    device, rank, world = join_ranks(config, device)
    batches = [
        Batches(network, part, replace(config, seed=seed), given, device, rank, world)
        for network, part, seed, given in zip(networks, sets, seeds, conditions, strict=True)
    ]
    description = {
        "network": model.describe(),
        "train": {**config.to_dict(), "seeds": seeds},
        "data": [part.describe() for part in sets],
    }
    loop = Loop(model.to(device), batches, config, description, run_dir, tensorboard)
    loop.run(show, done)
    averaged = loop.averaged()
    return EnsembleTraining(averaged.networks(), averaged, loop.history, Snapshots(loop.kept), folder_path(run_dir))


@typed
def train_groups(
    networks: Sequence[NetworkDenoiser],
    data: ImageData | Sequence[ImageData],
    config: TrainConfig | None = None,
    run_dir: FilePath | None = None,
    *,
    seeds: Sequence[int] | None = None,
    device: Device | None = None,
    show: bool | None = None,
) -> list[NetworkDenoiser]:
    """Train networks of any configurations; those of one configuration are trained in one pass.

    Parameters
    ----------
    networks : sequence of NetworkDenoiser
        Where training starts; without dropout.
    data : ImageData or a sequence of ImageData
        For all, or one set for each.
    config : TrainConfig, optional
        How to train; by default as `TrainConfig()`.
    run_dir : str or Path, optional
        As in `train_ensemble`; each group has a sub-folder `group-0`, `group-1`, ...
    seeds : sequence of int, optional
        Of the random streams of each; by default `config.seed` + 0, 1, 2, ...
    device : str or torch.device, optional
        Where to train; by default where the networks are.
    show : bool, optional
        Progress bar on or off; by default on a terminal.

    Returns
    -------
    list of NetworkDenoiser
        The averaged networks, in the order of `networks`.

    Raises
    ------
    ArgumentError
        Where networks use dropout, or there is not one entry for each network.
    ShapeError, CheckpointError, TrainingError
        As `train`.

    Examples
    --------
    >>> from idealscore.learned.networks import MLPDenoiser
    >>> widths = [MLPDenoiser((2,), width=width, depth=1) for width in (4, 8, 4)]
    >>> trained = train_groups(widths, ImageData(torch.zeros(3, 2)), TrainConfig(steps=2, batch=2))
    >>> [network.config.width for network in trained]
    [4, 8, 4]
    """
    config = config or TrainConfig()
    sets = [data] * len(networks) if isinstance(data, ImageData) else list(data)
    seeds = [config.seed + i for i in range(len(networks))] if seeds is None else list(seeds)
    for argument, given in (("data", sets), ("seeds", seeds)):
        if len(given) != len(networks):
            raise ArgumentError(argument, f"has {len(given)} entries", f"pass one for each of {len(networks)} networks")
    groups: dict[str, list[int]] = {}
    for i, network in enumerate(networks):
        groups.setdefault(str(network.describe()), []).append(i)
    trained: dict[int, NetworkDenoiser] = {}
    for k, members in enumerate(groups.values()):
        done = train_ensemble(
            [networks[i] for i in members],
            [sets[i] for i in members],
            config,
            None if run_dir is None else Path(run_dir) / f"group-{k}",
            seeds=[seeds[i] for i in members],
            device=device,
            show=show,
        )
        trained.update(zip(members, done.networks, strict=True))
    return [trained[i] for i in range(len(networks))]
