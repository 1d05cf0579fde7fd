"""What a netCDF file declares, looked at before any of it is read: sizes, and references to other files."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ...errors import DataFileError
from ..memory import fits

PATIENCE = 4.0
"""Seconds of a processor for a file to be read, plus one for every 20 MiB of it."""
BUSY = 10
"""How many times longer it may take by the clock, on a machine that has other things to do."""


def check_harmless(path: str | os.PathLike, limit: int) -> None:
    """Raise DataFileError where reading a file from elsewhere crashes or does not end, tried in another process."""
    program = Path(__file__).with_name("netcdf_probe.py")
    # -P: no file beside the program may stand before the standard library
    seconds = math.ceil(PATIENCE + os.path.getsize(path) / (20 * 2**20))
    command = [sys.executable, "-P", "-W", "ignore", str(program), os.fspath(path), str(limit), str(seconds)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=BUSY * seconds).returncode
    except subprocess.TimeoutExpired:
        ended = -signal.SIGXCPU
    if ended == -signal.SIGXCPU:
        raise DataFileError("path", f"{path} does not end to be read, it is damaged", "pass another copy")
    if ended:
        raise DataFileError("path", f"{path} is not a readable netCDF file", "run the command that made it again")


def check_sizes(path: str | os.PathLike, limit: int) -> None:
    """Raise DeviceMemoryError where the arrays of a file add up to more than `limit` bytes.

    DataFileError where one of them lies in another file: a file must not be able to read what its sender cannot.
    """
    import h5py

    total = 0
    with h5py.File(path, "r") as file:
        waiting: list[Any] = [file["/"]]
        seen = set()
        while waiting:
            group = waiting.pop()
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise DataFileError("path", f"{path} links '{name}' to somewhere else", "store the data inside")
                item = group[name]
                if item.id in seen:
                    continue
                seen.add(item.id)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                elif isinstance(item, h5py.Dataset):
                    if item.is_virtual or item.external:
                        raise DataFileError("path", f"{path} keeps '{name}' in another file", "store the data inside")
                    total += math.prod(item.shape or ()) * item.dtype.itemsize
                    fits("path", total, limit, f"{path}")
