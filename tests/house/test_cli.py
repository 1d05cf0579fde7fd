"""The command line as a user meets it: exit codes, one line on bad input, nothing lost."""

import json
import os
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


@pytest.mark.parametrize("chosen", [("--theories", "gaussian", "mixture"), pytest.param((), marks=pytest.mark.slow)])
def test_compare_digits_end_to_end(capsys, tmp_path, chosen):
    out = tmp_path / "result"
    code, text, err = run(capsys, "compare", "digits", *SMALL, *chosen, "--out", str(out))
    assert code == 0, err
    assert "closest theory" in text and "predicted: classes (speciation)" in text
    assert {"compare.nc", "compare.png", "report.html"} <= {path.name for path in out.iterdir()}
    page = (out / "report.html").read_text()
    assert "data:image/png;base64," in page and "http" not in page.split("Citations")[0]


@pytest.mark.slow
def test_the_saved_network_gives_the_same_errors(capsys, tmp_path):
    out = tmp_path / "result"
    assert run(capsys, "compare", "digits", *SMALL, "--out", str(out))[0] == 0
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


FOREIGN = [
    ValueError("a value\nover two lines"),
    RuntimeError("no"),
    KeyError("alphas_cumprod"),
    AttributeError("'NoneType' object has no attribute 'shape'"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ImportError("no such library"),
    OSError(28, "No space left on device"),
    MemoryError(),
    TypeError("x" * 5000),
]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_an_error_of_another_library_is_one_line(capsys, monkeypatch, error):
    from idealscore.cli import derive

    def fails(self):
        raise error

    monkeypatch.setattr(derive.Command, "run", fails)
    monkeypatch.delenv("IDEALSCORE_TRACEBACK", raising=False)
    code, out, err = run(capsys, "derive", "speciation")
    assert code == 2 and len(err.strip().splitlines()) == 1 and len(err) < 600 and "Traceback" not in err + out
    assert type(error).__name__ in err and "IDEALSCORE_TRACEBACK" in err
    monkeypatch.setenv("IDEALSCORE_TRACEBACK", "1")
    with pytest.raises(type(error)):
        main(["derive", "speciation"])


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_a_terminal_without_a_character_gets_its_spelling(encoding):
    code = (
        "import sys; from idealscore.cli._edge.terminal import plain_where_needed\n"
        "with plain_where_needed(): print('0.5 \u00b1 0.1 \u2192 \u2603')\n"
        "assert sys.stdout.errors == 'strict'"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding}, check=True)
    told = done.stdout.decode(encoding).strip()
    right = {"ascii": "0.5 +/- 0.1 -> ?", "latin-1": "0.5 \u00b1 0.1 -> ?", "cp437": "0.5 \u00b1 0.1 -> ?"}
    assert told == right.get(encoding, "0.5 \u00b1 0.1 \u2192 \u2603")


def test_kernels_are_compiled_without_a_cache_where_none_can_be_kept(monkeypatch):
    from numba.core import caching

    from idealscore._support.compiled import compiled

    def nowhere(*_):
        raise RuntimeError("cannot cache function 'f': no locator available for file '/read/only.py'")

    monkeypatch.setattr(caching.FunctionCache, "__init__", nowhere)
    assert compiled(nogil=True)(_twice)(21) == 42

    def another(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(caching.FunctionCache, "__init__", another)
    with pytest.raises(RuntimeError, match="something else"):
        compiled()(_twice)


def _twice(x):
    return 2 * x
