"""The loop that hands out points: larger batches of quick ones, and a second chance for those whose worker died."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from itertools import islice

from ..errors import ClusterError
from ._worker import Job, Point
from .engines import Engine
from .folder import SweepFolder
from .grids import Grid

BATCH_SECONDS, LARGEST_BATCH = 0.25, 200
ALONE, CONVICTED = 2, 4
"""Deaths after which a point is computed alone, and after which it is held to be the cause."""

Open = Callable[[int], AbstractContextManager[Engine]]


class Drive:
    """Computes the points of a sweep. `done(points, failures)` is called after each batch."""

    def __init__(
        self, job: Job, grid: Grid, folder: SweepFolder, open_engine: Open, done: Callable[[int, int], None]
    ) -> None:
        self.job, self.grid, self.folder, self.open, self.done = job, grid, folder, open_engine, done
        self.deaths: Counter[int] = Counter()
        self.seconds, self.finished, self.idle_deaths = 0.0, 0, 0

    def run(self, indices: Iterable[int], workers: int) -> None:
        """Compute the points of `indices`; those that keep killing their worker come last, each alone."""
        left = list(indices)
        while left:
            alone = [index for index in left if self.deaths[index] >= ALONE]
            together = [index for index in left if self.deaths[index] < ALONE]
            queue, width = (together, workers) if together else (alone[:1], min(workers, 1))
            later = alone if together else alone[1:]
            left = [*self._round(queue, width), *later]

    def _round(self, queue: list[int], workers: int) -> list[int]:
        """One pool of workers until the queue is empty or the pool breaks; returns what is left."""
        waiting, pending = deque(queue), {}
        try:
            with self.open(workers) as engine:
                while waiting or pending:
                    while waiting and len(pending) < 2 * engine.workers:
                        batch = list(islice(waiting, self._size(engine.workers)))
                        pending[engine.submit(self.job, [self._point(index) for index in batch])] = batch
                        for _ in batch:
                            waiting.popleft()
                    finished, _ = wait(pending, timeout=1, return_when=FIRST_COMPLETED)
                    engine.alive()
                    for future in finished:
                        waiting.extend(self._collect(future, pending[future]))
                        del pending[future]
        except BrokenProcessPool:
            return self._after_a_death([*waiting, *(index for batch in pending.values() for index in batch)])
        return []

    def _collect(self, future: Future, batch: list[int]) -> list[int]:
        """Count a finished batch; returns the points that must be computed again."""
        try:
            failed, seconds = future.result()
        except BrokenProcessPool:
            raise
        except CancelledError:
            raise ClusterError("the cluster cancelled the work; finished points are kept: repeat the call") from None
        except Exception as error:
            if type(error).__name__ != "KilledWorker":
                raise
            return self._divide([index for index in batch if not self.folder.is_done(index)])
        self.seconds, self.finished = self.seconds + seconds, self.finished + len(batch)
        self.done(len(batch), failed)
        return []

    def _divide(self, killed: list[int]) -> list[int]:
        """A lone point that killed several workers has failed; of several points, each gets a chance on its own."""
        if len(killed) == 1:
            self.folder.fail(killed[0], self.grid.point(killed[0]), "its workers died (out of memory, or a crash)")
            self.done(1, 1)
            return []
        self.deaths.update(killed)
        return killed

    def _after_a_death(self, unfinished: list[int]) -> list[int]:
        """What is left when a process died: suspects are the points that ran. Innocent ones come first."""
        done = [index for index in unfinished if self.folder.is_done(index) or self.folder.failure(index).exists()]
        left = sorted(set(unfinished) - set(done))
        suspects = set(self.folder.in_flight()) & set(left)
        self.folder.tidy()
        self.deaths.update(suspects)
        self.idle_deaths = 0 if suspects or done else self.idle_deaths + 1
        if self.idle_deaths > 3:
            raise ClusterError("workers die before they begin; free some memory, or pass fewer workers")
        convicted = [index for index in suspects if self.deaths[index] >= CONVICTED]
        for index in convicted:
            self.folder.fail(index, self.grid.point(index), "its worker died, also alone (out of memory, or a crash)")
        failed = sum(self.folder.failure(index).exists() for index in done)
        self.done(len(done) + len(convicted), failed + len(convicted))
        return sorted(set(left) - set(convicted), key=lambda index: index in suspects)

    def _size(self, workers: int) -> int:
        """Points per batch: a quarter of a second's work, so that a quick point does not pay for its own message."""
        if self.deaths or not self.finished:
            return 1
        quick = BATCH_SECONDS * self.finished / max(self.seconds, 1e-9)
        return max(1, min(LARGEST_BATCH, int(quick), len(self.grid) // (4 * workers)))

    def _point(self, index: int) -> Point:
        return Point(index, self.grid.point(index), self.grid.arguments(index))
