"""A law makes its transition, present or absent; the transition of the hierarchy is that of its theory."""

import pytest

from idealscore.errors import ArgumentError
from idealscore.theory import HierarchyTheory, NoiseLevel, Transition
from idealscore.theory.transition import Law
from idealscore.theory.transitions import hierarchy

LAW = {"equation": "a = b", "reference": "Biroli2024"}


def test_a_law_gives_the_transition_of_its_fields():
    law = Law("speciation", unit="sigma", **LAW)
    expected = Transition("speciation", NoiseLevel(2.0), 2.0, 0.1, "sigma", "a = b", "Biroli2024", "note")
    assert law.at(2.0, 0.1, "note") == expected
    assert law.absent("why") == Transition("speciation", None, None, 0.0, "sigma", "a = b", "Biroli2024", "why")


@pytest.mark.parametrize(("unit", "snr"), [("sigma", 1 / 16), ("SNR", 4.0), ("steps", None), ("epsilon", None)])
def test_the_noise_level_is_that_of_the_unit(unit, snr):
    noise = Law("x", unit=unit, **LAW).at(4.0).noise
    assert noise is None if snr is None else noise is not None and noise.snr == pytest.approx(snr)


def test_the_repr_is_one_line():
    found = Law("speciation", unit="sigma", **LAW).at(2.0, 0.1)
    assert repr(found) == "Transition(speciation: 2 sigma ± 0.1)"
    assert repr(Law("memory", unit="steps", **LAW).absent("why")) == "Transition(memory: no transition (why))"


def test_hierarchy_is_the_critical_noise_of_its_theory():
    theory = HierarchyTheory(8, 3, 2)
    options = {"relative_error": 0.2, "size": 50, "seed": 1}
    assert hierarchy(theory, **options) == theory.critical_noise("masking", **options)
    assert hierarchy(theory, "gaussian", **options).noise is not None
    assert hierarchy(theory, "epsilon").value == theory.critical_epsilon
    assert hierarchy(HierarchyTheory(32, 17, 2)).value is None
    with pytest.raises(ArgumentError, match="theory"):
        hierarchy("masking")  # type: ignore[arg-type]
