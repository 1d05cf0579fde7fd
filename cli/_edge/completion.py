"""Completion for a shell: the commands, and after each of them its options."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import get_type_hints

from ..._support import checks as check
from .options import QUIET, is_positional, named_subcommands

SHELLS = ("bash", "zsh")
ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
SCRIPT = """_idealscore() {{
  local words="{commands}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _idealscore idealscore
"""


def script(shell: str, commands: tuple[str, ...]) -> str:
    """What a shell must read to complete `idealscore`; where no word fits, it completes names of files."""
    check.choice("completion", shell, SHELLS)
    cases = "\n".join(f'      {name}) words="{" ".join(words(name))}" ;;' for name in commands)
    return (ZSH if shell == "zsh" else "") + SCRIPT.format(commands=" ".join(commands), cases=cases)


def words(name: str) -> list[str]:
    """The subcommands of a command, and all options.

    >>> words("derive")
    ['--cite', '--json', '--quiet', '--help']
    """
    command = import_module(f"..{name}", __package__).Command
    hints = get_type_hints(command, include_extras=True)
    subcommands = [one for hint in hints.values() for one in named_subcommands(hint)]
    owners = [owner for _, owner in subcommands] or [command]
    options = [option for owner in owners for option in _options(owner)]
    return [*dict.fromkeys([*(word for word, _ in subcommands), *options, f"--{QUIET.name}", "--help"])]


def _options(command: type) -> list[str]:
    """Its options as they are typed; what is told by its place alone has none."""
    hints = get_type_hints(command, include_extras=True)
    named = [one.name for one in fields(command) if one.init and not is_positional(hints[one.name])]
    return [f"--{name.replace('_', '-')}" for name in named]
