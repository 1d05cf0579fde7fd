"""Arrays in memory and in files: .npy, .npz, .safetensors; only numbers are read, never pickled objects."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataFileError
from .ranges import Range
from .readers import Raw, Reading, labelled

LONGEST_HEADER = 2**16


def header(stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an .npy stream declares."""
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    size = stream.read(2 if version == (1, 0) else 4)
    if (length := int.from_bytes(size, "little")) > LONGEST_HEADER:
        raise DataFileError("data", f"declares a header of {length} bytes", "write it again")
    shape, _, dtype = reader(io.BytesIO(size + stream.read(length)))
    if any(size < 0 for size in shape):
        raise DataFileError("data", f"declares the shape {shape}", "write it again")
    return shape, dtype


def _numbers(name: str, dtype: np.dtype) -> None:
    if dtype.hasobject:
        problem = f"{name} holds pickled Python objects, which can run code"
        raise DataFileError("data", problem, "save it as plain numbers")


def read_npy(path: Path, reading: Reading) -> Raw:
    """One array."""
    with open(path, "rb") as stream:
        shape, dtype = header(stream)
    _numbers(path.name, dtype)
    reading.fits(shape, dtype.itemsize)
    return reading.arranged(np.load(path, mmap_mode="r", allow_pickle=False), path.name)


def read_npz(path: Path, reading: Reading) -> Raw:
    """The images of an archive and their labels; what is not asked for is not opened."""
    headers = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        names = [member.removesuffix(".npy") for member in members]
        for member, name in zip(members, names, strict=True):
            if names.count(name) > 1:
                raise DataFileError("data", f"{path} holds '{name}' twice", "write it again")
            if member.endswith(".npy"):
                with archive.open(member) as stream:
                    headers[name] = header(stream)
    plain = [name for name, (_, dtype) in headers.items() if not dtype.hasobject]
    image = reading.image_name(headers)
    image = image or next((name for name in plain if len(headers[name][0]) >= 3), None)
    image = image or next((name for name in plain if len(headers[name][0]) == 2), None)
    if image is None:
        raise DataFileError(
            "data", f"{path} holds no array of images", f"name it by --column; it holds: {_list(headers)}"
        )
    label = reading.label_name(headers)
    for name in filter(None, (image, label)):
        _numbers(f"{path.name}:{name}", headers[name][1])
        reading.fits(headers[name][0], headers[name][1].itemsize)
    with np.load(path, allow_pickle=False) as arrays:
        raw = reading.arranged(arrays[image], f"{path.name}:{image}")
        if "range" in plain and headers["range"][0] == (2,):
            low, high = arrays["range"].tolist()
            raw.values = Range(low, high, "said by the file")
        others = [name for name in headers if name not in (image, label, "range")]
        raw.notes.append(f"images '{image}'" + (f", labels '{label}'" if label else "") + _left(others))
        return labelled(raw, None if label is None else arrays[label])


def read_safetensors(path: Path, reading: Reading) -> Raw:
    """Tensors of any floating-point type, bfloat16 too."""
    import torch
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        image = reading.image_name(names) or (names[0] if len(names) == 1 else None)
        if image is None:
            raise DataFileError("data", f"{path} holds no tensor of images", f"name it by --column: {_list(names)}")
        label = reading.label_name(names)
        reading.fits(file.get_slice(image).get_shape(), 8)
        tensor = file.get_tensor(image)
        array = (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
        raw = reading.arranged(array, f"{path.name}:{image}")
        return labelled(raw, None if label is None else file.get_tensor(label))


def read_mapping(arrays: Mapping[str, Any], reading: Reading) -> Raw:
    """Arrays by name in memory: the images and their labels."""
    names = list(map(str, arrays))
    image = reading.image_name(names)
    if image is None:
        raise DataFileError("column", f"the dict has the keys {_list(names)}, none of them usual", "name it by column=")
    label = reading.label_name(names)
    raw = read_array(arrays[image], reading)
    raw.notes.append(f"images '{image}'" + (f", labels '{label}'" if label else ""))
    return labelled(raw, None if label is None else arrays[label])


def read_array(array: Any, reading: Reading) -> Raw:
    """An array or tensor in memory, a memory map, or whatever NumPy makes an array of; it is not changed."""
    import torch

    if isinstance(array, (list, tuple)):
        shapes = list(dict.fromkeys(np.shape(item) for item in array))
        if len(array) == 2 and len(shapes) == 2 and shapes[0][:1] == shapes[1][:1]:
            problem, remedy = "is a pair, of images and labels it seems", 'pass {"images": images, "labels": labels}'
            raise DataFileError("data", problem, remedy)
        if len(shapes) > 1:
            raise DataFileError("data", f"has items of the shapes {shapes[0]} and {shapes[1]}", "bring all to one size")

    if isinstance(array, torch.Tensor):
        tensor = array.detach().cpu()
        array = (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
    if isinstance(array, np.ma.MaskedArray) and (hidden := int(np.ma.count_masked(array))):
        raise DataFileError("data", f"{hidden} entries are masked", "leave these data out, or fill them: .filled(0)")
    array = np.asarray(array)
    reading.fits(array.shape, array.dtype.itemsize)
    return reading.arranged(array, f"the {type(array).__name__}")


def _list(names: Any) -> str:
    return ", ".join(list(names)[:20]) or "nothing"


def _left(names: list[str]) -> str:
    return f"; not read: {_list(names)}" if names else ""
