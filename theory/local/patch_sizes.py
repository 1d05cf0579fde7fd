"""Which patch size explains a network at each noise level.

A network sees further at large noise than at small. Following [@Kamb2024], the patch size at each noise level is
the one whose local optimum points the way the network's output does: largest median cosine over a few images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import normal_batch
from ..denoiser import Denoiser
from .patches import LocalDenoiser


@dataclass(frozen=True, eq=False)
class PatchSchedule:
    """sigma -> patch size, by the nearest of `sigmas` in log sigma; a `patch_size` for `LocalDenoiser`.

    `cosine` `(sigmas, candidates)`: median cosine with the network for each of the `candidates`.

    >>> schedule = PatchSchedule(np.array([0.1, 1.0, 10.0]), np.array([3, 5, 9]), np.array([3, 5, 9]), np.eye(3))
    >>> schedule(0.0), schedule(0.9), schedule(float("inf"))
    (3, 5, 9)
    """

    sigmas: np.ndarray
    sizes: np.ndarray
    candidates: np.ndarray
    cosine: np.ndarray

    def __call__(self, sigma: float) -> int:
        within = min(max(sigma, float(self.sigmas.min())), float(self.sigmas.max()))
        return int(self.sizes[np.abs(np.log(self.sigmas / within)).argmin()])


def calibrate_patch_size(
    denoiser: Denoiser,
    data: Any,
    images: Any,
    sigmas: Sequence[float] | np.ndarray,
    sizes: Sequence[int],
    *,
    seed: int = 0,
    **options: Any,
) -> PatchSchedule:
    """The patch size of `LocalDenoiser(data, size, **options)` nearest to `denoiser` at each of `sigmas`.

    `images` (m, channels, height, width) are clean images, best held out, that are noised here; 10 to 20 do.

    Raises ArgumentError where a size does not fit the images, NoiseLevelError unless 0 < sigmas < inf.

    >>> data = torch.stack([torch.zeros(1, 5, 5), torch.ones(1, 5, 5)]).double()
    >>> network = LocalDenoiser(data, 3)
    >>> calibrate_patch_size(network, data, data, [0.5, 1.0], [1, 3, 5]).sizes.tolist()
    [3, 3]
    """
    grid = check.positive_sigmas("sigmas", sigmas)
    theories = [LocalDenoiser(data, size, **options) for size in sizes]
    images = check.dataset("images", images)
    noise = normal_batch(seed, "patch size", range(len(images)), images.shape[1:], dtype=images.dtype)
    cosine = np.empty((len(grid), len(theories)))
    for i, sigma in enumerate(grid):
        x = images + float(sigma) * noise.to(images.device)
        target = denoiser(x, float(sigma))
        for j, theory in enumerate(theories):
            similarity = torch.cosine_similarity(target.flatten(1), theory(x, float(sigma)).flatten(1))
            cosine[i, j] = similarity.median()
    candidates = np.asarray(sizes)
    return PatchSchedule(grid, candidates[cosine.argmax(1)], candidates, cosine)
