"""The optimum of a network that memorises: the exact posterior mean over the training set.

For data y_1 ... y_n with prior weights pi_i, x = x0 + sigma n has the density and the posterior

    p_sigma(x) = sum_i pi_i N(x; y_i, sigma^2 I)                                                       [@Karras2022]
    w_i(x) = pi_i exp(-|x - y_i|^2 / 2 sigma^2) / sum_j pi_j exp(-|x - y_j|^2 / 2 sigma^2)
    D(x, sigma) = sum_i w_i(x) y_i                                                       [@Li2024; @Biroli2024]

The sums run over blocks of the data, by the routes of `point_sets`, so memory is O(batch x block).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

import torch

from ..._support import checks as check
from ..._support.streams import stream
from ..._support.types import ArrayLike, Device, FilePath, Points, Sigma
from ...errors import NoiseLevelError, WeightsError
from .._opaque import opaque
from ..closed_form import ClosedForm
from . import derivatives
from .disk_blocks import Sliceable
from .on_disk import open_set
from .shards import sharded_set
from .training_sets import Held, LivePoints, TrainingSet, in_memory
from .weighted_sums import WeightedSums

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


@final
class EmpiricalDenoiser(ClosedForm):
    """E[x0 | x] when x0 is drawn from the training set `data` ([@Li2024], eq. 5).

    `from_disk` and `sharded` make the same class over data on disk or over several machines. The result is the same
    to rounding for any block size.
    sigma = 0 gives the nearest datum, ties averaged; sigma = inf the mean. Squared distances are ties when equal to
    within float64 rounding. Differentiable, to any order and in the same memory, in x, sigma, and in data and weights
    (in memory) that require it; under the transforms of torch.func and torch.compile too.

    Parameters
    ----------
    data : array (n, *event) or TrainingSet
        The training set. An array is kept without a copy, next to a centred one; all but floats becomes float64.
    weights : array (n,), optional
        Prior weights pi_i >= 0 that sum to one. Default: equal.
    block_size : int, optional
        Number of data read at once. Default: fitted to the caches.

    Raises
    ------
    EmptyDataError, ShapeError, NotFiniteError
        If the data are not finite numbers `(n, *event)` with n >= 1.
    WeightsError
        If weights are negative or do not sum to one, or are passed with a `TrainingSet`, which has its own.
    NoiseLevelError
        By the call, if sigma is negative or NaN.

    Examples
    --------
    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    >>> denoiser
    EmpiricalDenoiser(n=2, event=(1,), float64, cpu)
    >>> denoiser(torch.tensor([[0.5]], dtype=torch.float64), 1.0)  # tanh(x / sigma^2)
    tensor([[0.4621]], dtype=torch.float64)
    >>> denoiser(torch.tensor([[0.5], [0.0]], dtype=torch.float64), 0.0)
    tensor([[1.],
            [0.]], dtype=torch.float64)
    """

    live: tuple[torch.Tensor, ...]
    """The data and prior weights that derivatives are taken in, if any."""

    def __init__(
        self, data: ArrayLike | Held, weights: ArrayLike | None = None, *, block_size: int | None = None
    ) -> None:
        if isinstance(data, (TrainingSet, LivePoints)):
            if weights is not None or block_size is not None:
                raise WeightsError("weights", "cannot be given to a ready-made training set", "pass the data instead")
            self._set = data
        else:
            self._set = in_memory(data, weights, block_size)
        self.live = self._set.live if isinstance(self._set, LivePoints) else ()

    @staticmethod
    def sharded(
        data: ArrayLike | EmpiricalDenoiser,
        weights: ArrayLike | None = None,
        *,
        group: ProcessGroup | None = None,
        block_size: int | None = None,
    ) -> EmpiricalDenoiser:
        """The same optimum of a training set that is spread over the ranks of `torch.distributed`.

        Every rank calls every method with the same arguments, in the same order, and gets the same answer: that of
        one machine with all the data, in the order of the ranks, to rounding. What travels per call is (k + 5)
        numbers per row of x, k being the number of entries of a datum, whatever n. Derivatives work too.

        `weights` and `sample` gather more: all ranks' posterior weights, (batch x n) numbers, and the n drawn data;
        `data` gathers the whole training set on every rank.

        Parameters
        ----------
        data : array (n of this rank, *event) or EmpiricalDenoiser
            This rank's part of the data, or a denoiser of it, for example one from disk. n may differ between ranks.
        weights : array (n of this rank,), optional
            This part's prior weights; those of all ranks together sum to one. Default: equal.
        group : torch.distributed.ProcessGroup, optional
            The ranks that take part. Default: all.
        block_size : int, optional
            Number of data read at once on this rank. Default: fitted to the caches.

        Returns
        -------
        EmpiricalDenoiser
            The denoiser of all ranks' data.

        Raises
        ------
        ArgumentError
            Without a process group.
        ShapeError
            If the ranks' data do not belong together, or those of another rank are refused.
        WeightsError
            If the weights do not sum to one over all ranks, or belong to a denoiser that has its own.
        """
        part = data.training_set if isinstance(data, EmpiricalDenoiser) else data
        return EmpiricalDenoiser(sharded_set(part, weights, group, block_size))

    @staticmethod
    def from_disk(
        data: FilePath | Sliceable,
        weights: ArrayLike | None = None,
        *,
        column: str | None = None,
        memory_limit: int | None = None,
        scale: float = 1.0,
        shift: float = 0.0,
        device: Device = "cpu",
    ) -> EmpiricalDenoiser:
        """The same optimum of a training set larger than memory; each call reads it once for all rows of x.

        Blocks are as large as `memory_limit` allows; the next is read while the last one is used. One pass is made
        at once, to find the centre and values that are not finite. Derivatives take one pass each, and so do
        `sample` and `data`, which holds everything in memory at once.

        Parameters
        ----------
        data : path, or anything of shape (n, *event) that is sliced
            A .npy file, a parquet file, a NumPy memory map, an HDF5 or zarr array.
        weights : array (n,), optional
            Prior weights that sum to one. Default: equal.
        column : str, optional
            The column of a parquet file, of numbers or of lists of one size. Default: the first.
        memory_limit : int, optional
            Bytes that a call may take. Default: half of the free memory.
        scale, shift : float
            Stored values become scale * value + shift.
        device : str or torch.device
            Where the sums are taken.

        Returns
        -------
        EmpiricalDenoiser
            The denoiser of the data on disk.

        Raises
        ------
        DataFileError
            If the file is missing or truncated, or does not hold numbers.
        ShapeError, NotFiniteError, WeightsError
            As the constructor does.
        DeviceMemoryError
            If the limit does not hold two rows, or a row group of a parquet file.

        Examples
        --------
        >>> import numpy as np
        >>> stored = np.array([[-1.0], [1.0]])
        >>> EmpiricalDenoiser.from_disk(stored)(torch.tensor([[0.5]], dtype=torch.float64), 1.0)
        tensor([[0.4621]], dtype=torch.float64)
        """
        return EmpiricalDenoiser(open_set(data, weights, column, memory_limit, scale, shift, device))

    @property
    def training_set(self) -> TrainingSet:
        """The data, wherever they are kept, and the sums over them."""
        return self._set.now() if isinstance(self._set, LivePoints) else self._set

    @property
    def n(self) -> int:
        """Number of all data."""
        return self._set.n

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one datum."""
        return tuple(self._set.event_shape)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the matrix products over the data: theirs, float32 at least."""
        return self._set.dtype

    @property
    def device(self) -> torch.device:
        """Where the sums are taken and x must lie."""
        return self._set.device

    @property
    def data(self) -> torch.Tensor:
        """All n data `(n, *event)`, in order: as given if in memory; else read from disk, or gathered, at each use."""
        return self._set.data if isinstance(self._set, LivePoints) else self._set.rows(slice(None))

    @property
    def prior(self) -> torch.Tensor | None:
        """The prior weights `(n,)` of all data, None where all are equal."""
        return self._set.prior

    @property
    def block_size(self) -> int | None:
        """The number of data read at once (on one rank), None where it is fitted to the caches."""
        return self._set.block_size

    def _facts(self) -> dict[str, object]:
        return {"n": self.n}

    def to(self, *args: Any, **kwargs: Any) -> EmpiricalDenoiser:
        example = torch.empty(0, dtype=self.dtype, device=self.device).to(*args, **kwargs)
        return EmpiricalDenoiser(self._set.to(example.device, example.dtype))

    def _made_of(self, data: torch.Tensor, *prior: torch.Tensor) -> EmpiricalDenoiser:
        """The same optimum of other data (n, k) and prior weights (n,), like `live`, which are not checked."""
        return EmpiricalDenoiser(LivePoints(data.reshape(-1, *self.event_shape), *prior, block_size=self.block_size))

    @opaque
    def __call__(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean E[x0 | x], like `x`, computed the fast and safe way."""
        x, sigma = self._checked(x, sigma)
        return derivatives.mean(x.flatten(1), self._set, sigma).reshape(x.shape)

    def reference(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean by its formula, written literally in float64: what tests compare with.

        Memory is O(batch x n x k); the data are read or gathered as a whole.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level; sigma^2 must be a float64 number > 0.

        Returns
        -------
        tensor (batch, *event), float64
            sum_i w_i(x) y_i.
        """
        x, sigma = self._checked(x, sigma)
        y, variance = self.data.double().flatten(1), sigma.double().square().unsqueeze(1)
        if not bool(((variance > 0) & variance.isfinite()).all()):
            raise NoiseLevelError("sigma", "has a square of 0 or inf", "pass finite noise levels > 0")
        square = (x.double().flatten(1).unsqueeze(1) - y).square().sum(2)
        logits = -square / (2 * variance) + (0.0 if self.prior is None else self.prior.log())
        return (torch.softmax(logits, 1) @ y).reshape(x.shape)

    @opaque
    def log_density(self, x: Points, sigma: Sigma) -> torch.Tensor:
        """log p_sigma(x), whose gradient is the score (D(x, sigma) - x) / sigma^2; NoiseLevelError at 0 and inf.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch,)
            In nats.

        Examples
        --------
        >>> denoiser = EmpiricalDenoiser(torch.zeros(1, 2, dtype=torch.float64))
        >>> denoiser.log_density(torch.zeros(1, 2, dtype=torch.float64), 1.0)  # -log(2 pi)
        tensor([-1.8379], dtype=torch.float64)
        """
        x, sigma = self._checked(x, sigma)
        if not check.holds((sigma > 0) & sigma.isfinite()):
            raise NoiseLevelError("sigma", "holds 0 or inf", "the density has no limit there: pass 0 < sigma < inf")
        return derivatives.log_density(x.flatten(1), self._set, sigma)

    def weights(self, x: Points, sigma: Sigma) -> torch.Tensor:
        """The posterior weights w_i(x) of all data; this needs memory O(batch x n).

        From disk they take one pass; over ranks (batch x n) numbers travel, and every rank has them all.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level.

        Returns
        -------
        tensor (batch, n)
            In the order of the data.
        """
        x, sigma = self._checked(x, sigma)
        return derivatives.weights(x.flatten(1), self._set, sigma)

    @opaque
    def entropy(self, x: Points, sigma: Sigma) -> torch.Tensor:
        """-sum_i w_i log w_i: log n when nothing is known, 0 when one datum is singled out.

        Its mean over x = y_i + sigma n is the excess entropy whose fall marks the collapse [@Biroli2024].

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level.

        Returns
        -------
        tensor (batch,)
            In nats.

        Examples
        --------
        >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
        >>> denoiser.entropy(torch.zeros(1, 1, dtype=torch.float64), 1.0)  # log 2
        tensor([0.6931], dtype=torch.float64)
        """
        x, sigma = self._checked(x, sigma)
        return derivatives.entropy(x.flatten(1), self._set, sigma)

    def partial(self, x: Points, sigma: Sigma) -> WeightedSums:
        """The sums behind D(x, sigma) over all n data, to be merged with those of other parts of a training set.

        Every datum counts one (its weight, if weights were given). Merging is exact, ties included.

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level.

        Returns
        -------
        WeightedSums
            With `.merge(other)`, `.mean` `(batch, k)` and `.entropy` `(batch,)`, in float64.

        Examples
        --------
        >>> data = torch.arange(6, dtype=torch.float64).reshape(6, 1)
        >>> x = torch.tensor([[2.2]], dtype=torch.float64)
        >>> left, right = (EmpiricalDenoiser(shard).partial(x, 1.0) for shard in (data[:2], data[2:]))
        >>> bool(torch.isclose(left.merge(right).mean, EmpiricalDenoiser(data)(x, 1.0)))
        True
        """
        x, sigma = self._checked(x, sigma)
        held, point = self.training_set, x.detach().flatten(1)
        sums = held.sums(held.query(point, sigma.detach()), cross=True)
        return replace(sums, moment=sums.moment + sums.tilt.unsqueeze(1) * self.training_set.centre)

    def sample(self, n: int, seed: int = 0) -> Points:
        """Data drawn from the training set, with replacement, by their prior weights.

        Parameters
        ----------
        n : int
            Number of draws.
        seed : int
            Draw i depends on the seed and on i, not on n.

        Returns
        -------
        tensor (n, *event)
            Draws of x0.
        """
        streams = (stream(seed, "empirical", i) for i in range(check.integer("n", n, 1)))
        uniform = torch.tensor([draw.random() for draw in streams], dtype=torch.float64, device=self.device)
        prior = torch.full((self.n,), 1 / self.n, dtype=torch.float64) if self.prior is None else self.prior
        edges = prior.to(self.device, torch.float64).cumsum(0)
        return self.training_set.rows(torch.searchsorted(edges / edges[-1], uniform, right=True))

    def _checked(self, x: Points, sigma: Sigma) -> tuple[torch.Tensor, torch.Tensor]:
        x = check.same_device("x", check.batch("x", x, self.event_shape), torch.empty(0, device=self.device))
        return x, check.sigmas("sigma", sigma, x)
