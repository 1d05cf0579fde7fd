"""`transitions hierarchy`: the plan before the work, a budget, and Ctrl-C in the middle."""

from types import SimpleNamespace

import numpy as np
import pytest

from idealscore.cli import main
from idealscore.cli._plans import hierarchy as _hierarchy_plan
from idealscore.errors import ArgumentError
from idealscore.theory.hierarchy.density_evolution import Threshold
from idealscore.theory.hierarchy.mean_field import HierarchyTheory

THEORY = HierarchyTheory(8, 3, 2)


def few(*_):
    """Eight sequences of rules, with an error of 4 % of the value, in 1 s with a sixteenth of the messages."""
    now[0] += 1.0
    return Threshold(0.5, 0.02, np.full(8, 0.5), "")


now = [0.0]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    now[0] = 0.0
    monkeypatch.setattr(_hierarchy_plan, "_few", few)
    monkeypatch.setattr(_hierarchy_plan, "time", SimpleNamespace(monotonic=lambda: now[0]))


def test_the_sequences_follow_from_the_error(capsys):
    assert _hierarchy_plan.planned_error(THEORY, 0.02, 0, "", 0.0) == 0.02
    told = capsys.readouterr().err
    assert told.count("32 evaluations") == 3  # a quarter of the variance: four times as many as 8
    assert "in all about 3 min 12 s" in told  # three channels, four rounds of 1 s * 1250 / 78


def test_a_budget_takes_a_larger_error(capsys):
    error = _hierarchy_plan.planned_error(THEORY, 0.02, 0, "120s", 0.0)
    assert 0.025 < error < 0.04
    assert "instead of 0.02, to keep 120s" in capsys.readouterr().err
    with pytest.raises(ArgumentError, match=r"less than the least work takes \(48 s\)"):
        _hierarchy_plan.planned_error(THEORY, 0.02, 0, "40s", now[0])


def test_a_stop_tells_what_is_done(capsys, monkeypatch):
    real = HierarchyTheory.critical_noise

    def stopping(self, channel="epsilon", **options):
        if channel == "masking":
            raise KeyboardInterrupt
        return real(self, channel, **options)

    monkeypatch.setattr(HierarchyTheory, "critical_noise", stopping)
    assert main(["transitions", "hierarchy", "--v", "8", "--m", "3"]) == 130
    told = capsys.readouterr()
    assert "stopped; done: hierarchy (epsilon)" in told.err
    assert "hierarchy (epsilon)" in told.out
