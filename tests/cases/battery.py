"""Data as other people store them, made at random from axes: what is inside, how it is written, what is right.

A `Case` knows its values from before they were written, so that nothing of the readers enters what is right.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import torch

N, H, W = 12, 7, 9


@dataclass(frozen=True)
class Depth:
    """A type with its values, and the range that the documentation gives them; None keeps them as they are."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    pixels: tuple[float, float] | None
    points: tuple[float, float] | None = None


def _whole(low, high, dtype):
    def draw(rng, shape):
        values = rng.integers(low, high, shape, endpoint=True).astype(dtype)
        values.flat[:2] = low, high
        return values

    return draw


def _real(low, high, dtype):
    def draw(rng, shape):
        values = rng.uniform(low, high, shape).astype(dtype)
        values.flat[:2] = low, high
        return values

    return draw


DEPTHS = {
    depth.name: depth
    for depth in (
        Depth("bool", lambda rng, shape: rng.random(shape) < 0.5, (0, 1), (0, 1)),
        Depth("uint8", _whole(0, 255, np.uint8), (0, 255), (0, 255)),
        Depth("int8", _whole(-128, 127, np.int8), (-128, 127), (-128, 127)),
        Depth("uint16", _whole(0, 65535, np.uint16), (0, 65535), (0, 65535)),
        Depth("int16", _whole(0, 255, np.int16), (0, 255)),
        Depth("int32", _whole(0, 60000, np.int32), (0, 65535)),
        Depth("int64", _whole(-5, 300, np.int64), None),
        Depth("float16", _real(0, 1, np.float16), (0, 1)),
        Depth("float32", _real(0, 1, np.float32), (0, 1)),
        Depth("signed", _real(-1, 1, np.float32), (-1, 1)),
        Depth("hair", lambda rng, shape: _real(-1e-7, 1, np.float64)(rng, shape), (0, 1)),
        Depth("standard", lambda rng, shape: rng.standard_normal(shape), None),
        Depth("physical", lambda rng, shape: 273 + 30 * rng.random(shape), None),
        Depth("counts", lambda rng, shape: _whole(0, 255, np.float32)(rng, shape), None),
    )
}

TYPES = {name: depth.draw(np.random.default_rng(0), (2,)).dtype.name for name, depth in DEPTHS.items()}


@dataclass(frozen=True)
class Kept:
    """An order of the axes: canonical (n, c, h, w) or (n, *event) to what is stored; `said` is passed as --layout."""

    axes: str
    event: tuple[int, ...]
    said: bool = False
    doubtful: bool = False

    @property
    def image(self) -> bool:
        return {"h", "w"} <= set(self.axes)

    def store(self, array: np.ndarray) -> np.ndarray:
        if not self.image:
            order = self.axes.replace("*", "")
            return array if order[0] == "n" else np.moveaxis(array, 0, order.index("n"))
        if "c" not in self.axes:
            array = array[:, 0]
        canonical = [axis for axis in "nchw" if axis in self.axes]
        return array.transpose([canonical.index(axis) for axis in self.axes])


LAYOUTS = (
    Kept("nhw", (1, H, W)), Kept("nchw", (1, H, W)), Kept("nchw", (3, H, W)), Kept("nhwc", (1, H, W)),
    Kept("nhwc", (3, H, W)), Kept("nhwc", (4, H, W)), Kept("hwcn", (3, H, W), True), Kept("hwn", (1, H, W), True),
    Kept("chwn", (3, H, W), True), Kept("nwh", (1, H, W), True), Kept("nwhc", (3, H, W), True),
    Kept("nd", (2,)), Kept("nd", (17,), True), Kept("nd", (5,), True), Kept("dn", (5,), True),
    Kept("ntd", (11, 2), True), Kept("n*", (3, 2, 5, 4)), Kept("n*", (6, 3), True),
    Kept("hwcn", (3, H, W), doubtful=True), Kept("chwn", (3, H, W), doubtful=True),
    Kept("ntd", (11, 2), doubtful=True), Kept("ntd", (100, 6), doubtful=True),
)  # fmt: skip


@dataclass(frozen=True)
class Labels:
    """Labels as they are stored, and the classes that they are; `codes` None: they are no classes, and refused."""

    name: str
    stored: Any = None
    codes: list[int] | None = field(default_factory=list)
    names: tuple[str, ...] = ()


ROUND = [i % 3 for i in range(N)]
TENS = [2, 10, 1]
LABELS = {
    labels.name: labels
    for labels in (
        Labels("none"),
        Labels("ints", np.array(ROUND), ROUND),
        Labels("bytes8", np.array(ROUND, np.uint8), ROUND),
        Labels("floats", np.array(ROUND, np.float64), ROUND),
        Labels("column", np.array(ROUND)[:, None], ROUND),
        Labels("one-hot", np.eye(3, dtype=np.float32)[ROUND], ROUND),
        Labels("bools", np.array(ROUND) > 0, [int(i > 0) for i in ROUND], ("False", "True")),
        Labels("sparse", np.array(ROUND) * 1000, ROUND, ("0", "1000", "2000")),
        Labels("ids", np.array(ROUND) * 10**12 + 7, ROUND, ("7", "1000000000007", "2000000000007")),
        Labels("words", np.array(["ox", "cat", "dog"])[ROUND], [[2, 0, 1][i] for i in ROUND], ("cat", "dog", "ox")),
        Labels("numerals", np.array([str(t) for t in TENS])[ROUND], [[1, 2, 0][i] for i in ROUND], ("1", "2", "10")),
        Labels("encoded", np.array([b"b", b"a", b"c"])[ROUND], [[1, 0, 2][i] for i in ROUND], ("a", "b", "c")),
        Labels("short", np.array(ROUND)[:-1], None),
        Labels("unlabelled", np.array([-1, *ROUND[1:]]), None),
        Labels("missing", np.array([np.nan, *ROUND[1:]]), None),
        Labels("fractions", np.arange(N) / 4, None),
    )
}


@dataclass(frozen=True)
class Case:
    """A source that `make` writes into a folder, how it is loaded, what is right: values, or the argument refused."""

    what: str
    make: Callable[[Path], Any]
    options: dict[str, Any]
    values: np.ndarray | None = None
    range: tuple[float, float] | None = None
    image: bool = True
    labels: Labels = LABELS["none"]
    atol: float = 0.0
    refused: str = ""

    @property
    def scaled(self) -> np.ndarray:
        """What the images must be."""
        assert self.values is not None
        values = self.values.astype(np.float64)
        if self.range is None:
            return values
        low, high = self.range
        return 2 * (values - low) / (high - low) - 1


def _npz(path, array, labels, **others):
    extra = {} if labels is None else {"labels": labels}
    with open(path, "wb") as stream:
        np.savez_compressed(stream, images=array, **extra, **others)
    return path


def _npy(path, array, labels):
    assert labels is None
    with open(path, "wb") as stream:
        np.save(stream, array)
    return path


def _safetensors(path, array, labels):
    from safetensors.numpy import save_file

    extra = {} if labels is None else {"labels": np.ascontiguousarray(labels)}
    save_file({"images": np.ascontiguousarray(array), **extra}, path)
    return path


def _idx(path, array, labels, zipped=False):
    codes = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}

    def write(file, values):
        big = values.astype(values.dtype.newbyteorder(">"))
        head = bytes([0, 0, codes[values.dtype.name], values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
        with gzip.open(f"{file}.gz", "wb") if zipped else open(file, "wb") as stream:
            stream.write(head + big.tobytes())

    images = path.with_name("a-images-idx3-ubyte")
    write(images, array)
    if labels is not None:
        write(path.with_name("a-labels-idx1-ubyte"), labels)
    return Path(f"{images}.gz") if zipped else images


def _zarr(path, array, labels):
    import zarr  # pyright: ignore[reportMissingImports, reportUnusedExpression]

    group = zarr.open_group(path, mode="w")
    group.create_array("images", data=array, chunks=(5, *array.shape[1:]))
    if labels is not None:
        group.create_array("labels", data=labels)
    return path


def _table(path, array, labels):
    import datasets

    images = array.tolist()
    columns = {"image": images, **({} if labels is None else {"label": labels.tolist()})}
    if array.ndim == 2:
        features = datasets.Sequence(datasets.Value(array.dtype.name), length=array.shape[1])
    else:
        features = {3: datasets.Array2D, 4: datasets.Array3D, 5: datasets.Array4D}[array.ndim](
            array.shape[1:], array.dtype.name
        )
    kinds = {"image": features}
    if labels is not None:
        kinds["label"] = datasets.Dataset.from_dict({"label": labels.tolist()}).features["label"]
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


def _saved(path, array, labels):
    _table(path, array, labels).save_to_disk(str(path))
    return path


def _parquet(path, array, labels):
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.from_numpy_dtype(array.dtype)
    for _ in array.shape[1:]:
        kind = pa.list_(kind)
    columns: dict[str, Any] = {"pixels": pa.array(array.tolist(), type=kind)}
    if labels is not None:
        columns["label"] = labels.tolist()
    pq.write_table(pa.table(columns), path, row_group_size=5)
    return path


def _columns(path, array, labels):
    import pandas

    frame = pandas.DataFrame(array, columns=[f"f{i}" for i in range(array.shape[1])])
    if labels is not None:
        frame["label"] = list(labels)
    frame.to_parquet(path)
    return path


class _Items(torch.utils.data.Dataset):
    def __init__(self, array, labels, form):
        self.array, self.labels, self.form = array, labels, form

    def __len__(self):
        return len(self.array)

    def __getitem__(self, i):
        image = torch.from_numpy(np.ascontiguousarray(self.array[i]))
        label = None if self.labels is None else self.labels[i]
        if self.form == "dict":
            return {"pixel_values": image, **({} if label is None else {"label": label})}
        return image if label is None else (image, label)


ARRAYS: dict[str, tuple[str, Callable[..., Any]]] = {
    "npy": (".npy", _npy),
    "npz": (".npz", _npz),
    "npz with others": (".npz", lambda p, a, y: _npz(p, a, y, mean=np.zeros(3), notes=np.array({"a": 1}))),
    "safetensors": (".safetensors", _safetensors),
    "idx": (".idx", _idx),
    "idx.gz": (".idx", lambda p, a, y: _idx(p, a, y, zipped=True)),
    "zarr": (".zarr", _zarr),
    "parquet": (".parquet", _parquet),
    "datasets": ("", _table),
    "saved": ("", _saved),
    "array": ("", lambda _, a, y: a),
    "tensor": ("", lambda _, a, y: torch.from_numpy(np.ascontiguousarray(a))),
    "memory map": (".npy", lambda p, a, y: np.load(_npy(p, a, y), mmap_mode="r")),
    "Dataset": ("", lambda _, a, y: _Items(a, y, "tuple")),
    "Dataset of dicts": ("", lambda _, a, y: _Items(a, y, "dict")),
    "DataLoader": ("", lambda _, a, y: torch.utils.data.DataLoader(_Items(a, y, "tuple"), batch_size=5, shuffle=True)),
}  # fmt: skip
NO_LABELS = {"npy", "array", "tensor", "memory map"}
ROWS = {"parquet", "datasets", "saved", "Dataset", "Dataset of dicts", "DataLoader"}  # one item a row: n is in front
NUMBERS_ONLY = {"safetensors", "idx", "idx.gz", "zarr"}


def _possible(kind: str, depth: Depth, kept: Kept, labels: Labels) -> bool:
    """Whether the format can hold it at all, in this form."""
    dtype = TYPES[depth.name]
    if kind in NO_LABELS and labels.name != "none":
        return False
    if kind in ROWS and kept.axes[0] != "n":
        return False
    if kind.startswith("idx") and (dtype not in ("uint8", "int8", "int16", "int32", "float32", "float64")
                                   or kept.axes[0] != "n" or len(kept.event) > 3 or "*" in kept.axes):  # fmt: skip
        return False
    if kind.startswith("idx") and (kept.doubtful or labels.name not in ("none", "bytes8")):
        return False
    if kind in NUMBERS_ONLY and labels.stored is not None and labels.stored.dtype.kind in "SU":
        return False
    if kind in ("parquet", "datasets", "saved", "tensor") and dtype in ("float16", "uint16", "bool"):
        return kind == "tensor"
    if kind in ("datasets", "saved") and len(kept.event) > 3:
        return False
    if kind in ROWS and kind not in ("parquet", "datasets", "saved") and labels.name in ("short", "one-hot", "column"):
        return labels.name == "column"
    return not (kind in ("parquet", "datasets", "saved") and labels.name in ("short", "encoded", "column", "one-hot"))


def array_cases(counts: Mapping[str, int], seed: int = 0) -> Iterator[Case]:
    """Arrays over format, depth, layout and labels: of the many combinations so many of each format, at random."""
    grid = [
        (kind, depth, kept, labels)
        for kind, depth, kept, labels in product(ARRAYS, DEPTHS.values(), LAYOUTS, LABELS.values())
        if _possible(kind, depth, kept, labels)
    ]
    grid = [entry for entry in grid if not entry[2].doubtful or entry[3].name in ("none", "ints")]
    order = np.random.default_rng(seed).permutation(len(grid))
    byte_orders, memory, names = cycle("=<>"), cycle("CFS"), cycle(NAMES)
    per_kind = dict.fromkeys(ARRAYS, 0)
    for index in order.tolist():
        kind, depth, kept, labels = grid[index]
        if per_kind[kind] >= counts[kind]:
            continue
        per_kind[kind] += 1
        yield _array_case(kind, depth, kept, labels, index, next(byte_orders), next(memory), next(names))


NAMES = ("data", "two words", "größe", "x.y", "-dash", "UPPER")


def _array_case(kind, depth, kept, labels, seed, order, memory, name) -> Case:
    rng = np.random.default_rng(seed)
    values = depth.draw(rng, (N, *kept.event))
    stored = kept.store(values)
    if kind in ("npy", "npz", "array", "memory map"):
        stored = stored.astype(stored.dtype.newbyteorder(order))
    if kind not in ROWS:
        stored = {"C": np.ascontiguousarray, "F": np.asfortranarray, "S": _strided}[memory](stored)
    ending, write = ARRAYS[kind]
    ending = ending.upper() if name == "UPPER" else ending

    def make(folder: Path) -> Any:
        return write(folder / (name + ending), stored, labels.stored)

    layout = {"layout": kept.axes} if kept.said else {}
    refused = "layout" if kept.doubtful else "label_column" if labels.codes is None else ""
    what = f"{kind}, {depth.name}, {kept.axes} {kept.event}, {labels.name}, {order}{memory} {name}"
    return Case(what, make, layout, values, _range(depth, kept), kept.image, labels, 1e-6, refused)


def _range(depth: Depth, kept: Kept) -> tuple[float, float] | None:
    return depth.pixels if kept.image else depth.points


def _strided(array: np.ndarray) -> np.ndarray:
    """Every second entry of a larger array, read-only."""
    wide = np.repeat(array, 2, axis=-1)[..., ::2]
    wide.flags.writeable = False
    return wide
