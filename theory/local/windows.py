"""Posterior means of the centres of windows over all training images, on the processor.

Everything is done by direct comparison: in float32 a pair of windows costs one to two nanoseconds, whatever their
size. Its log weight has an error of about eps e / sigma^2, e being half the squared distance, or, with the squares
multiplied out, of eps (|x| R + R^2 / 2) / sigma^2 for windows of norm R at most; each image takes the form with the
smaller one. Where it exceeds TOLERANCE, the windows that carry weight are compared again in float64. Groups of
images that are all alike in a window count as one, with its multiplicity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product, repeat
from typing import TypeAlias

import numpy as np
import torch

from ..._support import progress
from ..._support.memory import available_memory, fits
from ..._support.types import Array
from ..empirical.weighted_sums import inverse_square, safe_norm
from . import _kernels

# numba's functions have no types that a checker could read.
add_windows: Callable[..., None] = _kernels.add_windows
add_usual: Callable[..., None] = _kernels.add_usual
LANES: int = _kernels.LANES

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-11}
"""Accepted rounding of a log weight: it moves a mean by at most half of the spread of what is averaged times this."""

SHORT_OF_MEMORY = "pass fewer or smaller images, in float32 where they are float64, or free memory"

TRIED = 1024
"""Images by which one tells what a blank pixel is, and images that are compared with it at once."""

WINDOW = 60.0
"""Groups of windows below exp(-WINDOW) of the largest weight are left out."""

PAIRS = 2**31
"""Pairs of windows that one call of the kernel compares; between calls an interrupt is noticed."""


Posterior: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Means like x and, in float64, the lowest energies (batch, height, width), the sums of the weights relative to them,
and the means again."""


class PackedImages:
    """Images (n, c, h, w) as the kernel reads them, (groups, c, h, w, LANES); packed again where they were changed."""

    def __init__(self) -> None:
        self._kept: dict[torch.dtype, tuple[object, torch.Tensor, Array]] = {}

    def __call__(self, data: torch.Tensor, dtype: torch.dtype) -> tuple[object, torch.Tensor, Array]:
        """What tells these data from others, their order, and the packed images."""
        version = None if data.is_inference() else data._version  # noqa: SLF001
        key = (data.data_ptr(), tuple(data.shape), version, dtype)
        if dtype not in self._kept or self._kept[dtype][0] != key:
            order = order_by_blanks(data)
            self._kept[dtype] = key, order, packed(data, dtype, order)
        return self._kept[dtype]


def usual_image(data: torch.Tensor) -> torch.Tensor:
    """What most of the first images have in each pixel: blank is what is like it."""
    return data.detach()[:TRIED].median(0).values


def order_by_blanks(data: torch.Tensor) -> torch.Tensor:
    """The images in an order in which those with the same blank rows and columns form groups, which then vary in fewer
    windows. Blank are the pixels that are as in most images; without such rows and columns the order stays.

    Groups that are alike do not follow each other: coming closer by and by would cost more than the nearest at once.
    """
    usual = usual_image(data)
    differ = ((part != usual).numpy() for part in data.detach().split(TRIED))
    ink = np.concatenate([np.hstack([part.any((1, 3)), part.any((1, 2))]) for part in differ])

    def halved(some: Array) -> list[Array]:
        shares = ink[some].mean(0)
        row = int(np.abs(shares - 0.5).argmin())
        if len(some) <= LANES or shares[row] in (0, 1):
            return [some]
        some, groups = some[np.argsort(ink[some, row], kind="stable")], -(-len(some) // LANES)
        first = (groups + 1) // 2 * LANES
        return halved(some[:first]) + halved(some[first:])

    found = np.concatenate(halved(np.arange(len(data))))
    full = len(data) // LANES
    if full and not (np.diff(found) == 1).all():
        mixed = np.argsort(np.arange(full) * (math.sqrt(5) - 1) / 2 % 1)
        found[: full * LANES] = found[: full * LANES].reshape(full, LANES)[mixed].flatten()
    return torch.from_numpy(found)


def packed(data: torch.Tensor, dtype: torch.dtype, order: torch.Tensor) -> Array:
    """Images (n, c, h, w) in this order as (groups, c, h, w, LANES), the last group filled up by its first image."""
    shape = (-(-len(data) // LANES), *data.shape[1:], LANES)
    what = f"the copy of {len(data)} images that the local optimum reads"
    fits("data", math.prod(shape) * dtype.itemsize, available_memory(), what, SHORT_OF_MEMORY)
    groups = np.empty(shape, str(dtype).removeprefix("torch."))
    for group, part in zip(groups, order.split(LANES), strict=True):
        group[..., : len(part)] = data.detach()[part].permute(1, 2, 3, 0).to(dtype).numpy()
        group[..., len(part) :] = group[..., :1]
    return groups


def unpacked(groups: Array, n: int) -> torch.Tensor:
    """The first n of the images."""
    return torch.from_numpy(groups).movedim(4, 1).flatten(0, 1)[:n]


@dataclass(frozen=True)
class Facts:
    """What is known of packed images: which windows of a group are not those of the usual image in all of it
    (groups, h, w), this image (c, h, w, 1), how many images have its windows in all of their group (h, w), the mean of
    each channel, and the largest norm of a window."""

    varied: Array
    usual: Array
    often: Array
    centre: Array
    reach: float


@dataclass(frozen=True)
class Plan:
    """What the kernels read: the packed images, their order, which of their windows vary, the points in the precision
    of the images and in float64, their 1 / sigma^2, norms and form of the energy, and which windows are compared."""

    images: Array
    order: torch.Tensor
    varied: Array
    n: int
    centre: Array
    points: Array
    exact: Array
    rate: Array
    norms: Array
    expanded: Array
    tasks: Array
    radius: int
    circular: bool

    @cached_property
    def shares(self) -> list[tuple[slice, Array]]:
        """What each thread does: some of the images or, where they do not divide, some of the rows of all."""
        batch, _, height, _ = self.points.shape
        threads = torch.get_num_threads()
        if batch % threads == 0:
            each = batch // threads
            return [(slice(k * each, (k + 1) * each), self.tasks) for k in range(threads)]
        edges = np.linspace(0, height, threads + 1).astype(int)
        bands = [_band(self.tasks, first, last) for first, last in pairwise(edges)]
        return [(slice(0, batch), band) for band in bands if len(band)]

    def parts(self, size: int) -> Iterator[tuple[torch.Tensor, Plan]]:
        """The same for up to `size` groups of images at a time, and which images these are."""
        for first in range(0, len(self.images), size):
            some, n = slice(first, first + size), min(self.n - first * LANES, size * LANES)
            part = replace(self, images=self.images[some], varied=self.varied[some], n=n)
            yield self.order[first * LANES : first * LANES + n], part

    @property
    def limit(self) -> float:
        """The largest log weight whose rounding does not matter."""
        return TOLERANCE[self.dtype] / torch.finfo(self.dtype).eps

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the images."""
        return torch.from_numpy(self.points).dtype

    def run(
        self,
        kernel: Callable[..., None],
        window: float,
        per_point: tuple[Array, ...],
        per_share: tuple[Array, ...] = (),
        per_image: tuple[Array, ...] = (),
        more: tuple[int, ...] = (),
    ) -> None:
        """Call a kernel over windows for all images.

        It gets the rows of a share of `per_point` (batch, ...) and of `per_share` (shares, batch, ...), of `per_image`
        (shares or 1, groups, ...) the groups or none, and `more` work space than `add_windows`: so many columns each.
        """
        kind, width = self.images.dtype, self.points.shape[3]
        columns = width + 2 * self.radius
        pairs = len(self.points) * LANES * int((self.tasks[:, 2] * self.tasks[:, 5]).sum())
        step = max(1, PAIRS // max(1, pairs))
        options = self.radius, self.circular, self.centre.astype(kind), window, self.limit
        arrays = self.points, self.exact, self.rate, self.norms, self.expanded, *per_point

        def work(k: int, first: int) -> None:
            rows, tasks = self.shares[k]
            lengths = (2 * self.radius + 1) * columns, columns, width, 1, *more
            scratch = [np.empty(length * LANES, kind) for length in lengths]
            mine = [part[rows] for part in arrays] + [part[k][rows] for part in per_share]
            part = slice(first, first + step)
            mine += [array[k % len(array)][part] for array in per_image]
            left = self.n - first * LANES
            kernel(self.images[part], self.varied[part], left, tasks, *options, *mine, *scratch, np.empty(LANES))

        count = len(self.shares)
        with _compiling(kernel), ThreadPoolExecutor(count) as pool:
            for first in range(0, len(self.images), step):
                if count == 1:
                    work(0, first)
                else:
                    list(pool.map(work, range(count), repeat(first)))


class Windows:
    """Windows of (2 radius + 1)^2 pixels, compared with those at their own place or, `everywhere`, at all places."""

    def __init__(
        self, height: int, width: int, radius: int, circular: bool, everywhere: bool, packed: PackedImages
    ) -> None:
        self.radius: int = radius
        self.circular: bool = circular
        self._packed = packed
        axes = [_pairs(length, radius, circular) if everywhere else [(0, 0, length)] for length in (height, width)]
        self.tasks: Array = np.array([rows + columns for rows, columns in product(*axes)])
        self._known: tuple[object, Facts] | None = None

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Posterior:
        """The posterior means at x (batch, channels, height, width)."""
        plan, facts = self._planned(x, sigma, data)
        low = np.full((len(x), *x.shape[2:]), np.inf)
        total, moment, origin = np.zeros_like(low), np.zeros(tuple(x.shape)), np.zeros(tuple(x.shape))
        sums, offsets = (low, total, moment, origin), self.offsets(plan)
        if facts.often.any():
            settled = self.tasks, self.radius, self.circular, plan.exact, plan.rate, plan.norms
            with _compiling(add_usual):
                add_usual(facts.usual, facts.often, *settled, *sums, np.empty(1))
        low -= offsets.numpy()
        plan.run(add_windows, WINDOW, sums)
        mean = torch.from_numpy(moment / total[:, None] + origin)
        lowest = torch.from_numpy(low) + offsets
        return mean.to(x.dtype, copy=True), lowest, torch.from_numpy(total), mean

    def plan(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Plan:
        """How the windows of x (batch, channels, height, width) are compared with those of `data`."""
        return self._planned(x, sigma, data)[0]

    def _planned(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> tuple[Plan, Facts]:
        dtype = torch.promote_types(torch.promote_types(x.dtype, data.dtype), torch.float32)
        key, order, images = self._packed(data, dtype)
        if self._known is None or self._known[0] != key:
            self._known = key, self._facts(images, len(data))
        facts = self._known[1]
        exact = x.detach().double().contiguous()
        rate = inverse_square(sigma.detach()).contiguous()
        rate = torch.where(rate.isfinite(), rate.clamp(max=torch.finfo(dtype).max / 2), rate)
        expanded = self._expanded(exact, rate, facts) if dtype == torch.float32 else np.zeros(len(x), bool)
        norms = safe_norm(exact.flatten(1))
        points = exact.to(dtype).numpy(), exact.numpy(), rate.numpy(), norms.numpy(), expanded
        known = images, order, facts.varied, len(data), facts.centre
        return Plan(*known, *points, self.tasks, self.radius, self.circular), facts

    def offsets(self, plan: Plan) -> torch.Tensor:
        """What energies with the squares multiplied out leave out (batch, height, width)."""
        centred = np.where(plan.expanded[:, None, None, None], plan.exact - plan.centre[:, None, None], 0)
        return self._over_windows(torch.from_numpy(centred).square().sum(1)) / 2

    def _facts(self, images: Array, n: int) -> Facts:
        """What is known of the packed images, n of them."""
        usual = usual_image(unpacked(images[: -(-TRIED // LANES)], min(n, TRIED))).numpy()[..., None]
        differ = np.stack([(group != usual).any((0, 3)) for group in images])
        varied = (self._over_windows(torch.from_numpy(differ)) > 0).numpy()
        often = np.full(varied.shape[1:], n) - LANES * varied.sum(0)
        often[varied[-1]] += len(images) * LANES - n
        centre = np.mean([group.mean((1, 2, 3), dtype=np.float64) for group in images], 0)
        centre = centre.astype(images.dtype).astype(np.float64)
        largest = 0.0
        for group in images:
            squares = ((group - centre[:, None, None, None]) ** 2).sum(0)
            largest = max(largest, float(self._over_windows(torch.from_numpy(squares).permute(2, 0, 1)).max()))
        return Facts(varied, usual, often, centre, math.sqrt(largest))

    def _expanded(self, x: torch.Tensor, rate: torch.Tensor, facts: Facts) -> Array:
        """Which images have their squares multiplied out: those whose noise alone would cost more digits."""
        squares = (x - torch.from_numpy(facts.centre)[:, None, None]).square().sum(1)
        norm = self._over_windows(squares).flatten(1).amax(1).sqrt()
        noise = x.shape[1] * (2 * self.radius + 1) ** 2 / 2
        return ((norm * facts.reach + facts.reach**2 / 2) * rate < noise).numpy()

    def _over_windows(self, maps: torch.Tensor) -> torch.Tensor:
        """Sums over all windows of maps (m, h, w)."""
        r, maps = self.radius, maps.double().unsqueeze(1)
        if self.circular and r:
            maps = torch.nn.functional.pad(maps, (r, r, r, r), mode="circular")
        padding = 0 if self.circular else r
        return torch.nn.functional.avg_pool2d(maps, 2 * r + 1, 1, padding, divisor_override=1)[:, 0]


def _pairs(length: int, radius: int, circular: bool) -> list[tuple[int, int, int]]:
    """Along one axis, the (first, first of the other, count) of places whose windows the border cuts alike."""
    if circular:
        halves = [(0, s, length - s) for s in range(length)]
        return halves + [(length - s, 0, s) for s in range(1, length)]
    first, last = min(radius, length), max(min(radius, length), length - radius)
    inside = [
        (first + max(0, -s), first + max(0, s), last - first - abs(s)) for s in range(first - last + 1, last - first)
    ]
    return [(a, b, count) for a, b, count in [(0, 0, first), *inside, (last, last, length - last)] if count > 0]


def _band(tasks: Array, first: int, last: int) -> Array:
    """The part of the tasks that belongs to the rows from `first` to `last`."""
    cut = tasks.copy()
    cut[:, 0] = np.maximum(tasks[:, 0], first)
    cut[:, 1] += cut[:, 0] - tasks[:, 0]
    cut[:, 2] = np.minimum(tasks[:, 0] + tasks[:, 2], last) - cut[:, 0]
    return cut[cut[:, 2] > 0]


def _compiling(kernel: Callable[..., None]) -> AbstractContextManager[None]:
    """A note on screen while numba compiles."""
    compiled = bool(getattr(kernel, "signatures", ()))
    return progress.message("compiling a kernel of the local optimum (once)", False if compiled else None)
