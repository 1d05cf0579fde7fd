"""A command's dataclass as tyro shall show it: its options in groups, each with a sentence and its default once.

tyro makes one group of options from each nested dataclass. The commands are flat, so that Python sees plain fields;
`grouped` nests them for tyro, and `flat` takes the answer apart again.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields, make_dataclass
from functools import cache, reduce
from itertools import pairwise
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import tyro

from ...learned.data.options import DataOptions

GROUPS = {
    "data": ("data", *(one.name for one in fields(DataOptions)), "held_out", "subset"),
    "network": (
        *("run_dir", "model", "network", "condition", "label", "guidance", "null", "variant", "trust", "member"),
        *("width", "depth", "multipliers", "blocks", "attention", "heads", "dropout", "kernel", "padding", "head"),
        *("conditional", "ensemble"),
    ),
    "noise-level": ("levels", "noise_levels", "sigmas", "sigma_min", "sigma_max", "sample_min", "sample_max", "noise"),
    "training": (
        *("preset", "steps", "batch", "learning_rate", "warmup", "decay", "weight_decay", "betas", "clip", "ema"),
        *("weighting", "condition_dropout", "precision", "compile", "channels_last", "snapshots", "first_step"),
        *("log_every", "checkpoint_every", "tensorboard"),
    ),
    "output": ("out", "json", "format", "venue", "gallery", "list", "dry_run", "quiet", "table"),
    "run": ("seed", "device", "workers", "cluster", "budget", "retry", "recompute"),
}
"""Where an option is shown, whatever the command; the others come first, without a title."""

SENTENCES = {
    "seed": "Seed of all that is random.",
    "sigma_min": "Lowest noise level, in units of the data.",
    "sigma_max": "Highest noise level, in units of the data.",
    "sample_min": "Lowest noise level of the sampler before 0.",
    "sample_max": "Noise level at which the sampler starts.",
    "levels": "Number of noise levels, at least 2, spaced evenly in log sigma.",
    "steps": "Updates of a training.",
    "batch": "Images in each update.",
    "learning_rate": "The largest one, after the warm-up.",
    "noise": "Noise levels of the training: lognormal MEAN STD, loguniform LOW HIGH, or levels S1 S2 ...",
    "device": "auto (the GPU where there is one), cpu, cuda, cuda:1, ...",
    "width": "Channels of the first layer, or units of each layer (default: by the network).",
    "depth": "Hidden layers (default: by the network).",
    "multipliers": "Channels of each resolution of a U-Net, relative to the first (default: by the network).",
    "blocks": "Residual blocks at each resolution of a U-Net (default: by the network).",
    "attention": "Sides in pixels at which a U-Net has attention (default: by the network).",
    "sigmas": "Noise levels that a linear network has weights for.",
    "heads": "Heads of the attention (default: by the network).",
    "dropout": "Share of units dropped in training, 0 to 1 (default: by the network).",
    "kernel": "Side of a convolution, in pixels, odd (default: by the network).",
    "padding": "zeros or circular (default: by the network).",
    "head": "What the raw network predicts: edm, eps or v (default: by the network).",
    "json": "Print the table as JSON.",
    "quiet": "Nothing on stderr about plans and progress; warnings and errors stay.",
}
"""What an option says that its command does not explain."""

ENOUGH = {"network": 3, "training": 3}
"""With fewer options these groups dissolve: the depth of a grammar is not that of a network."""

QUIET: Any = field(default=False)
QUIET.name = "quiet"
"""Every command takes it; `main` reads it and no command needs to know."""

PARAMETER = re.compile(r"^(\w+(?:, \w+)*) : .*\n((?:    .*\n?)+)", re.M)
METAVARS = {int: "N", float: "X", str: "TEXT"}
PATHS = ("out", "data", "gallery", "curves", "config", "run_dir", "model")
OPTIONS = (tyro.conf.OmitArgPrefixes,)


def sentence(command: type, name: str) -> str:
    """What the help says about a field: the string below it or its line of the docstring, else SENTENCES."""
    for owner in command.__mro__:
        found = _written(owner).get(name)
        if found:
            return found
    return SENTENCES.get(name, "")


@cache
def grouped(command: type) -> type:
    """The dataclass that tyro reads: a nested one for each group of options, the rest as it is.

    A field that holds subcommands keeps them, each grouped in its turn.
    """
    hints = get_type_hints(command, include_extras=True)
    shown = [one for one in fields(command) if one.init]
    groups: dict[str, list[Field]] = {}
    for one in shown:
        groups.setdefault(_group(one.name, {other.name for other in shown}), []).append(one)
    if not any(_subcommands(hints[one.name]) for one in shown):
        groups.setdefault("output", []).append(QUIET)
        hints.setdefault(QUIET.name, bool)
    outer = [_entry(command, one, hints[one.name]) for one in groups.pop("", [])]
    for group in (group for group in GROUPS if group in groups):
        inner = make_dataclass(group, [_entry(command, one, hints[one.name]) for one in groups[group]], kw_only=True)
        required = any(one.default is MISSING and one.default_factory is MISSING for one in groups[group])
        kind = Annotated[inner, tyro.conf.arg(name=group)]
        outer.append((f"_{group}".replace("-", "_"), kind, field() if required else field(default_factory=inner)))
    result = make_dataclass(command.__name__, outer, kw_only=True)
    generated = f"{command.__name__}("
    result.__doc__ = None if (command.__doc__ or generated).startswith(generated) else command.__doc__
    return result


def flat(command: type, answer: Any) -> Any:
    """The instance of `command` that an instance of `grouped(command)` stands for."""
    values: dict[str, Any] = {}
    for one in fields(answer):
        value = getattr(answer, one.name)
        if one.name.startswith("_"):
            values |= {inner.name: getattr(value, inner.name) for inner in fields(value) if inner.name != QUIET.name}
        else:
            values[one.name] = value
    hints = get_type_hints(command, include_extras=True)
    for name, value in values.items():
        for sub in _subcommands(hints[name]):
            if type(value) is grouped(sub):
                values[name] = flat(sub, value)
    return command(**values)


def nested(command: type, instance: Any) -> Any:
    """The instance of `grouped(command)` with the values of an instance of `command`."""
    outer = grouped(command)
    values: dict[str, Any] = {}
    for one in fields(outer):
        if one.name.startswith("_"):
            inner = get_args(get_type_hints(outer, include_extras=True)[one.name])[0]
            words = [name.name for name in fields(inner) if name.name != QUIET.name]
            values[one.name] = inner(**{name: getattr(instance, name) for name in words})
        else:
            values[one.name] = getattr(instance, one.name)
    return outer(**values)


def _group(name: str, together: set[str]) -> str:
    """The group of an option among the options of its command; empty for none."""
    for group, names in GROUPS.items():
        if name in names:
            return group if len(together.intersection(names)) >= ENOUGH.get(group, 1) else ""
    return ""


def _entry(command: type, one: Field, hint: Any) -> tuple[str, Any, Any]:
    """Name, type and default of a field as tyro shall see it."""
    default = field(default=one.default) if one.default is not MISSING else field()
    if one.default_factory is not MISSING:
        default = field(default_factory=one.default_factory)
    subcommands = _subcommands(hint)
    if subcommands:
        parts = zip(subcommands, get_args(get_args(hint)[0]), strict=True)
        union = reduce(or_, [Annotated[(grouped(sub), *get_args(part)[1:])] for sub, part in parts])  # pyright: ignore
        return one.name, Annotated[(union, *get_args(hint)[1:])], default  # pyright: ignore[reportInvalidTypeForm]
    told = _one_line(sentence(command, one.name))
    silent = one.default is None or one.default is False or one.default in ("", (), MISSING)
    shown = "" if silent or "(default" in told else f"(default: {_spelt(one.default)})"
    if one.default is MISSING and one.default_factory is MISSING:
        shown = "(required)"
    word = _metavar(one.name, hint)
    if word and shown != "(required)" and is_positional(hint) and not word.startswith("["):
        word = f"[{word}]"
    argument = tyro.conf.arg(help=told, help_behavior_hint=shown, metavar=word)
    return one.name, Annotated[hint, argument], default


def _subcommands(hint: Any) -> list[type]:
    """The dataclasses among which a field chooses, if it does."""
    parts = get_args(get_args(hint)[0]) if get_origin(hint) is Annotated else ()
    return [get_args(part)[0] for part in parts if get_origin(part) is Annotated and "subcommand" in repr(part).lower()]


def named_subcommands(hint: Any) -> list[tuple[str, type]]:
    """(word, dataclass) of each choice of a field that holds subcommands."""
    parts = get_args(get_args(hint)[0]) if get_origin(hint) is Annotated else ()
    return [(part.__metadata__[0].name, get_args(part)[0]) for part in parts if _subcommands(hint)]


def is_positional(hint: Any) -> bool:
    """Whether a field is told by its place."""
    return tyro.conf.Positional in _marks(hint)


def _metavar(name: str, hint: Any) -> str | None:
    """N, X, TEXT or PATH where the values are plain, optional or several of a kind; tyro's own word for the rest."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    kinds = [kind for kind in _alternatives(bare) if kind is not type(None)]
    if len(kinds) != 1:
        return None
    several = get_args(kinds[0]) if get_origin(kinds[0]) is tuple else ()
    words = [METAVARS.get(kind) for kind in several if kind is not ...] or [METAVARS.get(kinds[0])]
    if None in words:
        return None
    words = ["PATH"] if name in PATHS else words
    if not several or tyro.conf.UseAppendAction in _marks(hint):
        return words[0]
    return f"[{words[0]} ...]" if ... in several else " ".join(map(str, words))


def _marks(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__metadata__", ())


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _spelt(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _one_line(text: str) -> str:
    """Without backticks and line ends, capital first, full stop last."""
    words = re.sub(r"\s+", " ", text).replace("`", "").strip()
    if not words:
        return ""
    first = words.split()[0]
    plain = first.rstrip(",:;").isalpha() and first.islower() and first.rstrip(",:;") not in CODE_WORDS
    words = words[0].upper() + words[1:] if plain else words
    return words if words.endswith((".", "?", "...")) else f"{words}."


CODE_WORDS = (
    "auto",
    "bump",
    "digits",
    "edm",
    "heun",
    "lognormal",
    "mlp",
    "network",
    "png",
    "site",
    "square",
    "unet",
    "zeros",
)
"""Values of options, with which some sentences begin."""


@cache
def _written(owner: type) -> Mapping[str, str]:
    """What a class says about its fields itself, in its docstring and in the strings below them."""
    if owner is object:
        return {}
    found = {}
    for names, text in PARAMETER.findall(inspect.cleandoc(owner.__doc__ or "").partition("Parameters\n---")[2]):
        found |= {name: text for name in re.split(r",\s*", names) if "," not in names or name not in SENTENCES}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    except (OSError, TypeError, SyntaxError):
        return found
    body = getattr(tree, "body", [])
    for line, below in pairwise(body):
        match line, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
    return found
