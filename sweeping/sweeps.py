"""A function at every point of a grid: interrupted at will, gone on with by the same call, the same bits every time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from .._support import checks as check
from .._support import progress as _progress
from . import engines, functions
from ._drive import Drive
from ._worker import Job, folder_of
from .assembly import assemble
from .folder import FORMAT, SweepFolder
from .grids import Grid

if TYPE_CHECKING:
    import xarray as xr


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Iterable[Any]] | Iterable[tuple[str, Iterable[Any]]],
    out: str | os.PathLike,
    *,
    seeds: int | Sequence[int] | None = None,
    fixed: Mapping[str, Any] | None = None,
    workers: int = 1,
    cluster: Any = None,
    retry: bool = False,
    show: bool | None = None,
) -> xr.Dataset:
    """Call `function(**point, **fixed)` at every point of `grid`, keep each result in `out`, give them as one Dataset.

    grid: axes of numbers, words or truth values. seeds: an axis `seed`, a list or a number n for 0 ... n - 1.
    function: importable by name (`def` at the top of a module); it returns a number, a dict of numbers, a DataArray
    or a Dataset, with the same shapes at every point. workers: processes on this machine, 0 for this very process
    (debugging). cluster: instead, the address of a Dask scheduler, a Client or a cluster object; its workers must see
    `out`. retry: also compute again the points that failed before. show: progress on or off.

    Each point writes its own netCDF when it is done, under a temporary name that is then renamed. The same call goes
    on where one was stopped or killed. A point that raises is recorded in `out/failed` and stops nothing; a worker
    that dies is replaced. Every point runs on one thread, so that results do not depend on the number of workers.

    Returns what `sweeping.results` does. Raises ArgumentError (grid or function unusable), EmptyDataError (no
    point), OutputError (folder of another sweep, disk full or read-only), ClusterError (nobody answers, or
    workers die before they begin), all before or without loss of finished points.

    >>> import tempfile
    >>> from idealscore.learned.training.state import ema_exponent
    >>> found = sweep(ema_exponent, {"width": [0.05, 0.1]}, tempfile.mkdtemp(), workers=0)
    >>> found.q.round(2).values
    array([16.97,  6.94])
    """
    points = Grid.of(grid, seeds, fixed)
    name = functions.name_of(function)
    points.fit(function)
    check.integer("workers", workers, 0, 4096)
    folder = SweepFolder(folder_of(out))
    source = functions.source_digest(function)
    identity = folder.claim({"format": FORMAT, "function": name, **points.describe(), "source": source})
    _notice_changes(folder, source)
    done = _finished(folder, len(points))
    folder.tidy()
    left = [index for index in np.flatnonzero(~done).tolist() if retry or not folder.failure(index).exists()]
    for index in left:
        folder.failure(index).unlink(missing_ok=True)
    job = Job(str(folder.path), name, identity)

    def open_engine(width: int) -> AbstractContextManager[engines.Engine]:
        return engines.processes(width, job) if cluster is None else engines.dask_cluster(cluster, job)

    with _progress.bar(total=len(points), label="sweep", show=show) as bar:
        bar.update(len(points) - len(left))
        failures = [0]

        def count(points: int, failed: int) -> None:
            failures[0] += failed
            if failures[0]:
                bar.set_postfix_str(f"{failures[0]} failed")
            bar.update(points)

        try:
            Drive(job, points, folder, open_engine, count).run(left, workers)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_stopped(folder, points)) from None
        finally:
            folder.tidy()
    done[left] = [folder.point(index).is_file() for index in left]
    return assemble(folder, points, done)


def _finished(folder: SweepFolder, count: int) -> np.ndarray:
    """Which points are done; files that are damaged are named, and removed to be made again."""
    done = np.array([folder.is_done(index) for index in range(count)])
    damaged = [index for index in np.flatnonzero(~done).tolist() if folder.point(index).exists()]
    if damaged:
        text = f"{len(damaged)} damaged result(s) in {folder.path} are made again, the first is point {damaged[0]}"
        warnings.warn(text, stacklevel=3)
        for index in damaged:
            folder.point(index).unlink()
    return done


def _notice_changes(folder: SweepFolder, source: str) -> None:
    before = folder.description().get("source")
    if before != source:
        text = (
            f"the function has changed since the sweep in {folder.path} was begun; finished points are kept as they are"
        )
        warnings.warn(text, stacklevel=3)


def _stopped(folder: SweepFolder, grid: Grid) -> str:
    finished = sum(folder.point(index).is_file() for index in range(len(grid)))
    return f"stopped with {finished} of {len(grid)} points in {folder.path}; the same call goes on from there"
