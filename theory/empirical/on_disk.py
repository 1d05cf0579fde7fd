"""The memorising optimum of a training set that is larger than memory: each call reads it once, block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import torch

from ..._support import checks as check
from ..._support.memory import available_memory, fits
from ...errors import ArgumentError
from .disk_blocks import Source, as_block, open_source
from .optimum import EmpiricalDenoiser
from .parts import BlocksCloud, centre_of


class StreamedDenoiser(EmpiricalDenoiser):
    """What `EmpiricalDenoiser.from_disk` makes; derivatives take one pass over the data each."""

    def __init__(self, source: Source, weights: Any, rows: int, scale: float, shift: float, device: Any) -> None:
        self.source, self.block_size, self.scale, self.shift = source, rows, scale, shift
        self.device = torch.device(device)
        self.prior = None
        if weights is not None:
            self.prior = check.probabilities("weights", weights, source.n).to(self.device)
        checked = ((rows, check.finite("data", block)) for rows, block in self._blocks())
        centre, n = centre_of(checked, torch.Size(source.event_shape).numel())
        first = as_block(source.read(0, 1), scale, shift, self.device)
        self.data = first[:0].reshape(0, *source.event_shape)
        self._support = slice(None)
        self._cloud = BlocksCloud(self._blocks, n, centre.to(self.device), first.dtype, self.prior)

    @property
    def n(self) -> int:
        return self.source.n

    def to(self, *args: Any, **kwargs: Any) -> EmpiricalDenoiser:
        if len(args) + len(kwargs) != 1 or isinstance(device := [*args, *kwargs.values()][0], torch.dtype):
            raise ArgumentError("dtype", "of data on disk is fixed", "pass a device and nothing else")
        return StreamedDenoiser(self.source, self.prior, self.block_size or 1, self.scale, self.shift, device)

    def _blocks(self) -> Iterator[tuple[slice, torch.Tensor]]:
        for rows, block in self.source.blocks(self.block_size or 1):
            yield rows, as_block(block, self.scale, self.shift, self.device)


def from_disk(
    data: str | os.PathLike | Any,
    weights: Any,
    column: str | None,
    memory_limit: int | None,
    scale: float,
    shift: float,
    device: Any,
) -> StreamedDenoiser:
    """See `EmpiricalDenoiser.from_disk`."""
    limit = available_memory() // 2 if memory_limit is None else check.integer("memory_limit", memory_limit, 1)
    scale, shift = check.real("scale", scale), check.real("shift", shift)
    if scale == 0:
        raise ArgumentError("scale", "is 0", "pass the factor that takes raw values to those of x")
    source = open_source(data, column, limit)
    fits("data", 2 * source.row_bytes + source.overhead, limit, "a block of two rows")
    rows = min((limit - source.overhead) // source.row_bytes, source.n)
    return StreamedDenoiser(source, weights, rows, scale, shift, device)
