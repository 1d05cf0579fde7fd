"""Which patch size belongs to each noise level.

A network sees further at large noise than at small. Following [@Kamb2024], `calibrate_patch_size` takes the size whose
local optimum points the way the network's output does: largest median cosine over a few images.
`PatchSchedule.calibrate` asks no network: it takes the size whose local optimum denoises held-out images best. A larger
patch tells more about its centre, but fewer of the training patches look like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from ..._support import checks as check
from ..._support.estimates import mean_error
from ..._support.streams import normal_batch, stream
from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, ShapeError
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
    cosine : array (s, c), optional
        Median cosine with the network of each candidate at each level; None where no network was asked.
    error, error_stderr : array (s, c), optional
        Mean squared error per pixel on held-out images of each candidate at each level, and its standard error over
        `n_held_out` images; None where none was measured.
    n_held_out : int
        The number of held-out images.

    Raises
    ------
    ArgumentError, NoiseLevelError
        By `calibrate`, on patch sizes, images or noise levels that cannot be used.

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
    cosine: Array | None = None
    error: Array | None = None
    error_stderr: Array | None = None
    n_held_out: int = 0

    def __post_init__(self) -> None:
        sigmas = check.positive_sigmas("sigmas", self.sigmas)
        for name in ("sizes", "candidates"):
            given = np.atleast_1d(check.float_array(name, getattr(self, name)))
            if given.ndim != 1 or not bool(((given >= 1) & (given <= 2**31) & (given == np.rint(given))).all()):
                raise ArgumentError(name, "are not a list of integers from 1 to 2^31", "pass sides of patches")
            object.__setattr__(self, name, given.astype(np.int64))
        if len(self.sizes) != len(sigmas):
            raise ShapeError("sizes", f"has shape {self.sizes.shape}", f"pass one for each of {len(sigmas)} sigmas")
        object.__setattr__(self, "sigmas", sigmas)
        for name in ("cosine", "error", "error_stderr"):  # NaN where a size was not tried
            if getattr(self, name) is not None:
                given = check.float_array(name, getattr(self, name))
                check.finite(name, given[~np.isnan(given)])
                object.__setattr__(self, name, given)
        check.integer("n_held_out", self.n_held_out, 0)

    def __repr__(self) -> str:
        steps = [f"{size}x{size} at sigma {sigma:.4g}" for sigma, size in zip(self.sigmas, self.sizes, strict=True)]
        shown = steps if len(steps) <= 4 else [*steps[:2], "...", steps[-1]]
        return f"PatchSchedule({', '.join(shown)})"

    def __call__(self, sigma: float) -> int:
        within = min(max(sigma, float(self.sigmas.min())), float(self.sigmas.max()))
        distance = np.abs(np.log(self.sigmas) - np.log(within))
        rounding = 16 * np.finfo(np.float64).eps * max(1.0, np.abs(np.log(self.sigmas)).max())
        return int(self.sizes[(distance <= distance.min() + rounding).argmax()])

    @classmethod
    def calibrate(
        cls,
        data: ArrayLike,
        sigmas: Sequence[float] | Array,
        sizes: Sequence[int] | None = None,
        *,
        n_held_out: int = 16,
        seed: int = 0,
        equivariant: bool = True,
        padding: str = "zeros",
        combine: str = "centre",
        block_size: int | None = None,
    ) -> Self:
        """The patch sizes that denoise held-out images best: they follow from the data alone.

        `n_held_out` of the images, drawn by `seed`, are noised and denoised by the local optimum of all others. All
        sizes see the same images and the same noise, so that their differences are much surer than the errors
        themselves. Sizes whose errors agree to rounding count as equally good; the first of them in `sizes` is taken.

        Parameters
        ----------
        data : array (n, channels, height, width)
            Images.
        sigmas : array (s,)
            Noise levels > 0.
        sizes : list of int, optional
            The patch sizes to try. Default: 1, 3, 5, ... up to the smaller side of the image.
        n_held_out : int
            The number of images that are left out and denoised; the time is proportional to it.
        seed : int
            Of the choice of these images and of the noise.
        equivariant, padding, combine, block_size
            As in `LocalDenoiser`.

        Returns
        -------
        PatchSchedule
            The best size at every level, with the errors of all.

        Raises
        ------
        ArgumentError
            Where a size does not fit the images, or no image would be left to compare with.
        NoiseLevelError
            Unless 0 < sigmas < inf.

        Examples
        --------
        >>> images = torch.arange(1500, dtype=torch.float64).pow(2).sin().reshape(60, 1, 5, 5).cumsum(2).cumsum(3)
        >>> PatchSchedule.calibrate(images, [0.01, 30.0], [1, 5], n_held_out=20)
        PatchSchedule(1x1 at sigma 0.01, 5x5 at sigma 30)
        """
        grid = check.positive_sigmas("sigmas", sigmas)
        images = check.dataset("data", data, minimum=2).detach()
        n_held_out = check.integer("n_held_out", n_held_out, 1)
        if n_held_out >= len(images):
            raise ArgumentError("n_held_out", f"is {n_held_out} of {len(images)} images", "leave some to compare with")
        order = torch.from_numpy(stream(seed, "held-out images").permutation(len(images))).to(images.device)
        clean, others = images[order[:n_held_out].sort().values], images[order[n_held_out:].sort().values]
        theories = _theories(others, sizes, equivariant, padding, combine, block_size)
        noise = normal_batch(seed, "held-out noise", range(n_held_out), images.shape[1:], dtype=images.dtype)
        squares = np.empty((len(grid), len(theories), n_held_out))
        for j, theory in enumerate(theories.values()):
            for i, sigma in enumerate(grid):
                missed = theory(clean + float(sigma) * noise.to(images.device), float(sigma)) - clean
                squares[i, j] = missed.double().square().flatten(1).mean(1).cpu().numpy()
        error, stderr = mean_error(squares, axis=2)
        best = error <= error.min(1, keepdims=True) * (1 + 64 * torch.finfo(images.dtype).eps)
        candidates = np.asarray(list(theories))
        return cls(grid, candidates[best.argmax(1)], candidates, None, error, stderr, n_held_out)


def _theories(
    data: ArrayLike,
    sizes: Sequence[int] | None,
    equivariant: bool,
    padding: str,
    combine: str,
    block_size: int | None,
) -> dict[int, LocalDenoiser]:
    """The local optimum of each patch size; all odd ones that fit into the image where none are given."""
    if sizes is None:
        sizes = range(1, min(check.dataset("data", data).shape[-2:]) + 1, 2)
    sizes = [check.integer("sizes", size, 1) for size in check.items("sizes", sizes)]
    if not sizes:
        raise ArgumentError("sizes", "is empty", "pass at least one patch size")
    options = {"equivariant": equivariant, "padding": padding, "combine": combine, "block_size": block_size}
    with check.speaking_of("sizes", "data", *options):
        return {size: LocalDenoiser(data, size, **options) for size in sizes}


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
    check.function("denoiser", denoiser, "denoiser(x, sigma)")
    data = check.as_float_tensor("data", data).detach()
    theories = _theories(data, check.items("sizes", sizes), equivariant, padding, combine, block_size)
    images = check.dataset("images", images).detach()
    check.batch("images", images, next(iter(theories.values())).event_shape)
    noise = normal_batch(seed, "patch size", range(len(images)), images.shape[1:], dtype=images.dtype)
    cosine = np.empty((len(grid), len(theories)))
    for i, sigma in enumerate(grid):
        x = images + float(sigma) * noise.to(images.device)
        target = denoiser(x, float(sigma))
        for j, theory in enumerate(theories.values()):
            similarity = torch.cosine_similarity(target.flatten(1), theory(x, float(sigma)).flatten(1))
            cosine[i, j] = similarity.median().detach()
    check.representable("data, images", cosine)
    candidates = np.asarray(list(theories))
    best = cosine >= cosine.max(1, keepdims=True) - 64 * torch.finfo(images.dtype).eps
    return PatchSchedule(grid, candidates[best.argmax(1)], candidates, cosine)
