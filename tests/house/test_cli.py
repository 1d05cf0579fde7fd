"""The command line as a user meets it: exit codes, one line on bad input, nothing lost."""

import json
import subprocess
import sys

import pytest

from idealscore.cli import COMMANDS, main


def run(capsys, *arguments):
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_first_screen_lists_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0 and all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(capsys, name):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code in (0, None)
    assert "usage" in capsys.readouterr().out.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compar"], "did you mean 'compare'"),
        (["compare", "digitz"], "digits"),
        (["compare", "digits", "--levles", "3"], "--levles"),
        (["compare", "digits", "--levels", "three"], "three"),
        (["compare", "digits", "--levels", "1"], "levels"),
        (["compare", "digits", "--sigma-min", "-1"], "sigma_min"),
        (["compare", "digits", "--seed", "-1"], "seed"),
        (["compare", "missing.parquet"], "missing.parquet"),
        (["compare", "digits", "--model", "nowhere.safetensors"], "nowhere.safetensors"),
        (["compare", "digits", "--theories", "gausian"], "gausian"),
        (["compare", "digits", "--held-out", "2.0"], "held_out"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert code == 2 and words in err and len(err.strip().splitlines()) == 1 and "Traceback" not in err + out


def test_a_broken_data_file_is_one_line(capsys, tmp_path):
    for name in ("broken.parquet", "broken.npz", "broken.npy"):
        (tmp_path / name).write_bytes(b"not what it says")
        code, _, err = run(capsys, "compare", str(tmp_path / name))
        assert code == 2 and name in err and len(err.strip().splitlines()) == 1


def test_the_process_exits_with_the_code():
    done = subprocess.run([sys.executable, "-m", "idealscore", "compar"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("idealscore: command: unknown name 'compar'")


def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m idealscore derive wiener | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout and not done.stderr


SMALL = ["--steps", "20", "--levels", "3", "--n-images", "20", "--n-noise", "1"]


def test_compare_digits_end_to_end(capsys, tmp_path):
    out = tmp_path / "result"
    code, text, err = run(capsys, "compare", "digits", *SMALL, "--out", str(out))
    assert code == 0, err
    assert "closest theory" in text and "predicted: classes (speciation)" in text
    assert {"compare.nc", "compare.png", "report.html"} <= {path.name for path in out.iterdir()}
    page = (out / "report.html").read_text()
    assert "data:image/png;base64," in page and "http" not in page.split("Citations")[0]

    model = out / "network"
    code, text, err = run(
        capsys, "compare", "digits", *SMALL, "--model", str(model), "--out", str(tmp_path / "mine"), "--json"
    )
    assert code == 0, err
    cells = json.loads(text)
    assert len(cells) == 3 and {"sigma", "DDPM step", "closest theory", "score gap"} <= set(cells[0])
    from idealscore._support import results as _results

    mine = _results.load(tmp_path / "mine" / "compare.nc")
    assert "trained on exactly the images of the theories" in mine.attrs["network"]
    assert (mine.score_error == _results.load(out / "compare.nc").score_error).all()


def test_a_model_of_other_data_is_refused(capsys, tmp_path):
    import numpy as np

    from idealscore.learned import MLPDenoiser, checkpoint

    checkpoint.save(MLPDenoiser((1, 4, 4), width=8, depth=1), tmp_path / "other.safetensors")
    code, _, err = run(capsys, "compare", "digits", "--model", str(tmp_path / "other.safetensors"))
    assert code == 2 and "model: denoises (1, 4, 4)" in err
    np.save(tmp_path / "tiny.npy", np.zeros((1, 8, 8)))
    code, _, err = run(capsys, "compare", str(tmp_path / "tiny.npy"))
    assert code == 2 and len(err.strip().splitlines()) == 1
