"""`idealscore transitions data`: the table and its JSON against the Python API."""

import json

import numpy as np
import pytest
from known import ou_time_of

from idealscore._support.cost import Pace
from idealscore.cli import main
from idealscore.cli._plans import transitions as _transitions_plan
from idealscore.learned.data import load
from idealscore.theory import collapse, speciation, transitions


def test_table(capsys):
    assert main(["transitions", "data", "digits", "--draws", "0", "--symmetry"]) == 0
    lines = capsys.readouterr().out.splitlines()
    header = next(line for line in lines if line.startswith("transition "))
    assert all(clock in header for clock in ("sigma", "alpha_bar", "OU time", "flow time", "DDPM step"))
    [row] = [line for line in lines if line.startswith("speciation  ")]
    assert "1.340 ± 0.029" in row and "0.514" in row and "Biroli2024" in row
    assert any(line.startswith("speciation 1 | 8") for line in lines)
    assert any(line.startswith("symmetry breaking (sde)") for line in lines)


def test_json_is_what_the_api_gives(capsys):
    assert main(["transitions", "data", "--json", "--modes", "2", "--draws", "60"]) == 0
    record = json.loads(capsys.readouterr().out)
    found = {row["name"]: row for row in record["transitions"]}
    images = load("digits").images.double()
    assert record["n"] == 1797 and found["speciation"]["value"] == speciation(images).value
    assert found["collapse, Gaussian bound"]["clocks"]["OU time"] == ou_time_of(collapse(images))
    entropy = collapse(images, criterion="entropy", n_draws=60)
    assert found["collapse, half of log n"]["value"] == entropy.value and entropy.stderr > 0
    assert "mode 2" in found and "mode 3" not in found


def test_a_file_whose_images_hardly_vary(tmp_path, capsys):
    """Variance below that of the noise: speciation says why there is none, and nothing is NaN."""
    images = 0.5 + 1e-3 * np.random.default_rng(0).standard_normal((20, 4, 4))
    np.save(tmp_path / "grey.npy", images)
    assert main(["transitions", "data", str(tmp_path / "grey.npy"), "--draws", "0"]) == 0
    out = capsys.readouterr().out
    assert "does not exceed" in out and "nan" not in out.lower()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["digit"], "digits"), (["missing.npy"], "missing.npy"), (["--modes", "0"], "n_modes"), (["--colour"], "options")],
)
def test_bad_input_ends_with_one_line(arguments, word, capsys):
    assert main(["transitions", "data", *arguments]) == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1


def test_constant_images_are_refused(tmp_path, capsys):
    np.save(tmp_path / "flat.npy", np.full((5, 4, 4), 0.3))
    assert main(["transitions", "data", str(tmp_path / "flat.npy")]) == 2
    assert "rank zero" in capsys.readouterr().err


def test_the_plan_a_budget_and_a_stop_in_the_middle(capsys, monkeypatch):
    monkeypatch.setattr(_transitions_plan, "_seconds_of_a_draw", lambda _: 1.0)
    monkeypatch.setattr(_transitions_plan, "probe", lambda *_: Pace(0.0, 0.0, 0.0))
    monkeypatch.setattr(_transitions_plan, "allowed", lambda *_: 40.0)
    command = ["transitions", "data", "digits", "--draws", "100", "--budget", "1h"]
    assert main(command) == 2
    assert "less than 50 of 100 draws of the entropy" in capsys.readouterr().err
    monkeypatch.setattr(_transitions_plan, "allowed", lambda *_: 70.0)
    monkeypatch.setattr(transitions, "collapse", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(command) == 130
    told = capsys.readouterr()
    assert "70 of 100 draws of the entropy, to keep the budget" in told.err
    assert "plan: transitions of 1797 images of 64 entries" in told.err
    assert "stopped; 8 transitions are done" in told.err
    assert sum(line.startswith("speciation ") for line in told.out.splitlines()) == 3
