"""Runs of the kernels in batches that threads share; no batch depends on who runs it, and no kernel holds a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar, cast

import numpy as np

from ..._support import progress
from ..._support.results import provenance
from ..._support.streams import stream_seed
from . import _kernels
from .inputs import MAX_BATCHES, curves_of, marks_of
from .sweep_result import Sweep, columns_of
from .tables import NONE, Table

R = TypeVar("R")

# numba's functions have no types that a checker could read.
grow: Callable[..., None] = _kernels.grow
grow_many: Callable[..., None] = _kernels.grow_many


def compiled() -> bool:
    """Whether numba has compiled the kernel in this process."""
    return bool(getattr(grow, "signatures", ()))


def compiling(show: bool | None) -> AbstractContextManager[None]:
    """A note on screen while numba compiles."""
    return progress.message("compiling the percolation kernels (once)", show)


def workspace(n_sites: int, winding_type: np.dtype, n_steps: int, wanted: Sequence[str]) -> tuple[np.ndarray, ...]:
    """The kernel's state: parent, winding, stats, count, order."""
    return (
        np.empty(n_sites, np.int32),
        np.empty(n_sites if "wrapping" in wanted else 0, winding_type),
        np.empty(4, np.int64),
        np.empty(n_sites + 1 if "second_largest" in wanted else 0, np.int32),
        np.empty(n_steps, np.int32),
    )


def grow_ordered(
    table: Table,
    order: np.ndarray,
    wanted: Sequence[str],
    marks: np.ndarray,
    sums: np.ndarray,
    wraps: np.ndarray,
    kind: str = "site",
) -> np.ndarray:
    """One run in a given order, into `sums` and `wraps`; returns the parents."""
    state = workspace(table.n_sites, table.winding_type, 0, wanted)[:-1]
    with compiling(False if compiled() else None):
        grow(*table.arguments(kind), *state, order, wraps.size, marks, columns_of(wanted), sums, wraps)
    return state[0]


def grow_runs(
    table: Table,
    name: str,
    kind: str,
    sides: tuple[int, ...],
    n_runs: int,
    seed: int,
    wanted: tuple[str, ...],
    workers: int,
    show: bool | None,
    modulus: complex | None = None,
) -> Sweep:
    """All runs, in batches that the threads share; the batches depend on `n_runs` alone."""
    n_batches = min(MAX_BATCHES, n_runs)
    replicas = np.array_split(np.arange(n_runs), n_batches)
    n_total, members = (table.n_sites, NONE) if kind == "site" else (table.n_bonds, table.members)
    n_directions = table.n_directions if "wrapping" in wanted else 0
    n_curves = len(curves_of(wanted))
    marks, columns = marks_of(n_total, n_curves, n_batches), columns_of(wanted)

    def grow_batch(replicas: np.ndarray, n_steps: int = n_total) -> tuple[np.ndarray, np.ndarray]:
        seeds = np.array([stream_seed(seed, "percolation", int(r)) for r in replicas], np.uint64)
        sums = np.zeros((len(marks), n_curves))
        wraps = np.zeros((len(replicas), n_directions), np.int32)
        state = workspace(table.n_sites, table.winding_type, n_steps, wanted)
        grow_many(seeds, members, *table.arguments(kind), *state, marks, columns, sums, wraps)
        return sums, wraps

    with compiling(show):
        grow_batch(np.zeros(0, int), 0)
    parts = run_batches(grow_batch, replicas, workers, f"{name} {kind}", show)
    return Sweep(
        name,
        kind,
        sides,
        table.n_sites,
        n_total,
        wanted,
        marks,
        np.stack([sums for sums, _ in parts]),
        np.array([len(part) for part in replicas]),
        np.concatenate([wraps for _, wraps in parts]),
        modulus,
        attributes=provenance(seed=seed),
    )


def run_batches(
    work: Callable[[np.ndarray], R], parts: Sequence[np.ndarray], workers: int, label: str, show: bool | None
) -> list[R]:
    """`work` of every part, in order, behind a progress bar."""
    if workers == 1:
        results: Iterable[R] = map(work, parts)
    else:
        from joblib import Parallel, delayed

        pool = Parallel(n_jobs=workers, prefer="threads", return_as="generator")
        results = cast("Iterable[R]", pool(delayed(work)(p) for p in parts))
    return list(progress.bar(results, total=len(parts), label=label, show=show))
