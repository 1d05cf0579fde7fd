"""The battery's other half: pictures, text tables, and files that are damaged or not what their name says."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from battery import LABELS, NAMES, ROUND, Case, H, N, W
from PIL import Image

Encode = Callable[[np.ndarray], bytes]


def _saved_as(kind: str, mode: str | None = None, **options: Any) -> Encode:
    def encode(array: np.ndarray) -> bytes:
        stream = io.BytesIO()
        image = Image.fromarray(array)
        (image if mode is None else image.convert(mode)).save(stream, format=kind, **options)
        return stream.getvalue()

    return encode


def _gray(rng):
    return rng.integers(0, 256, (N, H, W), dtype=np.uint8)


def _colour(rng):
    return rng.integers(0, 256, (N, H, W, 3), dtype=np.uint8)


def _rgba(rng):
    return np.concatenate([_colour(rng), rng.integers(0, 256, (N, H, W, 1), dtype=np.uint8)], -1)


def _palette(rng):
    """Few enough colours for a palette without loss."""
    colours = rng.integers(0, 256, (8, 3), dtype=np.uint8)
    return colours[rng.integers(0, 8, (N, H, W))]


def _bits(rng):
    return rng.random((N, H, W)) < 0.5


def _deep(rng):
    values = rng.integers(0, 65536, (N, H, W), dtype=np.uint16)
    values.flat[:2] = 0, 65535
    return values


PICTURES: dict[str, tuple[Callable[..., np.ndarray], Encode, str, tuple[float, float] | None]] = {
    "gray png": (_gray, _saved_as("PNG"), ".png", (0, 255)),
    "interlaced": (_gray, _saved_as("PNG", optimize=True), ".PNG", (0, 255)),
    "rgb png": (_colour, _saved_as("PNG"), ".png", (0, 255)),
    "rgba png": (_rgba, _saved_as("PNG"), ".png", (0, 255)),
    "palette png": (_palette, lambda a: _quantised(a, "PNG"), ".png", (0, 255)),
    "palette gif": (_palette, lambda a: _quantised(a, "GIF"), ".gif", (0, 255)),
    "one bit png": (_bits, _saved_as("PNG"), ".png", (0, 255)),
    "deep png": (_deep, _saved_as("PNG"), ".png", (0, 65535)),
    "gray tif": (_gray, _saved_as("TIFF"), ".tif", (0, 255)),
    "packed tif": (_colour, _saved_as("TIFF", compression="tiff_lzw"), ".tiff", (0, 255)),
    "deep tif": (_deep, _saved_as("TIFF"), ".tif", (0, 65535)),
    "float tif": (lambda rng: rng.random((N, H, W), dtype=np.float32), _saved_as("TIFF"), ".tif", (0, 1)),
    "bmp": (_colour, _saved_as("BMP"), ".bmp", (0, 255)),
    "webp": (_colour, _saved_as("WEBP", lossless=True), ".webp", (0, 255)),
    "png named jpg": (_colour, _saved_as("PNG"), ".jpg", (0, 255)),
}  # fmt: skip


def _quantised(array: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).quantize(256, dither=Image.Dither.NONE).save(stream, format=kind)
    return stream.getvalue()


def _as_folder(path: Path, files: list[bytes], ending: str) -> Path:
    path.mkdir()
    for i, content in enumerate(files):
        (path / f"{i:02}{ending}").write_bytes(content)
    return path


def _as_classes(path: Path, files: list[bytes], ending: str) -> Path:
    """A folder for each class; the files of a class keep their order."""
    for i, content in enumerate(files):
        folder = path / f"class {ROUND[i]}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i:02}{ending}").write_bytes(content)
        (folder / ".DS_Store").write_bytes(b"x")
    return path


def _as_parquet(path: Path, files: list[bytes], _ending: str) -> Path:
    cells = [{"bytes": content, "path": None} for content in files]
    pandas.DataFrame({"image": cells, "label": ROUND}).to_parquet(path)
    return path


def _as_saved(path: Path, files: list[bytes], _ending: str) -> Path:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["b", "a", "c"])})
    cells = [{"bytes": content, "path": None} for content in files]
    datasets.Dataset.from_dict({"image": cells, "label": ROUND}, features=features).save_to_disk(str(path))
    return path


HOLDERS = {"folder": _as_folder, "classes": _as_classes, "parquet": _as_parquet, "saved": _as_saved}


def picture_cases(every: int = 1) -> Iterator[Case]:
    """Encoded pictures over kind and holder."""
    names = cycle(NAMES)
    for index, (kind, holder) in enumerate(product(PICTURES, HOLDERS)):
        if index % every:
            continue
        draw, encode, ending, limits = PICTURES[kind]
        stored = draw(np.random.default_rng(index))
        values = stored[..., None] if stored.ndim == 3 else stored[..., :3]
        values = values.transpose(0, 3, 1, 2) * (255 if stored.dtype == bool else 1)
        files = [encode(array) for array in stored]
        order = np.argsort(ROUND, kind="stable") if holder == "classes" else np.arange(N)
        labels = LABELS["none"]
        if holder != "folder":
            called = {"classes": ("class 0", "class 1", "class 2"), "saved": ("b", "a", "c"), "parquet": ()}[holder]
            labels = type(labels)("by holder", None, [ROUND[i] for i in order], called)
        name = f"{next(names)}.parquet" if holder == "parquet" else next(names)

        def make(folder, name=name, holder=holder, files=files, ending=ending):
            return HOLDERS[holder](folder / name, files, ending)

        yield Case(f"{kind} in {holder}, {name}", make, {}, values[order], limits, True, labels, 1e-6)


SEPARATORS = {"comma": (",", "."), "semicolon": (";", "."), "decimal comma": (";", ","), "tab": ("\t", "."),
              "tab and comma": ("\t", ","), "bar": ("|", ".")}  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")
COLUMNS = {"points": 2, "table": 64, "one": 1}


def table_cases() -> Iterator[Case]:
    """Text tables over separator, encoding, width, line ends and labels."""
    names, ends = cycle(NAMES), cycle(["\n", "\r\n", "\r"])
    kinds = ("none", "ints", "words", "numerals", "missing", "unlabelled", "fractions")
    grid = list(product(SEPARATORS, ENCODINGS, COLUMNS, kinds))
    for index in np.random.default_rng(0).permutation(len(grid))[:90].tolist():
        separator, encoding, width, kind = grid[index]
        labels = LABELS[kind]
        values = np.random.default_rng(index).normal(0, 3, (N, COLUMNS[width])).round(4)
        frame = pandas.DataFrame(values, columns=[f"größe {i}" for i in range(COLUMNS[width])])
        if labels.stored is not None:
            frame["label"] = labels.stored
        mark, decimal = SEPARATORS[separator]
        name, end = next(names), next(ends)

        def make(folder, name=name, frame=frame, mark=mark, decimal=decimal, encoding=encoding, end=end):
            text = frame.to_csv(index=False, sep=mark, decimal=decimal, lineterminator=end)
            (folder / f"{name}.csv").write_bytes(text.encode(encoding))
            return folder / f"{name}.csv"

        what = f"csv, {separator}, {encoding}, {width}, {kind}, {end!r} {name}"
        yield Case(what, make, {}, values, None, False, labels, 1e-5, "label_column" if labels.codes is None else "")


def _page(_content: bytes) -> bytes:
    return b"<!DOCTYPE html><html><body>404: not found</body></html>"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "a pointer of git LFS": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "a page instead": _page,
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut at its head": lambda content: content[:7],
    "text instead": lambda _: b"to be done\n",
    "zeros": lambda content: bytes(len(content)),
    "an archive": lambda _: b"PK\x03\x04" + bytes(40),
    "a pickle": lambda _: b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05hello\x94.",
}


def damaged_cases() -> Iterator[Case]:
    """Files of every kind in every state that a download or a full disk leaves; all must be refused."""
    from battery import ARRAYS

    values = np.random.default_rng(0).integers(0, 256, (N, H, W), dtype=np.uint8)
    picture = _saved_as("PNG")(values[0])

    def written(kind: str, folder: Path) -> Path:
        if kind == "folder of pictures":
            return _as_folder(folder / "a", [picture] * 3, ".png")
        if kind == "csv":
            pandas.DataFrame(values.reshape(N, -1)).to_csv(folder / "a.csv", index=False)
            return folder / "a.csv"
        ending, write = ARRAYS[kind]
        return write(folder / f"a{ending}", values, None)

    kinds = ("npy", "npz", "safetensors", "idx", "idx.gz", "parquet", "zarr", "saved", "csv", "folder of pictures")
    for kind, (damage, change) in product(kinds, DAMAGES.items()):
        if kind == "csv" and damage.startswith("cut"):
            continue  # a shorter table is a table

        def make(folder, kind=kind, change=change):
            path = written(kind, folder)
            files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
            for file in files[-1:]:
                file.write_bytes(change(file.read_bytes()))
            return path

        yield Case(f"{kind}, {damage}", make, {}, refused="any")


def misplaced_cases() -> Iterator[Case]:
    """Things that are no data at all."""
    values = np.random.default_rng(0).integers(0, 256, (N, H, W), dtype=np.uint8)

    def made(name: str, content: bytes | None = None) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            if content is not None:
                (folder / name).write_bytes(content)
            return folder / name

        return make

    things: dict[str, Any] = {
        "None": None, "a number": 3, "a list of nothing": [], "a string array": np.array(["a", "b"]),
        "an object array": np.array([{}, 1], dtype=object), "complex numbers": np.zeros((3, 4, 4), complex),
        "ragged lists": [[1.0, 2.0], [3.0]], "dates": np.zeros((4, 3), "datetime64[s]"), "names": {"foo": values},
        "an empty array": np.zeros((0, 3, 3)), "a scalar": np.float64(1.0), "infinite": np.full((4, 3), np.inf),
        "with a hole": np.where(np.arange(24).reshape(8, 3) == 5, np.nan, 1.0),
        "a structured array": np.zeros(4, "f4,i4"),
        "a set": {1, 2}, "bytes": b"abc", "a function": len, "a type": int, "sparse": _sparse(), "masked": _masked(),
    }  # fmt: skip
    for what, thing in things.items():
        yield Case(what, lambda _, thing=thing: thing, {}, refused="any")
    for name in ("nothing.npy", "no/such/folder", "a.xyz", "digit", "hf:"):
        yield Case(f"the path {name}", lambda _, name=name: name, {}, refused="any")
    yield Case("a file of another kind", made("a.mat", b"MATLAB 5.0"), {}, refused="any")
    yield Case("an empty folder", lambda folder: folder, {}, refused="any")


def _sparse() -> Any:
    import scipy.sparse

    return scipy.sparse.eye(5, format="csr")


def _masked() -> Any:
    return np.ma.masked_less(np.arange(30.0).reshape(10, 3), 5)
