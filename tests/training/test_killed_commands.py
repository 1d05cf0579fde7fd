"""Every long command killed at random moments: given again it ends with the files of one that was left alone."""

import json
import os
import random
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from fault_helpers import python
from known import known

from idealscore._support import results as _results
from idealscore.learned._tensor_files import read_tensors

from checkout import TESTS

LONG = ("figures",)  # takes its time: fewer kills

TOML = """
function = "sweep_functions:slow"
[grid]
a = {range = [40]}
[fixed]
seconds = 0.02
"""

TINY = "--levels 3 --n-images 8 --n-noise 1 --steps 40 --theories empirical gaussian"
COMMANDS = {
    "compare": f"compare digits {TINY} --out out",
    "two models": f"compare digits {TINY} --n-samples 8 --model run --model run2 --out out",
    "train": "train digits --network mlp --width 16 --steps 60 --checkpoint-every 5 --snapshots 4 --out out",
    "regimes": "regimes digits --sizes 8 16 --widths 8 --steps 20 --batch 8 --snapshots 2 --first-step 10 --repeats 1"
    " --levels 2 --n-images 8 --n-pairs 4 --n-samples 8 --theories empirical gaussian --out out",
    "compose": "compose --concepts color,size --split H22-train1 --seeds 1 --steps 20 --every 5 --per-class 20"
    " --n-samples 4 --out out",
    "sample": "sample run --n 64 --batch 4 --out out",
    "check": "check run --data digits --sigmas 0.2 0.5 1 2 5 --out out/check.nc",
    "figures": "figures hierarchy_phase_diagram percolation_clusters --recompute --out out",
    "sweep": "sweep c.toml --allow sweep_functions --workers 0 --out out",
}


def of_times(name):
    """Whether an entry of the records of a training says how long something took, which no two runs share."""
    return str(name).startswith("seconds") or name == "images_per_second"


def content(path):
    """What a file says, without times."""
    if path.suffix == ".nc":
        return _results.load(path).assign_attrs({_results.TIMING: None})
    if path.suffix == ".safetensors":
        tensors, metadata = read_tensors(path)
        return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}, metadata
    if path.suffix == ".npz":
        return {name: array.tobytes() for name, array in np.load(path).items()}
    if path.suffix == ".jsonl":
        lines = map(json.loads, path.read_text().splitlines())
        return [{name: value for name, value in line.items() if not of_times(name)} for line in lines]
    if path.suffix == ".html":
        return re.sub(r'<div class="spent">.*?</div>', "", path.read_text(), flags=re.S)
    return path.read_bytes()


def same(one, other):
    a, b = content(one), content(other)
    return a.identical(b) if isinstance(a, xr.Dataset) else a == b  # pyright: ignore[reportArgumentType]


def differences(one, other):
    """Files that only one of two folders has, or that differ."""
    names = [{str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} for folder in (one, other)]
    both = names[0] & names[1]
    return sorted([*(names[0] ^ names[1]), *(name for name in both if not same(one / name, other / name))])


class Commands:
    """A process that forks children, each of which runs a command in a folder."""

    def __init__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = python(TESTS / "_nursery.py", "commands", **pipes)
        self.orders, self.answers = known(self.process.stdin), known(self.process.stdout)
        assert self.answers.readline() == "ready\n"

    def run(self, folder, command, kill_after=None):
        """The exit code of a command, -9 where it was killed."""
        self.orders.write(f"command {folder} {command}\n")
        self.orders.flush()
        child = int(self.answers.readline())
        if kill_after is not None:
            end = time.monotonic() + kill_after
            while time.monotonic() < end and self.runs(child):
                time.sleep(0.005)
            with suppress(ProcessLookupError):
                os.kill(child, 9)
        return int(self.answers.readline())

    @staticmethod
    def runs(child):
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def close(self):
        self.orders.close()
        self.answers.close()
        self.process.wait()


@pytest.fixture(scope="module")
def commands():
    commands = Commands()
    yield commands
    commands.close()


@pytest.fixture(scope="module")
def prepared(commands, tmp_path_factory):
    """A folder with what the commands need: two trained networks and a sweep file."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "c.toml").write_text(TOML)
    for name, seed in (("run", 0), ("run2", 1)):
        train = f"train digits --network mlp --width 16 --steps 10 --seed {seed} --out {name}"
        assert commands.run(folder, train) == 0
    return folder


def kill(commands, prepared, folder, command, kills, seed):
    """Kill a command `kills` times, round by round, each of which must end with the files of an unbroken run.

    A round is a fresh folder in which the command is given again after each kill, until it is done. Returns how many
    kills hit it while it ran, and how many rounds there were.
    """
    shutil.copytree(prepared, folder / "whole")
    begun = time.monotonic()
    assert commands.run(folder / "whole", command) == 0, (folder / "whole" / "said").read_text()
    took, rng, killed, rounds = time.monotonic() - begun, random.Random(seed), 0, 0
    while killed < kills:
        assert rounds < 2 * kills, f"{killed} kills in {rounds} rounds: the command is over too soon"
        rounds += 1
        shutil.copytree(prepared, folder / "killed")
        code = -9
        while code == -9 and killed < kills:
            code = commands.run(folder / "killed", command, kill_after=rng.uniform(0, took))
            assert code in (0, -9), (folder / "killed" / "said").read_text()
            killed += code == -9
        if code == -9:
            assert commands.run(folder / "killed", command) == 0, (folder / "killed" / "said").read_text()
        left = [str(p) for p in (folder / "killed").rglob("*") if p.name.endswith(".part") or p.name == ".in-use"]
        assert not left, left
        assert not (found := differences(folder / "whole" / "out", folder / "killed" / "out")), found
        shutil.rmtree(folder / "killed")
    return killed, rounds


@pytest.mark.slow
@pytest.mark.other_process
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_killed_again_and_again_ends_as_if_left_alone(commands, prepared, tmp_path, name, capsys, request):
    kills = request.config.getoption("--kills")
    share = {one: 3 if one in LONG else 10 for one in COMMANDS}
    mine = max(1, round(kills * share[name] / sum(share.values())))
    killed, rounds = kill(commands, prepared, tmp_path, COMMANDS[name], mine, f"{name} {kills}")
    with capsys.disabled():
        print(f"\n{name}: {killed} kills in {rounds} rounds, all files equal, nothing left behind")
    assert killed == mine
