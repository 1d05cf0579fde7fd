"""Local optima whose neighbourhoods come from the covariance of the data instead of a square window.

The Wiener filter W = C (C + sigma^2)^-1 of data with covariance C says which entries of x help to estimate which.
Row i, divided by W_ii and cut at a threshold, is a mask m_i over the entries; each entry is then the posterior
mean under the distance that sees only its mask [@Lukoianov2025]:

    D(x, sigma)_i = sum_n softmax_n(-sum_j m_ij (x_j - y_nj)^2 / 2 sigma^2) y_ni
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self, final

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import Array, ArrayLike, Points, Sigma
from ...errors import ShapeError
from .._opaque import opaque
from ..closed_form import ClosedForm
from .posterior import posterior_mean
from .same_location import SameLocation

Mask = torch.Tensor | Callable[[float], torch.Tensor]


class WienerMask:
    """sigma -> 0-1 matrix (d, d): row i holds the entries with |W_ij| > threshold W_ii, and i itself.

    Entries of W below its rounding count as zero.

    Parameters
    ----------
    data : array (n, *event)
        Training data, which enter by their singular values, so that n may be smaller than d.
    threshold : float
        From 0 to 1; the larger, the fewer entries are seen.

    Raises
    ------
    ArgumentError
        Where the threshold lies outside [0, 1].
    ShapeError
        Unless `data` is an array (n, *event).

    Examples
    --------
    >>> data = torch.tensor([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    >>> mask = WienerMask(data)
    >>> mask
    WienerMask(d=3, rank=2, threshold=0.05)
    >>> mask(1.0)  # the first two entries are correlated, the third is on its own
    tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)
    """

    threshold: float

    def __init__(self, data: ArrayLike, threshold: float = 0.05) -> None:
        self.threshold = check.real("threshold", threshold, 0.0, 1.0)
        flat = check.dataset("data", data).detach().flatten(1).double()
        singular, axes = (part.cpu().numpy() for part in torch.linalg.svd(flat - flat.mean(0), full_matrices=False)[1:])
        kept = singular > singular.max() * np.finfo(np.float64).eps * max(flat.shape)
        self._variances, self._axes = singular[kept] ** 2 / len(flat), axes[kept]

    def __repr__(self) -> str:
        rank, d = self._axes.shape
        return f"WienerMask(d={d}, rank={rank}, threshold={self.threshold:g})"

    def __call__(self, sigma: float) -> torch.Tensor:
        return torch.from_numpy(self.matrix(sigma))

    def matrix(self, sigma: float) -> Array:
        """The same mask as a NumPy array.

        Parameters
        ----------
        sigma : float
            Noise level.

        Returns
        -------
        array (d, d), float64
            Ones where the entries of a row see those of the columns.

        Raises
        ------
        NoiseLevelError
            Where sigma is negative or NaN.
        """
        sigma = float(check.sigmas("sigma", sigma, torch.empty(1, dtype=torch.float64)))
        gain = self._variances
        if len(gain) and sigma * sigma < 1e12 * float(gain.max()):
            gain = gain / (gain + sigma * sigma)
        wiener = self._axes.T @ (gain[:, None] * self._axes)
        diagonal = wiener.diagonal()
        rounding = 8 * np.finfo(np.float64).eps * len(wiener) * diagonal.max()
        mask = np.abs(wiener) > self.threshold * diagonal[:, None] + rounding
        return (mask | np.eye(len(mask), dtype=bool)).astype(np.float64)


@final
class MaskedDenoiser(ClosedForm):
    """Posterior mean of each entry under its own mask: the distance to the data sees the entries that the mask holds.

    A mask of ones gives the `EmpiricalDenoiser`. Differentiable in x, sigma and the data, to any order. sigma may be 0
    or inf; the result does not depend on `block_size`. [@Lukoianov2025]

    Parameters
    ----------
    data : array (n, *event)
        Training data, kept without a copy.
    mask : array (d, d) or function of sigma, optional
        A 0-1 matrix, d being the number of entries of an event, or a function that gives one for a noise level; None
        takes `WienerMask(data)`.
    block_size : int, optional
        Number of data read at once; fitted to the caches when not given.

    Raises
    ------
    ShapeError
        Where a mask is not (d, d).
    ArgumentError
        Where `block_size` is not a positive integer.

    Examples
    --------
    >>> data = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    >>> D = MaskedDenoiser(data, torch.eye(2))
    >>> D
    MaskedDenoiser(n=2, mask=fixed, event=(2,), float64, cpu)
    >>> D(torch.tensor([[0.5, 1.0]], dtype=torch.float64), 1.0)
    tensor([[0.5000, 0.6225]], dtype=torch.float64)
    """

    data: torch.Tensor
    mask: Mask
    block_size: int | None

    def __init__(
        self,
        data: ArrayLike,
        mask: ArrayLike | Callable[[float], torch.Tensor] | None = None,
        *,
        block_size: int | None = None,
    ) -> None:
        self.data = check.dataset("data", data)
        self.block_size = None if block_size is None else check.integer("block_size", block_size, 1)
        if mask is None:
            mask = WienerMask(self.data)
        self.mask = mask if callable(mask) else self._checked(mask)
        self._fixed = np.empty((0, 0)) if callable(self.mask) else _as_matrix(self.mask)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.data.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the data."""
        return self.data.dtype

    @property
    def device(self) -> torch.device:
        """The device of the data, on which x must be too."""
        return self.data.device

    def _facts(self) -> dict[str, object]:
        return {"n": len(self.data), "mask": "function of sigma" if callable(self.mask) else "fixed"}

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same denoiser on another device or in another dtype; this one stays as it is.

        Parameters
        ----------
        *args, **kwargs
            A device, a dtype or both, as for `torch.Tensor.to`.

        Returns
        -------
        MaskedDenoiser
            A new object with the same masks.
        """
        return type(self)(self.data.to(*args, **kwargs), self.mask, block_size=self.block_size)

    @opaque
    def __call__(self, x: Points, sigma: Sigma) -> Points:
        event = self.data.shape[1:]
        x = check.same_device("x", check.batch("x", x, event), self.data)
        sigma = check.sigmas("sigma", sigma, x)
        if not len(x):
            return x
        pixels = self.data.flatten(1)[:, None, :, None]
        if not callable(self.mask):
            found = posterior_mean(self._engine(math.inf), x.flatten(1)[:, None, :, None], sigma, pixels)
            return found.reshape(x.shape)
        groups = [(sigma == level).nonzero().flatten() for level in sigma.detach().unique()]
        parts = [
            posterior_mean(
                self._engine(float(sigma.detach()[rows[0]])),
                x[rows].flatten(1)[:, None, :, None],
                sigma[rows],
                pixels,
            )
            for rows in groups
        ]
        return torch.cat(parts)[torch.cat(groups).argsort()].reshape(-1, *event)

    def reference(self, x: Points, sigma: Sigma) -> Points:
        """sum_n softmax_n(-sum_j m_ij (x_j - y_nj)^2 / 2 sigma^2) y_ni for every entry i, in float64 [@Lukoianov2025].

        Parameters
        ----------
        x : tensor (batch, *event)
            Noisy points.
        sigma : float or tensor (batch,)
            Noise level, 0 < sigma < inf.

        Returns
        -------
        tensor (batch, *event), float64
            E[x0_i | x seen through mask i].
        """
        y, flat = self.data.double().flatten(1), x.double().flatten(1)
        result = torch.zeros_like(flat)
        for k, s in enumerate(check.sigmas("sigma", sigma, flat)):
            m = torch.from_numpy(self._mask_at(float(s))).to(flat.device)
            for i in range(len(m)):
                seen = (m[i] * (flat[k] - y) ** 2).sum(1)
                result[k, i] = torch.softmax(-seen / (2 * s**2), dim=0) @ y[:, i]
        return result.reshape(x.shape)

    def _mask_at(self, sigma: float) -> Array:
        """The mask at a noise level."""
        if isinstance(self.mask, WienerMask):
            return self.mask.matrix(sigma)
        return _as_matrix(self._checked(self.mask(sigma))) if callable(self.mask) else self._fixed

    def _engine(self, sigma: float) -> SameLocation:
        """The entries as a row of pixels, each with the crop that its mask is."""
        return SameLocation(self._mask_at(sigma), np.ones((1, 1)), average=False, block_size=self.block_size)

    def _checked(self, mask: ArrayLike) -> torch.Tensor:
        """`mask` as a matrix (d, d)."""
        matrix = check.as_float_tensor("mask", mask)
        d = self.data[0].numel()
        if tuple(matrix.shape) != (d, d):
            raise ShapeError("mask", f"has shape {tuple(matrix.shape)}", f"pass a 0-1 matrix ({d}, {d})")
        return matrix


def _as_matrix(mask: torch.Tensor) -> Array:
    plain = mask.detach().cpu().double()
    try:
        return plain.numpy()
    except RuntimeError:  # a tensor made inside of a transform of torch.func has no memory to look at, nor a list of it
        return np.array([entry.item() for entry in plain.flatten()]).reshape(plain.shape)
