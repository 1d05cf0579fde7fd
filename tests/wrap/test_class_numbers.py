"""A network may know more classes than the data at hand, one that means none for instance."""

from types import SimpleNamespace

import pytest

from idealscore.errors import ArgumentError
from idealscore.learned._classes import class_of
from idealscore.learned.data import load


def test_a_class_that_only_the_network_has() -> None:
    digits = load("digits")
    network = SimpleNamespace(n_classes=11)
    assert class_of(network, "10", digits) == 10
    assert class_of(network, "3", digits) == 3
    for unknown in ("11", "-1", "dog"):
        with pytest.raises(ArgumentError):
            class_of(network, unknown, digits)
    with pytest.raises(ArgumentError):
        class_of(SimpleNamespace(), "10", digits)
