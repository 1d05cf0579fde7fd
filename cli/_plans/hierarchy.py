"""What the thresholds of a grammar will cost: density evolution, probed with few messages."""

from __future__ import annotations

import math
import time

from ..._support.cost import Part, Plan, duration, peak_memory
from ...errors import ArgumentError, EstimateError
from ...theory.hierarchy.density_evolution import CHUNK, Threshold, threshold
from ...theory.hierarchy.mean_field import HierarchyTheory
from .budget import allowed, show_plan, tell

FEWER = 16  # so many times fewer messages than the work has
CHANNELS = ("masking", "uniform", "gaussian")


def planned_error(theory: HierarchyTheory, error: float, seed: int, budget: str, started: float) -> float:
    """The relative error that there is time for, after the plan was told."""
    if theory.fixed_point is None or theory.m != int(theory.m):
        return error
    asked = error
    messages = max(10_000 // theory.v, 50)
    size = max(10, messages // FEWER)
    _few(theory, CHANNELS[0], 1.0, 10, seed)  # compiles
    chunk, needed = {}, {}
    for channel in CHANNELS:
        begun = time.monotonic()
        found = _few(theory, channel, error, size, seed)
        chunk[channel] = (time.monotonic() - begun) * messages / size
        needed[channel] = CHUNK * (found.stderr / abs(found.value) / error) ** 2

    def plan(error_now: float) -> Plan:
        rounds = {c: max(1, math.ceil(needed[c] * (asked / error_now) ** 2 / CHUNK)) for c in CHANNELS}
        parts = tuple(Part(c, CHUNK * rounds[c], rounds[c] * chunk[c]) for c in CHANNELS)
        return Plan(f"thresholds to a relative error of {error_now:.2g}, by sequences of rules", parts, peak_memory())

    spent = time.monotonic() - started
    left = allowed(budget, spent)
    while left is not None and plan(error).seconds > left:
        if sum(chunk.values()) > left:
            least = duration(sum(chunk.values()))
            problem = f"leaves {duration(max(0.0, left))}, less than the least work takes ({least})"
            raise ArgumentError("budget", problem, "allow more time")
        error = min(1.0, error * 1.2)
    if error > asked:
        tell(f"a relative error of {error:.2g} instead of {asked:g}, to keep {budget}")
    show_plan(plan(error), spent)
    return error


def _few(theory: HierarchyTheory, channel: str, error: float, size: int, seed: int) -> Threshold:
    """The first sequences of rules with fewer messages, whatever their error."""
    try:
        return threshold(
            theory.v, int(theory.m), theory.s, channel, fixed_point=float(theory.fixed_point or 0.0),
            relative_error=error, size=size, max_sequences=CHUNK, seed=seed,
        )  # fmt: skip
    except EstimateError as failed:
        assert isinstance(failed.estimate, Threshold)
        return failed.estimate
