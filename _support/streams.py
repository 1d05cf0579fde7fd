"""Random streams keyed by (seed, purpose, index): no global state, no dependence on batch or worker.

A stream is a counter-based Philox generator whose key is a hash of (seed, purpose) and whose counter starts
at the index, so that two different triples never share a draw, and the draws of sample 17 are the same in
whatever batch, worker or resumed run sample 17 is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ArgumentError

if TYPE_CHECKING:
    import torch


def _key(seed: int, purpose: str, size: int, *index: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= int(seed) < 2**63:
        raise ArgumentError("seed", f"is {seed!r}", "pass an integer from 0 to 2**63 - 1")
    text = "\x1f".join([str(int(seed)), purpose, *(str(int(i)) for i in index)])
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "little")


def stream(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """The generator of (seed, purpose, index), `index` being none, one or two integers >= 0.

    >>> bool(stream(0, "noise", 3).random() == stream(0, "noise", 3).random())
    True
    >>> bool(stream(0, "noise", 3).random() == stream(0, "noise", 4).random())
    False
    """
    if len(index) > 2 or any(i < 0 for i in index):
        raise ArgumentError("index", f"is {index}", "pass at most two integers >= 0")
    counter = [0, 0, *(int(i) for i in index), 0, 0][:4]
    return np.random.Generator(np.random.Philox(key=_key(seed, purpose, 16), counter=counter))


def stream_seed(seed: int, purpose: str, *index: int) -> int:
    """A 63-bit integer of (seed, purpose, index), for generators that are not NumPy's (torch, numba kernels)."""
    return _key(seed, purpose, 8, *index) >> 1


def torch_stream(seed: int, purpose: str, *index: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator of (seed, purpose, index) on `device`. Its draws differ between kinds of device."""
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(stream_seed(seed, purpose, *index))
    return generator


def normal_batch(
    seed: int,
    purpose: str,
    indices: Iterable[int],
    event_shape: Sequence[int],
    step: int = 0,
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
) -> torch.Tensor:
    """Standard normal draws `(len(indices), *event_shape)`, one stream per sample: no row depends on the others.

    Drawn on the CPU in float64 and then cast and moved, so that the same seed gives the same noise everywhere.
    """
    import torch

    indices, shape = list(indices), tuple(event_shape)
    array = np.empty((len(indices), *shape))
    philox = np.random.Philox(key=_key(seed, purpose, 16))
    generator, state = np.random.Generator(philox), philox.state
    for row, index in zip(array, indices, strict=True):
        state["state"]["counter"] = np.array([0, 0, index, step], dtype=np.uint64)
        philox.state = state
        row[...] = generator.standard_normal(shape)
    return torch.from_numpy(array).to(device=device, dtype=dtype or torch.float64)
