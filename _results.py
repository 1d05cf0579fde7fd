"""Results on disk: xarray Datasets as netCDF, written whole or not at all, with their provenance inside."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DataFileError

if TYPE_CHECKING:
    import xarray as xr

CONVENTION = "x = x0 + sigma * n, n ~ N(0, I)"


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary name beside `path`; on success it is synced and renamed to `path`, else it is removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def provenance(*, seed: int | None = None, device: str = "cpu", command: str | None = None) -> dict[str, str]:
    """What made a result: command, seed, versions, device and convention."""
    from . import __version__

    if command is None:
        name = Path(sys.argv[0]).name
        command = shlex.join(["idealscore" if name.startswith("idealscore") else name, *sys.argv[1:]])
    made = {
        "command": command,
        "idealscore": __version__,
        "python": platform.python_version(),
        "device": device,
        "processor": platform.machine(),
        "convention": CONVENTION,
    }
    if seed is not None:
        made["seed"] = str(seed)
    return made | _versions()


@cache
def _versions() -> dict[str, str]:
    found = {}
    for package in ("numpy", "scipy", "numba", "torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def save(dataset: xr.Dataset, path: str | os.PathLike) -> Path:
    """Write a Dataset as netCDF under a temporary name, then rename it."""
    with atomic_path(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf")
    return Path(path)


def load(path: str | os.PathLike, validate: Callable[[xr.Dataset], None] | None = None) -> xr.Dataset:
    """Read a Dataset into memory; a missing, truncated or foreign file is named in the error."""
    import xarray as xr

    if not Path(path).is_file():
        raise DataFileError("path", f"there is no file {path}", "check the name")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            dataset = opened.load()
    except Exception as error:
        raise DataFileError(
            "path", f"{path} is no readable netCDF file ({type(error).__name__})", "run the command that made it again"
        ) from error
    if validate is not None:
        validate(dataset)
    return dataset
