"""The command `idealscore`: a table of commands, each loaded only when it is asked for.

A command is a module of this package with a frozen dataclass `Command`, whose fields are the options (tyro reads
names, defaults and help from it) and whose `run()` does the work through the Python API. An error ends the process with
exit code 2 and one line on stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ..errors import IdealScoreError, UnknownNameError, printable

__all__ = ["COMMANDS", "main", "usage"]

COMMANDS = {
    "compare": "which theory does a trained network follow, at which noise level?",
    "regimes": "memorising, Gaussian or something else: over training-set size, width and step",
    "risk": "before training: how many copies to expect, and what would halve them?",
    "percolate": "threshold, wrapping and exponents of a lattice next to the exact values",
    "transitions": "critical noise levels of data or of a grammar, in every clock, with errors",
    "compose": "do concepts compose, and in which order do their combinations appear?",
    "bumps": "do networks compose bumps from stripes, and where does learning start?",
    "train": "train a denoiser, or many in one pass, on images",
    "schedule": "which noise levels to sample at, in how many steps, and what the usual ones cost",
    "sample": "draw samples from a trained denoiser",
    "check": "how far is a trained network from the identities of an optimal denoiser?",
    "sweep": "any computation over a grid of parameters and seeds, on this machine or a cluster",
    "figures": "the figures of the papers, drawn from saved results or computed anew",
    "derive": "a result of the theory, derived step by step and printed as LaTeX",
    "doctor": "is everything here that idealscore needs? versions, threads, caches and a short self-test",
}

USAGE = """usage: idealscore COMMAND [OPTIONS]

Closed-form theory of diffusion models next to trained networks, with error bars.

commands:
{commands}

`idealscore COMMAND --help` lists the options of one; `idealscore --version` prints the version;
`idealscore --completion bash` (or zsh) prints what a shell needs to complete commands and options."""

TRY = """four things to try:
  idealscore compare digits             train a small network and hold it against every theory (about a minute)
  idealscore transitions data digits    at which noise level do classes and training images appear? (seconds)
  idealscore percolate square           where does a lattice percolate, and with which exponents? (seconds)
  idealscore compare DATA --model PATH  the theories next to a network of yours

`idealscore --help` lists all commands; `idealscore doctor` says whether everything is in its place."""


def usage() -> str:
    """The first screen: what there is, a line each.

    Returns
    -------
    str
        Ready to print.

    Examples
    --------
    >>> usage().splitlines()[0]
    'usage: idealscore COMMAND [OPTIONS]'
    """
    width = max(map(len, COMMANDS))
    return USAGE.format(commands="\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, as the program `idealscore` does.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after `idealscore` (default: those of this process).

    Returns
    -------
    int
        The exit code: 0; 2 on bad input or any other error, after one line on stderr (with IDEALSCORE_TRACEBACK=1
        an error of another library comes with its traceback); 130 when stopped, 141 when the reader left.

    Raises
    ------
    SystemExit
        After `--help` of a command (0), or where its options cannot be read (2).

    Examples
    --------
    >>> main(["--version"])
    idealscore 0.1.0
    0
    """
    from ._edge.terminal import plain_where_needed

    with plain_where_needed():
        return _run(list(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        from ._edge.terminal import folded

        with folded():
            print(usage() if arguments else TRY)
        return 0
    if arguments[0] == "--version":
        from .. import __version__

        print(f"idealscore {__version__}")
        return 0
    try:
        if arguments[0] == "--completion":
            from ._edge.completion import script

            print(script(arguments[1] if len(arguments) > 1 else "", tuple(COMMANDS)), end="")
            return 0
        if arguments[0] not in COMMANDS:
            raise UnknownNameError("command", arguments[0], COMMANDS)
        from .._support.progress import silent
        from ._edge.parse import parse
        from ._edge.terminal import escaped, folded

        module = import_module(f".{arguments[0]}", __package__)
        words = [word for word in arguments[1:] if word != "--quiet"]
        command = parse(module.Command, words, f"idealscore {arguments[0]}", COMMANDS[arguments[0]])
        with (
            folded(not {"--json", "--table", "--latex"} & set(words)),
            escaped(),
            silent(len(words) < len(arguments) - 1),
        ):
            command.run()
    except IdealScoreError as error:
        print(f"idealscore: {printable(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` say, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("idealscore: stopped; repeat the same command to go on", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("IDEALSCORE_TRACEBACK"):
            raise
        from ._edge.terminal import told

        print(f"idealscore: {told(error)}", file=sys.stderr)
        return 2
    return 0
