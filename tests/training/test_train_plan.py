"""`train`: the plan before the work, a budget, and Ctrl-C in the middle."""

import pytest
import torch

from idealscore._support import progress
from idealscore.cli import main
from idealscore.cli._plans import budget as _plan
from idealscore.errors import ArgumentError
from idealscore.learned._tensor_files import read_tensors
from idealscore.learned.training import _estimate, loop
from idealscore.learned.training._run_folder import steps_done, steps_of

TINY = ["train", "digits", "--network", "mlp", "--width", "4", "--depth", "1", "--batch", "4"]
OFTEN = ["--checkpoint-every", "5"]


def test_a_stopped_training_is_kept_at_its_last_checkpoint_and_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_estimate, "TIMED_SECONDS", 0.0)
    whole, stopped = [*TINY, *OFTEN, "--steps", "12", "--out"], str(tmp_path / "stopped")
    assert main([*whole, str(tmp_path / "whole")]) == 0
    assert "plan: 12 steps of 4 images" in capsys.readouterr().err
    real = loop.Loop._losses

    def stopping(self, step, share=1):
        if step == 7 and self.folder is not None:
            raise KeyboardInterrupt
        return real(self, step, share)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_losses", stopping)
        assert main([*whole, stopped]) == 130
    assert f"what is done is kept in {stopped}" in capsys.readouterr().err
    assert steps_done(tmp_path / "stopped") == 5
    assert main([*whole, stopped]) == 0
    assert "5 of them done before" in capsys.readouterr().err
    once, twice = (read_tensors(tmp_path / name / "state.safetensors")[0] for name in ("whole", "stopped"))
    assert once.keys() == twice.keys()
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_a_budget_takes_steps_and_is_kept_on_resuming(tmp_path, capsys, monkeypatch):
    found = _estimate.Estimate(10, 0, 1000.0, 1)
    monkeypatch.setattr("idealscore.cli.train.estimate", lambda *_: found)
    command = [*TINY, "--steps", "100000", "--budget", "100s", "--out", str(tmp_path)]
    monkeypatch.setattr("idealscore.cli.train.allowed", lambda *_: 0.1)
    assert main(command) == 0
    assert "10 of 100000 training steps, to keep the budget" in capsys.readouterr().err
    assert steps_of(tmp_path) == steps_done(tmp_path) == 10
    assert main(command) == 0
    assert "10 of 100000 steps, as settled when the run was started" in capsys.readouterr().err
    monkeypatch.setattr("idealscore.cli.train.allowed", lambda *_: 0.001)
    assert main([*command[:-1], str(tmp_path / "other")]) == 2
    assert "less than 1 of 100000 training steps" in capsys.readouterr().err


def test_what_a_budget_affords():
    assert _plan.afford(10, 1, 4.0, 1.0, 1.5, "things") == 2
    assert _plan.afford(10, 1, None, 1.0, 1.5, "things") == 10
    with pytest.raises(ArgumentError, match="less than 3 of 10 things"):
        _plan.afford(10, 3, 4.0, 1.0, 1.5, "things")


def test_off_a_terminal_a_line_is_told_now_and_then(capsys, monkeypatch):
    now = iter([0.0, 10.0, 30.0, 35.0, 60.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.overall(100, "work") as bar:
        bar.skip(20)
        bar.update(20)
        bar.update(20)
        bar.update(40)
    assert capsys.readouterr().err.splitlines() == ["work: 40%, 30 s gone, about 1 min 30 s left"]
