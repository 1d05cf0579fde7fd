"""Noise on the leaves of a hierarchy, and what an observation says about each leaf [@Sclocchi2025].

A channel has `corrupt(strings, v, noise, generator)`, which draws an observation of integer strings (n, leaves), and
`log_likelihood(observation, v, noise)`, which is log p(observation | leaf = c) as a tensor (n, leaves, v), up to a
constant per leaf. Any object with these two methods is a channel; belief propagation also takes a bare likelihood.

    gaussian   one-hot leaves plus sigma n; `noise` is sigma, the likelihood of c is exp(x_c / sigma^2)
    masking    a leaf is hidden (-1) with probability `noise`, else known
    uniform    a leaf is replaced by a uniform symbol with probability `noise`
    epsilon    nothing is replaced, but each leaf is believed only up to 1 - noise + noise / v: a device of the
               mean-field theory, not a Bayesian channel
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch

from ..._support import checks as check
from ..._support.types import ArrayLike, Sigma
from ...errors import ArgumentError, NoiseLevelError, ShapeError


class LeafChannel(Protocol):
    """Noise on leaves with a tractable likelihood.

    A protocol: any object with these methods is a channel.

    Examples
    --------
    >>> isinstance(masking.name, str), sorted(CHANNELS)
    (True, ['epsilon', 'gaussian', 'masking', 'uniform'])
    """

    @property
    def name(self) -> str:
        """What the channel is called."""
        ...

    @property
    def unit(self) -> str:
        """What its noise is measured in."""
        ...

    def corrupt(self, strings: np.ndarray, v: int, noise: float, generator: np.random.Generator) -> np.ndarray:
        """Draw an observation.

        Parameters
        ----------
        strings : integers (n, leaves)
            Clean strings.
        v : int
            Size of the vocabulary.
        noise : float
            Strength of the noise, in `unit`.
        generator : numpy.random.Generator
            The source of randomness.

        Returns
        -------
        array (n, leaves) or (n, leaves, v)
            The observation.
        """
        ...

    def log_likelihood(self, observation: ArrayLike, v: int, noise: Sigma) -> torch.Tensor:
        """log p(observation | leaf = c), up to a constant per leaf.

        Parameters
        ----------
        observation : array (n, leaves) or (n, leaves, v)
            What `corrupt` draws.
        v : int
            Size of the vocabulary.
        noise : float or tensor
            Strength of the noise, in `unit`.

        Returns
        -------
        tensor (n, leaves, v)
            Logarithms, -inf where a symbol is excluded.
        """
        ...


MOST_SYMBOLS = 2**20


def _fraction(argument: str, value: Sigma) -> float:
    try:
        return check.real(argument, value, 0.0, 1.0)
    except ArgumentError as error:
        raise NoiseLevelError(argument, error.problem, error.remedy) from None


def _symbols(observation: ArrayLike, v: int, lowest: int, argument: str = "observation") -> torch.Tensor:
    symbols = check.tensor(argument, observation)
    if symbols.ndim != 2:
        raise ShapeError(argument, f"has shape {tuple(symbols.shape)}", "pass (n, leaves) symbols")
    if symbols.is_floating_point() or symbols.is_complex() or bool(((symbols < lowest) | (symbols >= v)).any()):
        raise ArgumentError(argument, "holds values that are not symbols", f"pass integers {lowest} ... {v - 1}")
    return symbols.long()


def one_hot(strings: ArrayLike, v: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Strings as one-hot tensor.

    Parameters
    ----------
    strings : integers (n, leaves)
        Symbols 0 ... v - 1.
    v : int
        Size of the vocabulary.
    dtype : torch.dtype
        That of the result.

    Returns
    -------
    tensor (n, leaves, v)
        1 at the symbol of each leaf, else 0.

    Raises
    ------
    ArgumentError
        For values that are not symbols, a vocabulary below 1 or above 2^20, or what is no dtype.
    ShapeError
        For strings that are not (n, leaves).

    Examples
    --------
    >>> one_hot([[1, 0]], 3)
    tensor([[[0., 1., 0.],
             [1., 0., 0.]]], dtype=torch.float64)
    """
    v = check.integer("v", v, 1, MOST_SYMBOLS)
    check.instance("dtype", dtype, torch.dtype)
    return torch.nn.functional.one_hot(_symbols(strings, v, 0, "strings"), v).to(dtype)


class Gaussian:
    """x = x0 + sigma n on one-hot leaves; p(x | c) is proportional to exp(x_c / sigma^2).

    >>> x = gaussian.corrupt(np.array([[0, 2]]), 3, 0.5, np.random.default_rng(0))
    >>> gaussian.log_likelihood(x, 3, 0.5).shape
    torch.Size([1, 2, 3])
    """

    name: str = "gaussian"
    unit: str = "sigma"

    def corrupt(self, strings: np.ndarray, v: int, noise: float, generator: np.random.Generator) -> np.ndarray:
        sigma = check.real("noise", noise, 0.0)
        clean = one_hot(strings, v).numpy()
        return clean + sigma * generator.standard_normal(clean.shape)

    def log_likelihood(self, observation: ArrayLike, v: int, noise: Sigma) -> torch.Tensor:
        """(x_c - max_c x_c) / sigma^2; sigma = 0 is the limit, where the nearest strings share the weight."""
        x = check.as_float_tensor("observation", observation)
        if x.ndim != 3 or x.shape[-1] != v:
            raise ShapeError("observation", f"has shape {tuple(x.shape)}", f"pass (n, leaves, {v})")
        # below this level 1/sigma^2 overflows, and any difference between two strings is already decisive
        sigma = check.sigmas("noise", noise, x).clamp(min=torch.finfo(x.dtype).tiny ** 0.25)[:, None, None]
        return (x - x.detach().amax(-1, keepdim=True)) / sigma**2

    def log_offset(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """log N(x; leaves, sigma^2 I) less the sum of `log_likelihood` over the leaves, (batch,), 0 < sigma < inf."""
        # |x - e_c|^2 = |x|^2 - 2 x_c + 1, of which the likelihood holds x_c - max_c x_c
        distance = (x**2).sum((1, 2)) - (2 * x.detach().amax(-1) - 1).sum(1)
        return -distance / (2 * sigma**2) - x[0].numel() * (math.log(2 * math.pi) / 2 + sigma.log())


class Masking:
    """A leaf is hidden, observed as -1, with probability `noise`.

    >>> masking.log_likelihood([[1, -1]], 2).exp()
    tensor([[[0., 1.],
             [1., 1.]]], dtype=torch.float64)
    """

    name: str = "masking"
    unit: str = "mask fraction"

    def corrupt(self, strings: np.ndarray, v: int, noise: float, generator: np.random.Generator) -> np.ndarray:
        hidden = generator.random(strings.shape) < _fraction("noise", noise)
        return np.where(hidden, -1, strings)

    def log_likelihood(self, observation: ArrayLike, v: int, noise: Sigma | None = None) -> torch.Tensor:
        symbols = _symbols(observation, v, -1)
        known = one_hot(symbols.clamp(min=0), v)
        return torch.where(symbols[..., None] < 0, 1.0, known).log()


class Epsilon:
    """The leaf keeps its symbol, believed with 1 - epsilon + epsilon / v ([@Sclocchi2025b], Eq. 17).

    >>> epsilon.log_likelihood([[1]], 2, 0.5).exp()
    tensor([[[0.2500, 0.7500]]], dtype=torch.float64)
    """

    name: str = "epsilon"
    unit: str = "epsilon"

    def corrupt(self, strings: np.ndarray, v: int, noise: float, generator: np.random.Generator) -> np.ndarray:
        _fraction("noise", noise)
        return np.array(strings)

    def log_likelihood(self, observation: ArrayLike, v: int, noise: Sigma) -> torch.Tensor:
        noise = _fraction("noise", noise)
        kept = torch.nn.functional.one_hot(_symbols(observation, v, 0), v).double()
        return ((1 - noise) * kept + noise / v).log()


class Uniform(Epsilon):
    """A leaf is replaced by a symbol drawn uniformly from all v with probability `noise` [@Austin2021].

    >>> uniform.corrupt(np.zeros((1, 4), int), 5, 1.0, np.random.default_rng(0))
    array([[0, 4, 3, 4]])
    """

    name: str = "uniform"
    unit: str = "replaced fraction"

    def corrupt(self, strings: np.ndarray, v: int, noise: float, generator: np.random.Generator) -> np.ndarray:
        replaced = generator.random(strings.shape) < _fraction("noise", noise)
        return np.where(replaced, generator.integers(0, v, strings.shape), strings)


gaussian: Gaussian = Gaussian()
masking: Masking = Masking()
epsilon: Epsilon = Epsilon()
uniform: Uniform = Uniform()
CHANNELS: dict[str, LeafChannel] = {channel.name: channel for channel in (gaussian, masking, uniform, epsilon)}


def channel_of(channel: str | LeafChannel) -> LeafChannel:
    """A channel by its name or itself; raises UnknownNameError or ArgumentError."""
    if isinstance(channel, str):
        return CHANNELS[check.choice("channel", channel, CHANNELS)]
    if not (hasattr(channel, "corrupt") and hasattr(channel, "log_likelihood")):
        raise ArgumentError("channel", "has no corrupt and log_likelihood", f"pass one of {', '.join(CHANNELS)}")
    return channel
