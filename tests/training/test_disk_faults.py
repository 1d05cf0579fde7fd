"""Faults of the disk: full, over a quota, read-only, with flipped bits and damaged files."""

import os
import random
import resource
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import xarray as xr
from fault_helpers import finished, python

import idealscore
from idealscore._support import results as _results
from idealscore.errors import CheckpointError, DataFileError, IdealScoreError, OutputError
from idealscore.learned import checkpoint
from idealscore.learned._tensor_files import read_tensors
from idealscore.learned.networks import MLPDenoiser
from idealscore.learned.training import TrainConfig, train

import sweep_functions as functions


@contextmanager
def small_disk(folder, size, mode="rw"):
    """A file system of `size` in memory; skips the test where mounting is not allowed."""
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},{mode}", "none", folder], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_stops_a_sweep_which_then_goes_on(tmp_path):
    with small_disk(tmp_path / "disk", "600k") as disk:
        for workers in (0, 1):
            with pytest.raises(OutputError, match=r"cannot be written \(No space left.*make room and repeat"):
                idealscore.sweep(functions.sized, {"n": range(12)}, disk / "s", workers=workers)
        kept = finished(disk / "s")
        assert 3 <= len(kept) < 12 and not list((disk / "s/failed").iterdir())
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        found = idealscore.sweep(functions.sized, {"n": range(12)}, disk / "s", workers=0)
        assert float(found.q.isel(n=11)[-1]) == 12499 * 11
        assert kept.items() <= finished(disk / "s").items()


def test_a_full_disk_stops_a_training_run_at_its_last_checkpoint(tmp_path):
    data = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    network = MLPDenoiser((3,), width=64, depth=1)
    config = TrainConfig(steps=40, batch=8, warmup=2, log_every=4, checkpoint_every=4, snapshots=10)
    with small_disk(tmp_path / "disk", "800k") as disk:
        with pytest.raises(OutputError, match="cannot be written"):
            train(network, data, config, disk / "run")
        step = read_tensors(disk / "run/state.safetensors")[1]["step"]
        assert checkpoint.load(disk / "run").metadata["step"] >= step >= 4
        subprocess.run(["mount", "-o", "remount,size=32m", disk], check=True)
        resumed = train(network, data, config, disk / "run").network
    whole = train(network, data, config).network
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), whole.parameters(), strict=True))


@pytest.mark.slow
def test_a_quota_is_a_full_disk(tmp_path):
    code = (
        "import resource, sys, idealscore, sweep_functions\n"
        "from idealscore.errors import OutputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "try: idealscore.sweep(sweep_functions.sized, {'n': [1, 2]}, sys.argv[1], workers=0)\n"
        "except OutputError as error: print(error)"
    )
    done = python("-c", code, tmp_path / "s", stdout=subprocess.PIPE, text=True)
    said = done.communicate(timeout=60)[0]
    assert "cannot be written (File too large); make room" in said and finished(tmp_path / "s") == {}
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_read_only_folder_is_named(tmp_path):
    dataset = xr.Dataset({"q": 1.0})
    if os.geteuid() == 0:
        with small_disk(tmp_path / "disk", "100k", "ro") as disk:
            refuse_to_write(disk, dataset)
    else:
        (tmp_path / "disk").mkdir(mode=0o555)
        refuse_to_write(tmp_path / "disk", dataset)


def refuse_to_write(folder, dataset):
    for write in (
        lambda: idealscore.sweep(functions.affine, {"a": [1]}, folder / "s", workers=0),
        lambda: _results.save(dataset, folder / "r.nc"),
        lambda: checkpoint.save(MLPDenoiser((2,), width=4, depth=1), folder / "n.safetensors"),
        lambda: train(MLPDenoiser((2,), width=4, depth=1), torch.zeros(4, 2), TrainConfig(steps=1), folder / "run"),
    ):
        with pytest.raises(OutputError, match=r"cannot be written .*pass another folder"):
            write()
    (folder.parent / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        _results.save(dataset, folder.parent / "file" / "r.nc")


def flips(content, number, seed):
    rng = random.Random(seed)
    for _ in range(number):
        place = rng.randrange(len(content))
        yield bytes([*content[:place], content[place] ^ (1 << rng.randrange(8)), *content[place + 1 :]])


def test_a_flipped_bit_in_a_result_never_goes_unnoticed(tmp_path):
    path = _results.save(xr.Dataset({"q": ("x", np.arange(20.0)), "word": "yes"}), tmp_path / "r.nc")
    whole, content = _results.load(path), path.read_bytes()
    noticed = 0
    for flipped in flips(content, 60, seed=3):
        path.write_bytes(flipped)
        try:
            assert _results.load(path).identical(whole)
        except DataFileError:
            noticed += 1
    assert noticed >= 55


def test_a_flipped_bit_in_a_checkpoint_never_changes_what_is_read(tmp_path):
    """A flip in the name of the digest turns the digest off, and is the only one that is not refused."""
    path = checkpoint.save(MLPDenoiser((2,), width=4, depth=1), tmp_path / "n.safetensors", note="mine")
    whole, content = checkpoint.load(path), path.read_bytes()
    for flipped in flips(content, 150, seed=4):
        path.write_bytes(flipped)
        try:
            again = checkpoint.load(path)
        except CheckpointError:
            continue
        assert {key: again.metadata.get(key) for key in whole.metadata} == whole.metadata
        assert all(torch.equal(a, b) for a, b in zip(again.parameters(), whole.parameters(), strict=True))


def test_a_damaged_run_folder_is_named(tmp_path):
    data, config = torch.zeros(8, 2), TrainConfig(steps=4, batch=4, warmup=1, log_every=1, checkpoint_every=2)
    network, run = MLPDenoiser((2,), width=4, depth=1), tmp_path / "run"
    train(network, data, config, run)
    originals = {name: (run / name).read_bytes() for name in ("config.json", "state.safetensors", "stats.jsonl")}
    for name, content in originals.items():
        for damaged in (b"", content[: len(content) // 2], b"[1]", b"\xff" * 40, b"[" * 99_999, *flips(content, 12, 5)):
            (run / name).write_bytes(damaged)
            try:
                train(network, data, config, run)
            except IdealScoreError as error:
                assert name in str(error) or str(run) in str(error)
            (run / name).write_bytes(content)
