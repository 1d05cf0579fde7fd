"""Softmax averages of same-location crops, for all crops of all images at once.

With d_i the squared pixel differences |x - y_i|^2 / 2, summed over channels, the energies of all crops are
A d_i B^T: A (rows of crops, height) and B (columns of crops, width) are 0-1 matrices that say which pixel rows and
columns a crop holds. Border and wrap-around rules live in A and B alone, and distances are never expanded. Windows that
predict their centre have a faster engine on the processor (`windows`); this one serves crops, masks and GPUs, and the
derivatives of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch

from ..._support.types import Array
from ..empirical.weighted_sums import WeightedSums, block_sums, concatenate, inverse_square, log_weights
from .posterior import norms, weights
from .streaming import Step, Tensors, over_blocks
from .windows import Windows

BLOCK_BYTES = 2**23
TOLERANCE = 1e-3
"""Accepted rounding of a log weight in float32; samples beyond it are computed again in float64."""


@dataclass(frozen=True)
class SameLocation:
    """The matrices of the crops' rows and columns.

    `average=False`: a crop predicts the pixel it belongs to (A and B are square). `average=True`: it predicts all
    its pixels, and each pixel takes the mean over the crops that hold it. `windows` computes the same faster.
    """

    rows: Array
    columns: Array
    average: bool
    block_size: int | None = None
    windows: Windows | None = None

    def _matrices(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows, columns = (torch.from_numpy(part).to(like.device, like.dtype) for part in (self.rows, self.columns))
        return rows, columns

    def fast(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Tensors:
        """The prediction at x (batch, channels, height, width), and the lowest energy of each crop."""
        if self.windows is not None:
            return self.windows(x, sigma, data)
        sums = self._normalisers(x, sigma, data)
        if not self.average:
            return sums.mean.permute(0, 3, 1, 2).to(x.dtype), sums.energy
        result = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
        for images, p in self._posteriors(x.double(), data, sums):
            result += torch.einsum("bhwm,chwm->bchw", self.spread(p), images)
        return (result / torch.from_numpy(self.counts).to(x.device)).to(x.dtype), sums.energy

    def smooth(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """The same prediction as quotients of sums over blocks of images."""
        norm, level = norms(x), sigma.reshape(-1, 1, 1, 1)
        shared = x.permute(1, 0, 2, 3), level, low.unsqueeze(-1), norm

        def of_block(long: Tensors, shared: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
            (images,), (points, level, low, norm) = long, shared
            images = images.double().permute(1, 2, 3, 0)
            differences = [(p.unsqueeze(-1) - y).square() for p, y in zip(points, images, strict=True)]
            energy = self.gather(torch.stack(differences).sum(0) / 2)
            return images, weights(energy, low, level, norm)

        def sums(long: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
            images, w = of_block(long, shared)
            total = w.sum(-1)
            return (), (total,) if self.average else (total, torch.einsum("bhwm,chwm->bchw", w, images))

        def predictions(long: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
            images, w = of_block(long, shared[:-1])
            held = self.spread(w / shared[-1].unsqueeze(-1))
            return (), (torch.einsum("bhwm,chwm->bchw", held, images),)

        size = self.block_size or max(1, BLOCK_BYTES // (8 * max(1, x[:, 0].numel())))
        total, *moment = over_blocks(Step(sums, 1, 0, size, -4), data, *shared)
        if not self.average:
            return moment[0] / total.unsqueeze(1)
        counts = torch.from_numpy(self.counts).to(x.device)
        return over_blocks(Step(predictions, 1, 0, size, -4), data, *shared, total)[0] / counts

    def _normalisers(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> WeightedSums:
        """The sums over all images for each crop (batch, crop rows, crop columns); float64 where it matters."""
        dtype = torch.promote_types(torch.promote_types(x.dtype, data.dtype), torch.float32)
        sums = self._sums(x.to(dtype), sigma, data).double()
        if dtype == torch.float64:
            return sums
        rounding = 8 * torch.finfo(dtype).eps * sums.energy * inverse_square(sigma)[:, None, None]
        poor = ~(rounding.flatten(1).amax(1) <= TOLERANCE)
        if not bool(poor.any()):
            return sums
        order = torch.cat([(~poor).nonzero(), poor.nonzero()]).flatten().argsort()
        kept = replace(sums, **{name: value[~poor] for name, value in vars(sums).items()})
        return concatenate([kept, self._sums(x[poor].double(), sigma[poor], data)], order)

    def _sums(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> WeightedSums:
        rate = inverse_square(sigma).to(x.dtype)[:, None, None].expand(-1, len(self.rows), len(self.columns))
        scale = x.flatten(1).norm(dim=1)[:, None, None].expand_as(rate)

        def parts() -> Iterator[WeightedSums]:
            for images, energy in self._blocks(x, data):
                if self.average:
                    yield block_sums(energy, lambda w: w.new_zeros(*w.shape[:-1], 0), rate, scale, ties=True)
                else:
                    yield block_sums(energy, _pixels(images), rate, scale, ties=True)

        return reduce(WeightedSums.merge, parts())

    def _blocks(self, x: torch.Tensor, data: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Images (channels, height, width, m) and the energies of their crops (batch, crop rows, crop columns, m)."""
        size = self.block_size or max(16, BLOCK_BYTES // (x.element_size() * max(1, x[:, 0].numel())))
        for part in data.split(size):
            images = part.permute(1, 2, 3, 0).to(x.dtype, memory_format=torch.contiguous_format)
            differences = torch.zeros((), dtype=x.dtype, device=x.device)
            for mine, theirs in zip(x.unbind(1), images, strict=True):
                differences = differences + (mine.unsqueeze(-1) - theirs).square_()
            yield images, self.gather(differences.mul_(0.5))

    def gather(self, maps: torch.Tensor) -> torch.Tensor:
        """Sums over each crop of maps (batch, height, width, m)."""
        return _sandwich(maps, *self._matrices(maps))

    def spread(self, maps: torch.Tensor) -> torch.Tensor:
        """The transpose: sums over the crops that hold each pixel."""
        return _sandwich(maps, *(matrix.T for matrix in self._matrices(maps)))

    @property
    def counts(self) -> Array:
        """Number of crops that hold each pixel, (height, width)."""
        return np.outer(self.rows.sum(0), self.columns.sum(0))

    def _posteriors(
        self, x: torch.Tensor, data: torch.Tensor, sums: WeightedSums
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Blocks of images with the normalised weights of their crops, given the sums over all images."""
        for images, energy in self._blocks(x, data):
            logs = log_weights(energy, sums.energy, sums.rate, None, sums.scale)
            yield images, logs.exp_().div_(sums.total.unsqueeze(-1))


def _pixels(images: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda weights: torch.einsum("bhwm,chwm->bhwc", weights, images)


def _sandwich(maps: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """sum_ij left[r, i] right[s, j] maps[b, i, j, m] as (b, r, s, m)."""
    batch, height, width, m = maps.shape
    rows = (left @ maps.reshape(batch, height, width * m)).reshape(batch, -1, width, m)
    return right @ rows


def same_location(
    data: torch.Tensor, size: int, padding: str, average: bool, block_size: int | None, windows: Windows | None
) -> SameLocation:
    """The engine of posterior means over the patches at the same location of `data` (n, channels, height, width)."""
    rows, columns = (_membership(length, size, padding, average) for length in data.shape[2:])
    return SameLocation(rows, columns, average, block_size, windows)


def _membership(length: int, size: int, padding: str, average: bool) -> Array:
    """0-1 matrix (crops, length): which positions along one axis a crop holds."""
    position = np.arange(length)
    if average:
        first = np.arange(length - size + 1)[:, None]
        return ((position >= first) & (position < first + size)).astype(float)
    distance = np.abs(position - position[:, None])
    if padding == "circular":
        distance = np.minimum(distance, length - distance)
    return (distance <= size // 2).astype(float)
