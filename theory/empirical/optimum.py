"""The optimum of a network that memorises: the exact posterior mean over the training set.

For data y_1 ... y_n with prior weights pi_i, x = x0 + sigma n has the density and the posterior

    p_sigma(x) = sum_i pi_i N(x; y_i, sigma^2 I)                                                       [@Karras2022]
    w_i(x) = pi_i exp(-|x - y_i|^2 / 2 sigma^2) / sum_j pi_j exp(-|x - y_j|^2 / 2 sigma^2)
    D(x, sigma) = sum_i w_i(x) y_i                                                       [@Li2024; @Biroli2024]

The sums run over blocks of the data, so memory is O(batch x block). Squared distances come from matrix products
of centred vectors where their rounding, about eps R^2 / sigma^2, is harmless; elsewhere the products only screen,
and the pairs that may carry weight are computed again as differences in float64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from ..._support import checks as check
from ...errors import NoiseLevelError
from . import derivatives as _moments
from .point_sets import ArrayCloud, Query
from .weighted_sums import WeightedSums


class EmpiricalDenoiser:
    """E[x0 | x] when x0 is drawn from the training set `data` ([@Li2024], eq. 5).

    `data` `(n, *event)` is kept without a copy, beside a centred one; `weights` `(n,)` are prior weights (default:
    equal); `block_size` is the number of data read at once (default: fitted to the caches). The result is the
    same to rounding for any block size. sigma = 0 gives the nearest datum, ties averaged; sigma = inf the mean.
    Squared distances are ties when equal to within float64 rounding. Differentiable in x, to any order, in the
    same memory.

    Raises EmptyDataError, ShapeError, NotFiniteError or WeightsError on unusable data or weights, and
    NoiseLevelError on a negative or NaN sigma.

    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    >>> denoiser(torch.tensor([[0.5]], dtype=torch.float64), 1.0)  # tanh(x / sigma^2)
    tensor([[0.4621]], dtype=torch.float64)
    >>> denoiser(torch.tensor([[0.5], [0.0]], dtype=torch.float64), 0.0)
    tensor([[1.],
            [0.]], dtype=torch.float64)
    """

    def __init__(self, data: Any, weights: Any = None, *, block_size: int | None = None) -> None:
        self.data = check.dataset("data", data)
        self.prior = None if weights is None else check.probabilities("weights", weights, self.n)
        self.block_size = None if block_size is None else check.integer("block_size", block_size, 1)
        flat, log_prior = self.data.flatten(1), None
        self._support: slice | torch.Tensor = slice(None)
        if self.prior is not None:
            self.prior = self.prior.to(flat.device)
            self._support = self.prior.nonzero().flatten()
            log_prior = self.prior[self._support].log()
            flat = flat if log_prior.numel() == self.n else flat[self._support]
        self._cloud = ArrayCloud(flat, log_prior)
        self._cloud.block_size = self.block_size

    @staticmethod
    def sharded(
        data: Any, weights: Any = None, *, group: Any = None, block_size: int | None = None
    ) -> EmpiricalDenoiser:
        """The same optimum of a training set that is spread over the ranks of `torch.distributed`.

        `data` is this rank's part, an array `(n, *event)` or an `EmpiricalDenoiser` from disk, `weights` its part of
        the prior; n may differ between ranks. Every rank calls with the same x and sigma, in the same order, and gets
        the same answer: that of one machine with all the data, to rounding. What travels per call is (k + 5) numbers
        per row of x, whatever n. Derivatives work too.

        Raises what the constructor raises, on all ranks when on one; ArgumentError without a process group,
        ShapeError where the ranks' data do not belong together, WeightsError where weights do not sum to one.
        """
        from ._sharded import sharded

        return sharded(data, weights, group, block_size)

    @staticmethod
    def from_disk(
        data: Any,
        weights: Any = None,
        *,
        column: str | None = None,
        memory_limit: int | None = None,
        scale: float = 1.0,
        shift: float = 0.0,
        device: Any = "cpu",
    ) -> EmpiricalDenoiser:
        """The same optimum of a training set larger than memory; each call reads it once for all rows of x.

        `data` is a .npy file, a parquet file with a `column` of numbers or of lists of one size, or anything of shape
        `(n, *event)` that is sliced (a NumPy memory map, an HDF5 or zarr array). Values become scale * value + shift.
        Blocks are as large as `memory_limit` bytes allow (half of the free memory when not given); the next is read
        while the last one is used. One pass is made at once, to find the centre and values that are not finite.

        Raises DataFileError (missing, truncated, no numbers), ShapeError, NotFiniteError, WeightsError, and
        DeviceMemoryError where the limit does not hold two rows, or a row group of a parquet file.

        >>> import numpy as np
        >>> stored = np.array([[-1.0], [1.0]])
        >>> EmpiricalDenoiser.from_disk(stored)(torch.tensor([[0.5]], dtype=torch.float64), 1.0)
        tensor([[0.4621]], dtype=torch.float64)
        """
        from .on_disk import from_disk

        return from_disk(data, weights, column, memory_limit, scale, shift, device)

    @property
    def n(self) -> int:
        """Number of data."""
        return self.data.shape[0]

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one datum."""
        return tuple(self.data.shape[1:])

    def to(self, *args: Any, **kwargs: Any) -> EmpiricalDenoiser:
        """The same denoiser on another device or in another dtype, as `torch.Tensor.to`."""
        return EmpiricalDenoiser(self.data.to(*args, **kwargs), self.prior, block_size=self.block_size)

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        x, sigma = self._checked(x, sigma)
        return _moments.mean(x.flatten(1), self._cloud, sigma).reshape(x.shape)

    def log_density(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """log p_sigma(x) as `(batch,)`; its gradient is the score (D(x, sigma) - x) / sigma^2.

        Raises NoiseLevelError unless 0 < sigma < inf.

        >>> denoiser = EmpiricalDenoiser(torch.zeros(1, 2, dtype=torch.float64))
        >>> denoiser.log_density(torch.zeros(1, 2, dtype=torch.float64), 1.0)  # -log(2 pi)
        tensor([-1.8379], dtype=torch.float64)
        """
        x, sigma = self._checked(x, sigma)
        if not bool(((sigma > 0) & sigma.isfinite()).all()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "the density has no limit there: pass 0 < sigma < inf")
        return _moments.log_density(x.flatten(1), self._cloud, sigma)

    def weights(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """The posterior weights w_i(x) as a dense `(batch, n)`; this needs memory O(batch x n)."""
        x, sigma = self._checked(x, sigma)
        dense = x.new_zeros(x.shape[0], self.n)
        dense[:, self._support] = self._cloud.weights(self._query(x, sigma)).to(x.dtype)
        return dense

    def entropy(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """-sum_i w_i log w_i in nats as `(batch,)`: log n when nothing is known, 0 when one datum is singled out.

        Its mean over x = y_i + sigma n is the excess entropy whose fall marks the collapse [@Biroli2024].

        >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
        >>> denoiser.entropy(torch.zeros(1, 1, dtype=torch.float64), 1.0)  # log 2
        tensor([0.6931], dtype=torch.float64)
        """
        x, sigma = self._checked(x, sigma)
        return self._cloud.sums(self._query(x, sigma), cross=True).entropy.to(x.dtype)

    def partial(self, x: torch.Tensor, sigma: Any) -> WeightedSums:
        """The sums behind D(x, sigma) over these data, to be merged with those of other shards of a training set.

        Every datum counts one (its weight, if weights were given). Merging is exact, ties included.

        >>> data = torch.arange(6, dtype=torch.float64).reshape(6, 1)
        >>> x = torch.tensor([[2.2]], dtype=torch.float64)
        >>> left, right = (EmpiricalDenoiser(shard).partial(x, 1.0) for shard in (data[:2], data[2:]))
        >>> bool(torch.isclose(left.merge(right).mean, EmpiricalDenoiser(data)(x, 1.0)))
        True
        """
        x, sigma = self._checked(x, sigma)
        sums = self._cloud.sums(self._query(x, sigma), cross=True)
        return replace(sums, moment=sums.moment + sums.tilt.unsqueeze(1) * self._cloud.centre)

    def _checked(self, x: Any, sigma: Any) -> tuple[torch.Tensor, torch.Tensor]:
        x = check.same_device("x", check.batch("x", x, self.event_shape), self.data)
        return x, check.sigmas("sigma", sigma, x).detach()

    def _query(self, x: torch.Tensor, sigma: torch.Tensor) -> Query:
        return self._cloud.query(x.detach().flatten(1), sigma)
