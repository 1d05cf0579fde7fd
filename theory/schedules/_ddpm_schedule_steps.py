"""Noise levels as whole steps of a discrete schedule, for networks and libraries that know nothing else."""

from __future__ import annotations

import numpy as np

from ..._support.types import Array, ArrayLike
from ...errors import NoiseLevelError
from ..discrete_schedule import DiscreteSchedule
from ..levels import falling_levels
from ..noise import NoiseLevel
from ._inputs import discrete_schedule


def ddpm_schedule_steps(sigmas: ArrayLike, schedule: DiscreteSchedule | None = None) -> Array:
    """The whole steps nearest to falling noise levels, each once [@Ho2020].

    Where two levels would share a step the lower one moves down, where there is no room the higher one up.

    Parameters
    ----------
    sigmas : array (N,) or (N + 1,)
        Falling noise levels; a last 0 is left out, as it is no step.
    schedule : DiscreteSchedule, optional
        Whose steps (default: 1000 with linear betas).

    Returns
    -------
    array of int (N,)
        Falling steps from 1 to n. The `timesteps` of diffusers count from 0 and are these less 1.

    Raises
    ------
    NoiseLevelError
        For levels that do not fall, lie beyond the last step, or are more than there are steps.

    Examples
    --------
    >>> ddpm_schedule_steps([80.0, 2.73, 0.011, 0.0105, 0.0])
    array([931, 458,   2,   1])
    """
    schedule = discrete_schedule(schedule)
    levels = falling_levels(sigmas)
    levels = levels[levels > 0]
    if len(levels) > schedule.n:
        raise NoiseLevelError("sigmas", f"are {len(levels)} levels for {schedule.n} steps", "pass fewer")
    exact = np.atleast_1d(np.asarray(NoiseLevel(levels).step(schedule)))
    if np.isnan(exact).any():
        problem = f"holds {levels[0]:.4g}, the last step is {schedule.sigmas[-1]:.4g}"
        raise NoiseLevelError("sigmas", problem, "begin lower")
    steps = np.rint(exact).astype(int)
    for k in range(1, len(steps)):
        steps[k] = min(steps[k], steps[k - 1] - 1)
    for k in range(len(steps) - 1, -1, -1):
        steps[k] = max(steps[k], len(steps) - k)
    return steps
