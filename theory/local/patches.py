"""Optimal denoisers that see one patch at a time (the local and equivariant score machines).

A network with a finite receptive field can at best average, for each pixel p, over the training patches that look
like its own surroundings x_p = x[Omega_p], Omega_p the patch centred there [@Kamb2024]:

    D(x, sigma)[p] = sum_y softmax_y(-|x_p - y|^2 / 2 sigma^2) centre(y)

y runs over the patches at p itself of all training images ("LS", `equivariant=False`) or, as weights are shared
over the image, over the patches at all locations ("ELS"). With zero padding a border patch knows how it is cut off
and is compared with patches cut off alike. Averaging whole patches instead of centres [@Niedoba2024],

    D(x, sigma) = (sum_C C^T C)^-1 sum_C C^T E[x_C | z_C],

takes all crops C inside the image and gives each pixel the mean of the crops that hold it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import torch

from ..._support import checks as check
from ...errors import ArgumentError, ShapeError
from ..empirical import derivatives as _moments
from ..empirical.point_sets import Cloud
from .same_location import SameLocation

PatchSize = int | Callable[[float], int]

QUERIES = 1024
"""Patches of the noisy images that are compared with the data at once."""


class PatchCloud(Cloud):
    """The patches whose top-left corners are `corners` (flat positions) of images (n, c, h, w), image by image."""

    def __init__(
        self, images: torch.Tensor, corners: torch.Tensor, size: int, centre: torch.Tensor, radius: float
    ) -> None:
        channels, height, width = images.shape[1:]
        grid = torch.arange(size, device=images.device)
        planes = torch.arange(channels, device=images.device) * height * width
        self._offsets = (planes[:, None, None] + grid[:, None] * width + grid).flatten()
        self._corners, self._images = corners, images.flatten(1)
        super().__init__(images.shape[0] * len(corners), centre.repeat_interleave(size**2), images.dtype)
        self.radius = radius

    def raw(self, index: slice | torch.Tensor) -> torch.Tensor:
        if isinstance(index, slice):
            index = torch.arange(index.start, index.stop, device=self._images.device)
        image, corner = index // len(self._corners), self._corners[index % len(self._corners)]
        return self._images.flatten()[(image * self._images.shape[1] + corner)[:, None] + self._offsets]

    def cut(self, x: torch.Tensor) -> torch.Tensor:
        """The same patches of other images `x`, (batch * corners, channels * size^2)."""
        return x.flatten(1)[:, self._corners[:, None] + self._offsets].flatten(0, 1)


class LocalDenoiser:
    """The best denoiser that sees a `patch_size` x `patch_size` window of images `data` (n, channels, height, width).

    `equivariant=False` compares patches at the same location (LS), True patches at all locations (ELS)
    [@Kamb2024]. `padding`: "zeros" cuts patches at the border and compares them with patches cut alike,
    "circular" wraps them round. `combine`: "centre" predicts the centre of each patch, "average" the mean of all
    crops inside the image [@Niedoba2024] (padding plays no role). `patch_size` may be a function of sigma, such
    as `calibrate_patch_size` returns; it is odd for "centre". sigma may be 0 (most similar patch, ties
    averaged) or inf (the mean). Streams over the images in blocks; the result does not depend on `block_size`.

    Differentiable in x: to any order if equivariant, once if not.

    Raises ShapeError unless `data` are images, ArgumentError on a patch size that does not fit, and
    NoiseLevelError on a negative or NaN sigma.

    >>> data = torch.stack([torch.zeros(1, 3, 3), torch.ones(1, 3, 3)]).double()
    >>> x = torch.full((1, 1, 3, 3), 0.6, dtype=torch.float64)
    >>> LocalDenoiser(data, 1, equivariant=False)(x, 1.0)[0, 0, 0]  # 1 / (1 + exp(-0.1))
    tensor([0.5250, 0.5250, 0.5250], dtype=torch.float64)
    """

    def __init__(
        self,
        data: Any,
        patch_size: PatchSize,
        equivariant: bool = True,
        *,
        padding: str = "zeros",
        combine: str = "centre",
        block_size: int | None = None,
    ) -> None:
        self.data = check.dataset("data", data)
        if self.data.ndim != 4:
            raise ShapeError("data", f"has shape {tuple(self.data.shape)}", "pass (n, channels, height, width)")
        self.equivariant = equivariant
        self.padding = check.choice("padding", padding, ("zeros", "circular"))
        self.combine = check.choice("combine", combine, ("centre", "average"))
        self.block_size = None if block_size is None else check.integer("block_size", block_size, 1)
        self.patch_size = patch_size if callable(patch_size) else self._fitting(patch_size)
        self._machines: dict[int, Any] = {}

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        return tuple(self.data.shape[1:])

    def to(self, *args: Any, **kwargs: Any) -> LocalDenoiser:
        """The same denoiser on another device or in another dtype, as `torch.Tensor.to`."""
        return LocalDenoiser(
            self.data.to(*args, **kwargs),
            self.patch_size,
            self.equivariant,
            padding=self.padding,
            combine=self.combine,
            block_size=self.block_size,
        )

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        x = check.same_device("x", check.batch("x", x, self.event_shape), self.data)
        sigma = check.sigmas("sigma", sigma, x).detach()
        sizes = torch.tensor([self._size_at(level) for level in sigma.tolist()])
        groups = [(sizes == size).nonzero().flatten().to(x.device) for size in sizes.unique()]
        if not groups:
            return x
        parts = [self._machine(int(sizes[rows[0]]))(x[rows], sigma[rows]) for rows in groups]
        return torch.cat(parts)[torch.cat(groups).argsort()]

    def _fitting(self, size: Any) -> int:
        height, width = self.data.shape[2:]
        limit = 2 * max(height, width) - 1
        if self.combine == "average" or self.padding == "circular":
            limit = min(height, width)
        size = check.integer("patch_size", size, 1, limit)
        if self.combine == "centre" and size % 2 == 0:
            raise ArgumentError("patch_size", f"is {size}", "pass an odd number, so that a patch has a centre")
        return size

    def _size_at(self, sigma: float) -> int:
        return self._fitting(self.patch_size(sigma)) if callable(self.patch_size) else self.patch_size

    def _machine(self, size: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        if size not in self._machines:
            kind = _AllLocations if self.equivariant else _same_location
            self._machines[size] = kind(self.data, size, self.padding, self.combine == "average", self.block_size)
        return self._machines[size]


def _same_location(
    data: torch.Tensor, size: int, padding: str, average: bool, block_size: int | None
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
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


class _AllLocations:
    """Posterior means over the patches at all locations, one `PatchCloud` for each way to be cut by the border."""

    def __init__(self, data: torch.Tensor, size: int, padding: str, average: bool, block_size: int | None) -> None:
        self.size, self.padding, self.average = size, padding, average
        self.border = 0 if average else size // 2
        self.centre = data.double().mean((0, 2, 3)).to(data.dtype).double()
        self.columns: slice | torch.Tensor = slice(None)
        if not average:
            self.columns = torch.arange(data.shape[1], device=data.device) * size**2 + size**2 // 2
        padded = self._padded(data)
        squares = (padded.double() - self.centre[:, None, None]).square().sum(1, keepdim=True)
        radius = size * math.sqrt(float(torch.nn.functional.avg_pool2d(squares, size, stride=1).max()))
        self.clouds: list[tuple[torch.Tensor, torch.Tensor, PatchCloud]] = []
        for rows, columns in product(*(self._classes(length) for length in data.shape[2:])):
            rows, columns = (torch.tensor(places, device=data.device) for places in (rows, columns))
            corners = (rows[:, None] * padded.shape[3] + columns).flatten()
            cloud = PatchCloud(padded, corners, size, self.centre, radius)
            cloud.block_size = block_size
            self.clouds.append((rows, columns, cloud))

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        padded = self._padded(x)
        if self.average:
            ((rows, columns, cloud),) = self.clouds
            crops = self._mean(cloud, padded, sigma).unflatten(0, (len(x), -1)).mT
            return self._fold(crops, x) / self._fold(torch.ones_like(crops), x)
        result = torch.zeros_like(x)
        for rows, columns, cloud in self.clouds:
            pixels = self._mean(cloud, padded, sigma).unflatten(0, (len(x), len(rows), len(columns)))
            result[:, :, rows[:, None], columns] = pixels.permute(0, 3, 1, 2)
        return result

    def _mean(self, cloud: PatchCloud, padded: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        patches = cloud.cut(padded)
        levels = sigma.repeat_interleave(len(patches) // len(sigma))
        parts = zip(patches.split(QUERIES), levels.split(QUERIES))
        return torch.cat([_moments.mean(part, cloud, level, self.columns) for part, level in parts])

    def _fold(self, crops: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.fold(crops, x.shape[2:], self.size)

    def _classes(self, length: int) -> list[list[int]]:
        """Top corners along one axis, by how much of the patch lies outside on either side."""
        if self.average:
            return [list(range(length - self.size + 1))]
        if self.padding == "circular":
            return [list(range(length))]
        outside = [(max(0, self.border - i), max(0, self.border - (length - 1 - i))) for i in range(length)]
        return [[i for i in range(length) if outside[i] == kind] for kind in sorted(set(outside))]

    def _padded(self, images: torch.Tensor) -> torch.Tensor:
        """With a border: wrapped, or at the centre of the data, where it changes no distance."""
        r = self.border
        if self.padding == "circular" and r:
            return torch.nn.functional.pad(images, (r, r, r, r), mode="circular")
        n, channels, height, width = images.shape
        frame = self.centre.to(images.dtype)[:, None, None].expand(n, channels, height + 2 * r, width + 2 * r)
        frame = frame.clone()
        frame[:, :, r : r + height, r : r + width] = images
        return frame
