"""Flows of the library torchcfm, whose time runs from noise (0) to data (1)."""

from __future__ import annotations

import inspect
import math
from functools import partial
from typing import Any

import torch
from torch import nn

from ..._support import checks as check
from ..._support.shapes import per_row
from ..._support.typed import typed
from ..._support.types import ArrayLike
from ...errors import ArgumentError
from ._library import LibraryDenoiser, checked, labels, tensor_like
from .denoiser import WrappedDenoiser

PATHS = {
    "ConditionalFlowMatcher": "straight",
    "TargetConditionalFlowMatcher": "target",
    "VariancePreservingConditionalFlowMatcher": "trigonometric",
}


class _TorchCFM(LibraryDenoiser):
    """x0 from the velocity v = E[x1 - x0 | x_t] of a path with independent ends and width p.

    With x_t = a d + b n + p e (d data, n noise) the total noise is s^2 = b^2 + p^2, sigma = s / a, and
    E[n | x_t] = b (x_t - a D) / s^2; v = a' D + b' E[n | x_t] is solved for D.
    """

    def __init__(self, inner: Any, shape: tuple[int, ...] | None, path: str, width: float) -> None:
        words = ["torchcfm", f"predicts=flow, {path} path, time from noise 0 to data 1"]
        super().__init__(inner, shape, words, noise_range=(width, math.inf))
        self.path, self.width = path, width
        parameters = inspect.signature(inner.forward).parameters.values()
        self.joined = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) == 1

    def answer(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        dtype = next((p.dtype for p in self.parameters()), x.dtype)
        level, p = sigma.double(), self.width
        if self.path == "target":  # a = t, s = 1 - (1 - p) t, v = (D - (1 - p) z) / s
            t = 1 / (level + 1 - p)
            a, share, gain = t, torch.full_like(t, 1 - p), 1 - (1 - p) * t
        elif self.path == "straight":  # a = t, b = 1 - t
            t = (1 + p**2) / (1 + (1 + (level**2 - 1) * (1 + p**2)).clamp(min=0).sqrt())
            b, s2 = 1 - t, (1 - t) ** 2 + p**2
            a, share, gain = t, b / (s2 + t * b), s2 / (s2 + t * b)
        else:  # a = sin(pi t / 2), b = cos(pi t / 2)
            a = ((1 + p**2) / (1 + level**2)).sqrt().clamp(max=1)
            t = 2 / math.pi * torch.atan2(a, (1 - a**2).clamp(min=0).sqrt())
            b = (1 - a**2).clamp(min=1e-12).sqrt()
            share, gain = a / (1 + p**2), 2 / math.pi * (b**2 + p**2) / (b * (1 + p**2))
        z = per_row(a.to(x.dtype), x) * x
        velocity = self._velocity(z.to(dtype), t.to(torch.promote_types(dtype, torch.float32)), condition)
        velocity = tensor_like(velocity, x, self.inner).to(x.dtype)
        return per_row(share.to(x.dtype), x) * z + per_row(gain.to(x.dtype), x) * velocity

    def _velocity(self, z: torch.Tensor, t: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        if self.joined:
            return self._ask(self.inner, torch.cat([z, t.to(z.dtype)[:, None]], dim=-1))
        return self._ask(self.inner, t, z, *([] if condition is None else [labels(condition, z)]))


@partial(typed, free=("model",))
def torchcfm(model: nn.Module, matcher: object = None, shape: tuple[int, ...] | None = None) -> WrappedDenoiser:
    """A denoiser from a velocity model trained with the library `torchcfm` from Gaussian noise to data.

    Parameters
    ----------
    model : torch.nn.Module
        `model(t, x)` or `model(t, x, y)`, such as `UNetModelWrapper`, or `model(cat([x, t]))`, such as its `MLP`; t
        runs from 0 (noise) to 1 (data).
    matcher : torchcfm.ConditionalFlowMatcher, optional
        What it was trained with, for the path and its width sigma (default: the straight path of width 0). Also
        `TargetConditionalFlowMatcher` and `VariancePreservingConditionalFlowMatcher`.
    shape : tuple of int, optional
        Event shape, where it shall be checked.

    Returns
    -------
    WrappedDenoiser
        For noise levels from the width of the path to infinity.

    Raises
    ------
    ArgumentError
        For anything else, and for matchers that couple noise and data (optimal transport, Schroedinger bridge): there
        x_t is not data plus independent noise, and the velocity does not give E[x0 | x].

    Examples
    --------
    >>> from torchcfm.models.unet.unet import UNetModelWrapper  # doctest: +SKIP
    >>> denoiser = torchcfm(UNetModelWrapper((3, 32, 32), 64, 1))  # doctest: +SKIP
    """
    model = checked("model", model, (), "torchcfm")
    name = "ConditionalFlowMatcher" if matcher is None else type(matcher).__name__
    if name not in PATHS:
        raise ArgumentError(
            "matcher",
            f"is {name}, which couples noise and data" if "FlowMatcher" in name else f"is a {type(matcher).__name__}",
            f"E[x0 | x] follows only from {', '.join(PATHS)}",
        )
    width = check.real("matcher", float(getattr(matcher, "sigma", 0.0)), 0.0)
    return _TorchCFM(model, shape, PATHS[name], width)
