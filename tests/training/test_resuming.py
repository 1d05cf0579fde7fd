"""Training as runs: the same bits every time, resumed as if never stopped, errors that keep the last checkpoint."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from training_runs import SHORT, points, same, small

from idealscore.errors import ArgumentError, CheckpointError, ShapeError, TrainingError, UnknownNameError
from idealscore.learned import checkpoint
from idealscore.learned._tensor_files import read_tensors
from idealscore.learned.data import ImageData
from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.training import LogUniform, TrainConfig, preset, train
from idealscore.learned.training.batches import Batches
from idealscore.learned.training.loop import Loop
from idealscore.learned.training.noise_levels import noise_from_dict

# ------------------------------------------------------------------------------------ reproducible, resumable


def test_same_seed_same_bits_and_the_input_is_left_alone():
    network = small(dropout=0.2)
    start = [p.clone() for p in network.parameters()]
    first, second = (train(network, points(), SHORT) for _ in range(2))
    assert same(first.network, second.network)
    assert all(torch.equal(a, b) for a, b in zip(start, network.parameters(), strict=True))
    assert not same(first.network, train(network, points(), replace(SHORT, seed=1)).network)
    assert [record["step"] for record in first.history] == [1, 3, 4, 6, 8, 9, 12]


def test_run_folder(tmp_path):
    run = train(small(), points(), SHORT, tmp_path / "run")
    assert run.run_dir is not None
    names = {file.name for file in run.run_dir.iterdir()}
    assert names == {"config.json", "stats.jsonl", "weights.safetensors", "state.safetensors", "snapshots"}
    assert same(checkpoint.load(run.run_dir), run.network)
    config = json.loads((run.run_dir / "config.json").read_text())
    assert TrainConfig.from_dict(config["train"]) == SHORT and config["data"]["n"] == 40
    records = [json.loads(line) for line in (run.run_dir / "stats.jsonl").read_text().splitlines()]
    assert records == run.history
    assert list(run.snapshots) == SHORT.snapshot_steps() == [1, 3, 12]
    assert same(run.snapshots[12], run.network) and not same(run.snapshots[1], run.network)
    in_memory = train(small(), points(), SHORT)
    assert same(in_memory.network, run.network) and same(in_memory.snapshots[3], run.snapshots[3])


def test_resume_equals_uninterrupted(tmp_path, monkeypatch):
    whole = train(small(dropout=0.1), points(), SHORT)
    for stop in range(1, 12):
        folder, real = tmp_path / str(stop), Loop._step

        def interrupted(self, stop=stop, real=real):
            if self.state.step == stop:
                raise KeyboardInterrupt
            real(self)

        monkeypatch.setattr(Loop, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(small(dropout=0.1), points(), SHORT, folder)
        monkeypatch.setattr(Loop, "_step", real)
        resumed = train(small(dropout=0.1), points(), SHORT, folder)
        assert same(resumed.network, whole.network)
        assert list(resumed.snapshots) == list(whole.snapshots)
        assert all(same(resumed.snapshots[step], whole.snapshots[step]) for step in whole.snapshots)
        assert [r["loss"] for r in resumed.history] == [r["loss"] for r in whole.history]


def test_finished_run_is_loaded_and_another_run_refused(tmp_path):
    first = train(small(), points(), SHORT, tmp_path)
    assert same(train(small(), points(), SHORT, tmp_path).network, first.network)
    for network, data, config, part in [
        (small(), points(), replace(SHORT, steps=13), "train"),
        (small(), points(seed=1), SHORT, "data"),
        (MLPDenoiser((3,), width=9, depth=1), points(), SHORT, "network"),
    ]:
        with pytest.raises(CheckpointError, match=f"another {part} configuration"):
            train(network, data, config, tmp_path)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match=r"state\.safetensors is truncated"):
        train(small(), points(), SHORT, tmp_path)


KILLED = """
import os, random, signal, sys, time
import torch
from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.training import TrainConfig, train

torch.set_num_threads(1)
folder, kills, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
waits = random.Random(seed)
data = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
config = TrainConfig(steps=200, batch=16, log_every=10, checkpoint_every=3, snapshots=6)

def run():
    train(MLPDenoiser((3,), width=8, depth=1), data, config, folder)

killed, pause = 0, 0.4
for _ in range(kills):
    child = os.fork()
    if not child:
        run()
        os._exit(0)
    time.sleep(waits.uniform(0.0, pause))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
run()
print(killed)
"""


def check_killed(tmp_path, kills, seed, monkeypatch):
    """One run killed again and again after random pauses, then finished, against one that was left alone."""
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path / "killed"), str(kills), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) >= min(kills, 2)
    monkeypatch.setattr(sys, "argv", ["alone", str(tmp_path / "whole"), "0", "0"])
    exec(KILLED, {"__name__": "alone"})
    assert same(checkpoint.load(tmp_path / "killed"), checkpoint.load(tmp_path / "whole"))
    killed, whole = (
        [{**json.loads(line), "images_per_second": 0} for line in (folder / "stats.jsonl").read_text().splitlines()]
        for folder in (tmp_path / "killed", tmp_path / "whole")
    )
    assert killed == whole


@pytest.mark.other_process
@pytest.mark.slow
def test_killed_runs_end_alike(tmp_path, monkeypatch):
    check_killed(tmp_path, 4, 0, monkeypatch)


@pytest.mark.other_process
@pytest.mark.slow
def test_runs_killed_fifty_times_end_alike(tmp_path, monkeypatch):
    for seed in range(5):
        check_killed(tmp_path / str(seed), 10, seed + 1, monkeypatch)


# ------------------------------------------------------------------------------------------------ errors


class Fragile(MLPDenoiser):
    """Fails in a chosen way from the sixth pass on."""

    passes = 0
    problem: Exception | float = math.nan

    def body(self, x, noise, condition):
        type(self).passes += 1
        out = super().body(x, noise, condition)
        if type(self).passes < 6:
            return out
        if isinstance(self.problem, Exception):
            if len(x) > 5:
                raise self.problem
            return out
        return torch.where(noise[:, None] == noise.max(), self.problem, out)


def test_nan_stops_at_its_step_and_noise_level_with_the_last_checkpoint_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(Fragile, "passes", 0)
    config = replace(SHORT, checkpoint_every=2, log_every=6)
    network = Fragile((3,), width=8, depth=1)
    batches = Batches(network, ImageData(points()), config, None, torch.device("cpu"))
    worst = batches.draw(5).sigma.max().item()
    with pytest.raises(TrainingError, match=rf"step 6 at noise level sigma = {worst:.3g}") as caught:
        train(network, points(), config, tmp_path)
    assert str(tmp_path) in str(caught.value)
    tensors, metadata = read_tensors(tmp_path / "state.safetensors")
    assert metadata["step"] == 4 and all(tensor.isfinite().all() for tensor in tensors.values())


@pytest.mark.parametrize(
    "problem",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_memory_that_runs_out_says_which_batch_fits(monkeypatch, problem):
    monkeypatch.setattr(Fragile, "passes", 0)
    monkeypatch.setattr(Fragile, "problem", problem)
    with pytest.raises(TrainingError, match="batch 16; a batch of 4 fits"):
        train(Fragile((3,), width=8, depth=1), points(), replace(SHORT, batch=16))


def test_other_errors_pass_through(monkeypatch):
    monkeypatch.setattr(Fragile, "passes", 0)
    monkeypatch.setattr(Fragile, "problem", RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        train(Fragile((3,), width=8, depth=1), points(), SHORT)


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: TrainConfig(steps=0), ArgumentError, "steps"),
        (lambda: TrainConfig(learning_rate=-1.0), ArgumentError, "learning_rate"),
        (lambda: TrainConfig(decay="slow"), UnknownNameError, "decay"),
        (lambda: TrainConfig(weighting="snr"), UnknownNameError, "weighting"),
        (lambda: TrainConfig(ema=0.9), ArgumentError, "ema"),
        (lambda: TrainConfig(precision="float8"), UnknownNameError, "precision"),
        (lambda: TrainConfig.from_dict({"stpes": 3}), UnknownNameError, "steps"),
        (lambda: noise_from_dict({"kind": "normal"}), UnknownNameError, "noise"),
        (lambda: noise_from_dict({"kind": "levels", "sigma": 1}), UnknownNameError, "sigmas"),
        (lambda: LogUniform(1.0, 0.5), ArgumentError, "high"),
        (lambda: train(small(), points(d=4), SHORT), ShapeError, "data"),
        (lambda: train(small(n_classes=2), points(), SHORT), ArgumentError, "condition"),
        (lambda: train(small(), points(), SHORT, condition=torch.zeros(40, 1)), ArgumentError, "condition"),
        (lambda: train(small(condition_dim=2), points(), SHORT, condition=torch.zeros(39, 2)), ShapeError, "condition"),
        (lambda: preset("digit", ImageData(points())), UnknownNameError, "digits"),
    ],
)
def test_bad_input_is_refused(make, error, word):
    with pytest.raises(error, match=word):
        make()
