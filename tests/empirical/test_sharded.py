"""Training sets in parts: over ranks and from disk, the same optimum as in one piece."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from idealscore._support.streams import normal_batch
from idealscore.errors import ArgumentError, DataFileError, DeviceMemoryError, NotFiniteError, ShapeError, WeightsError
from idealscore.theory import EmpiricalDenoiser

from checkout import TESTS

SIGMAS = (0.0, 1e-9, 0.03, 0.5, 2.0, 100.0, float("inf"))


def data_set(n=90, shape=(2, 3), offset=5.0, seed=0, dtype=torch.float64):
    return (normal_batch(seed, "sharded data", range(n), shape) + offset).to(dtype)


def queries(data, n=12):
    noise = normal_batch(1, "sharded queries", range(n), data.shape[1:]).to(data.dtype)
    x = data[:n] + noise * torch.linspace(0, 2, n, dtype=data.dtype).reshape(-1, *[1] * (data.ndim - 1))
    x[-1] = (data[0] + data[-1]) / 2  # a tie between parts, at sigma = 0
    return x


def compare(whole, parts, data, limit=1e-12):
    """Largest deviation relative to the spread of the data, in everything that a denoiser gives."""
    x, worst = queries(data), 0.0
    for sigma in SIGMAS:
        worst = max(worst, float((whole(x, sigma) - parts(x, sigma)).abs().max()))
        if 0 < sigma < float("inf"):
            density, other = whole.log_density(x, sigma), parts.log_density(x, sigma)
            worst = max(worst, float(((density - other) / density.abs().clamp(min=1)).abs().max()))
            worst = max(worst, float((whole.entropy(x, sigma) - parts.entropy(x, sigma)).abs().max()))
    mixed = torch.tensor(SIGMAS[1:]).double().repeat(2).to(x)
    worst = max(worst, float((whole(x, mixed) - parts(x, mixed)).abs().max()))
    assert worst <= limit, worst
    return worst


def ranks(world, code, *arguments):
    """Run `code` on gloo ranks; returns what each printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS / 'empirical'}"}
    start = "import os, sys, torch, torch.distributed as dist\nfrom test_sharded import *\n"
    start += "dist.init_process_group('gloo')\n"
    start += "rank, world = dist.get_rank(), dist.get_world_size()\n"
    # gloo's threads may abort a process that ends in the ordinary way ("terminate called without an active exception"),
    # and with torch 2.6 `destroy_process_group` waits for ever where the other rank has gone already
    end = "\ndist.barrier()\nsys.stdout.flush()\nos._exit(0)\n"
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", start + code + end, *map(str, arguments)],
            env=environment | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    try:
        said = [child.communicate(timeout=120) for child in children]
    finally:
        for child in children:
            child.kill()
    assert all(child.returncode == 0 for child in children), said
    return [out.strip() for out, _ in said]


EQUAL = """
data = data_set()
cuts = [0, 7, 40, 41, 90] if world == 4 else [0, 31, 90]
mine = slice(cuts[rank], cuts[rank + 1])
whole, parts = EmpiricalDenoiser(data), EmpiricalDenoiser.sharded(data[mine])
assert parts.n == 90 and parts.event_shape == (2, 3)
assert torch.equal(parts.data, data) and torch.equal(parts.sample(9, seed=1), whole.sample(9, seed=1))
torch.testing.assert_close(parts.reference(data[:3] + 0.1, 0.7), whole.reference(data[:3] + 0.1, 0.7))
worst = compare(whole, parts, data)
x = queries(data)[:-1]
torch.testing.assert_close(parts.weights(x, 0.7), whole.weights(x, 0.7), rtol=1e-11, atol=1e-13)
torch.testing.assert_close(parts.weights(x, 0.0), whole.weights(x, 0.0), rtol=1e-11, atol=1e-13)

prior = torch.linspace(0, 1, 90, dtype=torch.float64)
prior = prior / prior.sum()
weighted = EmpiricalDenoiser.sharded(data[mine], prior[mine])
torch.testing.assert_close(weighted.prior, prior, rtol=1e-12, atol=0)
torch.testing.assert_close(weighted.weights(x, 0.7), EmpiricalDenoiser(data, prior).weights(x, 0.7))
worst = max(worst, compare(EmpiricalDenoiser(data, prior), weighted, data))
worst = max(worst, compare(EmpiricalDenoiser(data, prior), weighted.to(torch.float64), data))

def derivatives(denoiser):
    point = queries(data)[2:5].requires_grad_()
    (first,) = torch.autograd.grad(denoiser(point, 0.9).square().sum(), point, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), point)
    (score,) = torch.autograd.grad(denoiser.log_density(point, 0.9).sum(), point)
    return first.detach(), second, score

for mine_, whole_ in zip(derivatives(parts), derivatives(whole), strict=True):
    torch.testing.assert_close(mine_, whole_, rtol=1e-10, atol=1e-11)

np.save(f"{sys.argv[1]}/part{rank}.npy", data[mine].numpy())
disk = EmpiricalDenoiser.from_disk(f"{sys.argv[1]}/part{rank}.npy", memory_limit=4000)
worst = max(worst, compare(whole, EmpiricalDenoiser.sharded(disk), data))
print(worst)
"""


@pytest.mark.parametrize("world", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_ranks_equal_one_machine(tmp_path, world):
    said = ranks(world, EQUAL, tmp_path)
    assert len(set(said)) == 1 and float(said[0]) <= 1e-12


REFUSED = """
from idealscore.errors import IdealScoreError
data = data_set(20)
def refused(*arguments, **options):
    try:
        EmpiricalDenoiser.sharded(*arguments, **options)
    except IdealScoreError as error:
        return type(error).__name__
    return 'accepted'
uneven = data[:0] if rank == 1 else data
said = [refused(uneven)]
said.append(refused(data[:, :1] if rank else data))
said.append(refused(data.float() if rank else data))
said.append(refused(data, torch.full((20,), 0.05) / 2 if rank else None))
said.append(refused(data, torch.full((20,), 0.03)))
said.append(refused(data, torch.full((20,), 0.025).double()))
print(*said)
"""


@pytest.mark.slow
def test_what_is_wrong_on_one_rank_is_refused_on_all():
    first, second = (line.split() for line in ranks(2, REFUSED))
    assert first == ["ShapeError", "ShapeError", "ShapeError", "ShapeError", "WeightsError", "accepted"]
    assert second == ["EmptyDataError", *first[1:]]
    with pytest.raises(ArgumentError, match="no process group"):
        EmpiricalDenoiser.sharded(data_set(4))


def parquet(path, data, group):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row.tolist() for row in data.numpy()]
    pq.write_table(pa.table({"label": range(len(rows)), "image": rows}), path, row_group_size=group)
    return path


@pytest.mark.parametrize("kind", ["npy", "parquet", "array", "memory map"])
@pytest.mark.parametrize("blocks", [1, 7])
def test_blocks_from_disk_equal_memory(tmp_path, kind, blocks):
    data = data_set()
    path, column = tmp_path / "data.npy", None
    np.save(path, data.numpy())
    if kind == "parquet":
        path, column = parquet(tmp_path / "data.parquet", data, 13), "image"
    source = {"array": data.numpy(), "memory map": np.load(path, mmap_mode="r") if kind == "memory map" else None}
    row = 2 * 6 * (2 * 8 + 3 * 8 + 16)
    limit = (90 // blocks + 1) * row + (2000 if kind == "parquet" else 0)
    streamed = EmpiricalDenoiser.from_disk(source.get(kind, path), column=column, memory_limit=limit)
    assert streamed.n == 90 and streamed.event_shape == (2, 3)
    assert kind == "parquet" or ((streamed.block_size or 90) < 90) == (blocks > 1)
    compare(EmpiricalDenoiser(data), streamed, data)
    x = queries(data)
    for sigma in (0.0, 0.6, float("inf")):
        torch.testing.assert_close(streamed.weights(x, sigma), EmpiricalDenoiser(data).weights(x, sigma))


def test_priors_scaling_and_derivatives_from_disk(tmp_path):
    raw = np.random.default_rng(0).integers(0, 256, (50, 4), dtype=np.uint8)
    data = torch.from_numpy(raw).double() / 127.5 - 1
    prior = torch.linspace(0, 1, 50, dtype=torch.float64) ** 2
    prior = prior / prior.sum()
    whole = EmpiricalDenoiser(data, prior)
    streamed = EmpiricalDenoiser.from_disk(raw, prior, scale=1 / 127.5, shift=-1.0, memory_limit=800)
    assert streamed.data.dtype == torch.float32 and (streamed.block_size or 50) < 50
    x = (data[:6] + 0.3).float()
    for sigma in (0.0, 0.1, 1.0, float("inf")):
        torch.testing.assert_close(streamed(x, sigma).double(), whole(x.double(), sigma), rtol=0, atol=2e-6)
    point = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(streamed(point, 0.4).sum(), point)
    other = x.double().requires_grad_()
    (expected,) = torch.autograd.grad(whole(other, 0.4).sum(), other)
    torch.testing.assert_close(gradient.double(), expected, rtol=1e-4, atol=1e-5)
    left, right = raw[:20], raw[20:]
    partial = EmpiricalDenoiser.from_disk(left, memory_limit=600).partial(x, 0.4)
    merged = partial.merge(EmpiricalDenoiser.from_disk(right).partial(x, 0.4))
    expected = EmpiricalDenoiser.from_disk(raw)(x, 0.4)
    torch.testing.assert_close(merged.mean.float(), expected, rtol=0, atol=1e-4)


def test_every_call_reads_the_data_once():
    class Counted:
        shape, dtype, read = (100, 4), np.dtype(np.float64), 0

        def __getitem__(self, rows):
            Counted.read += rows.stop - rows.start
            return data_set(100, (4,)).numpy()[rows]

    streamed = EmpiricalDenoiser.from_disk(Counted(), memory_limit=4000)
    for sigma in (torch.linspace(0, 30, 12), 0.01, 5.0):
        Counted.read = 0
        streamed(queries(data_set(100, (4,))), sigma)
        assert Counted.read == 100


LARGE = """
import sys, numpy as np, torch
from idealscore.theory import EmpiricalDenoiser
torch.set_num_threads(1)

def memory(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

x, path = torch.zeros(16, 256), sys.argv[1]
EmpiricalDenoiser.from_disk(np.zeros((4096, 256), np.float32))(x, 1.0)  # what the libraries take is taken now
open("/proc/self/clear_refs", "w").write("5")  # the peak starts here
before, limit = memory("VmRSS"), 64 * 2**20
denoiser = EmpiricalDenoiser.from_disk(path, memory_limit=limit) if sys.argv[2] == "disk" else None
denoiser = denoiser or EmpiricalDenoiser(np.load(path))
mean, nearest = denoiser(x, float("inf")), denoiser(x + 3.0, 0.05)
print((memory("VmHWM") - before) / limit, float(mean.double().mean()), float(nearest.double().mean()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the peak of memory is read from /proc")
def test_a_data_set_four_times_the_memory_limit(tmp_path):
    path, n = tmp_path / "large.npy", 262_144
    stored = np.lib.format.open_memmap(path, "w+", np.float32, (n, 256))
    rng = np.random.default_rng(0)
    for start in range(0, n, 8192):
        stored[start : start + 8192] = rng.standard_normal((8192, 256), np.float32)
    stored[1234] = 3.0
    stored.flush()
    expected = float(np.load(path, mmap_mode="r").mean(dtype=np.float64))
    assert path.stat().st_size >= 4 * 64 * 2**20
    taken = {}
    for where in ("disk", "memory"):
        done = subprocess.run([sys.executable, "-c", LARGE, path, where], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        taken[where], mean, nearest = map(float, done.stdout.split())
        assert mean == pytest.approx(expected, abs=1e-6) and nearest == pytest.approx(3.0, abs=1e-6)
    print(f"peak over limit: {taken}")
    assert taken["disk"] < 1.0 and taken["memory"] > 4, taken


def test_bad_sources_are_refused(tmp_path):
    def write(name, array, **options):
        np.save(tmp_path / name, array, **options)
        return tmp_path / name

    good = write("good.npy", np.zeros((8, 3)))
    truncated = tmp_path / "short.npy"
    truncated.write_bytes(good.read_bytes()[:-8])
    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / "bad.npy").write_text("no")
    (tmp_path / "bad.parquet").write_text("no")
    ragged = tmp_path / "ragged.parquet"
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": [[1.0, 2.0], [1.0]]}), ragged)
    whole = parquet(tmp_path / "whole.parquet", data_set(), 90)
    cases = [
        (tmp_path / "none.npy", {}, DataFileError, "does not exist"),
        (tmp_path / "notes.txt", {}, DataFileError, "unknown kind"),
        (tmp_path / "bad.npy", {}, DataFileError, "is not a readable"),
        (tmp_path / "bad.parquet", {}, DataFileError, "is not a readable"),
        (truncated, {}, DataFileError, "truncated"),
        (ragged, {}, DataFileError, "several lengths"),
        (whole, {"column": "picture"}, DataFileError, "no 'picture'"),
        (whole, {"column": "image", "memory_limit": 2000}, DeviceMemoryError, "row group"),
        (
            write("o.npy", np.array([[None]]), allow_pickle=True),
            {},
            DataFileError,
            "expected rows of numbers, got object",
        ),
        (write("f.npy", np.asfortranarray(np.zeros((3, 2)))), {}, DataFileError, "by columns"),
        (write("v.npy", np.zeros(3)), {}, ShapeError, "shape"),
        (write("e.npy", np.zeros((0, 3))), {}, DataFileError, "shape"),
        (write("n.npy", np.array([[1.0], [np.nan]])), {}, NotFiniteError, "NaN"),
        (good, {"memory_limit": 50}, DeviceMemoryError, "two rows"),
        (good, {"scale": 0.0}, ArgumentError, "scale"),
        (good, {"weights": torch.ones(3) / 3}, ShapeError, "weights"),
        ([1, 2], {}, DataFileError, "is a list"),
        (np.array([["a"]]), {}, DataFileError, "expected numbers, got <U1"),
    ]
    for source, options, error, words in cases:
        with pytest.raises(error, match=words):
            EmpiricalDenoiser.from_disk(source, **options)
    with pytest.raises(WeightsError):
        EmpiricalDenoiser.from_disk(good, torch.ones(8))
