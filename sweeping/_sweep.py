"""A function at every point of a grid: the same call goes on where one was stopped, with the same bits every time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._support import checks as check
from .._support import progress as _progress
from .._support.files.lock import held
from .._support.typed import typed
from . import engines, functions
from ._drive import Drive
from ._results import assemble
from ._worker import Job, folder_of
from .folder import FORMAT, SweepFolder
from .grids import Grid, Value

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client
    from distributed.deploy.cluster import Cluster

    from .._support.types import FilePath


@partial(typed, free=("function",))
def sweep(
    function: Callable[..., object],
    grid: Mapping[str, Iterable[Value]] | Iterable[tuple[str, Iterable[Value]]],
    out: FilePath,
    *,
    seeds: int | Sequence[int] | None = None,
    fixed: Mapping[str, object] | None = None,
    workers: int = 1,
    cluster: str | Client | Cluster | None = None,
    retry: bool = False,
    show: bool | None = None,
) -> xr.Dataset:
    """Call a function at every point of a grid, keep each result on disk, and give them as one Dataset.

    Each point writes its own netCDF when it is done, under a temporary name that is then renamed. The same call goes
    on where one was stopped or killed. A point that raises is recorded in `out/failed` and stops nothing; a worker
    that dies is replaced. Every point runs on one thread, so that results do not depend on the number of workers.

    Parameters
    ----------
    function : callable
        Called as `function(**point, **fixed)`. It must be importable by name (`def` at the top of a module) and return
        a number, a dict of numbers, a DataArray or a Dataset, with the same shapes at every point.
    grid : mapping or sequence of pairs
        Axes by name, each a list of numbers, of words or of truth values; the last axis runs fastest.
    out : path
        Folder of the sweep: new, empty, or that of the same sweep.
    seeds : int or sequence of int, optional
        An axis `seed`: a list, or a number n for 0 ... n - 1.
    fixed : mapping, optional
        Arguments that are the same at every point: numbers, words, lists and dicts of them.
    workers : int
        Processes on this machine; 0 for this very process (debugging).
    cluster : str, Client or Cluster, optional
        Computes there instead: the address of a Dask scheduler, a Client or a cluster object, whose workers must see
        `out`.
    retry : bool
        Whether to compute again the points that failed before.
    show : bool, optional
        Whether to show progress; by default on a terminal only.

    Returns
    -------
    xarray.Dataset
        What `sweeping.results(out)` gives.

    Raises
    ------
    ArgumentError
        Where the grid or the function cannot be used, or the first result has the name of an axis.
    UnknownNameError
        Where the function has no argument of an axis's name.
    EmptyDataError
        Without a point, or where no point has a result.
    OutputError
        For the folder of another sweep, one in which another sweep runs, or a disk that is full or read-only.
    ClusterError
        Where no scheduler answers, or workers die before they begin. Finished points are never lost.
    MissingDependencyError
        For a cluster without the extra `cluster`.

    Examples
    --------
    >>> import tempfile
    >>> from idealscore.theory.percolation import giant_component
    >>> found = sweep(giant_component, {"degrees": [0.5, 2.0]}, tempfile.mkdtemp(), workers=0)
    >>> found.q.round(2).values
    array([0. , 0.8])
    """
    points = Grid.of(grid, seeds, fixed)
    name = functions.name_of(function)
    points.fit(function)
    check.integer("workers", workers, 0, 4096)
    with held(Path(folder_of(out))):
        return _run(points, name, functions.source_digest(function), folder_of(out), workers, cluster, retry, show)


def _run(
    points: Grid,
    name: str,
    source: str,
    out: str,
    workers: int,
    cluster: str | Client | Cluster | None,
    retry: bool,
    show: bool | None,
) -> xr.Dataset:
    """The sweep in its folder, which this call alone holds."""
    folder = SweepFolder(out)
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
        warnings.warn(text, stacklevel=5)
        for index in damaged:
            folder.point(index).unlink()
    return done


def _notice_changes(folder: SweepFolder, source: str) -> None:
    """Warn where the function is not the one that the finished points are from."""
    before = folder.description().get("source")
    if before != source:
        text = (
            f"the function has changed since the sweep in {folder.path} was begun; finished points are kept unchanged"
        )
        warnings.warn(text, stacklevel=5)


def _stopped(folder: SweepFolder, grid: Grid) -> str:
    """What to tell who stopped the sweep."""
    finished = sum(folder.point(index).is_file() for index in range(len(grid)))
    return f"stopped with {finished} of {len(grid)} points in {folder.path}; the same call goes on from there"
