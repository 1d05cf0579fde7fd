"""Records of a measurement, noise level by noise level on disk, so that a stopped one goes on.

A level counts only if it was made with the same settings, and if the network answers on one noisy point as it did: a
network has no other name that can be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from .. import results as _results
from ..types import Array, Record

ALIKE = 1e-6  # answers that differ by less, relative to their spread, are those of one network


class KeptLevels:
    """The folder of a measurement; None keeps nothing."""

    def __init__(self, folder: Path | None, settings: Record) -> None:
        self.folder = folder
        self.settings: Record = json.loads(json.dumps(settings))

    def level(
        self, sigma: float, answer: Callable[[], torch.Tensor], measure: Callable[[], Iterable[Record]]
    ) -> list[Record]:
        """The records of a level: those that are kept, else those of `measure`, which are then kept."""
        if self.folder is None:
            return list(measure())
        with torch.no_grad():
            now = answer().double().flatten().numpy(force=True)
        name = f"sigma-{sigma!r}.json"
        before = self._read(name, now)
        if before is not None:
            return before
        found = list(measure())
        kept = {"settings": self.settings, "answer": now.tolist(), "records": found}
        _results.write_text(self.folder / name, json.dumps(kept))
        return found

    def _read(self, name: str, now: Array) -> list[Record] | None:
        assert self.folder is not None
        try:
            kept = json.loads((self.folder / name).read_text(encoding="utf-8"))
            before = np.asarray(kept["answer"], dtype=float)
            found = [dict(one) for one in kept["records"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # none, or damaged: it is made again
            return None
        alike = before.shape == now.shape and np.allclose(before, now, rtol=0, atol=ALIKE * float(np.nanstd(now)))
        return found if alike and kept["settings"] == self.settings else None
