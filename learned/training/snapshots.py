"""The networks that a run kept along the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar, cast

import torch

from ..._support.typed import typed
from .. import checkpoint

N = TypeVar("N", bound=torch.nn.Module)


@typed
class Snapshots(Mapping[int, N]):
    """The averaged networks at the kept steps, `{step: network}`, each loaded when asked for.

    Parameters
    ----------
    kept : dict
        `{step: network, or the path of its checkpoint}`.

    Examples
    --------
    >>> from idealscore.learned import MLPDenoiser, TrainConfig, train
    >>> points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    >>> recipe = TrainConfig(steps=8, batch=4, snapshots=4)
    >>> snapshots = train(MLPDenoiser((2,), width=8, depth=1), points, recipe).snapshots
    >>> snapshots
    Snapshots(steps=[1, 2, 4, 8])
    >>> snapshots[4](points, 1.0).shape
    torch.Size([2, 2])
    """

    def __init__(self, kept: Mapping[int, N | Path]) -> None:
        self._kept = dict(sorted(kept.items()))

    def __getitem__(self, step: int) -> N:
        kept = self._kept[step]
        return cast(N, checkpoint.load(kept)) if isinstance(kept, Path) else kept

    def __repr__(self) -> str:
        return f"Snapshots(steps={list(self)})"

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
