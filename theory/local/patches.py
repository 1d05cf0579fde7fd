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

from collections.abc import Callable
from typing import Any, Self, final

import torch

from ..._support import checks as check
from ..._support.types import ArrayLike, Points, Sigma
from ...errors import ArgumentError, ShapeError
from .._opaque import opaque
from ..closed_form import ClosedForm
from ._formula import averages, centres
from .all_locations import AllLocations
from .posterior import Engine, posterior_mean
from .same_location import same_location
from .sampled import LocalEstimate, SampledWindows
from .windows import PackedImages, Windows

FEW = 32
"""Below this number of images, the groups of images that `Windows` compares at once would be mostly empty."""

PatchSize = int | Callable[[float], int]


@final
class LocalDenoiser(ClosedForm):
    """The best denoiser that sees a `patch_size` x `patch_size` window of an image [@Kamb2024; @Niedoba2024].

    sigma may be 0 (the most similar patch, ties averaged) or inf (the mean). Streams over the images in blocks; the
    result does not depend on `block_size`. Differentiable in x, sigma and the data, to any order, in the same streaming
    memory, by backward() and by torch.func.

    Parameters
    ----------
    data : array (n, channels, height, width)
        Training images, kept without a copy.
    patch_size : int or function of sigma
        Side of the window in pixels, or a function that gives it for a noise level, such as `calibrate_patch_size`
        returns; odd for "centre".
    equivariant : bool
        True compares a patch with those at all locations (ELS), False with those at its own (LS).
    padding : "zeros" or "circular"
        "zeros" cuts patches at the border and compares them with patches cut alike, "circular" wraps them round.
    combine : "centre" or "average"
        "centre" predicts the centre of each patch; "average" takes all crops inside the image and gives each pixel
        the mean of those that hold it (padding plays no role).
    block_size : int, optional
        Number of images or patches read at once where "average", a GPU or derivatives are asked for; fitted to the
        caches when not given.
    tolerance : float
        0 compares all patches. A number in (0, 1) allows a relative standard error of that size, |error| / |D| for each
        image: where there are many patches (all locations, "centre", on the processor), those that carry weight are
        found by an index and compared, and the others are sampled. `estimate` returns the error. Where all patches are
        quickly compared, or a sample would take as long, the result is exact.
    seed : int
        Of the sample.

    Raises
    ------
    ShapeError
        Unless `data` are images.
    ArgumentError
        On a patch size that does not fit the images.
    UnknownNameError
        On another `padding` or `combine`.
    DeviceMemoryError
        When it is called on the processor, and the copy of the data that it reads does not fit into free memory.

    Examples
    --------
    >>> data = torch.stack([torch.zeros(1, 3, 3), torch.ones(1, 3, 3)]).double()
    >>> x = torch.full((1, 1, 3, 3), 0.6, dtype=torch.float64)
    >>> D = LocalDenoiser(data, 1, equivariant=False)
    >>> D
    LocalDenoiser(n=2, patch=1x1, same location, centre, zeros, event=(1, 3, 3), float64, cpu)
    >>> D(x, 1.0)[0, 0, 0]  # 1 / (1 + exp(-0.1))
    tensor([0.5250, 0.5250, 0.5250], dtype=torch.float64)
    """

    data: torch.Tensor
    patch_size: PatchSize
    equivariant: bool
    padding: str
    combine: str
    block_size: int | None
    tolerance: float
    seed: int

    def __init__(
        self,
        data: ArrayLike,
        patch_size: PatchSize,
        equivariant: bool = True,
        *,
        padding: str = "zeros",
        combine: str = "centre",
        block_size: int | None = None,
        tolerance: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.data = check.dataset("data", data)
        if self.data.ndim != 4:
            raise ShapeError("data", f"has shape {tuple(self.data.shape)}", "pass (n, channels, height, width)")
        self.equivariant = equivariant
        self.padding = check.choice("padding", padding, ("zeros", "circular"))
        self.combine = check.choice("combine", combine, ("centre", "average"))
        self.block_size = None if block_size is None else check.integer("block_size", block_size, 1)
        self.tolerance = check.real("tolerance", tolerance, 0, 1)
        self.seed = check.seed("seed", seed)
        self.patch_size = patch_size if callable(patch_size) else self._fitting(patch_size)
        self._engines: dict[int, Engine] = {}
        self._packed = PackedImages()

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        return tuple(self.data.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the images."""
        return self.data.dtype

    @property
    def device(self) -> torch.device:
        """The device of the images, on which x must be too."""
        return self.data.device

    def _facts(self) -> dict[str, object]:
        size = "a function of sigma" if callable(self.patch_size) else f"{self.patch_size}x{self.patch_size}"
        where = "all locations" if self.equivariant else "same location"
        sampled = {"tolerance": f"{self.tolerance:g}"} if self.tolerance else {}
        return {"n": len(self.data), "patch": f"{size}, {where}, {self.combine}, {self.padding}", **sampled}

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same denoiser on another device or in another dtype; this one stays as it is.

        Parameters
        ----------
        *args, **kwargs
            A device, a dtype or both, as for `torch.Tensor.to`.

        Returns
        -------
        LocalDenoiser
            A new object with the same options.
        """
        return type(self)(
            self.data.to(*args, **kwargs),
            self.patch_size,
            self.equivariant,
            padding=self.padding,
            combine=self.combine,
            block_size=self.block_size,
            tolerance=self.tolerance,
            seed=self.seed,
        )

    @opaque
    def __call__(self, x: Points, sigma: Sigma) -> Points:
        x = check.same_device("x", check.batch("x", x, self.event_shape), self.data)
        sigma = check.sigmas("sigma", sigma, x)
        if not len(x):
            return x
        if not callable(self.patch_size):
            return posterior_mean(self._engine(self.patch_size), x, sigma, self.data)
        groups = self._by_size(sigma)
        parts = [posterior_mean(self._engine(size), x[rows], sigma[rows], self.data) for size, rows in groups]
        return torch.cat(parts)[torch.cat([rows for _, rows in groups]).argsort()]

    def estimate(self, x: Points, sigma: Sigma) -> LocalEstimate:
        """What a call returns, with the standard error that sampling gives it.

        Parameters
        ----------
        x : tensor (batch, channels, height, width)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level.

        Returns
        -------
        LocalEstimate
            `mean`, `stderr` and `exact`; the error is 0 where all patches were compared.

        Raises
        ------
        ShapeError, NoiseLevelError
            On points or noise levels that do not fit.

        Examples
        --------
        >>> D = LocalDenoiser(torch.eye(3)[None, None], 1, tolerance=0.01)
        >>> D.estimate(torch.zeros(1, 1, 3, 3), 1.0).exact
        tensor([True])
        """
        x = check.same_device("x", check.batch("x", x, self.event_shape), self.data).detach()
        sigma = check.sigmas("sigma", sigma, x)
        mean, stderr = x.clone(), torch.zeros_like(x, dtype=torch.float64)
        exact = torch.ones(len(x), dtype=torch.bool)
        for size, rows in self._by_size(sigma):
            engine = self._engine(size)
            if isinstance(engine, SampledWindows):
                found = engine.estimate(x[rows], sigma[rows], self.data)[0]
                mean[rows], stderr[rows], exact[rows] = found.mean, found.stderr, found.exact
            else:
                mean[rows] = posterior_mean(engine, x[rows], sigma[rows], self.data)
        return LocalEstimate(mean, stderr, exact)

    def reference(self, x: Points, sigma: Sigma) -> Points:
        """The posterior mean patch by patch, pixel by pixel, in float64 ([@Kamb2024], or [@Niedoba2024] for "average").

        Parameters
        ----------
        x : tensor (batch, channels, height, width)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch, channels, height, width), float64
            E[x0 | what the windows see].
        """
        levels = check.sigmas("sigma", sigma, x.double())
        data, noisy = self.data.double(), zip(x.double(), levels.tolist(), strict=True)
        if self.combine == "average":
            means = [averages(data, image, s, self._size_at(s), self.equivariant) for image, s in noisy]
        else:
            means = [centres(data, image, s, self._size_at(s), self.equivariant, self.padding) for image, s in noisy]
        return torch.stack(means)

    def _fitting(self, size: int) -> int:
        """`size`, if patches of it exist."""
        height, width = self.data.shape[2:]
        limit = 2 * max(height, width) - 1
        if self.combine == "average" or self.padding == "circular":
            limit = min(height, width)
        size = check.integer("patch_size", size, 1, limit)
        if self.combine == "centre" and size % 2 == 0:
            raise ArgumentError("patch_size", f"is {size}", "pass an odd number, so that a patch has a centre")
        return size

    def _size_at(self, sigma: float) -> int:
        """The patch size at a noise level."""
        return self._fitting(self.patch_size(sigma)) if callable(self.patch_size) else self.patch_size

    def _by_size(self, sigma: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
        """The patch sizes that occur, and the rows of the batch where they do."""
        if not callable(self.patch_size):
            return [(self.patch_size, torch.arange(len(sigma), device=sigma.device))]
        sizes = torch.tensor([self._size_at(level) for level in sigma.detach().tolist()])
        return [(int(size), (sizes == size).nonzero().flatten().to(sigma.device)) for size in sizes.unique()]

    def _engine(self, size: int) -> Engine:
        """What computes the posterior means of patches of one size."""
        if size not in self._engines:
            average, circular, windows = self.combine == "average", self.padding == "circular", None
            few = self.equivariant and len(self.data) < FEW
            if self.device.type == "cpu" and not average and not few:
                height, width = self.data.shape[2:]
                windows = Windows(height, width, size // 2, circular, self.equivariant, self._packed)
            options = size, self.padding, average, self.block_size, windows
            if not self.equivariant:
                self._engines[size] = same_location(self.data, *options)
                return self._engines[size]
            exact = AllLocations(tuple(self.data.shape), *options)
            sampled = self.tolerance and windows is not None
            self._engines[size] = (
                SampledWindows(exact, tuple(self.data.shape), self._packed, self.tolerance, self.seed)
                if sampled
                else exact
            )
        return self._engines[size]
