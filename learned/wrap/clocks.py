"""The clocks of foreign networks: what they are told of the noise level, and at what scale they see the points.

Everything is computed in torch, so that derivatives with respect to sigma pass through the clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..._support import checks as check
from ..._support.typed import typed
from ..._support.types import Array
from ...errors import ArgumentError, NoiseLevelError
from ...theory.discrete_schedule import DiscreteSchedule

CLOCKS = ("sigma", "snr", "log_snr", "alpha_bar", "ou_time", "flow_time", "step", "index", "vp_time")
DISCRETE = ("step", "index")
REVERSIBLE = ("flow_time", "step", "index", "vp_time")
SLACK = 1e-5  # relative: how far beyond the ends of a schedule a level may lie by rounding


@typed
@dataclass(frozen=True)
class Clock:
    """What a network is told of the noise level.

    Parameters
    ----------
    name : str
        One of `CLOCKS`. "vp_time" is t of the continuous variance-preserving process [@Song2021SDE], with
        log(1 + sigma^2) = beta_min t + (beta_max - beta_min) t^2 / 2, from 0 to 1.
    schedule : DiscreteSchedule, optional
        What "step" (1 ... n) and "index" (0 ... n - 1) count on.
    reverse : bool
        Time runs the other way: 1 - t, or n - 1 - index, or n + 1 - step.
    time_scale : float
        What the time is multiplied by before the network sees it, e.g. 1000 for a flow time from 0 to 1000.
    beta_min, beta_max : float
        Of "vp_time".

    Raises
    ------
    UnknownNameError
        On an unknown name.
    ArgumentError
        Where the schedule is missing, or the clock has no other direction.

    Examples
    --------
    >>> Clock("flow_time", reverse=True).time(torch.tensor([0.25, 1.0])).tolist()
    [0.800000011920929, 0.5]
    """

    name: str = "sigma"
    schedule: DiscreteSchedule | None = None
    reverse: bool = False
    time_scale: float = 1.0
    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        check.choice("clock", self.name, CLOCKS)
        if self.discrete and self.schedule is None:
            raise ArgumentError("schedule", "is missing", f"the clock '{self.name}' needs a DiscreteSchedule")
        if self.reverse and self.name not in REVERSIBLE:
            known = ", ".join(REVERSIBLE)
            raise ArgumentError("reverse", f"is set for the clock '{self.name}'", f"only {known} can run backwards")
        if check.real("time_scale", self.time_scale) == 0:
            raise ArgumentError("time_scale", "is 0", "pass what the time is multiplied by")
        check.ordered("beta_min", self.beta_min, "beta_max", self.beta_max, 1e-12)

    def __str__(self) -> str:
        scaled = [] if self.time_scale == 1 else [f"time_scale={self.time_scale:g}"]
        return ", ".join([f"clock={self.name!r}", *(["reverse=True"] if self.reverse else []), *scaled])

    @property
    def discrete(self) -> bool:
        """Whether it counts the steps of a schedule."""
        return self.name in DISCRETE

    @property
    def grid(self) -> Array | None:
        """The increasing noise levels `(n,)` of the whole steps; None for a continuous clock."""
        return None if self.schedule is None or not self.discrete else self.schedule.sigmas[1:]

    @property
    def noise_range(self) -> tuple[float, float]:
        """The noise levels between which the clock is defined."""
        if self.schedule is not None and self.discrete:
            return (float(self.schedule.sigmas[1]) if self.name == "index" else 0.0), float(self.schedule.sigmas[-1])
        if self.name == "vp_time":
            return 0.0, math.sqrt(math.expm1((self.beta_min + self.beta_max) / 2))
        return 0.0, math.inf

    def scale(self, sigma: torch.Tensor) -> torch.Tensor:
        """The factor c of what the network sees, z = c x.

        Parameters
        ----------
        sigma : torch.Tensor
            Noise levels.

        Returns
        -------
        torch.Tensor
            1 for "sigma", 1 - t for "flow_time", sqrt(abar) for all others.
        """
        if self.name == "sigma":
            return torch.ones_like(sigma)
        return 1 / (1 + sigma) if self.name == "flow_time" else 1 / (1 + sigma**2).sqrt()

    def time(self, sigma: torch.Tensor) -> torch.Tensor:
        """What the network is told.

        Parameters
        ----------
        sigma : torch.Tensor
            Noise levels; the arithmetic is double, the result in their dtype.

        Returns
        -------
        torch.Tensor
            Times, differentiable in sigma. Where a step is whole but for rounding it is exactly whole.

        Raises
        ------
        NoiseLevelError
            Beyond the ends of the clock.
        """
        if self.name == "sigma":
            return self.time_scale * sigma
        place = torch.device("cpu") if sigma.device.type == "mps" else sigma.device
        level = sigma.to(place, torch.float64)
        time = self._discrete_time(level, sigma.dtype) if self.discrete else self._continuous_time(level)
        return (self.time_scale * time).to(sigma.device, sigma.dtype)

    def _continuous_time(self, sigma: torch.Tensor) -> torch.Tensor:
        if self.name == "snr":
            return sigma**-2
        if self.name == "log_snr":
            return -2 * sigma.log()
        if self.name == "alpha_bar":
            return 1 / (1 + sigma**2)
        if self.name == "flow_time":
            return 1 / (1 + sigma) if self.reverse else sigma / (1 + sigma)
        log = _log_variance(sigma)
        if self.name == "ou_time":
            return log / 2
        self._within(sigma)
        grows = self.beta_max - self.beta_min
        time = (2 * log / (self.beta_min + (self.beta_min**2 + 2 * grows * log).sqrt())).clamp(max=1.0)
        return 1 - time if self.reverse else time

    def _discrete_time(self, sigma: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        assert self.schedule is not None
        self._within(sigma)
        table = torch.from_numpy(-np.log(self.schedule.alpha_bar)).to(sigma)
        log = _log_variance(sigma)
        above = torch.searchsorted(table, log.detach().contiguous()).clamp(1, self.schedule.n)
        low, high = table[above - 1], table[above]
        step = above - 1 + (log - low) / (high - low)
        step = step.clamp(min=1.0 if self.name == "index" else 0.0, max=float(self.schedule.n))
        whole = step.detach().round()
        rounding = 16 * torch.finfo(dtype).eps * whole.clamp(min=1.0)
        step = torch.where((step.detach() - whole).abs() <= rounding, step + (whole - step.detach()), step)
        if self.reverse:
            step = self.schedule.n + 1 - step
        return step - 1 if self.name == "index" else step

    def _within(self, sigma: torch.Tensor) -> None:
        low, high = self.noise_range
        if not bool(((sigma >= low * (1 - SLACK)) & (sigma <= high * (1 + SLACK))).all()):
            raise NoiseLevelError(
                "sigma", "lies beyond the schedule of the network", f"pass noise levels in [{low:.4g}, {high:.4g}]"
            )

    def whole_step(self, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The whole step nearest to each noise level, and the noise level of that step.

        Parameters
        ----------
        sigma : torch.Tensor
            Noise levels.

        Returns
        -------
        time : torch.Tensor
            Integers, as the network counts.
        sigma : torch.Tensor
            What belongs to them.
        """
        if self.schedule is None:
            raise ArgumentError("clock", f"is '{self.name}'", "only 'step' and 'index' have whole steps")
        last, first = self.schedule.n, 1
        shift = 1 if self.name == "index" else 0
        plain = Clock(self.name, self.schedule)
        step = (plain.time(sigma.detach().double()).round().long() + shift).clamp(first, last)
        known = torch.from_numpy(self.schedule.sigmas.copy()).to(sigma.device)[step].to(sigma.dtype)
        return (last + 1 - step if self.reverse else step) - shift, known


def _log_variance(sigma: torch.Tensor) -> torch.Tensor:
    """log(1 + sigma^2) without overflow, its derivative too."""
    large = sigma > 1e100
    small = torch.where(large, torch.ones_like(sigma), sigma)
    return torch.where(large, 2 * torch.where(large, sigma, torch.ones_like(sigma)).log(), torch.log1p(small**2))


def time_of(sigma: torch.Tensor, clock: str, schedule: DiscreteSchedule | None = None) -> torch.Tensor:
    """`sigma` on a clock; "step" is 1 ... n of `schedule`, "index" 0 ... n - 1, both fractional between them.

    Raises NoiseLevelError beyond the ends of the schedule.

    >>> time_of(torch.tensor([0.0, 1.0]), "flow_time").tolist()
    [0.0, 0.5]
    """
    return Clock(clock, schedule).time(sigma)
