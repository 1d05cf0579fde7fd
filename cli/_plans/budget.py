"""What a command is going to cost, told before it starts, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..._support.cost import Plan, duration, read_duration
from ..._support.progress import tell
from ...errors import ArgumentError

BUDGET = """the time that it may take, as 90s, 3min or 1h30min: work is left out to keep it, with a word"""


def allowed(budget: str, spent: float = 0.0) -> float | None:
    """The seconds of `--budget` that are left; None without one."""
    return None if not budget else read_duration("budget", budget) - spent


def afford(amount: int, least: int, seconds: float | None, each: float, fixed: float, what: str) -> int:
    """How many of `amount` there is time for: `fixed` seconds in any case and `each` for one, `least` of them at least.

    >>> afford(100, 1, None, 1.0, 0.0, "steps"), afford(100, 1, 31.0, 1.0, 1.0, "steps")
    (100, 30)
    """
    if seconds is None or fixed + each * amount <= seconds:
        return amount
    n = int((seconds - fixed) / each) if each > 0 else 0
    if n < least:
        need = duration(fixed + each * least)
        problem = f"leaves {duration(max(seconds, 0.0))}, less than {least} of {amount} {what} take ({need})"
        raise ArgumentError("budget", problem, "allow more time")
    tell(f"{n} of {amount} {what}, to keep the budget")
    return n


def show_plan(plan: Plan, spent: float) -> None:
    """The plan, and what it took to make it."""
    tell(f"{plan}\n  (loading and probing before it took {duration(spent)})")


@contextmanager
def telling_how_to_go_on(text: str) -> Iterator[None]:
    """What a user who stops the command with Ctrl-C is told, before the last line of every command."""
    try:
        yield
    except KeyboardInterrupt:
        tell(text)
        raise
