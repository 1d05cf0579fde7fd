"""What a worker does: compute some points, and write each result, or its error, the moment it is there."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .._support import results as saved
from ..errors import ArgumentError, OutputError
from ._values import TakenNameError, point_file
from .folder import SweepFolder
from .functions import find

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Job(NamedTuple):
    """What all points of a sweep share: its folder, the name of its function, its identity."""

    folder: str
    function: str
    sweep: str


@dataclass(frozen=True)
class Point:
    """One point of a sweep: its number, its values of the axes, and all arguments of the function there."""

    index: int
    place: dict[str, Any]
    arguments: dict[str, Any]


def begin(parent: int) -> None:
    """Prepare a process on this machine: Ctrl-C is the parent's business, and without the parent there is no work.

    loky would take a process that has grown by 300 MB for one that leaks, retire it and warn; where warnings are
    errors, the warning ends the thread that waits for results, and the sweep never ends. A large import grows as much.
    """
    from joblib.externals.loky import process_executor

    process_executor._USE_PSUTIL = False  # noqa: SLF001
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def probe(job: Job) -> str:
    """Why this worker cannot take part, empty if it can: it must import the function and see the folder."""
    try:
        find(job.function)
    except Exception as error:
        return f"cannot import {job.function} ({type(error).__name__}: {error})"
    return "" if SweepFolder(job.folder).description_path.is_file() else f"sees no folder {job.folder}"


def refuse(problem: str) -> None:
    """ArgumentError with what a worker said about itself."""
    if problem:
        remedy = "install the module on the workers (or start them where it lies) and share the folder"
        raise ArgumentError("function", f"a worker {problem}", remedy)


def run(job: Job, points: list[Point]) -> tuple[int, float]:
    """Compute some points; returns the number of failed ones and the seconds taken."""
    refuse(probe(job))  # workers may join while the sweep runs
    function, folder = find(job.function), SweepFolder(job.folder)
    start = time.perf_counter()
    with one_thread():
        failed = sum(not _run_point(function, folder, job.sweep, point) for point in points)
    return failed, time.perf_counter() - start


def _run_point(function: Callable[..., Any], folder: SweepFolder, sweep: str, point: Point) -> bool:
    marker = folder.marker(point.index)
    try:
        marker.touch()
        try:
            content = point_file(function(**point.arguments), point.place, sweep)
        except TakenNameError:
            raise
        except (Exception, SystemExit) as error:
            folder.fail(point.index, point.place, f"{type(error).__name__}: {error}", traceback.format_exc())
            return False
        saved.write_bytes(folder.point(point.index), content, sync=False)
        folder.failure(point.index).unlink(missing_ok=True)
        return True
    except OSError as error:
        raise OutputError("out", f"{folder.path} cannot be written ({error.strerror})", "repeat the command") from error
    finally:
        marker.unlink(missing_ok=True)


_ENTRANCE, _INSIDE = threading.Lock(), [0, 0]


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread in numerical libraries, so that sums have the same order on any number of workers.

    Where several points share a process, the last to leave restores what the first found.
    """
    from threadpoolctl import threadpool_limits

    torch: Any = sys.modules.get("torch")
    with _ENTRANCE:
        if _INSIDE[0] == 0 and torch:
            _INSIDE[1] = torch.get_num_threads()
            torch.set_num_threads(1)
        _INSIDE[0] += 1
    try:
        with threadpool_limits(1):
            yield
    finally:
        with _ENTRANCE:
            _INSIDE[0] -= 1
            if _INSIDE[0] == 0 and torch and _INSIDE[1]:
                torch.set_num_threads(_INSIDE[1])


def folder_of(path: str | os.PathLike) -> str:
    """The path as every process on this machine knows it."""
    return str(Path(path).absolute())
