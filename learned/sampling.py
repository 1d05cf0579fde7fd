"""Samples of a trained network on disk, in parts, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from .._support import checks as check
from .._support import progress as _progress
from .._support import results as _results
from .._support.files.lock import held
from .._support.types import ArrayLike, FilePath, Record
from ..errors import ArgumentError, DataFileError
from ..simulate.diffusion import sample, starting_noise
from ..simulate.diffusion._trajectory import sampling_levels
from ..theory.denoiser import Denoiser, with_condition
from ..theory.levels import WIDEST, within_known_range
from ..theory.noise import karras_sigmas


def sample_to_folder(
    denoiser: Denoiser,
    out: FilePath,
    n: int,
    *,
    shape: tuple[int, ...] | None = None,
    sigmas: ArrayLike | str | None = None,
    method: str = "heun",
    condition: int | None = None,
    seed: int = 0,
    batch: int = 64,
    description: Record | None = None,
    show: bool | None = None,
) -> Path:
    """Draw `n` samples into `out`: parts of `batch`, then `samples.npz` with `images` (n, *shape), float32.

    Sample i depends on (seed, i) alone, so `batch` changes nothing beyond rounding. `sigmas` decrease to 0 (18
    Karras levels within the range of the network when not given [@Karras2022]). Repeating the call goes on with the
    parts that are missing.

    Parameters
    ----------
    denoiser : Denoiser
        The network; with `condition`, one that takes `condition=`.
    out : str or Path
        The folder of `samples.npz`, of the parts and of `sampling.json`, the settings.
    n : int
        Number of samples, at least 1.
    shape : tuple of int, optional
        Event shape (default: the `shape` of the denoiser).
    sigmas : array_like or "network", optional
        Decreasing noise levels, the last one 0 (default: 18 Karras levels, then 0); "network": those of its own steps
        that are nearest to the default.
    method : str, optional
        A sampler of `simulate.diffusion.METHODS`.
    condition : int, optional
        The class of all samples.
    seed : int, optional
        Of starting noise and sampler.
    batch : int, optional
        Samples of one part, at least 1.
    description : dict, optional
        What else `sampling.json` shall say, such as where the network is from; JSON values.
    show : bool, optional
        Whether to show the progress (default: on a terminal).

    Returns
    -------
    Path
        Of `samples.npz`.

    Raises
    ------
    ArgumentError
        Where the shape is not known, or `n` or `batch` is not an integer >= 1.
    DataFileError
        Where `out` holds samples that were made with other settings.
    OutputError
        Where another process works in `out`, or it cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from idealscore.learned.networks import LinearDenoiser
    >>> with TemporaryDirectory() as folder:
    ...     path = sample_to_folder(LinearDenoiser((1, 4, 4)), folder, 3, show=False)
    ...     np.load(path)["images"].shape
    (3, 1, 4, 4)
    """
    n, batch = check.integer("n", n, 1), check.integer("batch", batch, 1)
    shape = shape or getattr(denoiser, "shape", None)
    if shape is None:
        raise ArgumentError("shape", "is not known of this denoiser", "pass that of the data (by --data)")
    grid = np.asarray(_levels(denoiser) if sigmas is None else sampling_levels(denoiser, sigmas)).tolist()
    settings = {
        "sigmas": grid, "method": method, "seed": seed, "batch": batch, "shape": list(shape),
        "condition": condition, **(description or {}),
    }  # fmt: skip
    if condition is not None:
        denoiser = with_condition(cast("Any", denoiser), condition)  # one that takes a condition
    with held(Path(out)):
        _settle(Path(out) / "sampling.json", settings)
        return _drawn(denoiser, Path(out), n, shape, grid, method, seed, batch, show)


def _drawn(
    denoiser: Denoiser,
    folder: Path,
    n: int,
    shape: tuple[int, ...],
    grid: list[float],
    method: str,
    seed: int,
    batch: int,
    show: bool | None,
) -> Path:
    """The parts that are missing, then all in one file."""
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


def _levels(denoiser: Denoiser) -> list[float]:
    """18 Karras levels within the range of the network, then 0."""
    low, high = within_known_range(denoiser, *WIDEST)
    return [*karras_sigmas(18, low, high), 0.0]


def _settle(file: Path, settings: Record) -> None:
    """Write the settings of a fresh folder; refuse one that was made with others."""
    text = json.dumps(settings, indent=2)
    if file.exists():
        if file.read_text(encoding="utf-8").strip() != text:
            raise DataFileError("out", f"{file.parent} holds samples made otherwise", "pass another folder")
    else:
        _results.write_text(file, text + "\n")
