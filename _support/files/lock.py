"""Who works in a folder: a lock that the system takes back when its holder dies, however it dies."""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import OutputError
from ..results import writing
from .leftovers import clear_leftovers

try:
    import fcntl
except ImportError:  # not a Unix: two processes may then work in one folder
    fcntl = None

NAME = ".in-use"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_NOT_OURS = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold `folder`, which is made, for this call alone; what dead processes left in it is removed first.

    A folder that can only be read is not held: nothing can be lost in it. Nor is one on a disk that knows no locks.

    Raises OutputError where another process, or another call in this one, holds it.
    """
    handle = _taken(folder)
    try:
        clear_leftovers(folder)
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                (folder / NAME).unlink()
            os.close(handle)


def _taken(folder: Path) -> int | None:
    """The open lock file; None where there can be none."""
    if fcntl is None:
        return None
    file = folder / NAME
    while True:
        try:
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OutputError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _NOT_OURS:
                return None
            raise
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            who = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            if error.errno in _NO_LOCKS:
                return None
            raise _in_use(folder, who) from None
        if _is_at(handle, file):
            with suppress(OSError):  # a full disk: the lock holds without its words
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
            return handle
        os.close(handle)  # its holder has just removed it


def _is_at(handle: int, file: Path) -> bool:
    try:
        there, mine = os.stat(file, follow_symlinks=False), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _in_use(folder: Path, who: str) -> OutputError:
    problem = f"{folder} is in use by {who or 'another process'}"
    return OutputError("out", problem, "wait until it is done, or pass another folder; nothing was changed")
