"""The clocks of foreign networks: what they are told of the noise level."""

from __future__ import annotations

import numpy as np
import torch

from ..._support import checks as check
from ...errors import ArgumentError, NoiseLevelError
from ...theory.noise import DiscreteSchedule, NoiseLevel

CLOCKS = ("sigma", "snr", "log_snr", "alpha_bar", "ou_time", "flow_time", "step", "index")


def time_of(sigma: torch.Tensor, clock: str, schedule: DiscreteSchedule | None = None) -> torch.Tensor:
    """`sigma` on a clock; "step" is 1 ... n of `schedule`, "index" 0 ... n - 1, both fractional between them.

    Raises NoiseLevelError beyond the ends of the schedule.

    >>> time_of(torch.tensor([0.0, 1.0]), "flow_time").tolist()
    [0.0, 0.5]
    """
    check.choice("clock", clock, CLOCKS)
    if clock in ("step", "index") and schedule is None:
        raise ArgumentError("schedule", "is missing", f"the clock '{clock}' needs a DiscreteSchedule")
    if clock == "sigma":
        return sigma
    values = sigma.detach().double().cpu().numpy()
    if schedule is None or clock not in ("step", "index"):
        return torch.as_tensor(getattr(NoiseLevel(values), clock)).to(sigma)
    low, high = schedule.sigmas[1] if clock == "index" else 0.0, schedule.sigmas[-1]
    if not ((values >= low * (1 - 1e-5)) & (values <= high * (1 + 1e-5))).all():
        raise NoiseLevelError("sigma", "lies beyond the schedule", f"pass noise levels in [{low:.4g}, {high:.4g}]")
    step = np.asarray(NoiseLevel(values.clip(low, high)).step(schedule)) - (clock == "index")
    return torch.as_tensor(step).to(sigma)
