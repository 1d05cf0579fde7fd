"""Hundreds of inputs as others write them: the right values, or a refusal of our own; never silent, never a traceback.

The axes are format, depth, order of the axes, labels, memory, names and state of the file; `battery.py` makes them. Any
warning that is not ours fails too (the suite turns warnings into errors).
"""

import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from battery import ARRAYS, Case, array_cases
from battery_files import damaged_cases, misplaced_cases, picture_cases, table_cases

from idealscore.errors import DataWarning, IdealScoreError
from idealscore.learned.data import load

from checkout import ROOT

SLOW_FORMATS = {"zarr": 12, "saved": 12, "datasets": 20}
COUNTS = {kind: SLOW_FORMATS.get(kind, 36) for kind in ARRAYS}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """The other library shows no bars, and keeps nothing outside."""
    monkeypatch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def verdict(case: Case, folder: Path, number: int = 0) -> str:
    """What is wrong with the answer to a case; empty where it is right, or refused where it must be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other libraries say while they write
        source = case.make(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            data = load(named(source, folder, number), **case.options)
            text = str(data)
    except IdealScoreError as error:
        right = case.refused in ("any", getattr(error, "argument", "")) or (case.refused and case.refused in str(error))
        return "" if right and "\n" not in str(error) else f"refused: {error}"
    except Exception as error:
        return f"{type(error).__name__} of another library: {error}"
    if case.refused:
        return f"read, instead of a refusal of {case.refused}:\n{text}"
    right = case.scaled
    size = max(1.0, float(np.abs(right).max()))
    if data.images.shape != right.shape or np.abs(data.images.numpy() - right).max() > 2e-6 * size:
        return f"other values:\n{text}"
    labels = None if data.labels is None else data.labels.tolist()
    if (labels or []) != case.labels.codes or data.class_names != case.labels.names:
        return f"other labels: {labels}, {data.class_names}"
    stored = data.normalisation.undo(data.images.double()).numpy()
    if case.range is None:
        return (
            "" if "kept as they are" in text and np.allclose(stored, case.values, rtol=1e-6) else f"not kept:\n{text}"  # pyright: ignore[reportArgumentType]
        )
    raw = data.understood.raw
    return "" if raw is not None and (raw.low, raw.high) == case.range else f"another range:\n{text}"


def named(source: object, folder: Path, number: int) -> object:
    """A path as text, as Path, relative, or through a link."""
    if not isinstance(source, Path):
        return source
    if number % 4 == 1:
        return str(source)
    if number % 4 == 2:
        return os.path.relpath(source)
    if number % 4 == 3 and source.parent == folder:
        link = folder.parent / f"link {number}{source.suffix}"
        link.symlink_to(source)
        beside = {file.name for file in folder.iterdir()}
        return source if len(beside) > 1 else link  # the labels of an IDX file lie next to it
    return source


def failures(cases: Iterable[Case], folder: Path) -> tuple[list[str], Counter[bool]]:
    """(what was wrong, how many were read and how many refused)."""
    found, counted = [], Counter()
    for number, case in enumerate(cases):
        place = folder / f"{number}"
        place.mkdir()
        problem = verdict(case, place, number)
        counted[bool(case.refused)] += 1
        if problem:
            found.append(f"{case.what}: {problem}")
    return found, counted


def test_more_than_five_hundred_inputs_are_right_or_refused(tmp_path):
    cases = chain(array_cases(COUNTS), picture_cases(2), table_cases(), damaged_cases(), misplaced_cases())
    found, counted = failures(cases, tmp_path)
    assert not found, f"{len(found)} of {sum(counted.values())}\n" + "\n".join(found[:20])
    assert counted[False] > 400 and counted[True] > 150, counted


@pytest.mark.slow
def test_two_thousand_more(tmp_path):
    found, counted = failures(chain(array_cases(dict.fromkeys(ARRAYS, 150), 1), picture_cases()), tmp_path)
    assert not found, f"{len(found)} of {sum(counted.values())}\n" + "\n".join(found[:20])
    assert sum(counted.values()) > 2000


def test_the_judge_of_the_battery_sees_what_is_wrong(tmp_path):
    """The control: other values, labels, ranges and foreign errors are all found."""
    case = next(case for case in array_cases(COUNTS) if case.what.startswith("npz,") and case.labels.name == "ints"
                and case.range is not None and not case.refused)  # fmt: skip
    assert case.values is not None and case.range is not None
    low, high = case.range
    wrong = {
        "other values": replace(case, values=case.values[::-1]),
        "other labels": replace(case, labels=replace(case.labels, codes=case.labels.codes[::-1])),  # pyright: ignore[reportOptionalSubscript]
        "other values ": replace(case, range=(low, high + 1)),
        "read, instead": replace(case, refused="layout"),
        "refused:": replace(case, options={"layout": "hw"}),
        "TypeError of another library": replace(case, options={"nonsense": 1}),
    }
    for number, (words, changed) in enumerate(wrong.items()):
        place = tmp_path / str(number)
        place.mkdir()
        assert words.strip() in verdict(changed, place), words


ENVIRONMENTS = {
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    "no home": {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent", "MPLCONFIGDIR": "/nonexistent"},
}
SHADOWS = ("theory", "learned", "compare", "simulate", "data", "images", "layout")


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_commands_under_other_environments(tmp_path, environment):
    """A table, or one line and exit 2: in a terminal without UTF-8, without a home, among namesakes of our modules."""
    rng = np.random.default_rng(0)
    classes = np.array(["größe", "ß"])[np.arange(60) % 2]
    np.savez(tmp_path / "größe.npz", images=rng.integers(0, 256, (60, 6, 6), dtype=np.uint8), labels=classes)
    np.savez(tmp_path / "points.npz", rng.standard_normal((60, 2)))
    np.save(tmp_path / "doubtful.npy", rng.random((32, 32, 3, 50)))
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('this is a file of the user')\n")
    variables = {**os.environ, **ENVIRONMENTS[environment], "PYTHONPATH": str(ROOT.parent), "OMP_NUM_THREADS": "1"}
    for source, code in (("größe.npz", 0), ("points.npz", 0), ("doubtful.npy", 2), ("broken.npy", 2)):
        command = [sys.executable, "-m", "idealscore", "transitions", "data", source, "--modes", "1", "--draws", "0"]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, timeout=120)
        said = done.stderr.decode(errors="replace")
        assert done.returncode == code and "Traceback" not in said, (source, said[-1000:])
        assert code == 0 or said.strip().count("\n") == 0, said
        assert code == 2 or b"what was understood of" in done.stdout
