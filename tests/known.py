"""What is None, or of many types, in general and known in a test: with its type, or the test fails."""

from typing import TypeVar

from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from idealscore.theory import Transition

T = TypeVar("T")


def known(value: T | None) -> T:
    """`value`, which is not None here."""
    assert value is not None
    return value


def value_of(transition: Transition) -> float:
    """Where a transition is that must be there."""
    assert transition.value is not None, transition.note
    return transition.value


def ou_time_of(transition: Transition) -> float:
    """The same on the clock of the Ornstein-Uhlenbeck process."""
    assert transition.noise is not None, transition.note
    return float(transition.noise.ou_time)


def sklearn_digits() -> Bunch:
    """The digits of scikit-learn, with `images` and `target`."""
    found = load_digits()
    assert isinstance(found, Bunch)
    return found
