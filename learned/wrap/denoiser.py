"""What all wrapped networks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..._support import checks as check
from ...errors import DenoiserContractError, NoiseLevelError


class WrappedDenoiser(nn.Module):
    """`denoiser(x, sigma, condition=None)` around a foreign callable; `shape` is its event shape, where known."""

    def __init__(self, inner: Callable[..., Any], shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.inner, self.shape = inner, shape

    def forward(self, x: torch.Tensor, sigma: Any, condition: Any = None) -> torch.Tensor:
        if self.shape is not None:
            check.batch("x", x, self.shape)
        levels = check.sigmas("sigma", sigma, x)
        if not bool(levels.isfinite().all()):
            raise NoiseLevelError("sigma", "holds inf", "pass finite noise levels to a wrapped network")
        out = self.denoise(x, levels, condition)
        if not isinstance(out, torch.Tensor) or out.shape != x.shape:
            got = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
            raise DenoiserContractError("f", f"gives {got} for {tuple(x.shape)}", "return an array like x")
        return out

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: Any) -> torch.Tensor:
        raise NotImplementedError

    def call(self, x: torch.Tensor, time: torch.Tensor, *condition: Any, **options: Any) -> Any:
        """The foreign callable in its own precision, its answer in that of `x`."""
        dtype = next((p.dtype for p in self.parameters() if p.is_floating_point()), x.dtype)
        out = self.inner(x.to(dtype), time.to(dtype), *condition, **options)
        out = getattr(out, "sample", out)
        return out.to(x.dtype) if isinstance(out, torch.Tensor) else out
