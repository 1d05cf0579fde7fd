"""The tables of the conventions page say what NoiseLevel computes."""

import re

import numpy as np
import pytest
from sympy import Symbol, lambdify, sympify

from idealscore import DiscreteSchedule, NoiseLevel

from checkout import ROOT

PAGE = (ROOT / "docs" / "conventions.md").read_text()
CLOCKS = {"s": "sigma", "t": "ou_time", "a": "alpha_bar", "g": "snr", "l": "log_snr", "f": "flow_time"}
LEVELS = NoiseLevel(np.array([1e-3, 0.05, 0.7, 1.0, 1.9, 30.0]))


def rows(heading):
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return table[0], table[2:]


def test_every_formula_converts_as_noise_level_does():
    header, table = rows("From any clock to any other")
    assert header[1:] == list(CLOCKS) == [row[0] for row in table]
    for source, *formulas in table:
        for target, formula in zip(header[1:], formulas, strict=True):
            convert = lambdify(Symbol(source), sympify(formula.strip("`").replace("^", "**")))
            got = convert(np.asarray(getattr(LEVELS, CLOCKS[source])))
            assert got == pytest.approx(np.asarray(getattr(LEVELS, CLOCKS[target])), rel=1e-6, abs=1e-9), formula


def test_the_formulas_are_not_all_the_same():
    _, table = rows("From any clock to any other")
    assert len({cell for row in table for cell in row[1:]}) == len(CLOCKS) ** 2


def test_every_number_is_the_one_of_noise_level():
    _, table = rows("The same levels on every clock")
    assert len(table) >= 10
    schedules = DiscreteSchedule.linear(1000, 1e-4, 0.02), DiscreteSchedule.cosine(1000)
    for sigma, *cells in table:
        level = NoiseLevel(float(sigma))
        values = [level.ou_time, level.alpha_bar, level.snr, level.log_snr, level.flow_time]
        values += [level.step(schedule) for schedule in schedules]
        assert cells == [f"{value + 0.0:.4g}" for value in values]


@pytest.mark.parametrize("clock", ["ou_time", "alpha_bar", "snr", "log_snr", "flow_time"])
def test_the_page_names_every_constructor(clock):
    assert re.search(rf"from_{clock}\b", PAGE)
