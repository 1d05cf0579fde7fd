"""What a network says of the data that it was trained on: its classes by name, and the range of its pixels."""

from __future__ import annotations

from dataclasses import replace

import torch

from .._support.labels import class_number
from .._support.types import Record
from ..errors import ArgumentError, UnknownNameError
from .data.images import ImageData

FAR = 0.02
"""Of a range: ends that differ by more are those of another unit."""


def trained_data(network: object) -> Record:
    """What the run of a network recorded of its data, of the first replica of an ensemble; else nothing."""
    metadata = getattr(network, "metadata", None)
    found = metadata.get("data", {}) if isinstance(metadata, dict) else {}
    found = found[0] if isinstance(found, list) and found else found
    return found if isinstance(found, dict) else {}


def class_of(network: object, name: int | str, data: ImageData | None = None, argument: str = "condition") -> int:
    """The number by which a network knows a class: by the names of its own data, else by those of the data at hand.

    >>> class_of(None, "3")
    3
    """
    own = trained_data(network).get("class_names")
    names = tuple(map(str, own)) if own else ()
    text = str(name)
    if not names and data is not None and data.labels is not None:
        names = data.class_names
        if text.isdecimal() and len(names) <= int(text) < (getattr(network, "n_classes", 0) or 0):
            return int(text)  # a class of the network that the data lack, such as the one that means none
    if names:
        return class_number(argument, name, names, len(names))
    if text.lstrip("-").isdecimal():
        return int(text)
    problem = f"is '{text}', and neither the network nor the data say the names of their classes"
    raise ArgumentError(argument, problem, "pass the number of a class")


def in_classes_of(network: object, data: ImageData) -> ImageData:
    """The data with their classes numbered as the network numbers them, where both have names for them."""
    own = trained_data(network).get("class_names")
    if not own or not data.class_names or data.labels is None or tuple(own) == data.class_names:
        return data
    names = list(map(str, own))
    present = [data.class_name(number) for number in data.labels.unique().tolist()]
    for name in present:
        if name not in names:
            raise UnknownNameError("condition", name, names)
    numbers = torch.tensor([names.index(name) if name in names else -1 for name in data.class_names])
    return replace(data, labels=numbers[data.labels], class_names=tuple(names))


def other_range(network: object, data: ImageData) -> str:
    """A sentence where the data have another range than those that the network was trained on; else empty."""
    record = trained_data(network).get("range")
    if not isinstance(record, dict) or record.get("measured", True) or data.range.measured:
        return ""
    low, high = float(record["low"]), float(record["high"])
    if max(abs(low - data.range.low), abs(high - data.range.high)) <= FAR * (high - low):
        return ""
    return (
        f"the network was trained on data of the range [{low:.6g}, {high:.6g}], these are of {data.range};"
        " --values and --scale (values=, scale= of load) bring them to it"
    )
