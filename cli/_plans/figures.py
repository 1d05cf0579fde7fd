"""What computing figures will take, from the times that the same results took before, on this machine or another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..._support.cost import Part, Plan, duration, machine_pace, peak_memory
from ...errors import ArgumentError
from ...paper_figs import catalogue
from .budget import tell


def known_seconds(names: Sequence[str], scale: str, seed: int, kept: Path) -> dict[str, float]:
    """Seconds on this machine of the figures whose computation was timed before: in `kept`, else as shipped."""
    pace = machine_pace()
    found = {}
    for name in names:
        timed = catalogue.timed(name, scale, seed, kept)
        if timed is not None:
            seconds, then = timed
            found[name] = seconds * pace / then
    return found


def planned(names: Sequence[str], known: dict[str, float], budget: float | None) -> list[str]:
    """The figures that there is time for, the fastest first to be kept, after the plan was told."""
    chosen, left = set(names), budget
    if left is not None:
        chosen = {name for name in names if name not in known}
        for name in sorted(known, key=lambda name: known[name]):
            if known[name] <= left:
                chosen.add(name)
                left -= known[name]
        if not chosen:
            least = duration(min(known.values()))
            problem = f"leaves {duration(budget or 0.0)}, less than the fastest figure takes ({least})"
            raise ArgumentError("budget", problem, "allow more time")
        if missing := [name for name in names if name not in chosen]:
            tell(f"left out to keep the budget: {', '.join(missing)}")
    kept = [name for name in names if name in chosen]
    parts = tuple(Part(name, 1, known[name]) for name in kept if name in known)
    if parts:
        tell(str(Plan(f"{len(kept)} figures are computed", parts, peak_memory())))
    if unknown := [name for name in kept if name not in known]:
        tell(f"no time is known of figures that were not computed before: {', '.join(unknown)}")
    return kept


def while_time_is_left(
    names: Sequence[str], seconds: float | None, work: Callable[[str], object], go_on: str
) -> list[str]:
    """Do the work of each figure until the time is over; those that are left out, or stopped, are said."""
    begun, done = time.monotonic(), []
    try:
        for name in names:
            if seconds is not None and time.monotonic() - begun >= seconds:
                tell(f"left out to keep the budget: {', '.join(names[len(done) :])}")
                break
            work(name)
            done.append(name)
    except KeyboardInterrupt:
        left = " ".join(names[len(done) :])
        tell(f"stopped; {len(done)} of {len(names)} figures are done; the others: idealscore figures {left} {go_on}")
        raise
    return done
