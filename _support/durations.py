"""Times as people write and read them."""

from __future__ import annotations

import re

from ..errors import ArgumentError

UNITS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def read_duration(argument: str, text: str) -> float:
    """Seconds of a time as people write it.

    >>> read_duration("budget", "3min"), read_duration("budget", "1h30min"), read_duration("budget", "45")
    (180.0, 5400.0, 45.0)
    """
    written = text.strip().lower()
    unit = "|".join(sorted(UNITS, key=len, reverse=True))
    if re.fullmatch(r"\d+(\.\d+)?", written):
        seconds = float(written)
    elif re.fullmatch(rf"(\d+(\.\d+)?\s*({unit})\s*)+", written):
        seconds = sum(float(n) * UNITS[u] for n, _, u in re.findall(rf"(\d+(\.\d+)?)\s*({unit})", written))
    else:
        raise ArgumentError(argument, f"is {text!r}", "pass a time like 90s, 3min or 1h30min")
    if seconds <= 0:
        raise ArgumentError(argument, f"is {text!r}", "pass a time > 0")
    return seconds


def duration(seconds: float) -> str:
    """A time in words.

    >>> duration(0.3), duration(42.4), duration(130), duration(7500)
    ('0.3 s', '42 s', '2 min 10 s', '2 h 5 min')
    """
    if seconds < 10:
        return f"{seconds:.1g} s" if seconds < 0.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
