"""Where the points are computed: processes of joblib's loky on this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..errors import ClusterError, MissingDependencyError
from . import _worker

CONNECT = 10.0
GONE = "the Dask scheduler is gone; finished points are kept: start one and repeat the call"
CLUSTER_PATIENCE = 15.0
"""Seconds for which a scheduler may be out of reach."""


class Engine:
    """An executor, the present number of its workers, and a look at whether it is still there."""

    def __init__(self, executor: Any, workers: Callable[[], int], alive: Callable[[], None] = lambda: None) -> None:
        self.executor: Any = executor
        self._workers = workers
        self.alive: Callable[[], None] = alive

    @property
    def workers(self) -> int:
        return max(1, self._workers())

    def submit(self, job: _worker.Job, points: list[_worker.Point]) -> Future[tuple[int, float]]:
        return self.executor.submit(_worker.run, job, points)


class _Here(Executor):
    """Computes at once, in this process: for debugging."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        future: Future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def processes(workers: int, job: _worker.Job) -> Iterator[Engine]:
    """Processes of this machine, one thread each; 0 stands for none but this one."""
    if workers == 0:
        yield Engine(_Here(), lambda: 1)
        return
    from joblib.externals.loky import ProcessPoolExecutor

    executor = ProcessPoolExecutor(
        workers,
        timeout=None,
        env=dict.fromkeys(_worker.THREADS, "1"),
        initializer=_worker.begin,
        initargs=(os.getpid(),),
    )
    try:
        _worker.refuse(executor.submit(_worker.probe, job).result())
        yield Engine(executor, lambda: workers)
    except BaseException:
        executor.shutdown(wait=True, kill_workers=True)
        raise
    executor.shutdown(wait=True)


@contextmanager
def dask_cluster(address: Any, job: _worker.Job) -> Iterator[Engine]:
    """The workers of a Dask cluster: an address like tcp://host:8786, a `Client` or a cluster object.

    Raises ClusterError where nobody answers or no worker is there, ArgumentError where a worker cannot take part.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MissingDependencyError("distributed", "cluster") from None
    mine = not isinstance(address, Client)
    try:
        if isinstance(address, str):
            _knock(address)
        client = Client(address, timeout=CONNECT, set_as_default=False) if mine else address
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({type(error).__name__}); pass tcp://host:port of one"
        ) from None
    executor = client.get_executor(pure=False)
    try:
        if not _threads(client):
            raise ClusterError(f"the cluster {address} has no worker; start some, then repeat the call")
        answers: Any = client.run(_worker.probe, job)
        for answer in answers.values():
            _worker.refuse(answer)
        yield Engine(executor, lambda: _threads(client), _watch(client))
    finally:
        if client.status == "running":
            executor.shutdown(wait=False)
        if mine:
            client.close(timeout=2)


def _knock(address: str) -> None:
    """OSError or ValueError where nobody listens: a client that was never connected takes long to give up."""
    place = urlsplit(address)
    if place.port is None:
        raise ValueError("no port")
    socket.create_connection((place.hostname, place.port), timeout=CONNECT).close()


def _threads(client: Any) -> int:
    """How many points the workers can compute at once; ClusterError where the client has given the scheduler up."""
    workers = client.scheduler_info(n_workers=-1).get("workers")
    if workers is None:
        raise ClusterError(GONE)
    return sum(worker["nthreads"] for worker in workers.values())


def _watch(client: Any) -> Callable[[], None]:
    """A look at the scheduler: ClusterError when it has been away for too long."""
    seen = [time.monotonic()]

    def alive() -> None:
        if client.status == "running":
            seen[0] = time.monotonic()
        elif client.status == "closed" or time.monotonic() - seen[0] > CLUSTER_PATIENCE:
            raise ClusterError(GONE)

    return alive
