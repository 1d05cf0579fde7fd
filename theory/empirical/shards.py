"""A training set that is spread over the ranks of `torch.distributed`.

Every rank holds a part and asks the same question. Three reductions make one answer of the parts: the lowest energy,
the largest weight relative to it, and the sums relative to both, (k + 3) numbers per row. The message grows with the
dimension k, not with the number of data. Only what has one entry per datum (all weights, all data) is gathered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.distributed as dist

from ..._support import checks as check
from ..._support.types import ArrayLike
from ...errors import ArgumentError, IdealScoreError, ShapeError, WeightsError
from .._streamed import Piece, Tensors
from .parts import part_query, part_sums, relative_to, share
from .point_sets import Query
from .training_sets import MemorySet, TrainingSet
from .weighted_sums import WeightedSums

Group = dist.ProcessGroup | None


class ShardedSet(TrainingSet):
    """All parts, in the order of the ranks, as one training set; every method is called on all ranks at once.

    `mass` is the sum of all ranks' prior weights; `first` is the number of the first datum of this rank.
    """

    def __init__(self, part: TrainingSet, mass: float, centre: torch.Tensor, group: Group) -> None:
        self.part: TrainingSet = part
        self.group: Group = group
        sizes = torch.zeros(dist.get_world_size(group), dtype=torch.int64, device=part.device)
        sizes[dist.get_rank(group)] = part.n
        sizes = self._reduce(sizes, dist.ReduceOp.SUM)
        n = int(sizes.sum())
        self.first: int = int(sizes[: dist.get_rank(group)].sum())
        self._mass, prior, log_mass = mass, None, math.log(n)
        if part.prior is not None:
            prior = part.prior.new_zeros(n)
            prior[self.first : self.first + part.n] = part.prior / mass
            prior, log_mass = self._reduce(prior, dist.ReduceOp.SUM), math.log(mass)
        super().__init__(n, part.event_shape, centre, part.dtype, log_mass, prior, part.block_size)

    def rows(self, index: slice | torch.Tensor) -> torch.Tensor:
        index = self.places(index) - self.first
        mine = ((index >= 0) & (index < self.part.n)).nonzero().flatten()
        values = self.part.rows(index[mine])
        found = values.new_zeros(len(index), *self.event_shape)
        found[mine] = values
        return self._reduce(found, dist.ReduceOp.SUM)

    def to(self, device: torch.device, dtype: torch.dtype) -> ShardedSet:
        return ShardedSet(self.part.to(device, dtype), self._mass, self.centre.to(device), self.group)

    def sums(self, query: Query, columns: slice | torch.Tensor = slice(None), cross: bool = False) -> WeightedSums:
        return self._reduced(part_sums(query, self, self.part, columns, cross))

    def weights(self, query: Query) -> torch.Tensor:
        mine = part_sums(query, self, self.part)
        within = self.part.weights(part_query(query, self, self.part))
        dense = query.x.new_zeros(query.x.shape[0], self.n)
        dense[:, self.first : self.first + self.part.n] = within * share(mine, self._reduced(mine)).unsqueeze(1)
        return self._reduce(dense, dist.ReduceOp.SUM)

    def pieces(self, rows: Tensors, data: Tensors, dtype: torch.dtype) -> Iterator[Piece]:
        return self.part.pieces(rows, data, dtype)

    def total(self, sums: Tensors) -> Tensors:
        return tuple(self._reduce(part, dist.ReduceOp.SUM) for part in sums)

    def _reduced(self, sums: WeightedSums) -> WeightedSums:
        energy = self._reduce(sums.energy, dist.ReduceOp.MIN)
        sums = relative_to(sums, energy, lambda level: self._reduce(level, dist.ReduceOp.MAX))
        packed = torch.cat([torch.stack([sums.total, sums.cross, sums.tilt], 1), sums.moment], 1)
        packed = self._reduce(packed, dist.ReduceOp.SUM)
        return replace(sums, total=packed[:, 0], cross=packed[:, 1], tilt=packed[:, 2], moment=packed[:, 3:])

    def _reduce(self, values: torch.Tensor, operation: dist.ReduceOp.RedOpType) -> torch.Tensor:
        values = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(values, operation, self.group)
        return values


def sharded_set(
    data: ArrayLike | TrainingSet, weights: ArrayLike | None, group: Group, block_size: int | None
) -> ShardedSet:
    """All ranks' data as one training set; where it cannot be made on one rank, it is refused on all."""
    if not dist.is_available() or not dist.is_initialized():
        raise ArgumentError("group", "there is no process group", "start with torchrun and call init_process_group")
    error, part = None, None
    try:
        part = _part(data, weights, block_size)
    except IdealScoreError as refused:
        error = refused
    agreed = _agree(part, group)
    if error is not None:
        raise error
    if part is None or not agreed:
        problem = "is unusable on another rank, or of another shape or type there, or weighted on some ranks only"
        raise ShapeError("data", problem, "pass parts of one data set to all ranks")
    mass, kept = (1.0, part.n) if part.prior is None else (float(part.prior.sum()), int((part.prior > 0).sum()))
    numbers = torch.tensor([mass, kept], dtype=torch.float64, device=part.device)
    sums = torch.cat([numbers, part.centre * kept]).to(_meeting_place(group))
    dist.all_reduce(sums, group=group)
    mass, kept = sums[:2].tolist()
    if part.prior is not None and not math.isclose(mass, 1, rel_tol=0, abs_tol=1e-6):
        raise WeightsError("weights", f"sum to {mass:g} over all ranks", "divide by the sum over all ranks")
    return ShardedSet(part, mass, (sums[2:] / kept).to(part.device), group)


def _part(data: ArrayLike | TrainingSet, weights: ArrayLike | None, block_size: int | None) -> TrainingSet:
    """This rank's data, with their share of the prior."""
    if isinstance(data, TrainingSet):
        if weights is not None or data.prior is not None:
            raise WeightsError("weights", "cannot be shared by a ready-made part", "pass the data and their weights")
        return data
    data = check.dataset("data", data)
    if weights is None:
        return MemorySet(data, None, block_size)
    prior = check.as_float_tensor("weights", weights).double()
    if tuple(prior.shape) != (len(data),):
        raise ShapeError("weights", f"has shape {tuple(prior.shape)}", f"pass one weight per datum, ({len(data)},)")
    mass = float(prior.sum())
    if bool((prior < 0).any()) or not 0 < mass <= 1 + 1e-6:
        problem = f"are negative or sum to {mass:g} on a rank"
        raise WeightsError("weights", problem, "pass this rank's part of the prior")
    return MemorySet(data, prior, block_size)


def _agree(part: TrainingSet | None, group: Group) -> bool:
    """Whether all ranks have a part, of one shape and dtype, weighted or not."""
    facts = [0] * 12
    if part is not None:
        size = part.event_shape[:8]
        weighted = part.prior is not None
        facts = [1, part.dtype.itemsize, weighted, len(part.event_shape), *size, *[0] * (8 - len(size))]
    lowest = torch.tensor(facts, dtype=torch.int64, device=_meeting_place(group))
    highest = lowest.clone()
    dist.all_reduce(lowest, dist.ReduceOp.MIN, group)
    dist.all_reduce(highest, dist.ReduceOp.MAX, group)
    return bool((lowest == highest).all()) and bool(lowest[0])


def _meeting_place(group: Group) -> torch.device:
    """Where messages must lie: on the GPU for nccl."""
    return torch.device("cuda" if dist.get_backend(group) == "nccl" else "cpu")
