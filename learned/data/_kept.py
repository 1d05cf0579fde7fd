"""Images in a file of their own, for workers that did not load them."""

from __future__ import annotations

from pathlib import Path

from .._tensor_files import read_tensors, write_tensors
from .images import ImageData
from .ranges import Range


def keep(data: ImageData, path: Path) -> None:
    """Write the images, their classes and their range."""
    tensors = {"images": data.images} | ({} if data.labels is None else {"labels": data.labels})
    told = {"low": data.range.low, "high": data.range.high, "found": data.range.found, "measured": data.range.measured}
    write_tensors(path, tensors, {"name": data.name, "class_names": list(data.class_names), "range": told})


def kept(path: Path) -> ImageData:
    """What `keep` wrote.

    >>> import tempfile
    >>> import torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep(ImageData(torch.eye(2), name="two"), Path(folder) / "data")
    ...     kept(Path(folder) / "data")
    ImageData(n=2, event=(2,), range=[0, 1], 'two')
    """
    tensors, told = read_tensors(path)
    return ImageData(
        tensors["images"], tensors.get("labels"), name=told["name"], class_names=tuple(told["class_names"]),
        range=Range(**told["range"]),
    )  # fmt: skip
