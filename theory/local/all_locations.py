"""Softmax averages over the patches at all locations of all images, as points of a cloud that is gathered in blocks."""

from __future__ import annotations

import math
from itertools import product

import torch

from ..empirical import derivatives as _moments
from ..empirical.point_sets import Cloud

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


class AllLocations:
    """Posterior means over the patches at all locations, one `PatchCloud` for each way to be cut by the border."""

    def __init__(self, data: torch.Tensor, size: int, padding: str, average: bool, block_size: int | None) -> None:
        self.size: int = size
        self.padding: str = padding
        self.average: bool = average
        self.border: int = 0 if average else size // 2
        self.centre: torch.Tensor = data.double().mean((0, 2, 3)).to(data.dtype).double()
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
        parts = zip(patches.split(QUERIES), levels.split(QUERIES), strict=True)
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
