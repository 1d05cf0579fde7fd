"""The equivariant local optimum at real size: windows that matter are compared, the others sampled, with the error.

Fifty thousand images hold 10^7 to 10^8 windows, and each window of a noisy image has a posterior over all of them. A
`WindowIndex` tells roughly how much weight each of its leaves and windows will carry. Each window is compared with a
probability pi that grows with that weight: those expected to matter surely, of the others a sample, which stands for
all of them (Horvitz and Thompson). With weights w and centres v,

    D = sum w v / pi / sum w / pi,      Var D = sum (1 - pi) / pi^2 (w (v - D))^2 / (sum w / pi)^2,

the sums running over the windows compared. The modelled weights, of which the sum is known, serve as a control
variate, and as a lower bound of the variance where nothing of a leaf was seen. Windows at the border are few: they are
compared exactly, and so are images for which a sample would cost as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from ..._support.memory import available_memory, fits
from ..._support.streams import stream_seed
from ..._support.types import Array
from . import _index_kernels
from .all_locations import AllLocations
from .window_index import COMPONENTS, WindowIndex, window_index
from .windows import SHORT_OF_MEMORY, PackedImages, Windows

compare_all: Callable[..., None] = _index_kernels.compare_all

AFFORDABLE = 2**31
"""Pairs of windows in one image up to which all of them are compared: a few seconds of one core."""

SEEN, COMPARED = 100_000, 4096
"""Windows whose codes are looked at, and windows that are compared, for each window of the noisy image at first."""

SCREENING, COMPARING = 8, 200
"""What one of them costs, in units of a pair of the exact engine."""

EVENLY, TEMPER = 0.1, 0.8
"""Share of the sample that is drawn without regard to modelled weights, and the power of these that it follows."""

ROUNDS = 3
ROUNDING = 1e-3
"""Error of a log weight up to which float32 will do."""

QUERIES = 64
"""Windows whose leaves are weighed at once."""


@dataclass(frozen=True)
class LocalEstimate:
    """A local optimum and how well it is known.

    Parameters
    ----------
    mean : tensor (batch, channels, height, width)
        The posterior mean.
    stderr : tensor (batch, channels, height, width), float64
        Its standard error by sampling; 0 where all windows were compared.
    exact : tensor (batch,), bool
        Whether all windows of the image were compared.

    Examples
    --------
    >>> estimate = LocalEstimate(torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.01), torch.tensor([False]))
    >>> estimate.relative_error
    tensor([0.0100], dtype=torch.float64)
    """

    mean: torch.Tensor
    stderr: torch.Tensor
    exact: torch.Tensor

    @property
    def relative_error(self) -> torch.Tensor:
        """Root of the sum of the squared standard errors over the norm of the mean, (batch,)."""
        return self.stderr.double().flatten(1).norm(dim=1) / self.mean.double().flatten(1).norm(dim=1)


class SampledWindows:
    """Posterior means over the windows at all places, sampled to a relative standard error of `tolerance`."""

    def __init__(
        self, exact: AllLocations, shape: tuple[int, ...], packed: PackedImages, tolerance: float, seed: int
    ) -> None:
        self.exact: AllLocations = exact
        self.tolerance: float = tolerance
        self.seed: int = seed
        n, _, height, width = shape
        self.radius: int = exact.size // 2
        self.circular: bool = exact.padding == "circular"
        r = 0 if self.circular else self.radius
        self.inside: tuple[slice, slice] = slice(r, height - r), slice(r, width - r)
        self.pairs: int = n * (max(0, height - 2 * r) * max(0, width - 2 * r)) ** 2
        self.border: Windows | None = None
        if r:
            self.border = Windows(height, width, r, False, True, packed)
            rows, columns = self.border.tasks[:, 0], self.border.tasks[:, 3]
            within = (rows >= r) & (rows < height - r) & (columns >= r) & (columns < width - r)
            self.border.tasks = self.border.tasks[~within]
        self._kept: tuple[object, WindowIndex | None] = None, None

    def fast(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean at x, and the lowest energies that were met."""
        estimate, low = self.estimate(x, sigma, data)
        return estimate.mean, low

    def smooth(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """The exact mean: derivatives are not sampled."""
        return self.exact.smooth(x, sigma, data, low)

    def estimate(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> tuple[LocalEstimate, torch.Tensor]:
        """The mean with its standard error at x (batch, c, h, w), and the lowest energies (batch, h, w)."""
        x, sigma = x.detach(), sigma.detach()
        mean, low = x.clone(), x.new_zeros(len(x), *x.shape[2:], dtype=torch.float64)
        variance = torch.zeros_like(x, dtype=torch.float64)
        levels = sigma.double().tolist()
        exact = torch.tensor([self.pairs <= AFFORDABLE or not 0 < level < math.inf for level in levels])
        todo = (~exact).nonzero().flatten()
        if len(todo):
            index = self._index(data)
            if self.border is not None:
                with np.errstate(invalid="ignore"):
                    mean[todo], low[todo] = self.border(x[todo], sigma[todo], data)
            for b in todo.tolist():
                exact[b] = not self._sample(index, x[b], levels[b], mean[b], variance[b], low[b])
        if bool(exact.any()):
            mean[exact], low[exact] = self.exact.fast(x[exact], sigma[exact], data)
            variance[exact] = 0
        return LocalEstimate(mean, variance.sqrt(), exact), low

    def _sample(
        self,
        index: WindowIndex,
        x: torch.Tensor,
        sigma: float,
        mean: torch.Tensor,
        variance: torch.Tensor,
        low: torch.Tensor,
    ) -> bool:
        """Fill in the windows inside the border of one image; False where all windows have to be compared."""
        channels = len(x)
        queries = index.windows(self._rows(x[None].double())[0].astype(index.images.dtype))
        points, left = index.project(queries)
        budgets = np.ones(len(queries))
        found = np.empty((len(queries), 2 * channels + 3))
        todo = np.arange(len(queries))
        places = mean[:, *self.inside].shape
        for attempt in range(ROUNDS):
            if (SCREENING * SEEN + COMPARING * COMPARED) * budgets[todo].sum() > self.pairs:
                return False
            keys = [stream_seed(self.seed, "windows compared", q, attempt) for q in todo.tolist()]
            found[todo] = self._compare(index, queries[todo], points[todo], left[todo], sigma, budgets[todo], keys)
            if float(found[:, 2 * channels].max()) / sigma**2 * np.finfo(index.images.dtype).eps > ROUNDING:
                return False
            mean[:, *self.inside] = torch.from_numpy(found[:, :channels].T.reshape(places)).to(mean.dtype)
            variance[:, *self.inside] = torch.from_numpy(found[:, channels : 2 * channels].T.reshape(places))
            low[self.inside] = torch.from_numpy(found[:, 2 * channels].reshape(places[1:]))
            goal = self.tolerance * float(mean.double().norm())
            error = np.sqrt(found[:, channels : 2 * channels].sum(1))
            if float(np.sqrt((error**2).sum())) <= goal:
                return True
            wanted = 1.3 * budgets * error * (error * np.sqrt(budgets)).sum() / goal**2 / np.sqrt(budgets)
            todo = np.flatnonzero(wanted > budgets)
            budgets[todo] = wanted[todo]
        return False

    def _compare(
        self,
        index: WindowIndex,
        queries: Array,
        points: Array,
        left: Array,
        sigma: float,
        budgets: Array,
        keys: list[int],
    ) -> Array:
        """What the kernel finds for each of `queries`, (queries, 2 * channels + 3)."""
        result = np.empty((len(queries), 2 * index.channels + 3))
        leaves, total = len(index.counts), len(index.order)
        seen, compared = np.minimum(SEEN * budgets, total), np.minimum(COMPARED * budgets, total)
        room = int(min(total, seen.max() + leaves))
        most = int(min(total, compared.max() + 8 * math.sqrt(compared.max()) + 64))
        seeds = np.array(keys, np.uint64)

        def work(part: slice) -> None:
            logs = index.log_masses(points[part], left[part], sigma)
            squares = index.log_masses(points[part], left[part], sigma / math.sqrt(2))
            compare_all(
                index.images, index.across, index.channels, index.order, index.codes, index.starts, index.counts,
                index.origin, index.steps, index.centres, points[part], left[part], float(max(1, index.others)), logs,
                squares, queries[part], sigma, seen[part], compared[part], EVENLY, TEMPER, seeds[part],
                np.empty(leaves), np.empty(leaves), np.empty((2, room), np.float32), np.empty((2, room), np.int64),
                np.empty((most, 3 + index.channels)), result[part],
            )  # fmt: skip

        parts = [slice(first, first + QUERIES) for first in range(0, len(queries), QUERIES)]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(work, parts))
        return result

    def _rows(self, images: torch.Tensor) -> Array:
        """Images (n, c, h, w) as (n, rows, columns * channels), wrapped round where the border is."""
        r = self.radius if self.circular else 0
        padded = torch.nn.functional.pad(images, (r, r, r, r), mode="circular") if r else images
        return padded.permute(0, 2, 3, 1).flatten(2).contiguous().numpy()

    def _index(self, data: torch.Tensor) -> WindowIndex:
        """The index of the data, made again where they were changed."""
        version = None if data.is_inference() else data._version  # noqa: SLF001
        key = (data.data_ptr(), tuple(data.shape), version)
        if self._kept[0] != key:
            n, (rows, columns) = len(data), (part.stop - part.start for part in self.inside)
            components = min(COMPONENTS, data.shape[1] * self.exact.size**2)
            need = 2 * data.numel() * data.itemsize + n * rows * columns * (2 * (components + 1) + 8)
            fits("data", need, available_memory(), f"the index of the windows of {n} images", SHORT_OF_MEMORY)
            self._kept = key, window_index(data, self.exact.size, self.circular, self.seed)
        index = self._kept[1]
        assert index is not None
        return index
