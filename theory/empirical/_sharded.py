"""The memorising optimum of a training set that is spread over the ranks of `torch.distributed`.

Every rank holds a part and asks the same question. Three reductions make one answer of the parts: the lowest energy,
the largest weight relative to it, and the sums relative to both, (k + 3) numbers per row. The message grows with the
dimension k, not with the number of data.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist

from ..._support import checks as check
from ...errors import ArgumentError, IdealScoreError, ShapeError, WeightsError
from .optimum import EmpiricalDenoiser
from .parts import part_query, part_sums, relative_to, share
from .point_sets import Cloud, Query
from .weighted_sums import WeightedSums


class ShardedCloud(Cloud):
    """All parts as one cloud; each rank adds the sums over its own."""

    def __init__(self, part: Cloud, n: int, centre: torch.Tensor, group: Any) -> None:
        super().__init__(n, centre, part.dtype)
        self.part, self.group, self.log_prior = part, group, part.log_prior

    def sums(self, query: Query, columns: slice | torch.Tensor = slice(None), cross: bool = False) -> WeightedSums:
        return self._reduced(part_sums(query, self, self.part, columns, cross))

    def weights(self, query: Query) -> torch.Tensor:
        """The posterior weights of this rank's data, (q, n of this rank)."""
        mine = part_sums(query, self, self.part)
        return self.part.weights(part_query(query, self, self.part)) * share(mine, self._reduced(mine)).unsqueeze(1)

    def _reduced(self, sums: WeightedSums) -> WeightedSums:
        energy = self._reduce(sums.energy, dist.ReduceOp.MIN)
        sums = relative_to(sums, energy, lambda level: self._reduce(level, dist.ReduceOp.MAX))
        packed = torch.cat([torch.stack([sums.total, sums.cross, sums.tilt], 1), sums.moment], 1)
        packed = self._reduce(packed, dist.ReduceOp.SUM)
        return replace(sums, total=packed[:, 0], cross=packed[:, 1], tilt=packed[:, 2], moment=packed[:, 3:])

    def _reduce(self, values: torch.Tensor, operation: Any) -> torch.Tensor:
        values = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(values, operation, self.group)
        return values


class ShardedDenoiser(EmpiricalDenoiser):
    """What `EmpiricalDenoiser.sharded` makes: `.n` counts all data, `.weights` gives those of this rank's part."""

    def __init__(self, part: EmpiricalDenoiser, mass: float, n: int, centre: torch.Tensor, group: Any) -> None:
        self.part, self.mass, self._n = part, mass, n
        self.data, self.prior, self.block_size, self._support = part.data, part.prior, part.block_size, part._support
        if part._cloud.log_prior is not None:
            part._cloud.log_prior = part._cloud.log_prior + math.log(mass)
        self._cloud = ShardedCloud(part._cloud, n, centre, group)

    @property
    def n(self) -> int:
        return self._n

    def to(self, *args: Any, **kwargs: Any) -> EmpiricalDenoiser:
        part, cloud = self.part.to(*args, **kwargs), self._cloud
        return ShardedDenoiser(part, self.mass, self._n, cloud.centre.to(part._cloud.centre.device), cloud.group)

    def weights(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        x, sigma = self._checked(x, sigma)
        dense = x.new_zeros(x.shape[0], self.part.n)
        dense[:, self._support] = self._cloud.weights(self._query(x, sigma)).to(x.dtype)
        return dense

    def partial(self, x: torch.Tensor, sigma: Any) -> WeightedSums:
        return self.part.partial(x, sigma)


def sharded(data: Any, weights: Any, group: Any, block_size: int | None) -> ShardedDenoiser:
    """The denoiser of all ranks' data; where it cannot be made on one rank, it is refused on all."""
    if not dist.is_available() or not dist.is_initialized():
        raise ArgumentError("group", "there is no process group", "start with torchrun and call init_process_group")
    error, part, mass = None, None, 1.0
    try:
        part, mass = _part(data, weights, block_size)
    except IdealScoreError as refused:
        error = refused
    agreed = _agree(part, group)
    if error is not None:
        raise error
    if part is None or not agreed:
        problem = "is unusable on another rank, or of another shape or type there, or weighted on some ranks only"
        raise ShapeError("data", problem, "pass parts of one data set to all ranks")
    cloud = part._cloud
    numbers = torch.tensor([part.n, cloud.n, mass if part.prior is not None else 1.0], dtype=torch.float64)
    sums = torch.cat([numbers.to(cloud.centre.device), cloud.centre * cloud.n]).to(_meeting_place(group))
    dist.all_reduce(sums, group=group)
    n, kept, total = sums[:3].tolist()
    if part.prior is not None and not math.isclose(total, 1, rel_tol=0, abs_tol=1e-6):
        raise WeightsError("weights", f"sum to {total:g} over all ranks", "divide by the sum over all ranks")
    return ShardedDenoiser(part, mass / total, int(n), (sums[3:] / kept).to(cloud.centre.device), group)


def _part(data: Any, weights: Any, block_size: int | None) -> tuple[EmpiricalDenoiser, float]:
    """(the denoiser of this rank's data, the share of the prior that they hold)."""
    if isinstance(data, EmpiricalDenoiser):
        if weights is not None or data.prior is not None:
            raise WeightsError("weights", "cannot be shared by a ready-made part", "pass the data and their weights")
        return data, 1.0
    if weights is None:
        return EmpiricalDenoiser(data, block_size=block_size), 1.0
    weights = check.as_float_tensor("weights", weights).double()
    mass = float(weights.sum())
    if bool((weights < 0).any()) or not 0 < mass <= 1 + 1e-6:
        raise WeightsError(
            "weights", f"are negative or sum to {mass:g} on a rank", "pass this rank's part of the prior"
        )
    return EmpiricalDenoiser(data, weights / mass, block_size=block_size), mass


def _agree(part: EmpiricalDenoiser | None, group: Any) -> bool:
    """Whether all ranks have a part, of one shape and dtype, weighted or not."""
    facts = [0] * 12
    if part is not None:
        size = part.event_shape[:8]
        facts = [
            1,
            part._cloud.dtype.itemsize,
            part.prior is not None,
            len(part.event_shape),
            *size,
            *[0] * (8 - len(size)),
        ]
    lowest = torch.tensor(facts, dtype=torch.int64, device=_meeting_place(group))
    highest = lowest.clone()
    dist.all_reduce(lowest, dist.ReduceOp.MIN, group)
    dist.all_reduce(highest, dist.ReduceOp.MAX, group)
    return bool((lowest == highest).all()) and bool(lowest[0])


def _meeting_place(group: Any) -> torch.device:
    """Where messages must lie: on the GPU for nccl."""
    return torch.device("cuda" if dist.get_backend(group) == "nccl" else "cpu")
