"""Which patch size explains a network at each noise level.

A network sees further at large noise than at small. Following [@Kamb2024], the patch size at each noise level is
the one whose local optimum points the way the network's output does: largest median cosine over a few images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..._support import checks as check
from ..._support.streams import normal_batch
from ..._support.types import Array, ArrayLike
from ..denoiser import Denoiser
from .patches import LocalDenoiser


@dataclass(frozen=True, eq=False, repr=False)
class PatchSchedule:
    """sigma -> patch size, by the nearest of `sigmas` in log sigma; a `patch_size` for `LocalDenoiser`.

    Halfway between two levels (to rounding) the first of them in `sigmas` counts.

    Parameters
    ----------
    sigmas : array (s,)
        Noise levels > 0.
    sizes : array (s,)
        The patch size at each of them.
    candidates : array (c,)
        The patch sizes that were tried.
    cosine : array (s, c)
        Median cosine with the network of each candidate at each level.

    Examples
    --------
    >>> schedule = PatchSchedule(np.array([0.1, 1.0, 10.0]), np.array([3, 5, 9]), np.array([3, 5, 9]), np.eye(3))
    >>> schedule
    PatchSchedule(3x3 at sigma 0.1, 5x5 at sigma 1, 9x9 at sigma 10)
    >>> schedule(0.0), schedule(0.9), schedule(float("inf"))
    (3, 5, 9)
    """

    sigmas: Array
    sizes: Array
    candidates: Array
    cosine: Array

    def __repr__(self) -> str:
        steps = [f"{size}x{size} at sigma {sigma:.4g}" for sigma, size in zip(self.sigmas, self.sizes, strict=True)]
        shown = steps if len(steps) <= 4 else [*steps[:2], "...", steps[-1]]
        return f"PatchSchedule({', '.join(shown)})"

    def __call__(self, sigma: float) -> int:
        within = min(max(sigma, float(self.sigmas.min())), float(self.sigmas.max()))
        distance = np.abs(np.log(self.sigmas) - np.log(within))
        rounding = 16 * np.finfo(np.float64).eps * max(1.0, np.abs(np.log(self.sigmas)).max())
        return int(self.sizes[(distance <= distance.min() + rounding).argmax()])


def calibrate_patch_size(
    denoiser: Denoiser,
    data: ArrayLike,
    images: ArrayLike,
    sigmas: Sequence[float] | Array,
    sizes: Sequence[int],
    *,
    seed: int = 0,
    equivariant: bool = True,
    padding: str = "zeros",
    combine: str = "centre",
    block_size: int | None = None,
) -> PatchSchedule:
    """The patch size of `LocalDenoiser(data, size, ...)` nearest to `denoiser` at each of `sigmas` [@Kamb2024].

    Sizes whose cosines agree to rounding count as equally near; the first of them in `sizes` is taken.

    Parameters
    ----------
    denoiser : Denoiser
        The network.
    data : array (n, channels, height, width)
        Its training images.
    images : array (m, channels, height, width)
        Clean images, best held out, that are noised here; 10 to 20 are enough.
    sigmas : array (s,)
        Noise levels > 0.
    sizes : list of int
        The patch sizes to try.
    seed : int
        Of the noise.
    equivariant, padding, combine, block_size
        As in `LocalDenoiser`.

    Returns
    -------
    PatchSchedule
        The best size at every level, with the cosines of all.

    Raises
    ------
    ArgumentError
        Where a size does not fit the images.
    NoiseLevelError
        Unless 0 < sigmas < inf.

    Examples
    --------
    >>> data = torch.stack([torch.zeros(1, 5, 5), torch.ones(1, 5, 5)]).double()
    >>> network = LocalDenoiser(data, 3)
    >>> calibrate_patch_size(network, data, data, [0.5, 1.0], [1, 3, 5])
    PatchSchedule(3x3 at sigma 0.5, 3x3 at sigma 1)
    """
    grid = check.positive_sigmas("sigmas", sigmas)
    theories = [
        LocalDenoiser(data, size, equivariant, padding=padding, combine=combine, block_size=block_size)
        for size in sizes
    ]
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
    best = cosine >= cosine.max(1, keepdims=True) - 64 * torch.finfo(images.dtype).eps
    return PatchSchedule(grid, candidates[best.argmax(1)], candidates, cosine)
