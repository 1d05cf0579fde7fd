"""What the adapters of other libraries share: their object, unwrapped, and its range of noise levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from ..._support.types import Array, ArrayLike
from ...errors import ArgumentError, DenoiserContractError, NoiseLevelError
from .clocks import SLACK
from .denoiser import WrappedDenoiser

ADAPTERS = {
    "azula": "azula",
    "smalldiffusion": "smalldiffusion",
    "denoising_diffusion_pytorch": "lucidrains",
    "k_diffusion": "k_diffusion",
    "torchcfm": "torchcfm",
    "deepinv": "deepinv",
    "diffusers": "diffusers",
}  # package: the function of this room that takes its objects


class LibraryDenoiser(WrappedDenoiser):
    """An object of another library, whose own code answers; a subclass says how in `answer`.

    `noise_range` and `grid` are in the unit of the library, `range` as of `WrappedDenoiser`.
    """

    def __init__(
        self,
        inner: nn.Module,
        shape: tuple[int, ...] | None,
        words: list[str],
        *,
        noise_range: tuple[float, float] | None = None,
        grid: ArrayLike | None = None,
        range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(inner, shape, range=range)
        self.words, self._levels = words, noise_range
        self._grid = None if grid is None else np.sort(np.asarray(grid, dtype=np.float64))

    def summary(self) -> list[str]:
        return self.words

    @property
    def noise_range(self) -> tuple[float, float] | None:
        if self._levels is None:
            return None
        return self._levels[0] / self.gain, self._levels[1] / self.gain

    @property
    def grid(self) -> Array | None:
        return None if self._grid is None else self._grid / self.gain

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        if self._levels is not None:
            within(sigma, self._levels, self.gain)
        out = self.answer(x, sigma, condition)
        return out.to(x.dtype) if isinstance(out, torch.Tensor) else out

    def answer(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        """E[x0 | x] in the unit of the library."""
        raise NotImplementedError


def within(sigma: torch.Tensor, levels: tuple[float, float], gain: float = 1.0) -> None:
    """NoiseLevelError where a noise level is beyond `levels`; both are in a unit that is `gain` times ours."""
    low, high = levels
    if not bool(((sigma >= low * (1 - SLACK)) & (sigma <= high * (1 + SLACK))).all()):
        remedy = f"pass noise levels in [{low / gain:.4g}, {high / gain:.4g}]"
        raise NoiseLevelError("sigma", "lies beyond the schedule of the network", remedy)


def unwrapped(module: Any) -> Any:
    """What stands inside torch.compile, DataParallel, DistributedDataParallel and a moving average of ema_pytorch.

    >>> unwrapped(nn.DataParallel(nn.Identity()))
    Identity()
    """
    while True:
        if isinstance(module, nn.parallel.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif type(module).__name__ == "OptimizedModule":
            module = module._orig_mod  # noqa: SLF001, torch.compile offers no other name
        elif isinstance(getattr(module, "ema_model", None), nn.Module):
            module = module.ema_model
        else:
            return module


def library_of(thing: object) -> str | None:
    """The package of `ADAPTERS` that an object, or what it derives from, was made in.

    >>> library_of(nn.Identity()) is None
    True
    """
    roots = [kind.__module__.split(".")[0] for kind in type(thing).__mro__]
    return next((root for root in roots if root in ADAPTERS), None)


def checked(argument: str, module: Any, needs: Mapping[str, str] | tuple[str, ...], package: str) -> Any:
    """`module`, unwrapped, if it is a torch module with all attributes that `package` gives it."""
    module = unwrapped(module)
    missing = [name for name in needs if not hasattr(module, name)]
    if isinstance(module, nn.Module) and not missing:
        return module
    other = library_of(module)
    remedy = f"use wrap.{ADAPTERS[other]}" if other and other != package else "or use wrap.function"
    without = f" without '{missing[0]}'" if missing and isinstance(module, nn.Module) else ""
    raise ArgumentError(argument, f"expected one of {package}, got {type(module).__name__}{without}", remedy)


def labels(condition: ArrayLike, like: torch.Tensor) -> torch.Tensor:
    """Class labels `(batch,)` on the device of `like`: one for all, or one each."""
    given = torch.as_tensor(condition, device=like.device)
    if given.ndim > 1 or (given.ndim == 1 and len(given) not in (1, len(like))):
        problem = f"has shape {tuple(given.shape)}"
        raise ArgumentError("condition", problem, f"pass one class, or one for each of the {len(like)} points")
    return given.long().expand(len(like))


def tensor_like(out: object, x: torch.Tensor, what: Callable[..., object] | nn.Module) -> torch.Tensor:
    """`out`, if it is a tensor of the shape of `x`."""
    if not isinstance(out, torch.Tensor) or out.shape != x.shape:
        got = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
        name = type(what).__name__
        raise DenoiserContractError("f", f"{name} gives {got} for {tuple(x.shape)}", "pass a network of such images")
    return out
