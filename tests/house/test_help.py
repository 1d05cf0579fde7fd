"""The help of every command: each option has its sentence, its group, and its default once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Annotated, get_type_hints

import pytest
import tyro

from idealscore.cli import COMMANDS, main
from idealscore.cli._edge.options import GROUPS, _subcommands, flat, grouped, nested, sentence
from idealscore.cli._edge.parse import parse
from idealscore.paper_figs.catalogue import names


def commands() -> Iterator[tuple[str, type]]:
    """Every command and subcommand."""
    for name in COMMANDS:
        found = import_module(f"idealscore.cli.{name}").Command
        subcommands = [
            sub for hint in get_type_hints(found, include_extras=True).values() for sub in _subcommands(hint)
        ]
        for one in subcommands or [found]:
            yield f"{name} {one.__name__}", one


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_option_has_a_sentence(name: str, command: type) -> None:
    """At least three words, so that not the name alone stands there again."""
    short = [one.name for one in fields(command) if one.init and len(sentence(command, one.name).split()) < 2]
    assert not short, f"{name}: explain {short} in the class or in SENTENCES"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_default_stands_once_and_only_where_there_is_one(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = printed(capsys, name)
    assert "(default: None)" not in text
    assert "(default: '')" not in text
    assert all(line.count("(default") <= 1 for line in text.splitlines())
    assert "Command(" not in text


def test_options_stand_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "compare")
    titles = [f"{group} options" for group in GROUPS if group != "training"]
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    assert "training options" not in text, "one option makes no group"


@dataclass(frozen=True)
class Toy:
    data: tyro.conf.Positional[str] = "digits"
    """of the toy"""
    steps: int = 3
    out: str = ""
    ratio: float | None = None
    """a share"""


def test_the_flat_answer_is_the_command() -> None:
    assert parse(Toy, ["x.npy", "--out", "folder", "--ratio", "0.5"], "toy") == Toy("x.npy", 3, "folder", 0.5)
    assert flat(Toy, nested(Toy, Toy(steps=7))) == Toy(steps=7)
    assert {one.name for one in fields(grouped(Toy))} == {"steps", "ratio", "_data", "_output"}


@dataclass(frozen=True)
class Part:
    seed: int = 1


@dataclass(frozen=True)
class Other:
    n: int = 2
    """how many there are"""


@dataclass(frozen=True)
class Whole:
    source: Annotated[
        Annotated[Part, tyro.conf.subcommand("part")] | Annotated[Other, tyro.conf.subcommand("other")],
        tyro.conf.arg(name=""),
    ]


def test_subcommands_are_grouped_too() -> None:
    assert parse(Whole, ["part", "--seed", "5"], "whole") == Whole(Part(5))
    assert parse(Whole, ["other"], "whole") == Whole(Other())


def test_every_command_is_quiet_when_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from idealscore._support import progress

    for name in ("compare", "train", "doctor"):
        assert "--quiet" in printed(capsys, name)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    command = ["schedule", "digits", "--steps", "5"]
    assert main(command) == 0
    loud = capsys.readouterr()
    assert main([*command, "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert quiet.err == "" and quiet.out == loud.out


def test_on_a_terminal_lines_fit_and_in_a_pipe_they_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = (["--help"], ["figures", "--list"], ["transitions", "data", "digits", "--draws", "0", "--quiet"])
    whole = []
    for command in commands:
        assert main(command) == 0
        whole.append(capsys.readouterr().out)
    assert len(whole[1].splitlines()) == len(names())
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for command, text in zip(commands, whole, strict=True):
        assert main(command) == 0
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= 80 < max(map(len, text.splitlines()))
        assert shown.split() == text.split()


def test_a_shell_completes_commands_and_options(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", "bash"]) == 0
    path = tmp_path / "completion"
    path.write_text(capsys.readouterr().out)

    def completed(*typed: str) -> set[str]:
        line = " ".join(f"'{word}'" for word in typed)
        ask = f"source {path}; COMP_WORDS=({line}); COMP_CWORD={len(typed) - 1}; _idealscore; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert completed("idealscore", "") == set(COMMANDS)
    assert completed("idealscore", "comp") == {"compare", "compose"}
    assert completed("idealscore", "compare", "--mod") == {"--model", "--mode"}
    assert {"data", "guidance", "hierarchy", "hierarchy-levels", "--quiet"} <= completed(
        "idealscore", "transitions", ""
    )
    assert main(["--completion", "zsh"]) == 0 and "bashcompinit" in capsys.readouterr().out
    assert main(["--completion", "powershell"]) == 2 and "bash, zsh" in capsys.readouterr().err


def test_without_a_command_four_things_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert sum(line.startswith("  idealscore ") for line in text.splitlines()) == 4
    for line in text.splitlines():
        if line.startswith("  idealscore "):
            assert line.split()[1] in COMMANDS


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["self-test"] == "passed"
    assert {"idealscore", "torch", "threads", "numba cache", "extra images"} <= set(found)


def test_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from idealscore.cli import doctor

    monkeypatch.setattr(doctor, "_installed", lambda name: name != "ripser")
    assert main(["doctor"]) == 0
    assert "pip install 'idealscore[topology]'" in capsys.readouterr().out


def test_a_wrong_optimum_is_no_pass(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    monkeypatch.setattr(torch, "tanh", torch.sin)
    assert main(["doctor"]) == 2
    assert "self-test" in capsys.readouterr().err
