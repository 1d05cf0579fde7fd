"""Softmax averages of same-location crops, for all crops of all images at once.

With d_i the squared pixel differences |x - y_i|^2 / 2, summed over channels, the energies of all crops are
A d_i B^T: A (rows of crops, height) and B (columns of crops, width) are 0-1 matrices that say which pixel rows and
columns a crop holds. Border and wrap-around rules live in A and B alone, and distances are never expanded. Windows that
predict their centre have a faster engine on the processor (`windows`); this one serves crops, masks and GPUs, and the
derivatives of all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch

from ..._support.types import Array
from ..empirical.weighted_sums import (
    LOWEST_LOG_WEIGHT,
    WeightedSums,
    block_sums,
    concatenate,
    inverse_square,
    log_weights,
)
from .posterior import norms, weights
from .slopes import Kept, Slopes, WindowSlopes
from .streaming import Step, Tensors, over_blocks
from .windows import Windows

BLOCK_BYTES = 2**23
TOLERANCE = 1e-3
"""Accepted rounding of a log weight in float32; samples beyond it are computed again in float64."""

NO_WEIGHT = 1.01 * math.exp(LOWEST_LOG_WEIGHT)
"""Weights up to this one are none in derivatives, where 1 / sigma^2 multiplies them."""


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
            mean = sums.mean.permute(0, 3, 1, 2)
            return mean.to(x.dtype, copy=True), sums.energy, sums.total, mean
        result = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
        for images, p in self._posteriors(x.double(), data, sums):
            result += torch.einsum("bhwm,chwm->bchw", self.spread(p), images)
        mean = self._shared_out(result)
        return mean.to(x.dtype, copy=True), sums.energy, sums.total, mean

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
        return self._shared_out(over_blocks(Step(predictions, 1, 0, size, -4), data, *shared, total)[0])

    @property
    def slopes(self) -> Slopes:
        """Kernels where there are."""
        return self if self.windows is None else WindowSlopes(self.windows)

    def kept(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Kept:
        """What `pull` and `push` take."""
        return self.fast(x, sigma, data)[1:]

    def pull(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        cotangent: torch.Tensor,
        in_data: bool,
    ) -> tuple[torch.Tensor, ...]:
        """dL/dx = 1/sigma^2 sum_i (y_i - D) A^T c_i B, dL/dsigma = 2/sigma sum c e/sigma^2 and, `in_data`, dL/dy_i =
        w_i g + 1/sigma^2 (x - y_i) A^T c_i B, where c = w g.(y - D), or what `_tilted` makes of the sums of g.(y - D)
        over the pixels of crops that predict all of them (A^T w_i B in the first term then)."""
        in_x, in_sigma = torch.zeros_like(x, dtype=torch.float64), torch.zeros_like(sigma, dtype=torch.float64)
        rate, change = _alive(sigma), torch.zeros_like(data if in_data else data[:0])
        for some, dtype in self._routes(x, sigma, data, kept[0]):
            low, total, mean = (part[some] for part in kept)
            g, centre, points = (part.to(dtype) for part in (self._shared_out(cotangent[some]), mean, x[some]))
            steep = rate[some, None, None, None].to(dtype).nan_to_num(posinf=0)

            def aligned(
                images: torch.Tensor, _: slice, __: torch.Tensor, g: torch.Tensor = g, a: torch.Tensor = centre
            ) -> torch.Tensor:
                found = torch.einsum("bchw,chwm->bhwm", g, images) - (g * a).sum(1).unsqueeze(-1)
                return self.gather(found) if self.average else found

            for images, part, w, logs, coupling in self._tilted(points, sigma[some], data, low, total, aligned):
                in_sigma[some] -= (coupling * logs).flatten(1).sum(1)
                held = self.spread(coupling)
                in_x[some] += torch.einsum("bhwm,chwm->bchw", held, images) - centre * held.sum(-1).unsqueeze(1)
                if in_data:
                    steeper = steep * held
                    moved = torch.einsum("bhwm,bchw->chwm", steeper, points) - images * steeper.sum(0)
                    moved += torch.einsum("bhwm,bchw->chwm", self.spread(w) if self.average else w, g)
                    change[part] += moved.permute(3, 0, 1, 2)
        found = (in_x * rate[:, None, None, None]).to(x.dtype), (2 * in_sigma * rate.sqrt()).to(sigma.dtype)
        return (*found, change) if in_data else found

    def push(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        kept: Kept,
        tangents: tuple[torch.Tensor, ...],
    ) -> torch.Tensor:
        """dD = sum_i w_i dy_i + w_i (y_i - D) (-A (v.(D - y_i) - dy_i.(x - y_i)) B^T + 2 sigma dsigma e_i/sigma^2) /
        sigma^2, the mean over crops of the same with `_tilted` weights where they predict all their pixels."""
        moved, rate = torch.zeros_like(x, dtype=torch.float64), _alive(sigma)
        along, level, *more = tangents
        drift = more[0] if more else None
        growth = (2 * sigma.double() * level.double()).nan_to_num(posinf=0, neginf=0)
        for some, dtype in self._routes(x, sigma, data, kept[0]):
            low, total, mean = (part[some] for part in kept)
            v, centre, points = (part.to(dtype) for part in (along[some], mean, x[some]))
            by_energy = growth[some, None, None, None].to(dtype)

            def slope(
                images: torch.Tensor,
                part: slice,
                logs: torch.Tensor,
                v: torch.Tensor = v,
                a: torch.Tensor = centre,
                points: torch.Tensor = points,
                by_energy: torch.Tensor = by_energy,
            ) -> torch.Tensor:
                change = torch.einsum("bchw,chwm->bhwm", v, images) - (v * a).sum(1).unsqueeze(-1)
                if drift is not None:
                    dy = drift[part].permute(1, 2, 3, 0).to(images)
                    change += torch.einsum("bchw,chwm->bhwm", points, dy) - (images * dy).sum(0)
                return self.gather(change) - by_energy * logs

            for images, part, w, _, tilted in self._tilted(points, sigma[some], data, low, total, slope):
                held = self.spread(tilted) if self.average else tilted
                change = torch.einsum("bhwm,chwm->bchw", held, images) - centre * held.sum(-1).unsqueeze(1)
                moved[some] += rate[some, None, None, None] * change
                if drift is not None:
                    dy = drift[part].permute(1, 2, 3, 0).to(images)
                    moved[some] += torch.einsum("bhwm,chwm->bchw", self.spread(w) if self.average else w, dy)
        return self._shared_out(moved).to(x.dtype)

    def _tilted(
        self,
        x: torch.Tensor,
        sigma: torch.Tensor,
        data: torch.Tensor,
        low: torch.Tensor,
        total: torch.Tensor,
        factor: Callable[[torch.Tensor, slice, torch.Tensor], torch.Tensor],
    ) -> Iterator[tuple[torch.Tensor, slice, torch.Tensor, torch.Tensor, torch.Tensor]]:
        """What `_weights` gives, and w (f - sum w f), f being `factor` of the images, where they stand and the
        logarithms. The mean is left out where crops predict one pixel: their w sum to nothing against y - D."""
        shared, mean = (x, sigma, data, low, total), torch.zeros((), dtype=x.dtype, device=x.device)
        if self.average:
            for images, part, w, logs in self._weights(*shared):
                mean = mean + w.mul_(factor(images, part, logs)).sum(-1, keepdim=True)
        for images, part, w, logs in self._weights(*shared):
            yield images, part, w, logs, factor(images, part, logs).sub_(mean).mul_(w)

    def _weights(
        self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, low: torch.Tensor, total: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, slice, torch.Tensor, torch.Tensor]]:
        """Blocks of images, which of the data they are, the weights of their crops, and these over the largest as
        logarithms."""
        (rate, scale), first = self._rates(x, sigma), 0
        for images, energy in self._blocks(x, data):
            part = slice(first, first + images.shape[-1])
            first = part.stop
            logs = log_weights(energy, low.to(x.dtype), rate, None, scale).clamp_(min=LOWEST_LOG_WEIGHT)
            w = torch.threshold_(logs.exp(), NO_WEIGHT, 0.0)
            yield images, part, w.div_(total.to(x.dtype).unsqueeze(-1)), logs

    def _routes(
        self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, low: torch.Tensor
    ) -> Iterator[tuple[torch.Tensor, torch.dtype]]:
        """The rows of the batch that are computed in one precision, and this; float64 where it matters."""
        dtype = torch.promote_types(torch.promote_types(x.dtype, data.dtype), torch.float32)
        rounding = 8 * torch.finfo(dtype).eps * low * inverse_square(sigma)[:, None, None]
        poor = ~(rounding.flatten(1).amax(1) <= TOLERANCE) & (dtype != torch.float64)
        for some, precision in ((~poor, dtype), (poor, torch.float64)):
            if bool(some.any()):
                yield some.nonzero().flatten(), precision

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
        rate, scale = self._rates(x, sigma)

        def parts() -> Iterator[WeightedSums]:
            for images, energy in self._blocks(x, data):
                if self.average:
                    yield block_sums(energy, lambda w: w.new_zeros(*w.shape[:-1], 0), rate, scale, ties=True)
                else:
                    yield block_sums(energy, _pixels(images), rate, scale, ties=True)

        return reduce(WeightedSums.merge, parts())

    def _rates(self, x: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """1 / sigma^2 and |x| of each crop."""
        rate = inverse_square(sigma).to(x.dtype)[:, None, None].expand(-1, len(self.rows), len(self.columns))
        return rate, x.flatten(1).norm(dim=1)[:, None, None].expand_as(rate)

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

    def _shared_out(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (batch, channels, height, width) over the number of crops that predict each pixel."""
        if not self.average:
            return maps
        return maps / torch.from_numpy(np.outer(self.rows.sum(0), self.columns.sum(0))).to(maps.device)

    def _posteriors(
        self, x: torch.Tensor, data: torch.Tensor, sums: WeightedSums
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Blocks of images with the normalised weights of their crops, given the sums over all images."""
        for images, energy in self._blocks(x, data):
            logs = log_weights(energy, sums.energy, sums.rate, None, sums.scale)
            yield images, logs.exp_().div_(sums.total.unsqueeze(-1))


def _alive(sigma: torch.Tensor) -> torch.Tensor:
    """1 / sigma^2, and 0 at sigma = 0, where the mean is constant almost everywhere."""
    rate = inverse_square(sigma)
    return torch.where(rate.isfinite(), rate, 0)


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
