"""Odd machines and odd paths: refused in words, or survived."""

import os
import subprocess
import sys
import time

import pytest

from idealscore._support import results as _results
from idealscore._support.files import leftovers
from idealscore.cli import main

LIMITED = """
import resource, sys
resource.setrlimit(resource.{name}, ({limit}, {limit}))
from idealscore.cli import main
sys.exit(main(sys.argv[1:]))
"""
TRAIN = ("train", "digits", "--network", "mlp", "--width", "8", "--steps", "4", "--checkpoint-every", "2")


def command(*words, cwd, prelude="", **environment):
    """A command in a fresh process: (exit code, all that it said)."""
    code = prelude or "import sys\nfrom idealscore.cli import main\nsys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", **environment}, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def refused(code, said):
    """Whether a command ended with one message of its own."""
    return code == 2 and "Traceback" not in said and "idealscore: " in said and "IDEALSCORE_TRACEBACK" not in said


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1000, 20_000])
def test_a_file_size_limit_is_a_full_disk(tmp_path, limit):
    code, said = command(*TRAIN, "--out", "run", cwd=tmp_path, prelude=LIMITED.format(name="RLIMIT_FSIZE", limit=limit))
    assert refused(code, said) and "make room and repeat the command" in said
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part") or path.name == ".in-use"]
    assert command(*TRAIN, "--out", "run", cwd=tmp_path)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("home", ["/proc/nowhere", "", "/dev/null"])
def test_a_home_that_cannot_be_written_or_is_missing(tmp_path, home):
    places = {"HOME": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home, "NUMBA_CACHE_DIR": ""}
    words = ("--levels", "2", "--n-images", "4", "--n-noise", "1", "--steps", "1", "--theories", "gaussian")
    code, said = command("compare", "digits", *words, "--out", "out", cwd=tmp_path, **places)
    assert code == 0 and (tmp_path / "out" / "report.html").exists(), said


@pytest.mark.slow
def test_without_shared_memory_a_sweep_runs_in_files(tmp_path):
    """An empty file system of no size on /dev/shm, in a mount namespace of its own."""
    unshare = ["unshare", "-m", "sh", "-c"]
    mount = "mount -t tmpfs -o size=4k,ro none /dev/shm"
    if subprocess.run([*unshare, mount], capture_output=True, check=False).returncode:
        pytest.skip("a mount namespace needs root")
    (tmp_path / "c.toml").write_text('function = "percolate"\n[grid]\np = [0.5, 0.6]\n[fixed]\nsize = 8\nruns = 4\n')
    for workers in ("0", "1"):
        line = f"{mount} && exec {sys.executable} -m idealscore sweep c.toml --workers {workers} --out s{workers}"
        done = subprocess.run([*unshare, line], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert (done.returncode == 0 and "2 of 2 points finished" in said) or (workers == "1" and done.returncode == 2)


@pytest.mark.slow
@pytest.mark.parametrize("mebibytes", [1024, 2048, 6144])
def test_little_address_space_is_told_or_enough(tmp_path, mebibytes):
    """Where even the libraries do not load, it is the loader that speaks; nothing is left half-written."""
    prelude = LIMITED.format(name="RLIMIT_AS", limit=mebibytes << 20)
    code, said = command(*TRAIN, "--out", "run", cwd=tmp_path, prelude=prelude, OPENBLAS_NUM_THREADS="1")
    assert code == 0 or not list(tmp_path.rglob("*.part"))
    assert mebibytes < 6144 or code == 0, said
    assert command(*TRAIN, "--out", "run", cwd=tmp_path)[0] == 0


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch, capsys, jump):
    """The time of day is only asked for the age of what other machines left behind."""
    real, calls = time.time, []

    def jumping():
        calls.append(1)
        return real() + jump * (len(calls) % 2)

    monkeypatch.setattr(time, "time", jumping)
    mine = leftovers.temporary_file(tmp_path / "a")
    assert main([*TRAIN, "--out", str(tmp_path / "run")]) == 0
    leftovers.clear_leftovers(tmp_path)
    assert mine.exists() and (tmp_path / "run" / "weights.safetensors").exists()
    mine.unlink()


ODD = {
    "spaces": "a folder  with spaces ",
    "unicode": "Ordner-üß-模型-🙂",
    "newline": "one\ntwo",
    "quotes": 'it\'s "so" $HOME `id` ;x',
    "long": "l" * 200,
    "dash": "-out",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_paths_are_paths(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    out = f"./{ODD[name]}"
    assert main([*TRAIN, f"--out={out}"]) == 0
    assert main(["sample", out, "--n", "2", "--steps", "2"]) == 0
    assert (tmp_path / ODD[name] / "samples" / "samples.npz").exists()


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "nul\0l"])
def test_impossible_paths_are_refused(tmp_path, capsys, name):
    assert main([*TRAIN, "--out", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1 and "Traceback" not in said


@pytest.mark.parametrize("inside", ["config.json", "stats.jsonl", "state.safetensors", "weights.safetensors"])
def test_a_folder_in_place_of_a_file_is_refused(tmp_path, capsys, inside):
    (tmp_path / "run" / inside).mkdir(parents=True)
    (tmp_path / "run" / inside / "mine").touch()
    code = main([*TRAIN, "--out", str(tmp_path / "run")])
    said = capsys.readouterr().err
    assert refused(code, said) and (tmp_path / "run" / inside / "mine").exists(), said


def test_a_file_in_place_of_a_folder_is_refused(tmp_path, capsys):
    (tmp_path / "run").write_text("mine")
    for words in (TRAIN, ("figures", "hierarchy_flow"), ("compare", "digits", "--steps", "1")):
        code = main([*words, "--out", str(tmp_path / "run")])
        assert refused(code, capsys.readouterr().err)
    assert (tmp_path / "run").read_text() == "mine"


def test_a_link_out_of_the_folder_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "run").mkdir()
    mine = tmp_path / "thesis.tex"
    mine.write_text("mine")
    for name in ("config.json", "stats.jsonl", "weights.safetensors"):
        (tmp_path / "run" / name).symlink_to(mine)
    _results.write_text(tmp_path / "run" / "weights.safetensors", "whole")
    assert mine.read_text() == "mine" and not (tmp_path / "run" / "weights.safetensors").is_symlink()


def test_a_log_that_is_a_link_is_not_written_through(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    mine = tmp_path / "thesis.tex"
    mine.write_text("mine")
    (tmp_path / "run" / "stats.jsonl").symlink_to(mine)
    assert main([*TRAIN, "--out", str(tmp_path / "run")]) == 0
    assert mine.read_text() == "mine" and len((tmp_path / "run" / "stats.jsonl").read_text().splitlines()) >= 1
