"""Results on disk: xarray Datasets as netCDF, written whole or not at all, with their provenance inside.

The last bytes of a file hold a digest of all before; netCDF readers ignore what follows the end of the data. A file
that was damaged after it was written is refused before any of it is parsed.
"""

from __future__ import annotations

import errno
import io
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataFileError, IdealScoreError, OutputError
from .files.leftovers import temporary_file
from .files.netcdf_limits import check_harmless, check_sizes
from .memory import available_memory

if TYPE_CHECKING:
    import xarray as xr

TIMING = "timing"  # the one attribute that says how long something took, as JSON: no two runs share it
CONVENTION = "x = x0 + sigma * n, n ~ N(0, I)"
_SEAL = b"\nidealscore blake2b "
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
    *(errno.ELOOP, errno.EILSEQ),
}
_AGAIN = "run the command that made it again"


@contextmanager
def atomic_path(path: str | os.PathLike, sync: bool = True) -> Iterator[Path]:
    """A temporary name next to `path`; on success it is renamed to `path`, else it is removed.

    Temporary files of processes that were killed are removed by the next that writes into their folder.

    With `sync` the data reach the disk before the new name does, so that the file is whole even after a power cut.
    Raises OutputError where the disk is full or the folder cannot be written.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_file(path)
        try:
            yield temporary
            if sync:
                with open(temporary, "rb+") as stream:
                    os.fsync(stream.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the system while `path` is written, a full disk or a read-only folder, as OutputError."""
    try:
        yield
    except OSError as error:
        raise _refused(path, error) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise OutputError("out", "holds a null character, which no path may have", "pass another folder") from error


def make_folder(path: Path) -> None:
    """Make a folder with its parents; OutputError where that cannot be done."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def _refused(path: Path, error: OSError) -> Exception:
    if error.errno in _FULL:
        remedy = "make room and repeat the command; what was written before is whole"
        return OutputError("out", f"{path} cannot be written ({os.strerror(error.errno)})", remedy)
    if error.errno in _CLOSED:
        return OutputError("out", f"{path} cannot be written ({os.strerror(error.errno)})", "pass another folder")
    return error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike, text: str, sync: bool = True) -> None:
    """Write `text` whole or not at all."""
    write_bytes(path, text.encode(), sync)


def write_bytes(path: str | os.PathLike, content: bytes, sync: bool = True) -> None:
    """Write `content` whole or not at all."""
    with atomic_path(path, sync) as temporary:
        temporary.write_bytes(content)


def provenance(*, seed: int | None = None, device: str = "cpu", command: str | None = None) -> dict[str, str]:
    """What made a result: command, seed, versions, device and convention."""
    from .. import __version__

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


def image(dataset: xr.Dataset) -> bytes:
    """The bytes of a netCDF file of `dataset`.

    In memory, because HDF5 leaves open files behind on a full disk; and not by `to_netcdf`, which on a Dask worker
    asks the scheduler for a lock that only a named file has. How the data lay in a file before is forgotten: a word
    of four letters that was read from one would cut longer ones that were put next to it.
    """
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    from .files.netcdf_objects import RememberingFile

    buffer = io.BytesIO()
    with RememberingFile(buffer, "w", track_order=True) as objects, h5netcdf.File(objects, "w") as file:
        dataset.drop_encoding().dump_to_store(H5NetCDFStore(file))
    return buffer.getvalue()


def sealed(content: bytes) -> bytes:
    """`content` and its digest."""
    return content + _SEAL + blake2b(content, digest_size=32).hexdigest().encode()


def intact(path: str | os.PathLike) -> bool | None:
    """Whether the digest at the end of a file fits; None where there is none."""
    tail = len(_SEAL) + 64
    with open(path, "rb") as stream:
        left = stream.seek(0, os.SEEK_END) - tail
        if left < 0:
            return None
        stream.seek(left)
        seal = stream.read(tail)
        if not seal.startswith(_SEAL):
            return None
        stream.seek(0)
        digest = blake2b(digest_size=32)
        while left > 0 and (block := stream.read(min(left, 2**20))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest().encode() == seal[len(_SEAL) :]


def save(dataset: xr.Dataset, path: str | os.PathLike) -> Path:
    """Write a Dataset as netCDF under a temporary name, then rename it; OutputError where that cannot be done."""
    write_bytes(path, sealed(image(dataset)))
    return Path(path)


def load(
    path: str | os.PathLike,
    validate: Callable[[xr.Dataset], None] | None = None,
    memory_limit: int | None = None,
) -> xr.Dataset:
    """Read a Dataset into memory; a missing, truncated, damaged or foreign file is named in the error.

    A file without a digest that does not come with the package is first read in a separate process, which may crash.
    Sizes that the file declares are held against `memory_limit` (half of the free memory) before they are allocated.
    """
    if not Path(path).is_file():
        raise DataFileError("path", f"{path} does not exist", "check the name")
    try:
        sound = intact(path)
        if sound is False:
            raise DataFileError("path", f"{path} was damaged after it was written", _AGAIN)
        limit = available_memory() // 2 if memory_limit is None else memory_limit
        if sound is None and not Path(path).resolve().is_relative_to(Path(__file__).resolve().parent.parent):
            check_harmless(path, limit)
        check_sizes(path, limit)
        dataset = _read(path)
    except IdealScoreError:
        raise
    except Exception as error:
        raise DataFileError("path", f"{path} is not a readable netCDF file ({type(error).__name__})", _AGAIN) from error
    if validate is not None:
        validate(dataset)
    return dataset


def _read(path: str | os.PathLike) -> xr.Dataset:
    """All that a file of netCDF holds."""
    import h5netcdf
    import xarray as xr
    from xarray.backends import H5NetCDFStore

    from .files.netcdf_objects import RememberingFile

    with RememberingFile(path, "r") as objects, h5netcdf.File(objects, "r", decode_vlen_strings=True) as file:
        return xr.open_dataset(H5NetCDFStore(file)).load().drop_encoding()
