"""`idealscore regimes` as a user meets it."""

import json

import pytest

from idealscore.cli import main

TINY = [
    "--sizes", "4", "12", "--widths", "8", "--steps", "8", "--batch", "8", "--snapshots", "1", "--first-step", "1",
    "--repeats", "1", "--levels", "3", "--n-images", "6", "--n-pairs", "4", "--n-samples", "4",
    "--theories", "empirical", "gaussian",
]  # fmt: skip


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.slow
def test_the_map_of_the_digits(capsys, tmp_path):
    out = tmp_path / "map"
    code, text, err = run(capsys, "regimes", "digits", *TINY, "--out", str(out))
    assert code == 0, err
    assert "RP two sets" in text and "crossover" not in err
    assert {"regimes.nc", "regimes.png", "regimes.json", "cells", "networks", "optima"} <= {
        p.name for p in out.iterdir()
    }
    code, text, _ = run(capsys, "regimes", "digits", *TINY, "--out", str(out), "--json")
    cells = json.loads(text)
    assert code == 0 and [cell["n"] for cell in cells] == ["4", "12"]
    code, _, err = run(capsys, "regimes", "digits", *TINY, "--out", str(out), "--seed", "1")
    assert code == 2 and "another plan" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["digitz"], "digits"),
        (["digits", "--sizes", "1", "4"], "sizes"),
        (["digits", "--sizes", "4", "5000"], "sizes"),
        (["digits", "--network", "nut"], "network"),
        (["digits", "--theories", "gaussian"], "empirical"),
        (["digits", "--device", "gpu"], "device"),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "regimes", *arguments)
    assert code == 2 and word in err and len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
