"""Batches of runs, shared by threads: the kernels hold no lock, and no batch depends on who runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

import numpy as np

from ..._support import progress

R = TypeVar("R")


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
