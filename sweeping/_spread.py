"""Jobs that leave their results in files of their own, shared by processes of this machine or by a Dask cluster."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import ArgumentError, ClusterError
from ._sweep import sweep
from .grids import Value

if TYPE_CHECKING:
    from distributed import Client
    from distributed.deploy.cluster import Cluster as DaskCluster

Cluster: TypeAlias = "str | Client | DaskCluster | None"
"""The address of a Dask scheduler, a Client or a cluster object; None for processes of this machine."""


def spread(
    function: Callable[..., object],
    grid: Mapping[str, Iterable[Value]],
    folder: Path,
    *,
    fixed: Mapping[str, object],
    workers: int = 1,
    cluster: Cluster = None,
    show: bool | None = None,
) -> None:
    """`sweep` of a function whose results lie elsewhere; nothing of it stays when all is done.

    Parameters
    ----------
    function : callable
        Importable by name; it leaves its results in files and returns a number.
    grid : mapping
        As of `sweep`.
    folder : Path
        For the sweep; it goes when all is done, and stays for the next call where a job failed.
    fixed : mapping
        Arguments that are the same in every job.
    workers, cluster, show
        As of `sweep`.

    Raises
    ------
    ClusterError
        Where a job failed, with its first error.
    """
    grid = {name: list(values) for name, values in grid.items()}
    asked = json.dumps([function.__name__, grid, dict(fixed)], sort_keys=True, default=str)
    own = folder / blake2b(asked.encode(), digest_size=6).hexdigest()  # another call has a folder of its own
    found = sweep(function, grid, own, fixed=fixed, workers=workers, cluster=cluster, retry=True, show=show)
    if found.attrs["failed"]:
        first = next(str(error) for error in found.sweep_error.values.ravel() if error)
        raise ClusterError(
            f"{found.attrs['failed']} of {found.attrs['points']} jobs failed, the first with {first:.300};"
            f" see {own / 'failed'}; the same call goes on with what is left"
        )
    found.close()
    shutil.rmtree(folder, ignore_errors=True)


def refuse_with(shared: object, **others: object) -> None:
    """ArgumentError for an argument that does not go together with workers elsewhere, where these are asked for."""
    for name, value in others.items():
        if shared and value:
            raise ArgumentError(name, "does not go together with workers elsewhere", "leave one of the two out")
