"""A class-conditional network at one class, or guided towards it."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch import nn

from .._support import checks as check
from .._support.display.boxes import Boxed
from .._support.modules import evaluating
from .._support.typed import typed
from .._support.types import Array, ArrayLike, Points, Record, Sigma
from ..errors import ArgumentError
from ..theory.denoiser import Denoiser
from ..theory.guidance._guided_shift import check_interval

CONDITION = "pass one, on the command line --condition class (the labels of the data) or --condition 3"


@typed
class GuidedDenoiser(nn.Module, Boxed):
    """D_u + (1 + w) (D_c - D_u), a conditional network guided with weight w [@Ho2022], at some noise levels or at all.

    w = 0 is the conditional denoiser D_c itself, w = -1 the unconditional D_u. (Others write the scale s = 1 + w.) For
    w > 0 this is no posterior mean of any data, so that no identity of an optimal denoiser holds.

    Parameters
    ----------
    denoiser : Denoiser
        A network that takes `condition=`.
    condition : array_like, optional
        The class, or any other condition, of all points; one may be passed to each call instead.
    guidance : float
        The weight w.
    null : array_like, optional
        The condition that means "none" (default: what the network says; for most none at all).
    interval : (float, float)
        The noise levels low < sigma <= high to guide at; at others the answer is D_c, which costs half.
        `idealscore transitions guidance DATA` finds them.

    Attributes
    ----------
    shape : tuple of int or None
        Event shape, where the network says it.
    noise_range : (float, float) or None
        The noise levels that the network knows.
    grid : array or None
        The levels of its steps.

    Raises
    ------
    ArgumentError
        Where the interval is none; when called without a condition, or where the network has no unconditional answer.

    Examples
    --------
    >>> class Shift(nn.Module):
    ...     def forward(self, x, sigma, condition=None):
    ...         return x + (0 if condition is None else condition)
    >>> GuidedDenoiser(Shift(), 2.0, guidance=0.5)(torch.zeros(1, 2), 1.0).tolist()
    [[3.0, 3.0]]
    """

    def __init__(
        self,
        denoiser: Denoiser,
        condition: ArrayLike | None = None,
        guidance: float = 0.0,
        null: ArrayLike | None = None,
        interval: tuple[float, float] = (0.0, math.inf),
    ) -> None:
        super().__init__()
        if not callable(denoiser):
            raise ArgumentError("denoiser", f"expected a callable, got {type(denoiser).__name__}", "pass a network")
        for name, given in (("condition", condition), ("null", null)):
            if given is not None:
                check.finite(name, check.array(name, given))
        self.denoiser: Any = denoiser
        self.condition = condition
        self.guidance = check.real("guidance", guidance)
        self.interval = check_interval(interval, math.inf)
        self.null = getattr(denoiser, "null_condition", None) if null is None else null
        self.metadata: Record = dict(getattr(denoiser, "metadata", None) or {})
        self.training = False

    def __repr__(self) -> str:
        at = [] if self.condition is None else [f"condition={self.condition}"]
        strength = [f"guidance={self.guidance:g}"] if self.guidance else []
        always = self.interval == (0.0, math.inf)
        where = [] if always or not self.guidance else [f"interval=({self.interval[0]:g}, {self.interval[1]:g})"]
        return f"GuidedDenoiser({', '.join([repr(self.denoiser), *at, *strength, *where])})"

    @property
    def shape(self) -> tuple[int, ...] | None:
        return getattr(self.denoiser, "shape", None)

    @property
    def noise_range(self) -> tuple[float, float] | None:
        return getattr(self.denoiser, "noise_range", None)

    @property
    def grid(self) -> Array | None:
        return getattr(self.denoiser, "grid", None)

    def steps(self, sigmas: ArrayLike) -> tuple[Array, Array, Array]:
        """What the network makes of noise levels, as `WrappedDenoiser.steps`.

        Parameters
        ----------
        sigmas : array_like, shape (n,)
            Noise levels.

        Returns
        -------
        step, sigma, error : array (n,)
            The steps that it is told, the levels for which it answers, and a bound of the error.
        """
        steps = getattr(self.denoiser, "steps", None)
        if steps is None:
            raise ArgumentError(
                "sigmas", "meet a network without steps", "ask a network on the clock 'index' or 'step'"
            )
        return steps(sigmas)

    def forward(self, x: Points, sigma: Sigma, condition: ArrayLike | None = None) -> Points:
        """The guided answer.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *event)`.
        sigma : float or torch.Tensor
            Noise level.
        condition : array_like, optional
            Of these points, instead of the one of all.

        Returns
        -------
        torch.Tensor
            Like `x`.
        """
        chosen = self.condition if condition is None else condition
        if chosen is None:
            raise ArgumentError("condition", "is missing", CONDITION)
        with nullcontext() if self.training else evaluating(self.denoiser):
            return self._guided(x, sigma, chosen)

    def _guided(self, x: Points, sigma: Sigma, chosen: ArrayLike) -> Points:
        conditional = self.denoiser(x, sigma, condition=chosen)
        low, high = self.interval
        level = torch.as_tensor(sigma, device=x.device)
        guided = (level > low) & (level <= high)
        if not self.guidance or not bool(guided.any()):
            return conditional
        try:
            plain = self.denoiser(x, sigma, condition=self.null) if self.null is not None else self.denoiser(x, sigma)
        except ArgumentError as error:
            problem = f"asks for the answer without a condition, and the network has none ({error.problem})"
            raise ArgumentError(
                "guidance", problem, "pass null=, the condition that means none, or guidance=0"
            ) from None
        pushed = cast(torch.Tensor, plain + (1 + self.guidance) * (conditional - plain))
        return torch.where(guided.reshape(-1, *[1] * (x.ndim - 1)), pushed, conditional)
