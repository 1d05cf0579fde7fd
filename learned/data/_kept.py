"""Images in a file of their own, for workers that did not load them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ..._support.types import Record
from .._tensor_files import read_tensors, write_tensors
from .images import ImageData
from .layout import Layout
from .ranges import Normalisation, Range
from .understood import Understood

PARTS = ("range", "layout", "normalisation", "understood")


def keep(data: ImageData, path: Path) -> None:
    """Write the images, their classes and what is known of them."""
    tensors = {"images": data.images} | ({} if data.labels is None else {"labels": data.labels})
    told: Record = {name: asdict(getattr(data, name)) for name in PARTS}
    write_tensors(path, tensors, {"name": data.name, "class_names": list(data.class_names), **told})


def kept(path: Path) -> ImageData:
    """What `keep` wrote.

    >>> import tempfile
    >>> from idealscore.learned.data import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep(load("digits"), Path(folder) / "data")
    ...     kept(Path(folder) / "data").describe() == load("digits").describe()
    True
    """
    tensors, told = read_tensors(path)
    known = told["understood"]
    raw = None if known["raw"] is None else Range(**known["raw"])
    lines = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    return ImageData(
        tensors["images"], tensors.get("labels"), name=told["name"], class_names=tuple(told["class_names"]),
        range=Range(**told["range"]), layout=Layout(**told["layout"]),
        normalisation=Normalisation(**told["normalisation"]), understood=Understood(**{**lines, "raw": raw}),
    )  # fmt: skip
