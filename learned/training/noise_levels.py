"""Where the noise levels of training fall: distributions of sigma as data, in words and in configurations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar

import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Record
from ...errors import ArgumentError, UnknownNameError
from ...theory.noise import DiscreteSchedule


@typed
@dataclass(frozen=True)
class LogNormal:
    """ln(sigma) ~ N(mean, std^2) [@Karras2022].

    Parameters
    ----------
    mean : float
        Mean of ln(sigma).
    std : float
        Its standard deviation, >= 0.

    Raises
    ------
    ArgumentError
        Where one of them is not finite, or `std` is negative.

    Examples
    --------
    >>> LogNormal(0.0, 1.2).quantile(torch.tensor([0.5])).round(decimals=4)
    tensor([1.])
    """

    mean: float = -1.2
    std: float = 1.2
    kind: ClassVar[str] = "lognormal"

    def __post_init__(self) -> None:
        check.real("mean", self.mean)
        check.real("std", self.std, 0.0)

    def quantile(self, u: torch.Tensor) -> torch.Tensor:
        """sigma at the share `u` of its distribution.

        Parameters
        ----------
        u : torch.Tensor
            Shares in (0, 1), of any shape.

        Returns
        -------
        torch.Tensor
            Noise levels of the shape of `u`.
        """
        return torch.exp(self.mean + self.std * torch.special.ndtri(u))


@typed
@dataclass(frozen=True)
class LogUniform:
    """ln(sigma) uniform between ln(low) and ln(high).

    Parameters
    ----------
    low : float
        Smallest noise level, > 0.
    high : float
        Largest one, >= `low`.

    Raises
    ------
    ArgumentError
        Where they are not finite and in this order.

    Examples
    --------
    >>> LogUniform(0.01, 100.0).quantile(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)).round(decimals=6).tolist()
    [0.01, 1.0, 100.0]
    """

    low: float = 0.01
    high: float = 100.0
    kind: ClassVar[str] = "loguniform"

    def __post_init__(self) -> None:
        check.ordered("low", self.low, "high", self.high, 1e-12)

    def quantile(self, u: torch.Tensor) -> torch.Tensor:
        """sigma at the share `u` of its distribution.

        Parameters
        ----------
        u : torch.Tensor
            Shares in (0, 1), of any shape.

        Returns
        -------
        torch.Tensor
            Noise levels of the shape of `u`.
        """
        return self.low * (self.high / self.low) ** u


@typed
@dataclass(frozen=True)
class Levels:
    """One of the given noise levels, all alike in frequency.

    Parameters
    ----------
    sigmas : tuple of float
        Noise levels > 0, in any order.

    Raises
    ------
    ShapeError
        Where there are none.
    NoiseLevelError
        Where one is not finite and > 0.

    Examples
    --------
    >>> Levels((0.5, 2.0)).quantile(torch.tensor([0.1, 0.9])).tolist()
    [0.5, 2.0]
    """

    sigmas: tuple[float, ...] = (1.0,)
    kind: ClassVar[str] = "levels"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigmas", tuple(check.positive_sigmas("sigmas", list(self.sigmas)).tolist()))

    def quantile(self, u: torch.Tensor) -> torch.Tensor:
        """sigma at the share `u` of its distribution.

        Parameters
        ----------
        u : torch.Tensor
            Shares in (0, 1), of any shape.

        Returns
        -------
        torch.Tensor
            Noise levels of the shape of `u`.
        """
        table = torch.tensor(self.sigmas, dtype=u.dtype, device=u.device)
        return table[(u * len(self.sigmas)).long().clamp(max=len(self.sigmas) - 1)]


@typed
@dataclass(frozen=True)
class Steps:
    """A uniformly drawn step 1 ... n of a DDPM schedule [@Ho2020; @Nichol2021].

    Parameters
    ----------
    schedule : {"linear", "cosine"}
        Which schedule.
    n : int
        Number of its steps.

    Raises
    ------
    UnknownNameError
        On an unknown schedule.
    ArgumentError
        Where `n` is not a positive integer.

    Examples
    --------
    >>> Steps("linear", 1000).quantile(torch.tensor([0.0, 0.9999], dtype=torch.float64)).round(decimals=2)
    tensor([1.0000e-02, 1.5741e+02], dtype=torch.float64)
    """

    schedule: str = "linear"
    n: int = 1000
    kind: ClassVar[str] = "steps"

    def __post_init__(self) -> None:
        check.choice("schedule", self.schedule, ("linear", "cosine"))
        check.integer("n", self.n, 1)

    def quantile(self, u: torch.Tensor) -> torch.Tensor:
        """sigma at the share `u` of its distribution.

        Parameters
        ----------
        u : torch.Tensor
            Shares in (0, 1), of any shape.

        Returns
        -------
        torch.Tensor
            Noise levels of the shape of `u`.
        """
        return _levels_of(self.schedule, self.n).quantile(u)


@lru_cache
def _levels_of(schedule: str, n: int) -> Levels:
    return Levels(tuple(getattr(DiscreteSchedule, schedule)(n).sigmas[1:]))


Noise = LogNormal | LogUniform | Levels | Steps
_KINDS: dict[str, type[Noise]] = {kind.kind: kind for kind in (LogNormal, LogUniform, Levels, Steps)}


def noise_to_dict(noise: Noise) -> Record:
    """The distribution as plain data."""
    return {"kind": noise.kind, **asdict(noise)}


def noise_from_dict(description: Record) -> Noise:
    """The distribution that `noise_to_dict` described.

    >>> noise_from_dict({"kind": "lognormal", "mean": 0.0, "std": 1.0})
    LogNormal(mean=0.0, std=1.0)
    """
    options = dict(description)
    kind: Any = _KINDS[check.choice("noise", options.pop("kind", None), _KINDS)]
    for name in options:
        if name not in (known := [field.name for field in fields(kind)]):
            raise UnknownNameError("noise", name, known)
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})


def noise_from_text(text: str) -> Noise:
    """A distribution from words: "lognormal MEAN STD", "loguniform LOW HIGH", "levels S1 S2 ...", "steps NAME N".

    >>> noise_from_text("loguniform 0.01 100")
    LogUniform(low=0.01, high=100.0)
    """
    kind, *words = text.split() or [""]
    check.choice("noise", kind, _KINDS)
    try:
        if kind == "levels":
            return Levels(tuple(float(word) for word in words))
        if kind == "steps":
            return Steps(words[0], int(words[1])) if words else Steps()
        first, second = (float(word) for word in words)
    except (ValueError, IndexError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError("noise", f"is '{text}'", "write KIND and its numbers, e.g. 'lognormal -1.2 1.2'") from None
    return LogNormal(first, second) if kind == "lognormal" else LogUniform(first, second)


def noise_to_text(noise: Noise) -> str:
    """The words that `noise_from_text` reads.

    >>> noise_to_text(LogUniform(0.01, 100.0))
    'loguniform 0.01 100.0'
    """
    values = [part for value in asdict(noise).values() for part in (value if isinstance(value, tuple) else (value,))]
    return " ".join([noise.kind, *map(str, values)])
