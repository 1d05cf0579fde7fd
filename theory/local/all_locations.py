"""Softmax averages over the patches at all locations of all images.

The patches that the border cuts alike form a class. Windows that predict their centre have a fast engine on the
processor (`windows`). Elsewhere each class is a cloud of points that is gathered in blocks, and the machinery of the
memorising optimum applies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import torch

from ..._support.memory import available_memory, fits
from ..._support.types import Array
from ..empirical.point_sets import Cloud
from .posterior import norms, weights
from .slopes import Slopes, WindowSlopes
from .streaming import Step, Tensors, over_blocks
from .windows import SHORT_OF_MEMORY, Windows

QUERIES = 1024
"""Patches of the noisy images that are compared with the data at once."""

BLOCK_BYTES = 2**26
"""Largest array of differences between patches where derivatives are taken."""


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
    """Posterior means over the patches at all locations of `shape` (n, channels, height, width)."""

    def __init__(
        self,
        shape: tuple[int, ...],
        size: int,
        padding: str,
        average: bool,
        block_size: int | None,
        windows: Windows | None,
    ) -> None:
        self.size: int = size
        self.padding: str = padding
        self.average: bool = average
        self.block_size: int | None = block_size
        self.windows: Windows | None = windows
        self.slopes: Slopes | None = None if windows is None else WindowSlopes(windows)
        self.border: int = 0 if average else size // 2
        _, channels, height, width = shape
        across = width + 2 * self.border
        grid, planes = np.arange(size), np.arange(channels) * (height + 2 * self.border) * across
        self.offsets: Array = (planes[:, None, None] + grid[:, None] * across + grid).flatten()
        everything = np.arange(channels * size**2)
        self.columns: Array = everything if average else np.arange(channels) * size**2 + size**2 // 2
        classes = product(*(self._classes(length) for length in (height, width)))
        self.classes: list[tuple[Array, Array]] = [(np.array(rows), np.array(columns)) for rows, columns in classes]
        self.corners: list[Array] = [(rows[:, None] * across + columns).flatten() for rows, columns in self.classes]
        self._kept: tuple[object, list[PatchCloud]] = None, []

    def fast(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor) -> Tensors:
        """The prediction at x (batch, channels, height, width), and the lowest energy of each patch."""
        if self.windows is not None:
            return self.windows(x, sigma, data)
        clouds = self._clouds(data)
        padded = self._padded(x, clouds[0].centre[:: self.size**2])
        found = [self._means(cloud, padded, sigma) for cloud in clouds]
        means, lows = zip(*found, strict=True)
        return self._joined(list(means), x).to(x.dtype), self._placed([low.unsqueeze(2) for low in lows], x)[:, 0]

    def smooth(self, x: torch.Tensor, sigma: torch.Tensor, data: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """The same prediction as quotients of sums over blocks of images."""
        norm, level = norms(x).flatten(1), sigma.reshape(-1, 1)
        padded, means = self._padded(x).flatten(1), []
        for (rows, columns), corners in zip(self.classes, self.corners, strict=True):
            energies = low[:, rows[:, None], columns].flatten(1)
            queries = padded[:, corners[:, None] + self.offsets]
            room = BLOCK_BYTES // (8 * max(1, len(x)) * len(corners) * len(self.offsets))
            parts = zip(queries.split(max(1, room), 1), energies.split(max(1, room), 1), strict=True)
            step = Step(self._step(corners), 1, 0, max(1, room // len(corners)), -4)
            quotients = [over_blocks(step, data, q, e, level, norm) for q, e in parts]
            means.append(torch.cat([moment / total.unsqueeze(2) for total, moment in quotients], 1))
        return self._joined(means, x)

    def _step(self, corners: Array) -> Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]:
        """Sums over the patches of some images at the top-left `corners`."""

        def sums(long: Tensors, shared: Tensors) -> tuple[Tensors, Tensors]:
            (images,), (queries, low, level, norm) = long, shared
            flat = self._padded(images.double()).flatten(1)
            patches = flat[:, corners[:, None] + self.offsets].flatten(0, 1)
            energy = (queries.unsqueeze(2) - patches).square().sum(3) / 2
            w = weights(energy, low.unsqueeze(2), level.unsqueeze(2), norm.unsqueeze(2))
            return (), (w.sum(2), w @ patches[:, self.columns])

        return sums

    def _clouds(self, data: torch.Tensor) -> list[PatchCloud]:
        """The patches of each class, gathered again where the data were changed."""
        version = None if data.is_inference() else data._version  # noqa: SLF001
        key = (data.data_ptr(), tuple(data.shape), version)
        if self._kept[0] != key:
            data = data.detach()
            if data.device.type == "cpu":
                need = 4 * data.numel() * data.itemsize
                what = f"the padded copy of {len(data)} images and their squares"
                fits("data", need, available_memory(), what, SHORT_OF_MEMORY)
            centre = data.double().mean((0, 2, 3)).to(data.dtype).double()
            padded = self._padded(data, centre)
            squares = (padded.double() - centre[:, None, None]).square().sum(1, keepdim=True)
            radius = self.size * math.sqrt(float(torch.nn.functional.avg_pool2d(squares, self.size, stride=1).max()))
            places = (torch.from_numpy(corners).to(data.device) for corners in self.corners)
            clouds = [PatchCloud(padded, corners, self.size, centre, radius) for corners in places]
            for cloud in clouds:
                cloud.block_size = self.block_size
            self._kept = key, clouds
        return self._kept[1]

    def _means(self, cloud: PatchCloud, padded: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Posterior means (batch, patches, k) of one class, and its lowest energies (batch, patches)."""
        patches = cloud.cut(padded)
        levels = sigma.repeat_interleave(len(patches) // len(sigma))
        columns = torch.from_numpy(self.columns).to(padded.device)
        parts = [
            cloud.sums(cloud.query(part, level), columns)
            for part, level in zip(patches.split(QUERIES), levels.split(QUERIES), strict=True)
        ]
        mean = torch.cat([part.mean for part in parts]) + cloud.centre[columns]
        low = torch.cat([part.energy for part in parts])
        return mean.unflatten(0, (len(sigma), -1)), low.unflatten(0, (len(sigma), -1))

    def _joined(self, means: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """The prediction, given the means (batch, patches, k) of all classes."""
        if not self.average:
            return self._placed(means, x)
        crops = means[0].mT
        ones = torch.ones_like(crops[:1])
        shape, size = tuple(x.shape[2:]), self.size
        return torch.nn.functional.fold(crops, shape, size) / torch.nn.functional.fold(ones, shape, size)

    def _placed(self, parts: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Maps (batch, k, rows, columns) from the values (batch, patches, k) of each class."""
        places = np.concatenate([(r[:, None] * x.shape[3] + c).flatten() for r, c in self.classes])
        flat = torch.cat(parts, 1)[:, places.argsort()]
        across = x.shape[3] - (self.size - 1 if self.average else 0)
        return flat.mT.unflatten(2, (-1, across))

    def _classes(self, length: int) -> list[list[int]]:
        """Top corners along one axis, by how much of the patch lies outside on either side."""
        if self.average:
            return [list(range(length - self.size + 1))]
        if self.padding == "circular":
            return [list(range(length))]
        outside = [(max(0, self.border - i), max(0, self.border - (length - 1 - i))) for i in range(length)]
        return [[i for i in range(length) if outside[i] == kind] for kind in sorted(set(outside))]

    def _padded(self, images: torch.Tensor, centre: torch.Tensor | None = None) -> torch.Tensor:
        """With a border: wrapped, or at the centre of the data, where it changes no distance."""
        r = self.border
        if self.padding == "circular" and r:
            return torch.nn.functional.pad(images, (r, r, r, r), mode="circular")
        if centre is None:
            return torch.nn.functional.pad(images, (r, r, r, r))
        shift = centre.to(images.dtype)[:, None, None]
        return torch.nn.functional.pad(images - shift, (r, r, r, r)) + shift
