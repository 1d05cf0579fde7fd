"""Temporary files: named after the process that writes them, and removed by the next one where it is dead.

The name is `.TARGET.HOST-PROCESS-START.RANDOM.part`. HOST stands for the machine and, in a container, for its own count
of processes; START, the tick of the machine's clock at which the process began, tells it from a later one of the same
number. On a machine without /proc it is 0.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

DAY = 86400.0
LONGEST = 100  # bytes of the target's name: a file system takes 255 for all
_NAME = re.compile(r"\..*\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)-(?P<start>\d+)\.\w+\.part", re.DOTALL)


def temporary_file(target: Path) -> Path:
    """A new, empty file next to `target`; what dead processes left in this folder goes when it is first written to."""
    name = os.fsencode(target.name)[:LONGEST].decode("utf-8", "ignore")
    prefix = f".{name}.{this_host()}-{os.getpid()}-{started(os.getpid()) or 0}."
    handle, made = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=target.parent)
    os.close(handle)
    _first_look(target.parent)
    return Path(made)


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files of dead processes in a folder and in all below it; links are not followed."""
    for inside, _, names in os.walk(folder):
        _clear(inside, names)


@cache
def this_host() -> str:
    """Eight letters for this machine and its count of processes."""
    try:
        processes = os.readlink("/proc/self/ns/pid")
    except OSError:
        processes = ""
    return blake2b(f"{platform.node()} {processes}".encode(errors="replace"), digest_size=4).hexdigest()


def started(process: int) -> int | None:
    """The tick at which a process began; None where there is no such process, where it has ended and waits to be
    noticed, and on a machine without /proc."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stream:
            state, *further = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(further[18])


def alive(process: int, start: int) -> bool:
    """Whether the process still runs that had this number and began at this tick."""
    if os.path.isdir("/proc/self"):
        return started(process) == start
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _first_look(folder: Path) -> None:
    seen = os.getpid(), str(folder.absolute())  # with the process, because a fork has this memory too
    if seen in _SEEN:
        return
    _SEEN.add(seen)
    with suppress(OSError):
        _clear(str(folder), os.listdir(folder))


_SEEN: set[tuple[int, str]] = set()


def _clear(folder: str, names: Iterable[str]) -> None:
    for name in names:
        found = _NAME.fullmatch(name)
        if found is None:
            continue
        path = Path(folder) / name
        with suppress(OSError):  # another process was faster, or the folder is not ours to change
            if _left(path, found["host"], int(found["process"]), int(found["start"])):
                path.unlink()


def _left(path: Path, host: str, process: int, start: int) -> bool:
    """Whether nobody writes to this file any more; of another machine that is known only after a day."""
    if path.is_symlink() or not path.is_file():
        return False
    if host == this_host():
        return not alive(process, start)
    return time.time() - path.stat().st_mtime > DAY
