"""Samples of a trained network on disk, in parts, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._support import checks as check
from .._support import progress as _progress
from .._support import results as _results
from ..errors import ArgumentError, DataFileError
from ..simulate.diffusion import sample, starting_noise
from ..theory.denoiser import with_condition
from ..theory.noise import karras_sigmas


def sample_to_folder(
    denoiser: Any,
    out: str | os.PathLike,
    n: int,
    *,
    shape: tuple[int, ...] | None = None,
    sigmas: Any = None,
    method: str = "heun",
    condition: Any = None,
    seed: int = 0,
    batch: int = 64,
    description: dict[str, Any] | None = None,
    show: bool | None = None,
) -> Path:
    """Draw `n` samples into `out`: parts of `batch`, then `samples.npz` with `images` (n, *shape), float32.

    Sample i depends on (seed, i) alone, so `batch` changes nothing beyond rounding. `sigmas` decrease to 0 (18
    Karras levels when not given [@Karras2022]). Repeating the call goes on with the parts that are missing.

    Raises ArgumentError where the shape is not known, DataFileError where `out` holds other samples.
    """
    n, batch = check.integer("n", n, 1), check.integer("batch", batch, 1)
    shape = shape or getattr(denoiser, "shape", None)
    if shape is None:
        raise ArgumentError("shape", "is not known of this denoiser", "pass the event shape of the data")
    grid = [*karras_sigmas(), 0.0] if sigmas is None else [float(sigma) for sigma in sigmas]
    settings = {
        "sigmas": grid, "method": method, "seed": seed, "batch": batch, "shape": list(shape),
        "condition": condition, **(description or {}),
    }  # fmt: skip
    folder = Path(out)
    _settle(folder / "sampling.json", settings)
    if condition is not None:
        denoiser = with_condition(denoiser, condition)
    noise = starting_noise(n, shape, grid[0], seed, dtype=torch.float32)
    parts = []
    for start in _progress.bar(range(0, n, batch), label="sample", show=show):
        rows = range(start, min(n, start + batch))
        parts.append(folder / "parts" / f"{rows.start:09d}-{rows.stop:09d}.npy")
        if parts[-1].exists():
            continue
        drawn = sample(denoiser, noise[rows.start : rows.stop], grid, method, seed, indices=rows, show=False)
        with _results.atomic_path(parts[-1]) as temporary, open(temporary, "wb") as stream:
            np.save(stream, drawn.numpy(force=True))
    path = folder / "samples.npz"
    with _results.atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, images=np.concatenate([np.load(part, allow_pickle=False) for part in parts]))
    return path


def _settle(file: Path, settings: dict[str, Any]) -> None:
    """Write the settings of a fresh folder; refuse one that was made with others."""
    text = json.dumps(settings, indent=2)
    if file.exists():
        if file.read_text(encoding="utf-8").strip() != text:
            raise DataFileError("out", f"{file.parent} holds samples made otherwise", "pass another folder")
    else:
        _results.write_text(file, text + "\n")
