"""What the tests of faults share: a separate Python process, and the finished points of a sweep."""

import os
import signal
import subprocess
import sys

from idealscore._support import results as _results

from checkout import TESTS


def python(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", *map(str, arguments)]
    # a suite in the background ignores Ctrl-C, and what it starts would inherit that
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, env=environment, **options)
    finally:
        signal.signal(signal.SIGINT, before)


def finished(folder):
    """The finished points of a sweep, each checked to be whole, with the time at which it was written."""
    paths = sorted((folder / "points").rglob("*.nc"))
    assert all(_results.intact(path) is True for path in paths)
    return {int(path.stem): path.stat().st_mtime_ns for path in paths}
