"""The equivariant local optimum at real size: leaves of windows that matter are read, of the others a sample, and
the error is measured.

Fifty thousand images hold 10^7 to 10^8 windows, and each window of a noisy image has a posterior over all of them. A
`WindowIndex` tells roughly how much weight each of its leaves will carry. Each leaf is read with a probability pi that
grows with that weight: those expected to matter surely, of the others a sample, which stands for all of them (Horvitz
and Thompson). With W the sum of the weights in a leaf and V their mean centre,

    D = sum W V / pi / sum W / pi,      Var D = sum (1 - pi) / pi^2 (W (V - D))^2 / (sum W / pi)^2.

A variance knows nothing of leaves that were not read. So the error is measured: of the windows q of an image m are
drawn again, with probabilities p that grow with their variance, and for these many more leaves are read. From their
errors follows that of the image, whatever the weights are like,

    sum_q |D_q - exact_q|^2 = 1/m sum_j |D_j - exact_j|^2 / p_j,

and the variances of all windows are scaled to it. What m windows cannot show is an error that less than one in m has:
that a leaf was overlooked which matters as much as those that were read. With h = sum (W / sum W)^2, 1 / h leaves
matter in a window; of m / h in m windows like it none was overlooked, so that one is with a probability of h / m at
most. It moves D by h s, s^2 being the smaller of sigma^2 and the variance of the data: (1 / h) (h / m) (h s)^2 is added
to the variance, which is little unless few windows carry the weight.

Windows at the border are few: they are compared exactly, and so are images for which a sample would cost as much.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from ..._support.memory import available_memory, fits
from ..._support.streams import stream, stream_seed
from ..._support.types import Array
from .all_locations import AllLocations
from .slopes import Slopes
from .survey import survey
from .window_index import COMPONENTS, LeafMasses, WindowIndex, window_index
from .windows import SHORT_OF_MEMORY, PackedImages, Windows

AFFORDABLE = 2**31
"""Pairs of windows in one image up to which all of them are compared: a few seconds of one core."""

SHARES = (1 / 32, 1 / 8)
"""The share of the leaves that is read for each window, at first and where the error is too large."""

SHARE_AGAIN = 1 / 8
"""The share of the leaves that is read where the error is measured: its own error is measured along with it."""

COMPARED, COMPARED_AGAIN = 256, 1024
"""Windows that are compared by their pixels, for each window of the image, and where its error is measured."""

MEASURED = 192
"""Windows of an image of which the error is measured."""

READING = 2.5
"""What reading a code costs, in units of a pair of the exact engine."""

ROUNDING = 1e-3
"""Error of a log weight up to which float32 will do."""

QUERIES = 288
"""Windows at most whose leaves are read in one pass over the index; there is an even number of passes, whatever the
number of threads."""


@dataclass(frozen=True)
class LocalEstimate:
    """A local optimum and how well it is known.

    Parameters
    ----------
    mean : tensor (batch, channels, height, width)
        The posterior mean.
    stderr : tensor (batch, channels, height, width), float64
        Its standard error, measured on some of the pixels; 0 where all windows were compared.
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
        self.slopes: Slopes | None = exact.slopes
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
        self._masses: tuple[object, float, LeafMasses | None] = None, 0.0, None

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
                    mean[todo], low[todo] = self.border(x[todo], sigma[todo], data)[:2]
            for b in todo.tolist():
                exact[b] = not self._sample(index, x[b], levels[b], mean[b], variance[b], low[b])
        if bool(exact.any()):
            mean[exact], low[exact] = self.exact.fast(x[exact], sigma[exact], data)[:2]
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
        channels, goal = len(x), 0.0
        queries = index.windows(self._rows(x[None].double())[0].astype(index.images.dtype))
        places = mean[:, *self.inside].shape
        again: Array | None = None
        truth = chances = np.empty(0)
        for attempt, share in enumerate(SHARES):
            rows = share * len(queries) + (SHARE_AGAIN * MEASURED if again is None else 0)
            if READING * rows * len(index.order) > self.pairs:
                return False
            found = self._survey(index, queries, np.arange(len(queries)), sigma, share, attempt)
            if float(found[:, -2].max()) / sigma**2 * np.finfo(index.images.dtype).eps > ROUNDING:
                return False
            hidden = found[:, -1:] ** 2 * np.minimum(sigma**2, index.spread) / MEASURED
            if again is None:
                again, chances = self._drawn(found[:, channels : 2 * channels].sum(1) + hidden.sum(1))
                truth = self._survey(index, queries, again, sigma, SHARE_AGAIN, len(SHARES))
            value, spread = found[:, :channels], _scaled(found, truth, again, chances)
            value[again], spread[again] = truth[:, :channels], truth[:, channels : 2 * channels]
            spread = spread + hidden
            mean[:, *self.inside] = torch.from_numpy(value.T.reshape(places)).to(mean.dtype)
            variance[:, *self.inside] = torch.from_numpy(spread.T.reshape(places))
            low[self.inside] = torch.from_numpy(found[:, -2].reshape(places[1:]))
            goal = self.tolerance * float(mean.double().norm())
            if math.sqrt(spread.sum()) <= goal:
                return True
        return False

    def _drawn(self, variance: Array) -> tuple[Array, Array]:
        """Windows whose error is measured, and the expected number of times that each was drawn."""
        total = float(variance.sum())
        even = np.full(len(variance), 1 / len(variance))
        chances = 0.5 * even + 0.5 * variance / total if total > 0 else even
        drawn = stream(self.seed, "windows read again").choice(len(chances), min(MEASURED, len(chances)), p=chances)
        return drawn, chances[drawn]

    def _survey(self, index: WindowIndex, queries: Array, some: Array, sigma: float, share: float, draw: int) -> Array:
        """What `survey` finds for some of the queries, (some, 2 * channels + 2)."""
        windows = queries[some]
        projected, masses = index.project(windows), self._masses_of(index, sigma)
        result = np.empty((len(some), 2 * index.channels + 2))
        seeds = np.array([stream_seed(self.seed, "leaves read", q, draw) for q in some.tolist()], np.uint64)
        most = COMPARED_AGAIN if draw == len(SHARES) else COMPARED

        def work(part: slice) -> None:
            points, constants, lefts = projected
            inside = points[part], constants[part], lefts[part]
            result[part] = survey(index, masses, windows[part], inside, sigma, share, seeds[part], most)

        edges = np.linspace(0, len(some), 2 * math.ceil(len(some) / (2 * QUERIES)) + 1).astype(int)
        parts = [slice(first, last) for first, last in pairwise(edges) if first < last]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(work, parts))
        return result

    def _masses_of(self, index: WindowIndex, sigma: float) -> LeafMasses:
        """The model of the leaves at one noise level, kept for the next image at the same one."""
        of, level, masses = self._masses
        if masses is None or of is not index or level != sigma:
            masses = index.masses(sigma)
            self._masses = index, sigma, masses
        return masses

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
            need = 2 * data.numel() * data.itemsize + n * rows * columns * (
                2 * (components + 1) + 8 + 4 * data.shape[1]
            )
            fits("data", need, available_memory(), f"the index of the windows of {n} images", SHORT_OF_MEMORY)
            self._kept = key, window_index(data, self.exact.size, self.circular, self.seed)
        index = self._kept[1]
        assert index is not None
        return index


def _scaled(found: Array, truth: Array, again: Array, chances: Array) -> Array:
    """The variances (windows, channels), scaled to the error measured on the windows `again`, and its own error."""
    channels = truth.shape[1] // 2 - 1
    squares = ((found[again, :channels] - truth[:, :channels]) ** 2).sum(1) / chances
    measured = squares.mean() + squares.std() / math.sqrt(len(squares))
    variance = found[:, channels : 2 * channels]
    total = float(variance.sum())
    return variance * (measured / total) if total > 0 else np.full_like(variance, measured / variance.size)
