"""Faults by injection: kills at random moments, a dead scheduler, Ctrl-C.

Nothing finished is lost, nothing half-written is read, and the same call goes on.
"""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fault_helpers import finished, python
from known import known

import idealscore
from idealscore import sweeping
from idealscore.cli import main
from idealscore.errors import ClusterError
from idealscore.learned import checkpoint
from idealscore.learned._tensor_files import read_tensors
from idealscore.sweeping import engines

import sweep_functions as functions
from checkout import TESTS


def gone(group, seconds=15):
    """Whether all processes of a group have ended."""
    for _ in range(int(seconds / 0.1)):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


class Nursery:
    """Children that are forked, killed, and reaped."""

    def __init__(self):
        self.process = python(TESTS / "_nursery.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.orders, self.answers = known(self.process.stdin), known(self.process.stdout)
        assert self.answers.readline() == "ready\n"

    def run(self, *command, kill_after=None, until=lambda: True):
        """The exit code of a child, -9 where it was killed, so many seconds after `until` came true."""
        self.orders.write(" ".join(map(str, command)) + "\n")
        self.orders.flush()
        child = int(self.answers.readline())
        if kill_after is not None:
            while not until() and os.path.exists(f"/proc/{child}/stat") and not self.ended(child):
                time.sleep(0.001)
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return int(self.answers.readline())

    @staticmethod
    def ended(child):
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    def close(self):
        self.orders.close()
        self.answers.close()
        self.process.wait()


@pytest.fixture(scope="module")
def nursery():
    nursery = Nursery()
    yield nursery
    nursery.close()


def kill_sweeps(nursery, folder, kills, points=60):
    """Kill a sweep `kills` times, starting the next when one is complete; returns how many were completed."""
    rng, before, number, killed, out = random.Random(1), {}, 0, 0, folder / "sweep0"
    while killed < kills:
        out = folder / f"sweep{number}"
        wanted = len(before) + rng.randrange(6)  # at once, or when it has computed some points
        until = partial(lambda out, wanted: len(list(out.rglob("*.nc"))) >= wanted, out, wanted)
        code = nursery.run("sweep", out, points, 0, kill_after=rng.uniform(0, 0.01), until=until)
        now = finished(out)
        assert before.items() <= now.items(), "a finished point was lost or computed again"
        killed, before = killed + (code == -9), now
        if code == 0:
            assert len(now) == points
            number, before = number + 1, {}
        else:
            assert code == -9
    assert nursery.run("sweep", out, points, 0) == 0
    found = sweeping.results(out)
    np.testing.assert_array_equal(found.q, np.arange(points))
    assert not list(out.rglob(".*.part")) and not list((out / "running").iterdir())
    return number


def weights(run):
    """What a run ended with, bit by bit."""
    tensors, metadata = read_tensors(run / "weights.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}, metadata


def _is_newer(path, time_ns):
    return time_ns < 0 or (path.exists() and path.stat().st_mtime_ns > time_ns)


def kill_trainings(nursery, folder, kills, steps=24):
    """The same for training runs; the last completed one must end with the bits of a run that was never stopped."""
    assert nursery.run("train", folder / "whole", steps) == 0
    whole = weights(folder / "whole")
    rng, step, number, killed, completed, out = random.Random(2), 0, 0, 0, 0, folder / "run0"
    while killed < kills:
        out = folder / f"run{number}"
        state = out / "state.safetensors"
        old, fresh = state.stat().st_mtime_ns if state.exists() else 0, rng.random() < 0.8
        until = partial(_is_newer, state, old if fresh else -1)  # at once, or when a checkpoint was written
        code = nursery.run("train", out, steps, kill_after=rng.uniform(0, 0.02), until=until)
        reached = 0
        if (out / "state.safetensors").exists():
            reached = read_tensors(out / "state.safetensors")[1]["step"]
            assert checkpoint.load(out).metadata["step"] >= reached >= step
        killed, step = killed + (code == -9), reached
        if code == 0:
            assert weights(out) == whole
            number, step, completed = number + 1, 0, completed + 1
    assert nursery.run("train", out, steps) == 0
    assert weights(out) == whole
    return completed


def test_killed_sweeps_lose_nothing(nursery, tmp_path):
    kill_sweeps(nursery, tmp_path, 6)


def test_killed_trainings_lose_nothing(nursery, tmp_path):
    kill_trainings(nursery, tmp_path, 3)


@pytest.mark.slow
def test_a_hundred_and_twenty_killed_sweeps(nursery, tmp_path, capsys):
    completed = kill_sweeps(nursery, tmp_path, 120)
    with capsys.disabled():
        print(f"\n120 kills of sweeps, {completed} completed on the way, no point lost, no file unreadable")


@pytest.mark.slow
def test_sixty_killed_trainings(nursery, tmp_path, capsys):
    completed = kill_trainings(nursery, tmp_path, 60)
    with capsys.disabled():
        print(f"\n60 kills of training runs, {completed} completed on the way, all with the bits of an unbroken run")


CONFIG = """
function = "sweep_functions:slow"
[grid]
a = {{range = [{points}]}}
[fixed]
seconds = {seconds}
"""


def words(folder, workers):
    """What follows `idealscore sweep`."""
    return [str(folder / "c.toml"), "--out", str(folder / "s"), "--workers", str(workers), "--allow", "sweep_functions"]


def command(folder, workers, points=60, seconds=0.02):
    """`idealscore sweep` in its own process group."""
    (folder / "c.toml").write_text(CONFIG.format(points=points, seconds=seconds))
    return python(
        "-m", "idealscore", "sweep", *words(folder, workers),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=folder,
    )  # fmt: skip


def wait_for_points(folder, number, seconds=60):
    for _ in range(int(seconds / 0.02)):
        if len(list((folder / "s").rglob("*.nc"))) >= number:
            return
        time.sleep(0.02)
    raise AssertionError("no points were computed")


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    running = command(tmp_path, workers=2, points=40, seconds=0.25)  # long enough not to end before the signal comes
    wait_for_points(tmp_path, 5)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and gone(running.pid)
    assert "stopped with " in said and "of 40 points" in said and "repeat the same command to go on" in said
    assert "Traceback" not in said
    kept = finished(tmp_path / "s")
    assert 5 <= len(kept) < 40 and not list((tmp_path / "s/running").iterdir())
    monkeypatch.setattr(functions, "time", SimpleNamespace(sleep=lambda seconds: None))
    assert main(["sweep", *words(tmp_path, workers=0)]) == 0
    assert "40 of 40 points finished" in capsys.readouterr().out
    assert kept.items() <= finished(tmp_path / "s").items() and len(finished(tmp_path / "s")) == 40


def kill_with_workers(folder, seed, whom):
    """Kill the sweep, or one of its workers, once it computes; returns its exit code."""
    running = command(folder, workers=2, points=120)
    wait_for_points(folder, 3)
    time.sleep(random.Random(seed).uniform(0, 0.3))
    if whom == "sweep":
        os.kill(running.pid, signal.SIGKILL)
    else:
        ask = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(running.pid)]
        listed = subprocess.run(ask, capture_output=True, text=True)
        workers = [int(line.split()[0]) for line in listed.stdout.splitlines() if "popen_loky" in line]
        os.kill(workers[seed % len(workers)], signal.SIGKILL)
    running.communicate(timeout=120)
    assert gone(running.pid), "workers outlive their sweep"
    return running.returncode


@pytest.mark.parametrize("whom", ["sweep", pytest.param("worker", marks=pytest.mark.slow)])
def test_a_killed_sweep_with_workers_goes_on(tmp_path, whom):
    code = kill_with_workers(tmp_path, 0, whom)
    before = finished(tmp_path / "s")
    assert code == (-9 if whom == "sweep" else 0)
    found = idealscore.sweep(functions.slow, {"a": range(120)}, tmp_path / "s", fixed={"seconds": 0.02}, workers=0)
    np.testing.assert_array_equal(found.q, np.arange(120))
    assert before.items() <= finished(tmp_path / "s").items()


@pytest.mark.slow
def test_twenty_kills_of_sweeps_with_workers(tmp_path, capsys):
    for i in range(20):
        folder = tmp_path / str(i)
        folder.mkdir()
        whom = ("sweep", "worker")[i % 2]
        assert kill_with_workers(folder, i, whom) == (-9 if whom == "sweep" else 0)
        before = finished(folder / "s")
        found = idealscore.sweep(functions.slow, {"a": range(120)}, folder / "s", fixed={"seconds": 0.02}, workers=0)
        np.testing.assert_array_equal(found.q, np.arange(120))
        assert before.items() <= finished(folder / "s").items() and found.attrs["failed"] == 0
    with capsys.disabled():
        print("\n10 kills of sweeps and 10 of workers, two workers each: no point lost")


@pytest.fixture
def scheduler():
    """A Dask cluster in another process."""
    pytest.importorskip("distributed")
    code = (
        "import time; from distributed import LocalCluster\n"
        "cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, protocol='tcp://', "
        "dashboard_address=None)\nprint(cluster.scheduler_address, flush=True)\ntime.sleep(600)"
    )
    process = python("-c", code, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield process, known(process.stdout).readline().strip()
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dead_scheduler_is_named_and_the_work_kept(scheduler, tmp_path, monkeypatch):
    import threading

    process, address = scheduler
    monkeypatch.setattr(engines, "CLUSTER_PATIENCE", 1.0)

    def kill_later():
        wait_for_points(tmp_path, 5)
        process.kill()

    threading.Thread(target=kill_later).start()
    with pytest.raises(ClusterError, match="finished points are kept"):
        idealscore.sweep(functions.slow, {"a": range(200)}, tmp_path / "s", cluster=address)
    kept = finished(tmp_path / "s")
    assert 5 <= len(kept) < 200
    found = idealscore.sweep(functions.slow, {"a": range(200)}, tmp_path / "s", workers=0)
    assert kept.items() <= finished(tmp_path / "s").items()
    np.testing.assert_array_equal(found.q, np.arange(200))


@pytest.mark.slow
@pytest.mark.other_process
@pytest.mark.filterwarnings("default")
@pytest.mark.slow
def test_a_dask_cluster_gives_the_bytes_of_one_process(tmp_path):
    distributed = pytest.importorskip("distributed")
    grid = {"scale": [0.1, 1.0]}
    idealscore.sweep(functions.sums, grid, tmp_path / "here", seeds=3, workers=1)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        idealscore.sweep(functions.sums, grid, tmp_path / "there", seeds=3, cluster=cluster)
        idealscore.sweep(functions.many, {"a": range(4)}, tmp_path / "there2", cluster=cluster)
        flag = {"flag": str(tmp_path / "flag")}
        lucky = idealscore.sweep(functions.dies_once, {"a": range(6)}, tmp_path / "t", cluster=cluster, fixed=flag)
        assert lucky.q.values.tolist() == [0, 1, 2, 3, 4, 5] and lucky.attrs["failed"] == 0
    assert sweeping.results(tmp_path / "there2").q.sel(a=3).values.tolist() == [0.0, 3.0, 6.0]
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.nc")} for name in ("here", "there")]
    assert files[0] == files[1] and len(files[0]) == 6
