"""Temporary files of dead processes go, those of live ones stay; a folder is held by one process at a time."""

import os
import socket
import subprocess
import sys
import time

import pytest

from idealscore._support import results as _results
from idealscore._support.files import leftovers, lock
from idealscore.cli import main
from idealscore.errors import OutputError


@pytest.fixture
def dead():
    """The number of a process that has ended, and the tick at which it began."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = leftovers.started(child.pid)
    child.communicate(b"\n")
    return child.pid, start


def part(folder, process, start, host=None, name="r.nc"):
    path = folder / f".{name}.{host or leftovers.this_host()}-{process}-{start}.abc.part"
    path.write_text("half")
    return path


def test_what_a_dead_process_left_goes_with_the_next_write(tmp_path, dead):
    gone = part(tmp_path, *dead)
    mine = part(tmp_path, os.getpid(), leftovers.started(os.getpid()))
    foreign, plain = tmp_path / ".r.nc.abcdefgh.part", tmp_path / "thesis.part"
    for one in (foreign, plain):
        one.touch()
    _results.write_text(tmp_path / "a", "whole")
    assert not gone.exists() and all(path.exists() for path in (mine, foreign, plain))


def test_a_number_that_another_process_has_now_saves_nothing(tmp_path):
    gone = part(tmp_path, os.getpid(), 1)  # began at another tick
    leftovers.clear_leftovers(tmp_path)
    assert not gone.exists()


def test_of_another_machine_only_what_is_a_day_old_goes(tmp_path, dead):
    fresh, old = (part(tmp_path, *dead, host="0" * 8, name=name) for name in ("fresh", "old"))
    os.utime(old, (time.time() - 2 * leftovers.DAY,) * 2)  # pyright: ignore[reportArgumentType, reportUnusedExpression]
    leftovers.clear_leftovers(tmp_path)
    assert fresh.exists() and not old.exists()


def test_links_are_neither_followed_nor_removed(tmp_path, dead):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for one in (inside, outside):
        one.mkdir()
    kept = part(outside, *dead)
    (inside / "link").symlink_to(outside)
    link = inside / kept.name
    link.symlink_to(kept)
    leftovers.clear_leftovers(inside)
    assert kept.exists() and link.is_symlink()


def test_a_child_that_ended_unnoticed_is_dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    start = leftovers.started(os.getpid())
    while leftovers.started(child.pid) is not None:
        time.sleep(0.01)
    assert not leftovers.alive(child.pid, start or 0)  # a zombie: it still has its number
    child.wait()


@pytest.mark.parametrize("name", ["r" * 200 + ".nc", "rés ult\n.nc", "𝔛" * 50])
def test_odd_names_can_be_written(tmp_path, name):
    _results.write_text(tmp_path / name, "whole")
    assert os.listdir(tmp_path) == [name]


def held_for_a_moment(folder):
    with lock.held(folder):
        pass


def test_a_folder_is_held_once_and_free_afterwards(tmp_path):
    words = f"run is in use by process {os.getpid()} on {socket.gethostname()}; wait"
    with lock.held(tmp_path / "run"), pytest.raises(OutputError, match=words):
        held_for_a_moment(tmp_path / "run")
    held_for_a_moment(tmp_path / "run")
    assert not os.listdir(tmp_path / "run")


HOLDER = """
import sys
from pathlib import Path
from idealscore._support.files.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder `run`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


COMMANDS = {
    "train": "train digits --network mlp --steps 1",
    "compare": "compare digits --theories gaussian --levels 2 --n-images 4 --steps 1",
    "regimes": "regimes digits --sizes 8 --widths 8 --steps 80",
    "sample": "sample {run} --n 1",
    "figures": "figures hierarchy_flow",
}


FAST = ("figures", "sample")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in FAST else pytest.mark.slow) for n in COMMANDS])
def test_a_second_process_is_told_in_one_line_and_changes_nothing(tmp_path, capsys, holder, name):
    if name == "sample":
        assert main(["train", "digits", "--network", "mlp", "--steps", "1", "--out", str(tmp_path / "net")]) == 0
    before = sorted(os.listdir(tmp_path / "run"))
    capsys.readouterr()
    words = [word.format(run=tmp_path / "net") for word in COMMANDS[name].split()]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert f"is in use by process {holder.pid}" in said[-1] and sorted(os.listdir(tmp_path / "run")) == before


def test_a_lock_dies_with_its_holder(tmp_path, holder):
    holder.kill()
    holder.wait()
    with lock.held(tmp_path / "run"):
        pass
    assert not os.listdir(tmp_path / "run")


def test_a_link_in_place_of_the_lock_is_refused(tmp_path):
    (tmp_path / lock.NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be written"), lock.held(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()
