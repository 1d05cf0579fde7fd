"""The equivariant local optimum at real size: leaves of windows that matter are read, of the others a sample, and
the error is measured.

Fifty thousand images hold 10^7 to 10^8 windows, and each window of a noisy image has a posterior over all of them. A
`WindowIndex` tells roughly how much weight each of its leaves will carry. Each leaf is read with a probability pi that
grows with that weight: those expected to matter surely, of the others a sample, which stands for all of them (Horvitz
and Thompson). With W the sum of the weights in a leaf and V their mean centre,

    D = sum W V / pi / sum W / pi,      Var D = sum (1 - pi) / pi^2 (W (V - D))^2 / (sum W / pi)^2.

A variance knows nothing of leaves that were not read, nor of what the codes of their windows leave out. So the error is
measured: some windows q of an image are read again, with probabilities p that grow with their standard errors, and for
these many more leaves are read, and many more windows compared. From their errors follows that of the windows that were
not read again, whatever the weights are like,

    sum_(q not again) |D_q - exact_q|^2 = sum_(q again) (1 - p) / p |D_q - exact_q|^2,

and their variances are scaled to it. Where it is too large, those that matter most are read again as well.
What m windows cannot show is an error that less than one in m has: that a leaf was overlooked which matters as much as
those that were read. With h = sum (W / sum W)^2, 1 / h leaves matter in a window; of m / h in m windows like it none
was overlooked, so that one is with a probability of h / m at most, and less where more was read. It moves D by h s,
with s^2 the variance between the leaves of a window, averaged over the image: (1 / h) (h / m) (h s)^2 is added to the
variance, which is little unless few windows carry the weight.

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

SHARES = (1 / 64, 1 / 16)
"""The share of the leaves that is read for each window, where no window rests on few leaves, and otherwise."""

TRIED, FLAT = 16, 1e-3
"""Windows of an image on which the smaller share is tried, and the largest sum (W / sum W)^2 with which it will do."""

DEEPER = 4
"""That many times as many leaves are read for windows that are read again."""

COMPARED, COMPARED_AGAIN = 1024, 4096
"""Windows that are compared by their pixels, for each window of the image, and for those that are read again."""

AGAIN, FEWEST = 1 / 12, 96
"""The share of the windows that is read again, and again if the error is too large; that many at least."""

ATTEMPTS = 5
"""Times that windows are read again before all of them are compared."""

READING = 1.5
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
        channels, places = len(x), mean[:, *self.inside].shape
        queries = index.windows(self._rows(x[None].double())[0].astype(index.images.dtype))
        n = len(queries)
        part = min(n, max(FEWEST, round(AGAIN * n)))
        if READING * SHARES[1] * (n + DEEPER * part) * len(index.order) > self.pairs:
            return False
        share = self._share(index, queries, sigma)
        found = self._survey(index, queries, np.arange(n), sigma, share, 0)
        if float(found[:, -2].max()) / sigma**2 * np.finfo(index.images.dtype).eps > ROUNDING:
            return False
        low[self.inside] = torch.from_numpy(found[:, -2].reshape(places[1:]))

        def variances(some: Array, windows: float) -> tuple[Array, Array]:
            return some[:, channels : 2 * channels], some[:, -1:] ** 2 * typical / windows

        value, typical = found[:, :channels].copy(), found[:, 2 * channels : 3 * channels].mean(0)
        spread, hidden = variances(found, part)
        expected, squares = spread.sum(1), np.zeros(n)
        chances = _chances(np.sqrt(expected + hidden.sum(1)), part)
        drawn = stream(self.seed, "windows read again").random(n) < chances
        todo, again, sample = drawn, np.zeros(n, bool), drawn
        for _ in range(ATTEMPTS):
            better = self._survey(index, queries, np.flatnonzero(todo), sigma, min(1, DEEPER * share), 1)
            if not np.isfinite(better[:, -2]).all():
                return False
            squares[todo] = ((better[:, :channels] - value[todo]) ** 2).sum(1)
            value[todo] = better[:, :channels]
            spread[todo], hidden[todo] = variances(better, DEEPER * part)
            again |= todo
            factor = np.where(again, 1, _scale(squares[sample], chances[sample], expected[~again]))
            scaled = spread * factor[:, None] + hidden
            mean[:, *self.inside] = torch.from_numpy(value.T.reshape(places)).to(mean.dtype)
            variance[:, *self.inside] = torch.from_numpy(scaled.T.reshape(places))
            if math.sqrt(scaled.sum()) <= self.tolerance * float(mean.double().norm()):
                return True
            rest = np.sort(expected[~again])[::-1]
            if not len(rest):
                break
            least = rest[min(len(rest) - 1, part)]
            todo, sample = ~again & (expected >= least), drawn & (expected < least)
        return False

    def _share(self, index: WindowIndex, queries: Array, sigma: float) -> float:
        """The share of the leaves to read: the smaller one where it keeps half the tolerance on some windows, none of
        which depends on single leaves."""
        some, channels = np.arange(0, len(queries), -(-len(queries) // TRIED)), index.channels
        found = self._survey(index, queries, some, sigma, SHARES[0], 2)
        error = math.sqrt(float(found[:, channels : 2 * channels].sum()))
        enough = error <= 0.5 * self.tolerance * np.linalg.norm(found[:, :channels])
        return SHARES[0] if enough and found[:, -1].max() <= FLAT else SHARES[1]

    def _survey(self, index: WindowIndex, queries: Array, some: Array, sigma: float, share: float, draw: int) -> Array:
        """What `survey` finds for some of the queries, (some, 3 * channels + 2)."""
        windows = queries[some]
        projected, masses = index.project(windows), self._masses_of(index, sigma)
        result = np.empty((len(some), 3 * index.channels + 2))
        seeds = np.array([stream_seed(self.seed, "leaves read", q, draw) for q in some.tolist()], np.uint64)
        most = COMPARED_AGAIN if draw == 1 else COMPARED

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


def _chances(scale: Array, number: float) -> Array:
    """Probabilities of sum `number`: half of it even, the rest proportional to `scale`, none above 1."""
    if number >= len(scale):
        return np.ones(len(scale))
    even, scale = 0.5 * number / len(scale), scale + 1e-3 * scale.mean() + 1e-300
    low, high = 0.0, 1 / float(scale.min())
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.minimum(1, even + middle * scale).sum() < number else (low, middle)
    return np.minimum(1, even + high * scale)


def _scale(squares: Array, chances: Array, expected: Array) -> float:
    """Squared error of windows that were not read again, from those that were, over the `expected` one; its own error
    is added."""
    rest, parts = float(expected.sum()), (1 - chances) / chances * squares
    if not len(squares) or not rest > 0:
        return 1.0
    return (float(parts.sum()) + math.sqrt(float(((1 - chances) * parts**2).sum()))) / rest
