"""Local optima whose neighbourhoods come from the covariance of the data instead of a square window.

The Wiener filter W = C (C + sigma^2)^-1 of data with covariance C says which entries of x help to estimate which.
Row i, divided by W_ii and cut at a threshold, is a mask m_i over the entries; each entry is then the posterior
mean under the distance that sees only its mask [@Lukoianov2025]:

    D(x, sigma)_i = sum_n softmax_n(-sum_j m_ij (x_j - y_nj)^2 / 2 sigma^2) y_ni
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..._support import checks as check
from ...errors import ShapeError
from .same_location import SameLocation

Mask = torch.Tensor | Callable[[float], torch.Tensor]


class WienerMask:
    """sigma -> 0-1 matrix (d, d): row i holds the entries with |W_ij| > threshold W_ii, and i itself.

    The data `(n, *event)` enter by their singular values, so n may be smaller than d.

    >>> data = torch.tensor([[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    >>> WienerMask(data)(1.0)  # the first two entries are correlated, the third is on its own
    tensor([[1., 1., 0.],
            [1., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)
    """

    def __init__(self, data: Any, threshold: float = 0.05) -> None:
        self.threshold = check.real("threshold", threshold, 0.0, 1.0)
        flat = check.dataset("data", data).flatten(1).double()
        _, singular, axes = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
        kept = singular > singular.max() * torch.finfo(torch.float64).eps * max(flat.shape)
        self._variances, self._axes = singular[kept] ** 2 / len(flat), axes[kept]

    def __call__(self, sigma: float) -> torch.Tensor:
        sigma = float(check.sigmas("sigma", sigma, self._axes.new_empty(1)))
        gain = self._variances
        if len(gain) and sigma * sigma < 1e12 * float(gain.max()):
            gain = gain / (gain + sigma * sigma)
        filter = self._axes.T @ (gain.unsqueeze(1) * self._axes)
        mask = filter.abs() > self.threshold * filter.diagonal().unsqueeze(1)
        return (mask | torch.eye(len(mask), dtype=torch.bool, device=mask.device)).double()


class MaskedDenoiser:
    """Posterior mean of each entry of `data` (n, *event) under its own mask: a 0-1 matrix (d, d) or sigma -> matrix.

    `mask=None` takes `WienerMask(data)`. sigma may be 0 or inf; the result does not depend on `block_size`.
    Differentiable once in x. A mask of ones gives the `EmpiricalDenoiser`.

    Raises ShapeError if a mask is not (d, d), d being the number of entries of an event.

    >>> data = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    >>> MaskedDenoiser(data, torch.eye(2))(torch.tensor([[0.5, 1.0]], dtype=torch.float64), 1.0)
    tensor([[0.5000, 0.6225]], dtype=torch.float64)
    """

    def __init__(self, data: Any, mask: Mask | None = None, *, block_size: int | None = None) -> None:
        self.data = check.dataset("data", data)
        self.mask = WienerMask(self.data) if mask is None else mask
        self.block_size = None if block_size is None else check.integer("block_size", block_size, 1)
        if not callable(self.mask):
            self._checked(self.mask)

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        event = self.data.shape[1:]
        x = check.same_device("x", check.batch("x", x, event), self.data)
        sigma = check.sigmas("sigma", sigma, x).detach()
        result = torch.zeros_like(x)
        for level in sigma.unique():
            rows = (sigma == level).nonzero().flatten()
            columns = x[rows].flatten(1)[:, None, :, None]
            machine = self._machine(self.mask(float(level)) if callable(self.mask) else self.mask)
            result[rows] = machine.mean(columns, sigma[rows]).reshape(-1, *event)
        return result

    def _machine(self, mask: torch.Tensor) -> SameLocation:
        images = self.data.flatten(1).T[None, :, None, :]
        rows = self._checked(mask).to(device=images.device, dtype=torch.float64)
        return SameLocation(images, rows, rows.new_ones(1, 1), average=False, block_size=self.block_size)

    def _checked(self, mask: Any) -> torch.Tensor:
        mask = check.as_float_tensor("mask", mask)
        d = self.data[0].numel()
        if tuple(mask.shape) != (d, d):
            raise ShapeError("mask", f"has shape {tuple(mask.shape)}", f"pass a 0-1 matrix ({d}, {d})")
        return mask
