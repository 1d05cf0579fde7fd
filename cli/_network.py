"""The network that a command line names, and the condition at which it is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .._support.progress import tell
from ..errors import ArgumentError, IdealScoreError

CLASS = "class"


def network_of(
    source: str,
    *,
    trust: bool = False,
    variant: str = "",
    condition: str = "",
    guidance: float | None = None,
    null: int | None = None,
    device: Any = "cpu",
    data: Any = None,
) -> Any:
    """The denoiser of a path, an id or, with `trust`, a function of a module; a line on it goes to stderr.

    The class of `condition` is a number, or a name: of the data of its training, else of `data`.
    """
    from ..learned import describe_network, load_network

    named: Any = trusted(source, trust) if is_reference(source) else source
    network = load_network(
        named,
        variant=variant or None,
        condition=condition if condition not in ("", CLASS) else None,
        guidance=0.0 if condition == CLASS and guidance is None else guidance,
        null=null,
        data=data,
        device=device,
    )
    tell(f"network: {describe_network(network)}")
    return network


def tell_what_is_wrong(network: Any, data: Any, condition: int | None = None, seed: int = 0) -> None:
    """The hand-over test on the images at hand: a line on stderr for what is wrong, and one for what mends it."""
    from ..compare.measures._handover.before_use import before_use

    for problem in before_use(network, data, condition, seed):
        print(f"warning: the network as it was handed over: {problem}", file=sys.stderr)


def trusted(reference: str, trust: bool) -> Any:
    """The object that `module:function` names, where its code may run; a line on that goes to stderr."""
    if not trust:
        problem = f"'{reference}' names a function, whose code would run"
        raise ArgumentError("model", problem, "add --trust if you trust it")
    print(f"idealscore: --trust: the code of {reference} runs", file=sys.stderr)
    return called(reference)


def one_class(condition: str, label: str | None) -> str | None:
    """The class of a command that takes one: `--condition 3`, or `--label 3`; a number or a name."""
    if condition == CLASS:
        raise ArgumentError("condition", "is 'class'", "name one class, such as --condition 3")
    return condition or label


def is_reference(text: str) -> bool:
    """Whether a text names a function of a module, `package.module:function`, instead of a path or an id."""
    module, colon, name = text.partition(":")
    parts = [*module.split("."), name]
    return bool(colon) and all(part.isidentifier() for part in parts) and module != "hf" and not Path(text).exists()


def called(reference: str) -> Any:
    """The object that a reference names, imported and, where it is a plain function without arguments, called."""
    import importlib
    import inspect
    import sys

    module, _, name = reference.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name)
        plain = inspect.isfunction(found) and not inspect.signature(found).parameters
        return found() if plain else found
    except IdealScoreError:
        raise
    except Exception as error:  # whatever code of the user raises
        text = " ".join(str(error).split())[:200]
        problem = f"'{reference}' raises {type(error).__name__} ({text})"
        raise ArgumentError(
            "model", problem, "name a module on the path and a function that returns a network"
        ) from error
