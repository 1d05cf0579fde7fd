"""Feed mutated files to every loader, in a separate process: `python _fuzz.py FOLDER KIND COUNT SEED`.

Prints one JSON line: how many were accepted and refused, the slowest, the peak of memory. Any exception that is not
typed, any forbidden act (a program started, a connection, a pickle) and any file over five seconds ends the process.
"""

import io
import json
import os
import random
import signal
import sys
import time
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 64 * 2**20
FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "pickle.find_class",
    "socket.connect",
)
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)


def mutated(content, rng):
    """A copy with one to four changes."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if not content:
            break
        place, kind = rng.randrange(len(content)), rng.randrange(7)
        if kind == 0:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place] = rng.randrange(256)
        elif kind == 2:
            number = rng.choice(INTERESTING)
            width = rng.choice([w for w in (1, 2, 4, 8) if number < 256**w])
            content[place : place + width] = number.to_bytes(width, rng.choice(["little", "big"]))
        elif kind == 3:
            del content[place:]
        elif kind == 4:
            del content[place : place + rng.randint(1, 64)]
        elif kind == 5:
            length = rng.randint(1, 64)
            other = rng.randrange(len(content))
            content[place:place] = content[other : other + length]
        else:
            content[place : place + rng.randint(1, 32)] = bytes(rng.randint(1, 32))
    return bytes(content)


def pictures(n=4, size=6):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def encoded(array, kind):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format=kind)
    return buffer.getvalue()


def tables():
    """Parquet files: encoded images, nested lists, dictionary and compressed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = pictures(6)
    nested = pa.array(arrays[..., 0].tolist(), type=pa.list_(pa.list_(pa.uint8())))
    kinds: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"img": [{"bytes": encoded(a, "PNG"), "path": None} for a in arrays], "label": [0, 1] * 3}, {}),
        ({"img": nested, "label": list("ababab")}, {"compression": "zstd"}),
        ({"img": nested}, {"use_dictionary": False, "compression": "gzip", "data_page_version": "2.0"}),
    ]
    for columns, options in kinds:
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer, **options)
        yield buffer.getvalue()


def archives():
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, images=pictures(), labels=np.arange(4))
        yield buffer.getvalue()


def arrays():
    for array in (pictures(), pictures()[..., 0] / 255):
        buffer = io.BytesIO()
        np.save(buffer, array)
        yield buffer.getvalue()


def datasets():
    import xarray as xr

    from idealscore._support import results as _results
    from idealscore.sweeping._values import point_file

    words = xr.Dataset(
        {"q": (("a", "b"), np.eye(3)), "name": ("a", ["x", "yy", "z"])}, {"a": [1, 2, 3]}, {"note": "hi"}
    )
    packed = xr.Dataset({"q": ("t", np.arange(50.0))})
    yield _results.image(words)
    yield _results.image(packed)
    yield point_file({"q": 1.0, "n": 3, "yes": True}, {"a": 1}, "sweep")[:-83]


def checkpoints(folder):
    from safetensors.torch import save_file

    from idealscore.learned import checkpoint
    from idealscore.learned._tensor_files import read_tensors
    from idealscore.learned.networks import EnsembleDenoiser, MLPDenoiser, UNetDenoiser

    mlps = [MLPDenoiser((2,), width=4, depth=1, seed=i) for i in range(3)]
    for network in (mlps[0], UNetDenoiser((1, 4, 4), width=4, multipliers=(1, 2), blocks=1), EnsembleDenoiser(mlps)):
        path = checkpoint.save(network, folder / "seed.safetensors")
        yield path.read_bytes()
        tensors, metadata = read_tensors(path)
        save_file(tensors, path, {key: json.dumps(value) for key, value in metadata.items()})
        yield path.read_bytes()  # without a digest, as a stranger would write it


CONFIG = b"""function = "percolate"
seeds = 4
workers = 2
[grid]
size = [8, 16]
p = {linspace = [0.55, 0.65, 11]}
q = {range = [3]}
[fixed]
lattice = "square"
"""


def kinds(folder):
    """For each kind: (seed files, name of the mutated file, what loads it, what is done to a mutated content)."""
    from idealscore import sweeping
    from idealscore._support import results as _results
    from idealscore.cli._edge.sweep_config import SweepConfig
    from idealscore.learned import checkpoint, data
    from idealscore.sweeping import Grid
    from idealscore.theory import EmpiricalDenoiser

    def images(path):
        data.load(path, memory_limit=LIMIT)

    def picture(path):
        data.load(path.parent, memory_limit=LIMIT)

    def config(path):
        read = SweepConfig.read(path)
        read.callable(())
        Grid.of(read.grid, read.seeds, read.fixed)

    def result(path):
        _results.load(path, memory_limit=LIMIT)

    def disk(path):
        EmpiricalDenoiser.from_disk(path, memory_limit=LIMIT)

    def description(path):
        sweeping.results(path.parent)

    picture_kinds = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
    described = json.dumps({"format": "idealscore sweep 1", "function": "a:b", "axes": {"p": [0.1, 2]}, "fixed": {}})
    return {
        "safetensors": (list(checkpoints(folder)), "net.safetensors", checkpoint.load, None),
        "netcdf": (list(datasets()), "result.nc", result, None),
        "sealed": (list(datasets()), "sealed.nc", result, _results.sealed),
        "parquet": (list(tables()), "data.parquet", images, None),
        "npz": (list(archives()), "data.npz", images, None),
        "npy": (list(arrays()), "data.npy", images, None),
        "image": ([encoded(a, kind) for a in pictures(1, 9) for kind in picture_kinds], "image.png", picture, None),
        "toml": ([CONFIG], "config.toml", config, None),
        "json": ([described.encode()], "sweep.json", description, None),
        "disk-npy": (list(arrays()), "rows.npy", disk, None),
        "disk-parquet": (list(tables())[1:], "rows.parquet", disk, None),
    }


def memory(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) / 1024


def main(folder, kind, count, seed):
    from idealscore.errors import IdealScoreError

    warnings.simplefilter("ignore")
    folder = Path(folder) / kind
    folder.mkdir(parents=True)
    seeds, name, load, finish = kinds(folder)[kind]
    for old in folder.iterdir():
        old.unlink()
    path = folder / name
    for content in seeds:  # libraries load what they need, and every seed must be accepted
        path.write_bytes(finish(content) if finish else content)
        try:
            load(path)
        except IdealScoreError:
            assert kind in ("toml", "json")
    forbidden = ("os.system", "pickle", "socket.connect") if kind == "netcdf" else FORBIDDEN  # it is read by a child
    sys.addaudithook(lambda event, _: os._exit(77) if event.startswith(forbidden) else None)
    before, slowest, accepted = memory("VmRSS"), 0.0, 0
    for number in range(int(count)):
        content = mutated(seeds[number % len(seeds)], random.Random(f"{seed} {kind} {number}"))
        path.write_bytes(finish(content) if finish else content)
        start = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, 5)
        try:
            load(path)
            accepted += 1
        except IdealScoreError:
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.perf_counter() - start)
    taken = memory("VmHWM") - before
    print(json.dumps({"accepted": accepted, "refused": int(count) - accepted, "slowest": slowest, "mebibytes": taken}))


if __name__ == "__main__":
    assert tomllib.loads(CONFIG.decode())
    main(*sys.argv[1:])
