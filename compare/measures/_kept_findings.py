"""The findings of a check of identities, noise level by noise level on disk, so that a stopped one goes on.

A level counts only if it was made with the same settings, and if the network answers on one noisy point as it did: a
network has no other name that can be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..._support import results as _results
from ..._support.types import Array, Record
from ...theory.identities.finding import Finding

ALIKE = 1e-6  # answers that differ by less, relative to their spread, are those of one network


class KeptFindings:
    """The folder of a check; None keeps nothing."""

    def __init__(self, folder: Path | None, settings: Record) -> None:
        self.folder = folder
        self.settings: Record = json.loads(json.dumps(settings))

    def level(
        self, sigma: float, answer: Callable[[], torch.Tensor], measure: Callable[[], Iterable[Finding]]
    ) -> list[Finding]:
        """The findings of a level: those that are kept, else those of `measure`, which are then kept."""
        if self.folder is None:
            return list(measure())
        with torch.no_grad():
            now = answer().double().flatten().numpy(force=True)
        name = f"sigma-{sigma!r}.json"
        before = self._read(name, now)
        if before is not None:
            return before
        found = list(measure())
        kept = {"settings": self.settings, "answer": now.tolist(), "findings": [asdict(one) for one in found]}
        _results.write_text(self.folder / name, json.dumps(kept))
        return found

    def _read(self, name: str, now: Array) -> list[Finding] | None:
        assert self.folder is not None
        try:
            kept = json.loads((self.folder / name).read_text(encoding="utf-8"))
            before = np.asarray(kept["answer"], dtype=float)
            found = [Finding(**one) for one in kept["findings"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # none, or damaged: it is made again
            return None
        alike = before.shape == now.shape and np.allclose(before, now, rtol=0, atol=ALIKE * float(np.nanstd(now)))
        return found if alike and kept["settings"] == self.settings else None
