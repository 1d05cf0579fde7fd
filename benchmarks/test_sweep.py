"""What a sweep costs beyond its points, and what a second core gains.

    pytest benchmarks/test_sweep.py -s

Wall time, in processes of one thread each. Start-up of the workers is reported apart: it does not grow with the points.
"""

import sys
import time
from pathlib import Path

import pytest

import idealscore
from idealscore import sweeping

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import sweep_functions as functions

POINTS = 10_000


def timed(function, *arguments, **options):
    start = time.perf_counter()
    found = function(*arguments, **options)
    return time.perf_counter() - start, found


def start_up(folder, workers):
    """Seconds for a sweep of one trivial point."""
    return timed(idealscore.sweep, functions.affine, {"a": [1]}, folder, workers=workers)[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_overhead_of_trivial_points(tmp_path, workers):
    start = start_up(tmp_path / "one", workers)
    grid = {"a": range(POINTS // 10)}
    whole, found = timed(idealscore.sweep, functions.affine, grid, tmp_path / "many", seeds=10, workers=workers)
    again, _ = timed(idealscore.sweep, functions.affine, grid, tmp_path / "many", seeds=10, workers=workers)
    load, _ = timed(found.load)
    print(f"\n{workers} worker(s), {POINTS} points: {1e3 * (whole - start) / POINTS:.2f} ms per point")
    print(f"start {start:.1f} s; repeated with nothing to do {again:.2f} s; results into memory {load:.2f} s")
    assert (whole - start) / POINTS <= 5e-3 and found.attrs["finished"] == POINTS


def test_overhead_of_datasets(tmp_path):
    start = start_up(tmp_path / "one", 1)
    whole, found = timed(idealscore.sweep, functions.many, {"a": range(1000)}, tmp_path / "many", workers=1)
    print(f"\nDatasets: {1e3 * (whole - start) / 1000:.2f} ms per point; {timed(found.load)[0]:.2f} ms each to read")


def test_two_cores(tmp_path):
    """Percolation sweeps of about 0.3 s each, 64 of them."""
    from idealscore.cli._sweep_points import percolate

    grid, options = {"p": [0.59]}, {"seeds": 64, "fixed": {"size": 256, "runs": 40}}
    seconds = {}
    for workers in (1, 2):
        start = min(start_up(tmp_path / f"start{workers}{i}", workers) for i in range(2))
        whole, _ = timed(idealscore.sweep, percolate, grid, tmp_path / str(workers), workers=workers, **options)
        seconds[workers] = whole - start
    print(f"\none core {seconds[1]:.1f} s, two cores {seconds[2]:.1f} s: {seconds[1] / seconds[2]:.2f} times")
    assert sweeping.results(tmp_path / "1").load().equals(sweeping.results(tmp_path / "2").load())
    assert seconds[1] / seconds[2] >= 1.9
