"""Progress in a log is a line now and then, in a terminal a bar, and silent where it was asked to be."""

import sys
import time

import pytest

from idealscore._support import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress._lines.cache_clear()
    yield now
    progress._lines.cache_clear()


def steps(clock, seconds, n, **options):
    """Take n steps of so many seconds each under a bar, and set its postfix in each."""
    with progress.bar(total=n, label="work", **options) as shown:
        for k in range(n):
            clock[0] += seconds
            shown.update()
            shown.set_postfix_str(f"step {k}")


def test_a_log_gets_a_line_every_twenty_seconds_and_no_carriage_return(clock, capsys):
    steps(clock, 1.0, 100)
    text = capsys.readouterr().err
    assert text.count("\n") == 5 and "\r" not in text
    assert all(line.startswith("work:") and "left" in line for line in text.splitlines())


def test_a_short_job_says_nothing_in_a_log(clock, capsys):
    steps(clock, 1.0, 15)
    assert capsys.readouterr().err == ""


def test_show_begins_at_once_and_false_is_silent(clock, capsys):
    steps(clock, 1.0, 15, show=True)
    assert capsys.readouterr().err.count("\n") == 1
    steps(clock, 100.0, 20, show=False)
    assert capsys.readouterr().err == ""


def test_a_silent_block_says_nothing_whatever_is_shown(clock, capsys):
    with progress.silent():
        steps(clock, 100.0, 20, show=True)
        progress.tell("a plan")
        with progress.overall(10, "job") as job, progress.message("loading", show=True):
            clock[0] += 100.0
            job.update(5)
    assert capsys.readouterr().err == ""
    progress.tell("a plan")
    assert capsys.readouterr().err == "a plan\n"


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress.bar(range(3), label="work")) == [0, 1, 2]
    assert "\r" in capsys.readouterr().err


def test_no_thread_watches_a_log(clock, monkeypatch):
    import tqdm

    monkeypatch.setattr(tqdm.tqdm, "monitor", None)
    steps(clock, 1.0, 3)
    assert progress._lines().monitor is None
