"""`figures --recompute`: the plan from earlier times, a budget, and Ctrl-C in the middle."""

import types

import pytest
import xarray as xr

from idealscore.cli import main
from idealscore.cli._plans import figures as _figures_plan
from idealscore.paper_figs import catalogue

NAMES = ["percolation_bumps", "percolation_clusters", "percolation_wrapping"]


@pytest.fixture
def computing(monkeypatch):
    """Figures that are computed at once, and drawn as nothing; `stop` names the one that is stopped."""
    made = types.SimpleNamespace(names=[], stop="")

    def module(name):
        def compute(scale, seed):
            if name == made.stop:
                raise KeyboardInterrupt
            made.names.append(name)
            return xr.Dataset()

        return types.SimpleNamespace(compute=compute)

    monkeypatch.setattr(catalogue, "figure_module", module)
    monkeypatch.setattr(catalogue, "draw_to", lambda name, dataset, path, venue: path)
    return made


def test_the_time_of_a_figure_is_kept_and_scaled_to_this_machine(computing, tmp_path, capsys, monkeypatch):
    command = ["figures", NAMES[0], "--recompute", "--out", str(tmp_path)]
    assert main(command) == 0
    assert f"no time is known of figures that were not computed before: {NAMES[0]}" in capsys.readouterr().err
    known = catalogue.timed(NAMES[0], "small", 0, tmp_path / "results")
    assert known is not None
    seconds, pace = known
    assert seconds >= 0 < pace
    monkeypatch.setattr(_figures_plan, "machine_pace", lambda: 2.0)
    monkeypatch.setattr(catalogue, "timed", lambda *_: (30.0, 1.0))
    assert main(command) == 0
    assert "in all about 1 min on this machine" in capsys.readouterr().err


def test_a_budget_takes_the_fastest_figures_first(computing, tmp_path, capsys, monkeypatch):
    times = dict(zip(NAMES, (100.0, 3000.0, 200.0), strict=True))
    monkeypatch.setattr(_figures_plan, "machine_pace", lambda: 1.0)
    monkeypatch.setattr(catalogue, "timed", lambda name, *_: (times[name], 1.0))
    command = ["figures", *NAMES, "--scale", "small", "--out", str(tmp_path), "--budget"]
    assert main([*command, "1000s"]) == 0
    assert computing.names == [NAMES[0], NAMES[2]]
    assert f"left out to keep the budget: {NAMES[1]}" in capsys.readouterr().err
    assert main([*command, "50s"]) == 2
    assert "less than the fastest figure takes (1 min 40 s)" in capsys.readouterr().err


def test_a_stop_says_which_figures_are_left(computing, tmp_path, capsys):
    computing.stop = NAMES[1]
    assert main(["figures", *NAMES, "--scale", "small", "--out", str(tmp_path)]) == 130
    told = capsys.readouterr().err
    assert f"1 of 3 figures are done; the others: idealscore figures {NAMES[1]} {NAMES[2]} --scale small" in told
    assert computing.names == NAMES[:1]
