"""Training sets, wherever they are kept: what the memorising optimum asks of one, and the one in memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import torch

from ..._support import checks as check
from ..._support.transforms import asks
from ..._support.types import ArrayLike
from .._streamed import Piece, Tensors
from .point_sets import ArrayCloud, PointSet, Query
from .weighted_sums import WeightedSums


class TrainingSet(PointSet):
    """All `n` data `(n, *event_shape)` of a training set, in order, and posterior sums over them.

    `prior` `(n,)` holds their prior weights, None where all are equal; `block_size` is the number of data read at
    once, None where it is fitted to the caches.
    """

    def __init__(
        self,
        n: int,
        event_shape: tuple[int, ...],
        centre: torch.Tensor,
        dtype: torch.dtype,
        log_mass: float,
        prior: torch.Tensor | None,
        block_size: int | None,
    ) -> None:
        super().__init__(n, centre, dtype, log_mass)
        self.event_shape: tuple[int, ...] = tuple(event_shape)
        self.prior: torch.Tensor | None = prior
        self.block_size: int | None = block_size

    @property
    def device(self) -> torch.device:
        """Where the sums are taken and x must lie."""
        return self.centre.device

    def places(self, index: slice | torch.Tensor) -> torch.Tensor:
        """`index` as integers `(m,)` on the device of the data."""
        return torch.arange(self.n, device=self.device)[index] if isinstance(index, slice) else index.to(self.device)

    @abstractmethod
    def rows(self, index: slice | torch.Tensor) -> torch.Tensor:
        """The data of `index`, `(m, *event_shape)`."""

    @abstractmethod
    def to(self, device: torch.device, dtype: torch.dtype) -> TrainingSet:
        """The same training set elsewhere or in another dtype."""


class MemorySet(TrainingSet):
    """The rows of `data` `(n, *event)`, kept without a copy; those of prior weight 0 are left out of the sums.

    A `prior` that does not sum to one makes this a part of a training set.
    """

    def __init__(self, data: torch.Tensor, prior: torch.Tensor | None = None, block_size: int | None = None) -> None:
        data = data.detach()
        flat, log_prior = data.flatten(1), None
        self._kept: slice | torch.Tensor = slice(None)
        if prior is not None:
            prior = prior.detach().to(data.device)
            kept = prior.nonzero().flatten()
            log_prior = prior[kept].log()
            if kept.numel() < len(flat):
                flat, self._kept = flat[kept], kept
        self.data: torch.Tensor = data
        self._cloud = ArrayCloud(flat, log_prior, block_size=block_size)
        cloud = self._cloud
        super().__init__(len(data), data.shape[1:], cloud.centre, cloud.dtype, cloud.log_mass, prior, block_size)

    def rows(self, index: slice | torch.Tensor) -> torch.Tensor:
        return self.data[index]

    def to(self, device: torch.device, dtype: torch.dtype) -> MemorySet:
        return MemorySet(self.data.to(device, dtype), self.prior, self.block_size)

    def sums(self, query: Query, columns: slice | torch.Tensor = slice(None), cross: bool = False) -> WeightedSums:
        return self._cloud.sums(query, columns, cross)

    def pieces(self, rows: Tensors, data: Tensors, dtype: torch.dtype) -> Iterator[Piece]:
        cloud = self._cloud
        if data and self._kept != slice(None):  # data of weight 0 count as soon as their weights change
            cloud = ArrayCloud(self.data.flatten(1), None, cloud.centre, cloud.block_size)
            cloud.window = self._cloud.window
        return cloud.pieces(rows, data, dtype)

    def weights(self, query: Query) -> torch.Tensor:
        dense = query.x.new_zeros(query.x.shape[0], self.n)
        dense[:, self._kept] = self._cloud.weights(query)
        return dense


class LivePoints:
    """A training set in memory that may change, or is differentiated: at each question the one that it is then.

    `live` holds the data (n, k) and, where they are not equal, the prior weights (n,), both in the dtype of the data.
    """

    def __init__(self, data: torch.Tensor, prior: torch.Tensor | None = None, block_size: int | None = None) -> None:
        self.data, self.prior, self.block_size = data, prior, block_size
        self.n, self.dtype, self.live = len(data), torch.promote_types(data.dtype, torch.float32), (data.flatten(1),)
        if prior is not None:
            self.live = (*self.live, prior.to(data))
        self.event_shape, self.device = tuple(data.shape[1:]), data.device
        self._now: tuple[list[int], MemorySet] | None = None

    def at(self, data: tuple[torch.Tensor, ...]) -> PointSet:
        """The training set of these points and, where it has any, prior weights; the rest does not count."""
        prior = data[1].double() if self.prior is not None else None
        return MemorySet(data[0].detach(), prior, self.block_size)

    def now(self) -> MemorySet:
        """The training set as it is now."""
        versions = [value._version for value in (self.data, self.prior) if value is not None]  # noqa: SLF001
        if self._now is None or self._now[0] != versions:
            self._now = versions, MemorySet(self.data, self.prior, self.block_size)
        return self._now[1]

    def to(self, device: torch.device, dtype: torch.dtype) -> LivePoints:
        """The same points elsewhere or in another dtype, still differentiated."""
        prior = None if self.prior is None else self.prior.to(device)
        return LivePoints(self.data.to(device, dtype), prior, self.block_size)


Held = TrainingSet | LivePoints


def in_memory(data: ArrayLike, weights: ArrayLike | None, block_size: int | None) -> MemorySet | LivePoints:
    """The checked training set of an array, live where derivatives in it or its weights are asked for."""
    data = check.dataset("data", data)
    prior = None if weights is None else check.probabilities("weights", weights, len(data))
    block_size = None if block_size is None else check.integer("block_size", block_size, 1)
    live = asks(data) or (prior is not None and asks(prior))
    return LivePoints(data, prior, block_size) if live else MemorySet(data, prior, block_size)
