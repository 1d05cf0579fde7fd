"""Training sets, wherever they are kept: what the memorising optimum asks of one, and the one in memory."""

from __future__ import annotations

from abc import abstractmethod

import torch

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
        flat, log_prior = data.flatten(1), None
        self._kept: slice | torch.Tensor = slice(None)
        if prior is not None:
            prior = prior.to(data.device)
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

    def weights(self, query: Query) -> torch.Tensor:
        dense = query.x.new_zeros(query.x.shape[0], self.n)
        dense[:, self._kept] = self._cloud.weights(query)
        return dense
