"""What all wrapped networks share."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from ..._support import checks as check
from ..._support.display import boxes
from ..._support.modules import at_least_float32, evaluating, floating_dtype
from ..._support.typed import typed
from ..._support.types import Array, ArrayLike, Points, Record, Sigma
from ...errors import ArgumentError, DenoiserContractError, IdealScoreError, NoiseLevelError
from ..networks.base import place_text, size_text
from .clocks import Clock

WIDEST = 1e100  # of a range: beyond it squares are no numbers
REMEDIES = {
    "scalar types: Long, Int": "it takes whole steps: wrap it on the clock 'index' or 'step', with integer=True",
    "must be long, int": "it takes whole steps: wrap it on the clock 'index' or 'step', with integer=True",
    "dtype": "the time arrives in float32 or wider: cast its embedding to the dtype of the weights in the network",
    "class_labels": "pass condition=, the class",
    "positional argument": "it is called as f(z, time), or f(z, time, condition)",
}  # a piece of what the network's own error says, and what to do


@typed
class WrappedDenoiser(nn.Module):
    """`denoiser(x, sigma, condition=None) -> E[x0 | x]` around a foreign callable.

    Made by `function`, `edm` and `diffusers`; a subclass computes E[x0 | x] in `denoise`. The foreign module stays as
    it is: it runs in evaluation mode and has its own mode again after every call. (After `denoiser.train()` it runs
    in the mode that it has.) Moving the wrapper, as by `denoiser.to(device)`, moves the module with it.

    Parameters
    ----------
    inner : callable
        A function or a torch module.
    shape : tuple of int, optional
        Its event shape, where that is known; inputs of another shape are then refused.
    timing : Clock, optional
        What it is told of the noise level.
    range : (float, float), optional
        What -1 and 1 of our data are to the network, e.g. (0, 1): points, noise levels and answers are mapped.
    integer : bool, optional
        Whether the time is a whole step: a noise level is then rounded to the nearest one that the network knows.

    Attributes
    ----------
    metadata : dict
        Empty: nothing is known of the training.

    Raises
    ------
    ArgumentError
        Where the range is not (low, high) with low < high.
    ShapeError, NoiseLevelError
        When called, on an input that does not fit, or on sigma = inf.
    DenoiserContractError
        When called, where the callable raises, or does not give an array like `x`.

    Examples
    --------
    >>> from idealscore.learned import wrap
    >>> wrap.edm(nn.BatchNorm1d(2), shape=(2,))
    WrappedDenoiser(BatchNorm1d, edm, event=(2,), 4 parameters, float32, cpu)
    """

    def __init__(
        self,
        inner: Callable[..., Any],
        shape: tuple[int, ...] | None = None,
        timing: Clock | None = None,
        *,
        range: tuple[float, float] | None = None,
        integer: bool | None = False,
    ) -> None:
        super().__init__()
        self.training: bool = False
        self.inner: Callable[..., Any] = inner
        if any(weight.is_meta for weight in self.parameters()):
            raise ArgumentError("f", "has weights on the device 'meta', which hold nothing", "load them first")
        range = check.plain(range)
        self.shape: tuple[int, ...] | None = check.plain(shape)
        self.timing = timing
        self.integer: bool | None = integer
        self.data_range: tuple[float, float] | None = range
        self.gain: float
        self.offset: float
        self.gain, self.offset = gain_and_offset(range)
        self.metadata: Record = {}

    def __repr__(self) -> str:
        name = getattr(self.inner, "__name__", type(self.inner).__name__)
        size = sum(parameter.numel() for parameter in self.parameters())
        weights = [size_text(size), place_text(self)] if size else []
        event = ["event unknown" if self.shape is None else f"event={self.shape}"]
        scale = [] if self.data_range is None else [f"range=({self.data_range[0]:g}, {self.data_range[1]:g})"]
        return f"WrappedDenoiser({', '.join([name, *self.summary(), *scale, *event, *weights])})"

    def _repr_html_(self) -> str:
        return boxes.from_line(repr(self))

    def summary(self) -> list[str]:
        """What a reader wants to know of the kind of wrapper, in a few words.

        Returns
        -------
        list of str
            Words for the one line that the wrapper prints as.
        """
        return []

    def train(self, mode: bool = True) -> Self:
        """Whether the foreign module runs in the mode that it has, instead of evaluation mode; its mode stays.

        Parameters
        ----------
        mode : bool
            True for the mode that the module has, False for evaluation mode.

        Returns
        -------
        WrappedDenoiser
            Itself.
        """
        self.training = mode
        return self

    @property
    def noise_range(self) -> tuple[float, float] | None:
        """The noise levels between which the network is defined; None where its clock sets no limit."""
        low, high = (0.0, math.inf) if self.timing is None else self.timing.noise_range
        if self.integer and self.grid is not None:
            low = float(self.grid[0]) * self.gain
        return None if (low, high) == (0.0, math.inf) else (low / self.gain, high / self.gain)

    @property
    def grid(self) -> Array | None:
        """The increasing noise levels of the network's own steps; None where its clock is continuous."""
        grid = None if self.timing is None else self.timing.grid
        return None if grid is None else grid / self.gain

    def steps(self, sigmas: ArrayLike) -> tuple[Array, Array, Array]:
        """What a network in whole steps makes of noise levels: it answers for that of the nearest step.

        For Gaussian data of mean mu the answer is off by at most `error` times |x - mu|, because each gain
        lambda / (lambda + sigma^2) is a logistic function of 2 log sigma, whose slope is 1/4 at most.

        Parameters
        ----------
        sigmas : array_like, shape (n,)
            Noise levels asked for.

        Returns
        -------
        step : array (n,)
            The step that the network is told; fractional where it takes fractions.
        sigma : array (n,)
            The noise level for which it answers.
        error : array (n,)
            |log(sigma of the step / sigma asked for)| / 2.

        Raises
        ------
        ArgumentError
            Where the clock of the network has no steps.

        Examples
        --------
        >>> from idealscore import DiscreteSchedule
        >>> from idealscore.learned import wrap
        >>> net = wrap.function(lambda z, t: z, clock="index", schedule=DiscreteSchedule.linear(), integer=True)
        >>> step, sigma, error = net.steps([1.0])
        >>> step.tolist(), sigma.round(4).tolist(), error.round(5).tolist()
        ([258.0], [0.9995], [0.00024])
        """
        asked = check.positive_sigmas("sigmas", sigmas)
        if self.timing is None or not self.timing.discrete:
            raise ArgumentError(
                "sigmas", "meet a network without steps", "ask a network on the clock 'index' or 'step'"
            )
        level = self.gain * torch.tensor(asked)
        if not self.integer:
            return self.timing.time(level).numpy(), asked, np.zeros_like(asked)
        time, known = self.timing.whole_step(level)
        found = known.numpy() / self.gain
        return time.double().numpy(), found, np.abs(np.log(found / asked)) / 2

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
        check.batch("x", x, tuple(getattr(x, "shape", ()))[1:] if self.shape is None else self.shape)
        wide = x.to(at_least_float32(x.dtype))
        levels = check.sigmas("sigma", sigma, wide)
        if not bool(levels.isfinite().all()):
            raise NoiseLevelError("sigma", "holds inf", "pass finite noise levels to a wrapped network")
        native = self.gain * wide + self.offset if self.data_range is not None else wide.clone() if wide is x else wide
        out = self.denoise(native, self.gain * levels, condition)
        if not isinstance(out, torch.Tensor) or out.shape != x.shape:
            got = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
            raise DenoiserContractError("f", f"gives {got} for {tuple(x.shape)}", _remedy_of(out, x))
        return (out if self.data_range is None else (out - self.offset) / self.gain).to(x.dtype)

    def denoise(self, x: torch.Tensor, sigma: torch.Tensor, condition: ArrayLike | None) -> torch.Tensor:
        """E[x0 | x] after the checks of `forward`; every kind of wrapper has its own.

        Parameters
        ----------
        x : torch.Tensor
            `(batch, *event)`, in float32 or float64 and in the range of the network.
        sigma : torch.Tensor
            `(batch,)`, in the unit of the network.
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

        The time keeps its digits: it is an integer, or float32 at least, whatever the weights are.

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
        dtype = floating_dtype(self, x.dtype)
        if time.is_floating_point():
            time = time.to(at_least_float32(dtype))
        out = self._ask(self.inner, x.to(dtype), time, *condition, **options)
        out = getattr(out, "sample", out)
        if isinstance(out, torch.Tensor) and out.is_complex():
            raise DenoiserContractError("f", "gives complex numbers", "return an array like x")
        return out.to(x.dtype) if isinstance(out, torch.Tensor) else out

    def _ask(self, f: Callable[..., Any], *arguments: object, **options: object) -> Any:
        """What `f`, a part of the foreign object, answers: in its mode, its errors as our own."""
        try:
            with nullcontext() if self.training else evaluating(self.inner):
                return f(*arguments, **options)
        except (IdealScoreError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            remedy = next((to_do for part, to_do in REMEDIES.items() if part in text), "call it as the wrapper does")
            raise DenoiserContractError("f", f"raises {type(error).__name__} ({text})", remedy) from error


def _remedy_of(out: object, x: torch.Tensor) -> str:
    """What to do with an answer that is not like the points."""
    if isinstance(out, torch.Tensor) and out.shape == (len(x), 2 * x.shape[1], *x.shape[2:]):
        return "split='first' takes the prediction and leaves a learned variance"
    for key, one in enumerate(out) if isinstance(out, (list, tuple)) else out.items() if isinstance(out, dict) else ():
        if isinstance(one, torch.Tensor) and one.shape == x.shape:
            return f"take a part of the answer: lambda z, time: net(z, time)[{key!r}]"
    return "return an array like x"


def gain_and_offset(range: tuple[float, float] | None) -> tuple[float, float]:
    """(gain, offset) of y = gain x + offset, which takes [-1, 1] to `range`."""
    if range is None:
        return 1.0, 0.0
    values = check.finite("range", check.float_array("range", range))
    if values.shape != (2,):
        raise ArgumentError("range", f"is {range!r}", "pass (low, high), what -1 and 1 are to the network")
    low, high = (check.real("range", float(value), -WIDEST, WIDEST) for value in values)
    if not high - low > 1 / WIDEST:
        raise ArgumentError("range", f"is {range!r}", "pass (low, high) with low < high")
    return (high - low) / 2, (high + low) / 2
