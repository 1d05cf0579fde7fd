"""The networks that a run kept along the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import checkpoint


class Snapshots(Mapping[int, Any]):
    """The averaged networks at the kept steps, each loaded when asked for."""

    def __init__(self, kept: dict[int, Any]) -> None:
        self._kept = dict(sorted(kept.items()))

    def __getitem__(self, step: int) -> Any:
        kept = self._kept[step]
        return checkpoint.load(kept) if isinstance(kept, Path) else kept

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
