"""Softmax averages of same-location crops, for all crops of all images at once.

With d_i the squared pixel differences |x - y_i|^2 / 2, summed over channels, the energies of all crops are
A d_i B^T: A (rows of crops, height) and B (columns of crops, width) are 0-1 matrices that say which pixel rows and
columns a crop holds. Border and wrap-around rules live in A and B alone, and distances are never expanded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch

from ..empirical.weighted_sums import WeightedSums, block_sums, concatenate, inverse_square, log_weights

BLOCK_BYTES = 2**23
TOLERANCE = 1e-3
"""Accepted rounding of a log weight in float32; samples beyond it are computed again in float64."""


@dataclass(frozen=True)
class SameLocation:
    """Images `(channels, height, width, n)` and the matrices of the crops' rows and columns.

    `average=False`: a crop predicts the pixel it belongs to (A and B are square). `average=True`: it predicts all
    its pixels, and each pixel takes the mean over the crops that hold it.
    """

    images: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    average: bool
    block_size: int | None = None

    def mean(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """The prediction (batch, channels, height, width) at x, sigma (batch,)."""
        return _Mean.apply(x, self, sigma)

    def normalisers(self, x: torch.Tensor, sigma: torch.Tensor) -> WeightedSums:
        """The sums over all images for each crop (batch, crop rows, crop columns); float64 where it matters."""
        dtype = torch.promote_types(torch.promote_types(x.dtype, self.images.dtype), torch.float32)
        sums = self._sums(x.to(dtype), sigma).double()
        if dtype == torch.float64:
            return sums
        rounding = 8 * torch.finfo(dtype).eps * sums.energy * inverse_square(sigma)[:, None, None]
        poor = ~(rounding.flatten(1).amax(1) <= TOLERANCE)
        if not bool(poor.any()):
            return sums
        order = torch.cat([(~poor).nonzero(), poor.nonzero()]).flatten().argsort()
        kept = replace(sums, **{name: value[~poor] for name, value in vars(sums).items()})
        return concatenate([kept, self._sums(x[poor].double(), sigma[poor])], order)

    def _sums(self, x: torch.Tensor, sigma: torch.Tensor) -> WeightedSums:
        rate = inverse_square(sigma).to(x.dtype)[:, None, None].expand(-1, len(self.rows), len(self.columns))
        scale = x.flatten(1).norm(dim=1)[:, None, None].expand_as(rate)

        def parts() -> Iterator[WeightedSums]:
            for images, energy in self._blocks(x):
                if self.average:
                    yield block_sums(energy, lambda w: w.new_zeros(*w.shape[:-1], 0), rate, scale, ties=True)
                else:
                    yield block_sums(energy, _pixels(images), rate, scale, ties=True)

        return reduce(WeightedSums.merge, parts())

    def _blocks(self, x: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Images (channels, height, width, m) and the energies of their crops (batch, crop rows, crop columns, m)."""
        size = self.block_size or max(16, BLOCK_BYTES // (x.element_size() * max(1, x[:, 0].numel())))
        for images in self.images.split(size, dim=-1):
            images = images.to(x.dtype)
            differences = torch.zeros((), dtype=x.dtype, device=x.device)
            for mine, theirs in zip(x.unbind(1), images, strict=True):
                differences = differences + (mine.unsqueeze(-1) - theirs).square_()
            yield images, self.gather(differences.mul_(0.5))

    def gather(self, maps: torch.Tensor) -> torch.Tensor:
        """Sums over each crop of maps (batch, height, width, m)."""
        return _sandwich(self.rows.to(maps.dtype), maps, self.columns.to(maps.dtype))

    def spread(self, maps: torch.Tensor) -> torch.Tensor:
        """The transpose: sums over the crops that hold each pixel."""
        return _sandwich(self.rows.T.to(maps.dtype), maps, self.columns.T.to(maps.dtype))

    @property
    def counts(self) -> torch.Tensor:
        """Number of crops that hold each pixel, (height, width)."""
        return torch.outer(self.rows.sum(0), self.columns.sum(0))

    def posteriors(self, x: torch.Tensor, sums: WeightedSums) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Blocks of images with the normalised weights of their crops, given the sums over all images."""
        for images, energy in self._blocks(x):
            logs = log_weights(energy, sums.energy, sums.rate, None, sums.scale)
            yield images, logs.exp_().div_(sums.total.unsqueeze(-1))


def _pixels(images: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda weights: torch.einsum("bhwm,chwm->bhwc", weights, images)


def _sandwich(left: torch.Tensor, maps: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """sum_ij left[r, i] right[s, j] maps[b, i, j, m] as (b, r, s, m)."""
    batch, height, width, m = maps.shape
    rows = (left @ maps.reshape(batch, height, width * m)).reshape(batch, -1, width, m)
    return right @ rows


class _Mean(torch.autograd.Function):
    """With p the weights of crop C and h_i what image i predicts there, weighted by the incoming gradient,

    grad_x = sum_i spread(p_i (h_i - E_p h)) (y_i - x) / sigma^2.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, crops: SameLocation, sigma: torch.Tensor) -> torch.Tensor:
        sums = crops.normalisers(x, sigma)
        ctx.crops, ctx.sigma, ctx.sums = crops, sigma, sums
        ctx.save_for_backward(x)
        if not crops.average:
            return sums.mean.permute(0, 3, 1, 2).to(x.dtype)
        result = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
        for images, p in crops.posteriors(x.double(), sums):
            result += torch.einsum("bhwm,chwm->bchw", crops.spread(p), images)
        return (result / crops.counts).to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride] (the decorator is not typed)
        (x,) = ctx.saved_tensors
        crops, sums, x = ctx.crops, ctx.sums, x.double()
        grad = grad.double() / crops.counts if crops.average else grad.double()

        def predicted(images: torch.Tensor) -> torch.Tensor:
            maps = torch.einsum("bchw,chwm->bhwm", grad, images)
            return crops.gather(maps) if crops.average else maps

        expected = torch.zeros_like(sums.energy)
        for images, p in crops.posteriors(x, sums):
            expected += (p * predicted(images)).sum(-1)
        result = torch.zeros_like(x)
        for images, p in crops.posteriors(x, sums):
            held = crops.spread(p * (predicted(images) - expected.unsqueeze(-1)))
            result += torch.einsum("bhwm,chwm->bchw", held, images) - held.sum(-1).unsqueeze(1) * x
        rate = torch.where(ctx.sigma > 0, inverse_square(ctx.sigma), 0.0).clamp(max=torch.finfo(x.dtype).max)
        return (result * rate[:, None, None, None]).to(ctx.saved_tensors[0].dtype), None, None


def same_location(
    data: torch.Tensor, size: int, padding: str, average: bool, block_size: int | None
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """(x, sigma) -> posterior means over the patches at the same location of `data` (n, channels, height, width)."""
    rows, columns = (_membership(length, size, padding, average).to(data.device) for length in data.shape[2:])
    return SameLocation(data.permute(1, 2, 3, 0).contiguous(), rows, columns, average, block_size).mean


def _membership(length: int, size: int, padding: str, average: bool) -> torch.Tensor:
    """0-1 matrix (crops, length): which positions along one axis a crop holds."""
    position = torch.arange(length)
    if average:
        return torch.stack([(position >= i) & (position < i + size) for i in range(length - size + 1)]).double()
    distance = (position - position[:, None]).abs()
    if padding == "circular":
        distance = torch.minimum(distance, length - distance)
    return (distance <= size // 2).double()
