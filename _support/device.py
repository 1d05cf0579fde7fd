"""The device that work runs on, by name."""

from __future__ import annotations

import torch

from ..errors import ArgumentError


def best_device(name: str = "auto") -> str:
    """`name` if it is a device of this machine; "auto" is the GPU where there is one, else the CPU.

    >>> best_device("cpu")
    'cpu'
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ArgumentError("device", f"'{name}' cannot be used ({reason})", "pass auto, cpu or a GPU") from None
    return name
