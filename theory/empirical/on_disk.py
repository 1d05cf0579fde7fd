"""A training set that is larger than memory: each question reads it once, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce

import torch

from ..._support import checks as check
from ..._support.memory import available_memory, fits
from ..._support.types import ArrayLike, Device, FilePath
from ...errors import ArgumentError
from .._streamed import Piece, Tensors
from .disk_blocks import Sliceable, Source, as_block, open_source
from .parts import centre_of, part_query, part_sums, share
from .point_sets import ArrayCloud, Query
from .training_sets import TrainingSet
from .weighted_sums import WeightedSums


class DiskSet(TrainingSet):
    """Rows of a `Source` as scale * value + shift, in blocks that keep within `limit` bytes.

    One pass finds the centre, unless it is given, and values that are not finite.
    """

    def __init__(
        self,
        source: Source,
        prior: torch.Tensor | None,
        limit: int,
        scale: float,
        shift: float,
        device: torch.device,
        dtype: torch.dtype,
        centre: torch.Tensor | None = None,
    ) -> None:
        row = source.row_bytes(dtype)
        fits("data", 2 * row + source.overhead, limit, "a block of two rows")
        self._source, self._limit, self._scale, self._shift = source, limit, scale, shift
        self._cut, self._type, self._place = min((limit - source.overhead) // row, source.n), dtype, device
        if centre is None:
            checked = ((rows, check.finite("data", block)) for rows, block in self._blocks())
            centre = centre_of(checked, torch.Size(source.event_shape).numel())[0]
        prior = None if prior is None else prior.to(device)
        log_mass = 0.0 if prior is not None else math.log(source.n)
        super().__init__(source.n, source.event_shape, centre.to(device), dtype, log_mass, prior, self._cut)

    def rows(self, index: slice | torch.Tensor) -> torch.Tensor:
        index = self.places(index)
        need = len(index) * torch.Size(self.event_shape).numel() * self.dtype.itemsize
        fits("data", need, available_memory(), "what was asked for, in memory as a whole,")
        found = torch.empty(len(index), *self.event_shape, dtype=self.dtype, device=self.device)
        for cut, block in self._blocks():
            here = ((index >= cut.start) & (index < cut.stop)).nonzero().flatten()
            found[here] = block[index[here] - cut.start].reshape(-1, *self.event_shape)
        return found

    def to(self, device: torch.device, dtype: torch.dtype) -> DiskSet:
        dtype = torch.promote_types(dtype, torch.float32)
        return DiskSet(self._source, self.prior, self._limit, self._scale, self._shift, device, dtype, self.centre)

    def sums(self, query: Query, columns: slice | torch.Tensor = slice(None), cross: bool = False) -> WeightedSums:
        parts = (part_sums(query, self, part, columns, cross) for _, part in self._parts())
        return reduce(WeightedSums.merge, parts)

    def weights(self, query: Query) -> torch.Tensor:
        dense, found = query.x.new_zeros(query.x.shape[0], self.n), []
        for index, part in self._parts():
            dense[:, index] = part.weights(part_query(query, self, part))
            found.append((index, part_sums(query, self, part)))
        whole = reduce(WeightedSums.merge, (sums for _, sums in found))
        for index, sums in found:
            dense[:, index] *= share(sums, whole).unsqueeze(1)
        return dense

    def pieces(self, rows: Tensors, data: Tensors, dtype: torch.dtype) -> Iterator[Piece]:
        for _, part in self._parts():
            yield from part.pieces(rows, data, dtype)

    def _blocks(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """One pass over all rows, `(m, k)` at a time."""
        for rows, block in self._source.blocks(self._cut):
            yield rows, as_block(block, self._scale, self._shift, self._place, self._type)

    def _parts(self) -> Iterator[tuple[torch.Tensor, ArrayCloud]]:
        """One pass over the data of weight above 0: the indices of each block and the block as a separate cloud."""
        for rows, block in self._blocks():
            index, log_prior = torch.arange(rows.start, rows.stop, device=block.device), None
            if self.prior is not None:
                kept = self.prior[rows] > 0
                index, block, log_prior = index[kept], block[kept], self.prior[rows][kept].log()
            if len(block):
                yield index, ArrayCloud(block, log_prior, self.centre)


def open_set(
    data: FilePath | Sliceable,
    weights: ArrayLike | None,
    column: str | None,
    memory_limit: int | None,
    scale: float,
    shift: float,
    device: Device,
) -> DiskSet:
    """The checked training set of `EmpiricalDenoiser.from_disk`."""
    limit = available_memory() // 2 if memory_limit is None else check.integer("memory_limit", memory_limit, 1)
    scale, shift = check.real("scale", scale), check.real("shift", shift)
    if scale == 0:
        raise ArgumentError("scale", "is 0", "pass the factor that takes raw values to those of x")
    source = open_source(data, column, limit)
    prior = None if weights is None else check.probabilities("weights", weights, source.n)
    return DiskSet(source, prior, limit, scale, shift, torch.device(device), source.float_dtype)
