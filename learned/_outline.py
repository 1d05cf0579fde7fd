"""What a checkpoint says of its network, held against what it contains before memory is taken for the network."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from .._support import checks as check
from ..errors import CheckpointError
from .networks import NETWORKS

LOOPS = ("depth", "blocks", "multipliers", "attention", "sigmas")
"""Options by which the number of layers grows."""


def check_outline(description: object, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise CheckpointError where the described network is larger than `tensors`, whatever size it claims.

    The errors of an impossible description (UnknownNameError, ArgumentError, TypeError, RuntimeError) pass through.
    """
    if not isinstance(description, dict):
        raise TypeError("the description is not a table")
    options = dict(description)
    replicas = check.integer("replicas", options.pop("replicas", 1), 1)
    kind = NETWORKS[check.choice("network", options.pop("network", None), NETWORKS)]
    held = sum(tensor.numel() for tensor in tensors.values())
    for name in LOOPS:
        value = options.get(name)
        size = len(value) if isinstance(value, (list, tuple)) else value
        if isinstance(size, int) and size > held:
            raise CheckpointError(
                "path",
                f"is of another network ({name} alone is {size}, the file holds {held} numbers)",
                "write it again",
            )
    declared = replicas * kind.count(options.pop("shape", ()), **options)
    if declared > held:
        problem = f"is of another network (its description needs {declared} numbers, the file holds {held})"
        raise CheckpointError("path", problem, "pass the checkpoint of this network")
