"""`regimes`: the plan before the work, a budget, and Ctrl-C in the middle."""

import json
from dataclasses import replace

import pytest

from idealscore._support.cost import Pace
from idealscore.cli import main
from idealscore.compare.regimes import _regime_map, work
from idealscore.compare.regimes.cost import RegimeCost, smaller
from idealscore.compare.regimes.plan import RegimePlan
from idealscore.errors import ArgumentError
from idealscore.learned.data import load

PLAN = RegimePlan(sizes=(10, 20, 30), widths=(4, 8), steps=100, snapshots=3, first_step=10, repeats=2)
COST = RegimeCost(
    {4: 0.01, 8: 0.02},
    {10: Pace(0.0, 1.0, 0.0), 30: Pace(0.0, 3.0, 0.0)},
    {4: Pace(0.0, 0.5, 0.0), 8: Pace(0.0, 0.5, 0.01)},
)
TINY = [
    "regimes", "digits", "--sizes", "4", "8", "--widths", "8", "--steps", "4", "--batch", "4", "--snapshots", "1",
    "--first-step", "1", "--repeats", "2", "--levels", "2", "--n-images", "4", "--n-pairs", "4", "--n-samples", "4",
    "--theories", "empirical", "gaussian",
]  # fmt: skip


def test_the_arithmetic_of_a_map():
    training, optima, cells = COST.plan(PLAN).parts
    assert training.seconds == pytest.approx((0.01 + 0.02) * 3 * 2 * 100)
    assert optima.seconds == pytest.approx((1 + 2 + 3) * 2)
    assert cells.seconds == pytest.approx((0.5 + 0.5 + 0.01 * 128) * 3 * 2 * 2)
    assert (training.evaluations, optima.evaluations, cells.evaluations) == (3600, 6, 24)


def test_a_budget_takes_repeats_then_images_then_widths_and_sizes():
    assert COST.within(PLAN, 1000.0) == (PLAN, [])
    half = COST.plan(PLAN).seconds / 2
    assert COST.within(PLAN, half * 1.01)[1] == ["repeats 1 instead of 2"]
    fewer, words = COST.within(PLAN, half * 0.9)
    assert (fewer.repeats, fewer.n_images, fewer.n_pairs, fewer.n_samples) == (1, 64, 50, 64)
    assert "n_images 64 instead of 128" in words
    *_, last = smaller(PLAN)
    assert (last.sizes, last.widths) == ((10,), (4,))
    assert COST.within(PLAN, COST.plan(last).seconds * 1.001)[0] == last
    with pytest.raises(ArgumentError, match="less than the smallest map takes"):
        COST.within(PLAN, COST.plan(last).seconds * 0.99)


@pytest.mark.slow
def test_a_stopped_map_with_a_budget_goes_on_as_it_was_settled(tmp_path, capsys, monkeypatch):
    pace = Pace(0.0, 100.0, 0.0)
    monkeypatch.setattr(_regime_map, "measured_cost", lambda *_: RegimeCost({8: 0.0}, {4: pace, 8: pace}, {8: pace}))
    command = [*TINY, "--budget", "500s", "--out", str(tmp_path)]
    real, calls = work.measure, []

    def stopping(*args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(work, "measure", stopping)
    assert main(command) == 130
    told = capsys.readouterr().err
    assert "to keep 500s: repeats 1 instead of 2" in told
    assert "plan: 2 sizes, 1 widths, 1 repeat(s), 1 steps measured" in told
    assert "stopped; what is done is kept in" in told
    assert main(command) == 0
    assert "as settled when it was started: repeats 1 instead of 2" in capsys.readouterr().err
    assert len(calls) == 3
    assert json.loads((tmp_path / "regimes.json").read_text())["plan"]["repeats"] == 1
    assert main([*TINY, "--budget", "50s", "--out", str(tmp_path / "other")]) == 2
    assert "budget: leaves" in capsys.readouterr().err


def test_widths_below_the_number_of_pixels_are_said_not_to_memorise(tmp_path, monkeypatch):
    digits = load("digits")
    assert RegimePlan(widths=(24, 64, 128)).narrow(digits) == [24]
    assert RegimePlan(widths=(24, 64, 128), network="unet").narrow(digits) == []
    monkeypatch.setattr(_regime_map, "measured_cost", lambda *_: COST)
    told = []
    asked = PLAN, digits, tmp_path, 1, ""
    _regime_map._planned(*asked, told.append, 0.0)
    assert f"of width {', '.join(map(str, PLAN.narrow(digits)))} see 64 pixels" in told[0] and "plan: " in told[1]
    cost = replace(COST, step=dict.fromkeys((64, 128), 0.01), cell=dict.fromkeys((64, 128), COST.cell[4]))
    monkeypatch.setattr(_regime_map, "measured_cost", lambda *_: cost)
    _regime_map._planned(replace(PLAN, widths=(64, 128)), *asked[1:], told.append, 0.0)
    assert len(told) == 3 and "plan: " in told[2]
