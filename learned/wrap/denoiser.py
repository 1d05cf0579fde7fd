"""What all wrapped networks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..._support import checks as check
from ..._support.types import ArrayLike, Points, Record, Sigma
from ...errors import DenoiserContractError, NoiseLevelError
from ..networks.base import place_text, size_text


class WrappedDenoiser(nn.Module):
    """`denoiser(x, sigma, condition=None) -> E[x0 | x]` around a foreign callable.

    Made by `function`, `edm` and `diffusers`; a subclass computes E[x0 | x] in `denoise`.

    Parameters
    ----------
    inner : callable
        A function or a torch module.
    shape : tuple of int, optional
        Its event shape, where that is known; inputs of another shape are then refused.

    Attributes
    ----------
    metadata : dict
        Empty: nothing is known of the training.

    Raises
    ------
    ShapeError, NoiseLevelError
        When called, on an input that does not fit, or on sigma = inf.
    DenoiserContractError
        When called, where the callable does not give an array like `x`.

    Examples
    --------
    >>> from idealscore.learned import wrap
    >>> wrap.edm(nn.BatchNorm1d(2), shape=(2,))
    WrappedDenoiser(BatchNorm1d, edm, event=(2,), 4 parameters, float32, cpu)
    """

    def __init__(self, inner: Callable[..., Any], shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.inner, self.shape = inner, shape
        self.metadata: Record = {}

    def __repr__(self) -> str:
        name = getattr(self.inner, "__name__", type(self.inner).__name__)
        size = sum(parameter.numel() for parameter in self.parameters())
        weights = [size_text(size), place_text(self)] if size else []
        event = ["event unknown" if self.shape is None else f"event={self.shape}"]
        return f"WrappedDenoiser({', '.join([name, *self.summary(), *event, *weights])})"

    def summary(self) -> list[str]:
        """What a reader wants to know of the kind of wrapper, in a few words.

        Returns
        -------
        list of str
            Words for the one line that the wrapper prints as.
        """
        return []

    def forward(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> Points:
        """E[x0 | x], what a call of the denoiser gives.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *event)`, floating point.
        sigma : float or torch.Tensor
            Noise level, a number or `(batch,)`, finite.
        condition : array_like, optional
            What the network takes as a condition.

        Returns
        -------
        torch.Tensor
            Like `x`.
        """
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

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        """E[x0 | x] after the checks of `forward`; every kind of wrapper has its own.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *event)`.
        sigma : torch.Tensor
            `(batch,)`.
        condition : array_like or None
            As it was given.

        Returns
        -------
        torch.Tensor
            Like `x`.
        """
        raise NotImplementedError

    def call(self, x: torch.Tensor, time: torch.Tensor, *condition: object, **options: object) -> torch.Tensor:
        """The foreign callable in its own precision, its answer in that of `x`.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *event)`, what the callable takes.
        time : torch.Tensor
            `(batch,)`, on the clock of the callable.
        *condition
            What follows by position.
        **options
            What follows by name.

        Returns
        -------
        torch.Tensor
            The answer, or its attribute `sample`; whatever else the callable returns comes back as it is.
        """
        dtype = next((p.dtype for p in self.parameters() if p.is_floating_point()), x.dtype)
        out = self.inner(x.to(dtype), time.to(dtype), *condition, **options)
        out = getattr(out, "sample", out)
        return out.to(x.dtype) if isinstance(out, torch.Tensor) else out
