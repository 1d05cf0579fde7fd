"""Hostile files: mutated, oversized and treacherous ones give a typed error, in time, in bounded memory."""

import io
import json
import os
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
import torch
import xarray as xr

from idealscore._support import results as _results
from idealscore.cli._edge.sweep_config import SweepConfig
from idealscore.errors import (
    ArgumentError,
    CheckpointError,
    DataFileError,
    DeviceMemoryError,
    IdealScoreError,
    UnknownNameError,
)
from idealscore.learned import checkpoint, data
from idealscore.learned.networks import MLPDenoiser

from checkout import TESTS

KINDS = (
    "safetensors", "netcdf", "sealed", "parquet", "npz", "npy", "image", "toml", "json", "disk-npy", "disk-parquet",
)  # fmt: skip
MEBIBYTES = 256


def fuzz(folder, kind, count, seed):
    """What the fuzzer in a separate process reports; a crash, a hang or a forbidden act fails here."""
    command = [sys.executable, "-W", "ignore", str(TESTS / "_fuzz.py"), folder, kind, count, seed]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=170, env=environment)
    assert done.returncode == 0, f"{kind}: exit code {done.returncode}\n{done.stderr[-2000:]}"
    found = json.loads(done.stdout)
    assert found["refused"] > 0 and found["slowest"] < 5 and found["mebibytes"] < MEBIBYTES, found
    return found


@pytest.mark.parametrize("kind", ["safetensors", "sealed"])
def test_mutated_files_give_typed_errors(tmp_path, kind):
    fuzz(tmp_path, kind, 40, 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_mutated_files_give_typed_errors(tmp_path, kind, capsys):
    found = fuzz(tmp_path, kind, 100 if kind == "netcdf" else 990, 1)
    with capsys.disabled():
        print(f"\n{kind}: {found}")


def sizes_lie(path, name="q", shape=(10**6, 10**6), **options):
    """A tiny HDF5 file that declares a huge array."""
    with h5py.File(path, "w") as file:
        file.create_dataset(name, shape, "f8", **options)
        file["a"] = np.arange(3.0)
    return path


def test_a_result_that_declares_more_than_memory_is_refused_unread(tmp_path):
    path = sizes_lie(tmp_path / "bomb.nc", chunks=(1000, 1000), compression="gzip")
    assert path.stat().st_size < 2**20
    with pytest.raises(DeviceMemoryError, match=r"bomb\.nc needs 7629395 MiB"):
        _results.load(path)
    good = _results.save(xr.Dataset({"q": ("x", np.zeros(1000))}), tmp_path / "good.nc")
    with pytest.raises(DeviceMemoryError):
        _results.load(good, memory_limit=7999)
    assert _results.load(good, memory_limit=12_000).sizes == {"x": 1000}


def test_a_result_cannot_read_other_files(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 80)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["q"] = np.arange(10.0)
    with h5py.File(tmp_path / "external.nc", "w") as file:
        file.create_dataset("q", (10,), "f8", external=[(str(secret), 0, 80)])
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file["q"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/q")
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "q", (10,))
    with h5py.File(tmp_path / "virtual.nc", "w") as file:
        file.create_virtual_dataset("q", layout)
    for name in ("external", "link", "virtual"):
        with pytest.raises(DataFileError, match=r"'q' (to somewhere else|in another file)"):
            _results.load(tmp_path / f"{name}.nc")


def npy_header(shape, dtype="<f8"):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(10**9, 10**9, 10**9), (2**40, 2**40, 1), (2**32, 2**32, 2**32), (10**6, 10**6, 1)])
def test_arrays_that_lie_about_their_size(tmp_path, shape):
    (tmp_path / "a.npy").write_bytes(npy_header(shape) + bytes(100))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", npy_header(shape) + bytes(100))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DeviceMemoryError):
            data.load(tmp_path / name)


def test_large_items_negative_sizes_and_endless_headers(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(npy_header((4, 4, 4), "<U500000000") + bytes(100))
    with pytest.raises(DeviceMemoryError):
        data.load(path)
    path.write_bytes(npy_header((-4, 4, -4)) + bytes(100))
    with pytest.raises(DataFileError, match="declares the shape"):
        data.load(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + bytes(10**7))
    with pytest.raises(DataFileError, match="header of 2147483648 bytes"):
        data.load(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        for name in ("images", "images.npy"):
            archive.writestr(name, npy_header((2, 2, 2)) + bytes(64))
    with pytest.raises(DataFileError, match="'images' twice"):
        data.load(tmp_path / "b.npz")


def png(width, height):
    """A PNG that declares a size and holds next to nothing."""
    import struct
    import zlib

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    )


def test_images_that_lie_about_their_size_or_kind(tmp_path):
    (tmp_path / "a.png").write_bytes(png(30_000, 30_000))
    with pytest.raises(IdealScoreError, match=r"MiB allowed|not a readable image \(DecompressionBombError\)"):
        data.load(tmp_path, memory_limit=2**30)
    (tmp_path / "a.png").write_bytes(png(9_000, 9_000))
    with pytest.raises(DeviceMemoryError):
        data.load(tmp_path, memory_limit=2**28)
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(DataFileError, match="not a readable image"):
        data.load(tmp_path)


def test_tables_cannot_read_other_files(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    folder = tmp_path / "data"
    folder.mkdir()
    for place in (tmp_path / "secret.png", folder / "mine.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(place)
    for name, allowed in (("../secret.png", False), (str(tmp_path / "secret.png"), False), ("mine.png", True)):
        pq.write_table(pa.table({"img": [{"bytes": None, "path": name}]}), folder / "t.parquet")
        if allowed:
            assert data.load(folder / "t.parquet").shape == (1, 4, 4)
        else:
            with pytest.raises(DataFileError, match="outside its folder"):
                data.load(folder / "t.parquet")


@pytest.mark.parametrize(
    "change",
    [
        {"width": 10**6}, {"depth": 10**9}, {"width": 2**62}, {"width": -1}, {"replicas": 10**12}, {"replicas": "many"},
        {"shape": [10**9]}, {"shape": "abc"}, {"shape": None}, {"n_classes": 10**12}, {"sigma_data": "x"}, {"head": []},
    ],
)  # fmt: skip
def test_a_checkpoint_that_describes_more_than_it_holds(tmp_path, change):
    from safetensors.torch import save_file

    network = MLPDenoiser((2,), width=4, depth=1)
    metadata = {"format": checkpoint.FORMAT, "network": {**network.describe(), **change}}
    text = {key: json.dumps(value) for key, value in metadata.items()}
    save_file(network.state_dict(), tmp_path / "n.safetensors", text)
    with pytest.raises(CheckpointError, match=r"n\.safetensors (is of another network|does not describe a network)"):
        checkpoint.load(tmp_path / "n.safetensors")


def test_metadata_of_other_shapes(tmp_path):
    from safetensors.torch import save_file

    path, tensors = tmp_path / "n.safetensors", {"w": torch.zeros(2)}
    form = json.dumps(checkpoint.FORMAT)
    for text in (
        {"format": form}, {"format": form, "network": "[1]"}, {"format": form, "network": "3"},
        {"format": form, "network": "[" * 20_000}, {"format": "9" * 5000}, {"format": form, "digest": '"00"'},
    ):  # fmt: skip
        save_file(tensors, path, text)
        with pytest.raises(CheckpointError):
            checkpoint.load(path)


def test_configurations_run_nothing_that_was_not_allowed(tmp_path):
    path = tmp_path / "c.toml"

    def read(text):
        path.write_text(text)
        return SweepConfig.read(path)

    tail = "\n[grid]\nx = [1]\n"
    for module in (
        "os:system",
        "subprocess:run",
        "idealscore._support.results:write_text",
        "antigravity:x",
        "__main__:main",
    ):
        with pytest.raises(ArgumentError, match="a configuration alone may not choose what is run"):
            read(f'function = "{module}"{tail}').callable(())
    assert "antigravity" not in sys.modules
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        read(f'function = "trian"{tail}').callable(())
    with pytest.raises(ArgumentError, match="cannot be imported"):
        read(f'function = "nowhere_at_all:f"{tail}').callable(("nowhere_at_all",))
    for text, error, words in (
        ("function = ", DataFileError, "is not a TOML file"),
        ("[grid]\na = [1]\na = [2]\n", DataFileError, "is not a TOML file"),
        ("x = " + "[" * 5000, DataFileError, "is not a TOML file"),
        ('functoin = "train"' + tail, UnknownNameError, "did you mean 'function'"),
        ('function = "train"', DataFileError, "no grid"),
        ("function = 3" + tail, DataFileError, "gives function"),
        ('function = "train"\nseeds = true' + tail, DataFileError, "gives seeds"),
        ('function = "train"\n[grid]\nx = {linspace = [0, 1, 1000000000000]}', ArgumentError, "<= 10000000"),
        ('function = "train"\n[grid]\nx = {range = [1000000000000]}', ArgumentError, "<= 10000000"),
        ('function = "train"\n[grid]\nx = {geomspace = [-1, 1, 3]}', ArgumentError, "one sign"),
        ('function = "train"\n[grid]\nx = {linspace = [0, 1]}', ArgumentError, "first, last, number"),
        ('function = "train"\n[grid]\nx = {linspac = [0, 1, 2]}', UnknownNameError, "did you mean 'linspace'"),
        ('function = "train"\n[grid]\nx = {range = [1], linspace = [1, 2, 3]}', ArgumentError, "2 rules"),
    ):
        with pytest.raises(error, match=words):
            read(text)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataFileError, match="is not a TOML file"):
        SweepConfig.read(path)
    with pytest.raises(DataFileError, match="does not exist"):
        SweepConfig.read(tmp_path / "none.toml")
    path.write_text("#" * (2**22 + 1))
    with pytest.raises(DataFileError, match="larger than"):
        SweepConfig.read(path)


@pytest.mark.parametrize("program", ["while True: pass", "import os; os.abort()"])
def test_a_file_that_makes_the_library_hang_or_crash_is_refused(tmp_path, monkeypatch, program):
    from idealscore._support.files import netcdf_limits as _netcdf_limits

    path = tmp_path / "strange.nc"
    path.write_bytes(_results.image(xr.Dataset({"q": 1.0})))
    assert float(_results.load(path).q) == 1.0
    (tmp_path / "netcdf_probe.py").write_text(program)
    monkeypatch.setattr(_netcdf_limits, "__file__", str(tmp_path / "netcdf_limits.py"))
    monkeypatch.setattr(_netcdf_limits, "PATIENCE", 0.5)
    monkeypatch.setattr(_netcdf_limits, "BUSY", 1)
    with pytest.raises(DataFileError, match=r"strange\.nc (does not end|is not a readable)"):
        _results.load(path)


def test_a_file_is_read_by_the_standard_library_whatever_lies_next_to_the_program(tmp_path, monkeypatch):
    # _support holds a types.py: without an editable installation, nothing has imported the library's own before
    from idealscore._support.files import netcdf_limits as _netcdf_limits

    path = tmp_path / "good.nc"
    path.write_bytes(_results.image(xr.Dataset({"q": 1.0})))
    (tmp_path / "netcdf_probe.py").write_text("import colorsys, sys; sys.exit(not hasattr(colorsys, 'rgb_to_hsv'))")
    (tmp_path / "colorsys.py").write_text("")
    monkeypatch.setattr(_netcdf_limits, "__file__", str(tmp_path / "netcdf_limits.py"))
    assert float(_results.load(path).q) == 1.0
