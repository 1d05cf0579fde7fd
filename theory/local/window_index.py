"""All windows of all images in the leaves of a tree, with what is needed to tell how much weight a leaf will carry.

The windows are projected on their first principal components and their middle, and halved along the widest of them
until a leaf holds about `LEAF` windows. From counts, means and variances in a leaf follows the sum of the weights
exp(-|q - y|^2 / 2 sigma^2) of its windows y for any window q, if they are normally distributed: a model that decides
which leaves are read, and serves as a control of the sampling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ..._support.streams import stream
from ..._support.types import Array
from . import _index_kernels

# numba's functions have no types that a checker could read.
descend: Callable[..., None] = _index_kernels.descend
encode: Callable[..., None] = _index_kernels.encode
sort: Callable[..., None] = _index_kernels.sort
arrange: Callable[..., None] = _index_kernels.arrange

COMPONENTS = 47
LEAF = 512
LARGEST: int = _index_kernels.LARGEST
"""Leaves of more windows, such as those of equal ones, are split anyhow."""

DEEPEST = 16
SAMPLE = 32
"""Windows for each leaf that the tree is grown from."""

COVARIANCE = 200_000
"""Windows of which the covariance is taken."""

REACH = 10
"""Standard deviations of a leaf up to which its codes tell windows apart; cut off at 5, they moved the mean."""

CHUNK = 128
"""Images that are projected at once."""


@dataclass(frozen=True)
class WindowIndex:
    """The windows of `size` x `size` pixels inside images (n, rows, columns * channels), leaf by leaf."""

    images: Array
    channels: int
    size: int
    centre: Array
    """Mean of each channel (channels,)."""
    basis: Array
    """Principal components (size * size * channels, components) of windows about `centre`."""
    regression: Array
    """What is expected of a window for each of its projections (size * size * channels, components)."""
    order: Array
    """Numbers of the windows (image by image, row by row) in the order of their leaves."""
    codes: Array
    """Their projections relative to the mean of the leaf, and the root of what is left, in units of `steps`, as one
    row (components + 1, windows) per leaf."""
    middles: Array
    """The pixels in the middle of the windows, as one row (channels, windows) per leaf, in float32."""
    starts: Array
    """Where each leaf begins in `order` (leaves + 1,)."""
    counts: Array
    steps: Array
    origin: Array
    """The means that the codes start from (leaves, components)."""
    mean: Array
    """Of the projections in each leaf (leaves, components)."""
    variance: Array
    rest: Array
    """Mean square of what the components leave, for each of the other directions (leaves,)."""
    centres: Array
    """Mean of the pixels in the middle of the windows of each leaf (leaves, channels)."""

    @property
    def across(self) -> int:
        """Number of windows in a row of an image."""
        return self.images.shape[2] // self.channels - self.size + 1

    def windows(self, image: Array) -> Array:
        """The windows of one image (rows, columns * channels), (windows, size, size * channels)."""
        length = self.size * self.channels
        view = np.lib.stride_tricks.sliding_window_view(image, (self.size, length))[:, :: self.channels]
        return np.ascontiguousarray(view.reshape(-1, self.size, length))

    def project(self, queries: Array) -> tuple[Array, Array, Array]:
        """Of windows q (queries, size, size * channels), so that q y = points p + r s for the windows y of the images,
        p being their projections and s what they leave, as far as p does not tell it: points, |q|^2 - |points|^2, |r|.
        """
        flat = queries.reshape(len(queries), -1) - np.tile(self.centre, self.size**2)
        squares, points = (flat**2).sum(1), flat @ self.regression
        left = squares - ((flat @ self.basis) ** 2).sum(1)
        return points, squares - (points**2).sum(1), np.sqrt(np.maximum(left, 0))

    @property
    def others(self) -> int:
        """Number of directions that the components leave."""
        return self.channels * self.size**2 - self.basis.shape[1]

    def masses(self, sigma: float) -> LeafMasses:
        """The model of the sums of the weights in all leaves at one noise level."""
        wide, rest = sigma**2 + self.variance, sigma**2 + self.rest
        offset = np.log(np.maximum(self.counts, 1)) - 0.5 * np.log(wide / sigma**2).sum(1)
        offset -= 0.5 * self.others * np.log(rest / sigma**2) + 0.5 * (self.mean**2 / wide).sum(1)
        offset[self.counts == 0] = -np.inf
        factors = np.concatenate([1 / wide, self.mean / wide, 1 / rest[:, None]], 1)
        return LeafMasses(factors.T.astype(np.float32), offset.astype(np.float32))


@dataclass(frozen=True)
class LeafMasses:
    """Modelled log sums of the weights in the leaves: linear in what a window's projections give."""

    factors: Array
    offset: Array

    def __call__(self, points: Array, left: Array) -> Array:
        """(queries, leaves), for windows projected."""
        parts = np.concatenate([-0.5 * points**2, points, -0.5 * left[:, None] ** 2], 1)
        return parts.astype(np.float32) @ self.factors + self.offset


def window_index(data: torch.Tensor, size: int, circular: bool, seed: int) -> WindowIndex:
    """The index of images (n, channels, height, width); the tree is grown from a part of them that `seed` draws."""
    radius, (n, channels) = size // 2, data.shape[:2]
    kind = torch.promote_types(data.dtype, torch.float32)
    dtype = np.float64 if kind == torch.float64 else np.float32
    side = [length + (2 * radius if circular else 0) for length in data.shape[2:]]
    images = np.empty((n, side[0], side[1] * channels), dtype)
    for target, part in zip(_chunks(images), data.detach().split(CHUNK), strict=True):
        if circular and radius:
            part = torch.nn.functional.pad(part, (radius,) * 4, mode="circular")
        target[:] = part.permute(0, 2, 3, 1).reshape(target.shape).to(kind).numpy()
    centre = data.detach().double().mean((0, 2, 3)).numpy()
    places = (side[0] - size + 1) * (side[1] - size + 1)
    depth = int(min(DEEPEST, max(0, round(math.log2(n * places / LEAF)))))
    drawn = stream(seed, "images of the index").permutation(n)
    basis, regression = _components(images[drawn[: max(1, COVARIANCE // places)]], channels, size, centre)
    p, leaves = basis.shape[1], 2**depth
    some = images[np.sort(drawn[: -(-SAMPLE * leaves // places)])]
    grown = np.concatenate([_projected(part, channels, size, centre, basis)[0] for part in _chunks(some)])
    dimensions, cuts = _tree(grown, depth)
    some_rest = np.concatenate([_projected(part, channels, size, centre, basis)[1] for part in _chunks(some)])
    counts, sums = np.zeros(leaves, np.int64), np.zeros((leaves, 2 * p + 1 + channels))
    descend(
        grown,
        some_rest,
        np.zeros((len(grown), 0), dtype),
        depth,
        dimensions,
        cuts,
        np.empty(len(grown), np.int32),
        counts,
        sums,
    )
    origin = sums[:, :p] / np.maximum(counts, 1)[:, None]
    spread = np.sqrt(np.maximum(sums[:, p : 2 * p] / np.maximum(counts, 1)[:, None] - origin**2, 0).max(1))
    longest = np.sqrt(sums[:, 2 * p] / np.maximum(counts, 1))
    usual = [
        np.maximum(part, np.median(part) / 4) for part in (spread, longest)
    ]  # not every leaf shows all in a sample
    steps = np.maximum(np.stack([REACH * usual[0], 3 * usual[1]], 1) / 127, 1e-12)

    counts[:], sums[:] = 0, 0
    codes = np.empty((n * places, p + 1), np.int8)
    code_chunks = _chunks(codes.reshape(n, places, p + 1))
    leaf = np.empty(n * places, np.int32)
    for parts, mine, code in zip(_chunks(images), _chunks(leaf.reshape(n, places)), code_chunks, strict=True):
        points, rest = _projected(parts, channels, size, centre, basis)
        middle = parts.reshape(len(parts), side[0], side[1], channels)[
            :, radius : side[0] - radius, radius : side[1] - radius
        ]
        found = mine.reshape(-1)
        descend(points, rest, middle.reshape(-1, channels), depth, dimensions, cuts, found, counts, sums)
        encode(points, rest, found, origin, steps, code.reshape(-1, p + 1))
    order = np.empty(n * places, np.uint32 if n * places < 2**32 else np.int64)
    sort(leaf, np.concatenate([[0], counts.cumsum()]), order)
    average = sums / np.maximum(counts, 1)[:, None]
    variance = np.maximum(average[:, p : 2 * p] - average[:, :p] ** 2, 0)
    others = channels * size**2 - p
    rest = np.maximum(average[:, 2 * p], 0) / max(1, others)
    pieces = np.maximum(1, -(-counts // LARGEST))
    first = np.concatenate([[0], pieces.cumsum()[:-1]]).repeat(pieces)
    part, of = np.arange(len(first)) - first, pieces.repeat(pieces)
    whole = counts.repeat(pieces)
    counts = whole * (part + 1) // of - whole * part // of
    starts = np.concatenate([[0], counts.cumsum()])
    sorted_codes, middles = np.empty(codes.size, np.int8), np.empty(n * places * channels, np.float32)
    arrange(images, side[1] - size + 1, size, channels, order, starts, codes, sorted_codes, middles)
    facts = (steps, origin, average[:, :p], variance, rest, average[:, 2 * p + 1 :])
    return WindowIndex(
        images, channels, size, centre, basis, regression, order, sorted_codes, middles, starts, counts,
        *(fact.repeat(pieces, 0) for fact in facts),
    )  # fmt: skip


def _tree(points: Array, depth: int) -> tuple[Array, Array]:
    """The dimension and the cut of each node: the median of the widest direction of the points (n, components) in it.

    Node k has the children 2 k + 1 and 2 k + 2; below its cut along its dimension a window goes to the first.
    """
    n, order = len(points), np.arange(len(points))
    dimensions, cuts = np.zeros(2**depth - 1, np.int64), np.zeros(2**depth - 1, np.float32)
    for level in range(depth):
        for node in range(2**level):
            first, middle, last = (n * half // 2 ** (level + 1) for half in range(2 * node, 2 * node + 3))
            inside = points[order[first:last]]
            widest = int(inside.var(0).argmax())
            ranks = inside[:, widest].argpartition(middle - first)
            order[first:last] = order[first:last][ranks]
            dimensions[2**level - 1 + node] = widest
            cuts[2**level - 1 + node] = inside[ranks[middle - first], widest]
    return dimensions, cuts


def _chunks(array: Array) -> Iterator[Array]:
    for first in range(0, len(array), CHUNK):
        yield array[first : first + CHUNK]


def _components(images: Array, channels: int, size: int, centre: Array) -> tuple[Array, Array]:
    """(window, components): the first principal components of the windows of some images, and the pixel in the middle
    as far as it lies outside of them, whose mean is asked for; and C B (B^T C B)^-1, of the covariance C and these B.
    """
    length = channels * size**2
    covariance = torch.zeros(length, length, dtype=torch.float64)
    for part in _chunks(images):
        maps = torch.from_numpy(part).reshape(len(part), part.shape[1], -1, channels).permute(0, 3, 1, 2)
        windows = torch.nn.functional.unfold(maps.double() - torch.from_numpy(centre)[:, None, None], size)
        flat = windows.mT.reshape(-1, channels, size**2).mT.reshape(-1, length)
        covariance += flat.T @ flat
    covariance /= covariance.trace().clamp(min=1e-300)
    basis = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :COMPONENTS]
    if length > COMPONENTS > channels:
        middle = torch.eye(length, dtype=torch.float64)[:, size**2 // 2 * channels :][:, :channels]
        basis = torch.linalg.qr(torch.cat([basis[:, : COMPONENTS - channels], middle], 1)).Q
    along = covariance @ basis
    inside = basis.T @ along
    left = along - basis @ inside
    return basis.numpy(), (basis + left @ torch.linalg.pinv(inside, rtol=1e-10, hermitian=True)).numpy()


def _projected(images: Array, channels: int, size: int, centre: Array, basis: Array) -> tuple[Array, Array]:
    """Projections of all windows (windows, components) in float32, and the square of what they leave."""
    maps = torch.from_numpy(images).reshape(len(images), images.shape[1], -1, channels).permute(0, 3, 1, 2)
    maps = (maps.double() - torch.from_numpy(centre)[:, None, None]).float()
    filters = torch.from_numpy(basis).float().T.reshape(-1, size, size, channels).permute(0, 3, 1, 2)
    points = torch.nn.functional.conv2d(maps, filters.contiguous()).permute(0, 2, 3, 1).reshape(-1, basis.shape[1])
    squares = torch.nn.functional.avg_pool2d(maps.square().sum(1, keepdim=True), size, 1, divisor_override=1)
    rest = (squares.flatten() - points.square().sum(1)).clamp(min=0)
    return points.contiguous().numpy(), rest.numpy()
