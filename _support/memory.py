"""How much memory there is, and the refusal of what would not fit, made before any of it is taken."""

from __future__ import annotations

import os

from ..errors import DeviceMemoryError


def available_memory() -> int:
    """Bytes of free memory (all memory where the system does not tell)."""
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def fits(argument: str, need: int, limit: int, what: str = "", remedy: str = "raise memory_limit or load less") -> None:
    """DeviceMemoryError unless `need` bytes are at most `limit`.

    >>> fits("data", 2**20, 2**21)
    """
    if need > limit:
        raise DeviceMemoryError(
            argument,
            f"{what}{' ' if what else ''}needs {need / 2**20:.0f} MiB of {limit / 2**20:.0f} MiB allowed",
            remedy,
        )
