"""Data parallel training: the number of ranks changes nothing beyond rounding, and nothing in the user's code."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from idealscore.errors import ArgumentError
from idealscore.learned import checkpoint
from idealscore.learned.training._ranks import average_gradients, local_device

SCRIPT = """
import sys
import torch
from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.training import TrainConfig, train

torch.set_num_threads(1)
data = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
config = TrainConfig(steps=int(sys.argv[2]), batch=8, warmup=2, log_every=2, checkpoint_every=4, snapshots=3)
train(MLPDenoiser((3,), width=8, depth=1, dropout=0.2), data, config, sys.argv[1])
"""


def environment(**extra):
    return {**os.environ, "OMP_NUM_THREADS": "1", **extra}


def ranks(folder, world, steps=12):
    """Run the script on `world` processes, in the environment that torchrun gives them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    common = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder), str(steps)],
            env=environment(**common, RANK=str(rank), LOCAL_RANK=str(rank)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    said = [child.communicate()[1] for child in children]
    assert all(child.returncode == 0 for child in children), said


def alone_in_this_process(folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script", str(folder), "12"])
    exec(SCRIPT.replace("torch.set_num_threads(1)", ""), {"__name__": "alone"})


def weights(folder):
    return [p.detach() for p in checkpoint.load(folder).parameters()]


@pytest.mark.slow
def test_two_ranks_equal_one(tmp_path, monkeypatch):
    alone_in_this_process(tmp_path / "one", monkeypatch)
    ranks(tmp_path / "two", 2)
    for alone, shared in zip(weights(tmp_path / "one"), weights(tmp_path / "two"), strict=True):
        torch.testing.assert_close(alone, shared, rtol=1e-4, atol=1e-5)
    logs = [(tmp_path / name / "stats.jsonl").read_text().count("\n") for name in ("one", "two")]
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_torchrun(tmp_path, monkeypatch):
    alone_in_this_process(tmp_path / "one", monkeypatch)
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*command, str(file), str(tmp_path / "two"), "12"], env=environment(), check=True)
    for alone, shared in zip(weights(tmp_path / "one"), weights(tmp_path / "two"), strict=True):
        torch.testing.assert_close(alone, shared, rtol=1e-4, atol=1e-5)


def test_each_rank_takes_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert local_device(torch.device("cuda"), 4) == torch.device("cuda", 3)
    assert local_device(torch.device("cuda", 0), 1) == torch.device("cuda", 0)
    assert local_device(torch.device("cpu"), 4) == torch.device("cpu")


def test_one_rank_needs_no_group_and_uneven_batches_are_refused(monkeypatch):
    from idealscore.learned.training import TrainConfig
    from idealscore.learned.training import loop as _loop

    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    average_gradients([parameter], 1)
    assert parameter.grad.tolist() == [1.0, 1.0]
    monkeypatch.setattr(_loop._ranks, "ranks", lambda device: (0, 3))
    with pytest.raises(ArgumentError, match="multiple of the 3 ranks"):
        _loop.join_ranks(TrainConfig(batch=8), torch.device("cpu"))
