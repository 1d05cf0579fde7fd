"""What may be missing, where a test knows that it is there."""

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """`value`, which is not None here."""
    assert value is not None
    return value
