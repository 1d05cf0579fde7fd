"""What a comparison has done so far, level by level on disk, so that a stopped one goes on where it was.

A folder is keyed by everything that the numbers depend on: options and images. The network and a user's own theories
are recognised by what they answer, because a callable has no other name: where the answers have changed, the comparison
starts over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from ..._support import results as _results
from ..._support.files.lock import held
from ..._support.types import Array, FilePath, Record
from ...errors import DataFileError
from ...learned.data.images import ImageData
from ...simulate.diffusion import noised
from ...theory.denoiser import Denoiser
from ...theory.local.patch_sizes import PatchSchedule
from ...theory.local.patches import PatchSize
from .options import Comparison

SIZES = "patch-sizes.nc"
ALIKE = 1e-3  # answers that differ by less, relative to their spread, are those of one denoiser


class Partial:
    """The levels of one comparison, saved as they are done; without a folder nothing is kept."""

    def __init__(self, folder: FilePath | None, config: Comparison, training: ImageData, held_out: ImageData) -> None:
        made = {"config": asdict(config), "training": training.fingerprint, "held_out": held_out.fingerprint}
        key = blake2b(json.dumps(made, sort_keys=True).encode(), digest_size=6).hexdigest()
        self.folder = None if folder is None else Path(folder) / key

    def held(self) -> AbstractContextManager[None]:
        """Holds the folder for this call alone; OutputError where another works in it."""
        return nullcontext() if self.folder is None else held(self.folder)

    def recognise(self, denoisers: Mapping[str, Denoiser], image: torch.Tensor, sigmas: Array) -> bool:
        """Whether the kept levels are of these denoisers; those of others are removed."""
        if self.folder is None:
            return True
        now = _answers(denoisers, image, sigmas)
        before = self._read("answers.nc")
        same = before is None or _alike(before, now)
        if not same:
            for file in self.folder.glob("*"):
                if file.name != SIZES and file.suffix in (".nc", ".json"):
                    file.unlink()
        if before is None or not same:
            _results.save(now, self.folder / "answers.nc")
        return same

    def patch_sizes(
        self,
        choose: Callable[[], PatchSize],
        sigmas: Array,
        network: Denoiser | None = None,
        image: torch.Tensor | None = None,
    ) -> PatchSize:
        """The patch sizes that an earlier start has chosen, else those of `choose`, which are kept.

        Where a network has a say in them, the kept ones count only if it answers on an image as it did.
        """
        if self.folder is None:
            return choose()
        asked = {} if network is None else {"network": network}
        now = xr.Dataset(attrs={"denoisers": "[]"}) if image is None else _answers(asked, image, sigmas)
        before = self._read(SIZES)
        if before is not None and _alike(before[list(now.data_vars)], now):
            return PatchSchedule(
                before.level_sigma.values, before["size"].values, before.candidate.values,
                error=before.error.values if "error" in before else None, n_held_out=int(before.attrs["n_held_out"]),
            )  # fmt: skip
        chosen = choose()
        if isinstance(chosen, PatchSchedule):
            now = now.assign_coords(level_sigma=chosen.sigmas, candidate=chosen.candidates)
            now["size"] = ("level_sigma", chosen.sizes)
            if chosen.error is not None:
                now["error"] = (("level_sigma", "candidate"), chosen.error)
            _results.save(now.assign_attrs(n_held_out=chosen.n_held_out), self.folder / SIZES)
        return chosen

    def choices(self) -> Record | None:
        """What the plan of an earlier start has settled."""
        file = None if self.folder is None else self.folder / "choices.json"
        return json.loads(file.read_text(encoding="utf-8")) if file is not None and file.is_file() else None

    def settle(self, choices: Record) -> None:
        """Keep what the plan has settled."""
        if self.folder is not None:
            _results.write_text(self.folder / "choices.json", json.dumps(choices))

    def level(self, split: str, index: int) -> xr.Dataset | None:
        """A level that is done; None where it is not."""
        return self._read(f"{split}-{index:03d}.nc")

    def keep(self, level: xr.Dataset, split: str, index: int) -> None:
        """Save a level."""
        if self.folder is not None:
            _results.save(level, self.folder / f"{split}-{index:03d}.nc")

    def _read(self, name: str) -> xr.Dataset | None:
        if self.folder is None or not (self.folder / name).is_file():
            return None
        try:
            return _results.load(self.folder / name)
        except DataFileError:  # damaged: it is computed again
            return None


def _answers(denoisers: Mapping[str, Denoiser], image: torch.Tensor, sigmas: Array) -> xr.Dataset:
    """What each denoiser answers on one noised image at the lowest, the middle and the highest noise level."""
    levels = [float(sigmas[0]), float(sigmas[len(sigmas) // 2]), float(sigmas[-1])]
    with torch.no_grad():
        answers = {
            name: np.stack([one(noised(image[None], s, 0), s)[0].double().numpy(force=True) for s in levels])
            for name, one in denoisers.items()
        }
    made = {f"answer {k}": (("level", "entry"), a.reshape(3, -1)) for k, a in enumerate(answers.values())}
    return xr.Dataset(made, attrs={"denoisers": json.dumps(list(answers))})


def _alike(before: xr.Dataset, now: xr.Dataset) -> bool:
    """Whether two sets of answers are of the same denoisers but for rounding; a NaN is like a NaN."""
    if before.attrs["denoisers"] != now.attrs["denoisers"] or before.sizes != now.sizes:
        return False
    pairs = ((before[name].values, now[name].values) for name in now.data_vars)
    return all(np.allclose(a, b, rtol=0, atol=ALIKE * float(np.nanstd(b)) + 1e-12, equal_nan=True) for a, b in pairs)
