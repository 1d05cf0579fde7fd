"""What an attacked call comes to: an answer, a typed error that names the argument, or one of the faults.

`PYTHONPATH=tests python tests/attack/outcomes.py theory.local simulate` attacks the public callables of these
rooms, each in a process of its own, and prints one JSON line per attack: callable, argument, attack, outcome.
"""

import contextlib
import dataclasses
import inspect
import json
import mmap
import os
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from attacks import BY_KIND, MEANINGLESS, PRESERVING, RELATED, kind
from valid_calls import ALIASES, EXEMPT, NAN_ANSWERS, NAN_MEANS, public, valid_calls

from idealscore.errors import IdealScoreError
from idealscore.theory.identities.finding import SKIPPED, Finding

SECONDS = 5.0
WALL = 300  # seconds without an answer: a library hangs
BUDGET = 60  # seconds of processor time for all attacks on one callable; the rest is reported as not run
ALLOWED = ("right", "answered", "refused")


class TooSlow(BaseException):
    """The processor time of one call is over; no `except Exception` catches it."""


def _late(*_: object) -> None:
    raise TooSlow


def numbers(value: Any, depth: int = 0) -> Iterator[np.ndarray]:
    """All numbers of an answer in a fixed order."""
    if isinstance(value, torch.Tensor):
        if value.device.type != "meta":
            yield np.asarray(value.detach().cpu().double() if not value.is_complex() else value.detach().cpu())
    elif isinstance(value, np.ndarray | np.number | int | float | complex):
        array = np.asarray(value)
        if array.dtype.kind in "biufc":
            yield array
    elif isinstance(value, str | bytes | type) or value is None or depth > 4:
        return
    elif type(value).__module__.startswith("matplotlib."):
        return  # a picture: what it draws is tested in tests/plot
    elif isinstance(value, torch.nn.Module):
        for name in sorted(state := value.state_dict()):
            yield from numbers(state[name], depth + 1)
    elif hasattr(value, "data_vars"):
        for name in sorted(value.data_vars):
            yield from numbers(value[name].values, depth + 1)
    elif isinstance(value, Mapping):
        for name in value:
            yield from numbers(value[name], depth + 1)
    elif isinstance(value, Finding) and value.verdict == SKIPPED:
        return  # it says in words that it has no number
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from numbers(getattr(value, field.name), depth + 1)
    elif isinstance(value, list | tuple | set | frozenset | Iterator):
        for part in value:
            yield from numbers(part, depth + 1)
    elif hasattr(value, "__dict__") and not callable(value):
        for name in sorted(vars(value)):
            yield from numbers(vars(value)[name], depth + 1)


def answer(function: Any, arguments: Mapping[str, Any], seconds: float = SECONDS) -> tuple[list[np.ndarray], list[str]]:
    """The numbers of a call, and the warnings of other libraries that came with it."""
    parameters = inspect.signature(function).parameters
    positional = [n for n, p in parameters.items() if p.kind is inspect.Parameter.POSITIONAL_ONLY and n in arguments]
    with warnings.catch_warnings(record=True) as heard, torch.random.fork_rng(devices=[]):
        warnings.simplefilter("always")
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            found = list(
                numbers(
                    function(
                        *(arguments[name] for name in positional),
                        **{name: value for name, value in arguments.items() if name not in positional},
                    )
                )
            )
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    ours = [
        w for w in heard if w.category.__module__.startswith("idealscore") or w.filename == __file__
    ]  # to the caller
    return found, [w.category.__name__ for w in heard if w not in ours]


def _nans(found: list[np.ndarray]) -> int:
    return sum(int(np.isnan(array).sum()) for array in found if array.dtype.kind in "fc")


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    size = np.abs(a[np.isfinite(a)]).max(initial=0.0)
    close = {"rtol": 1e-4, "atol": 1e-4 * float(size) + 1e-12, "equal_nan": True}
    return a.shape == b.shape and bool(np.allclose(a, b, **close))


def _equal(clean: Sequence[np.ndarray], found: Sequence[np.ndarray], steady: Sequence[bool]) -> bool:
    """Whether an answer is the clean one, in what is the same from call to call."""
    same = len(clean) == len(found)
    return same and all(_alike(a, b) for a, b, kept in zip(clean, found, steady, strict=True) if kept)


def _named(error: IdealScoreError, name: str, names: list[str], attack: str) -> bool:
    """Whether the error names the argument, or one of its items; a broken relation may be named by its other side."""
    said = str(error)
    allowed = [name, name.removesuffix("s"), *(names if attack in RELATED else [])]
    return any(re.search(rf"\b{re.escape(one)}\b", said) for one in allowed)


def _takes(annotation: str, attack: str) -> bool:
    """Whether the type hint allows what `MEANINGLESS` says has no answer."""
    allowed = {
        "None": ("None", "object"),
        "complex": ("complex",),
        "str": ("str", "object", "Path", "FilePath", "Device"),
    }
    return any(re.search(rf"\b{word}\b", annotation) for word in allowed.get(attack, ()))


def outcome(
    function: Any,
    arguments: Mapping[str, Any],
    clean: list[np.ndarray],
    name: str,
    attack: str,
    meaningless: Collection[str] = MEANINGLESS,
    alias: str = "",
    says_nan: bool = False,
    steady: Sequence[bool] = (),
) -> str:
    """One of `ALLOWED`, or the fault in a few words."""
    given = arguments[name]
    parameter = inspect.signature(function).parameters[name]
    attacked = {**arguments, name: BY_KIND[kind(given)][attack](given)}
    try:
        found, heard = answer(function, attacked)
    except IdealScoreError as error:
        named = _named(error, name, list(arguments), attack) or (alias and str(error).startswith(f"{alias}:"))
        return "refused" if named else f"refused without the name: {error}"[:120]
    except TooSlow:
        return "over 5 s"
    except MemoryError as error:
        return f"foreign MemoryError: {error}"[:120]
    except Exception as error:
        return f"foreign {type(error).__name__}: {error}"[:120].replace("\n", " ")
    if attack in PRESERVING and kind(given) == "array":
        said, steady = f"warned only: {heard[0]}" if heard else "right", steady or [True] * len(clean)
        if not _equal(clean, found, steady) and attack == "list":  # which does not say its precision
            clean, _ = answer(function, {**arguments, name: BY_KIND["array"]["float64"](given)})
        return said if _equal(clean, found, steady) else "another answer"
    if attack in meaningless and not _takes(str(parameter.annotation), attack) and kind(given) != "thing":
        silent = attack == "NaN" and _nans(found) > _nans(clean)
        return "silent NaN" if silent else "swallowed"
    if _nans(found) > _nans(clean) and not says_nan and (attack != "NaN" or attack in meaningless):
        return "silent NaN"
    return f"warned only: {heard[0]}" if heard else "answered"


def attackable(function: Any, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each (argument, attack) of a valid call that can be made."""
    defaults = {name: one.default for name, one in inspect.signature(function).parameters.items()}
    for name, given in arguments.items():
        for attack, spoil in BY_KIND[kind(given)].items():
            if attack == "None" and defaults.get(name, 0) is None:
                continue  # that leaves it out
            try:
                spoil(given)
            except Exception:  # no such thing of this value: int of infinity, last axis of nothing
                continue
            yield name, attack


def attacked(
    full: str, function: Any, wanted: Callable[[int, str, str], bool] = lambda *_: True
) -> Iterator[tuple[str, str, str, str]]:
    """(callable, argument, attack, outcome) of the attacks on one callable that are wanted, by number and name."""
    signal.signal(signal.SIGPROF, _late)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # a word is a path that can be written
        yield from _attacked(full, function, wanted)


def _attacked(full: str, function: Any, wanted: Callable[[int, str, str], bool]) -> Iterator[tuple[str, str, str, str]]:
    fault = "no valid call"
    for arguments in valid_calls(function, full):
        try:
            first, _ = answer(function, arguments, BUDGET)  # what is compiled is compiled
            clean, _ = answer(function, arguments)
            steady = [_alike(*pair) for pair in zip(first, clean, strict=True)]  # times differ
            break
        except (Exception, TooSlow) as error:
            fault = f"no valid call: {type(error).__name__}: {error}"[:200]
    else:
        yield full, "", "", fault
        return
    begun = time.process_time()
    for number, (name, attack) in enumerate(attackable(function, arguments)):
        if wanted(number, name, attack):
            late = time.process_time() - begun > BUDGET
            meaningless = MEANINGLESS - ({"NaN"} if f"{full}.{name}" in NAN_MEANS else set())
            alias = ALIASES.get(f"{full}.{name}", "")
            spoilt = (name, attack, meaningless, alias, full in NAN_ANSWERS, steady)
            found = "not run" if late else outcome(function, arguments, clean, *spoilt)
            yield full, name, attack, found


def in_children(full: str, function: Any) -> None:
    """Attack one callable in a child, which ends where a library hangs or crashes; the next goes on behind that."""
    note, first = mmap.mmap(-1, 4096), 0

    def from_first(number: int, name: str, attack: str) -> bool:
        if number >= first:
            note[:] = json.dumps((number, name, attack)).encode().ljust(4096)
            signal.alarm(WALL)
        return number >= first

    while True:
        sys.stdout.flush()
        note[:] = json.dumps((first, "", "")).encode().ljust(4096)
        if not (child := os.fork()):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(4 * WALL)
            begun = time.process_time()
            for line in attacked(full, function, from_first):
                print(json.dumps(line), flush=True)
            print(json.dumps((full, "", "seconds", f"{time.process_time() - begun:.2f}")), flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return
        number, name, attack = json.loads(bytes(note))
        print(json.dumps((full, name, attack, "hung or crashed")), flush=True)
        if not name:
            return
        first = number + 1


def main(beginnings: list[str]) -> None:
    """Attack, one line each."""
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, 16 * 2**30))
    for full, function in public().items():
        chosen = any(full == one or full.startswith(f"{one}.") for one in beginnings)
        if chosen and full not in EXEMPT:
            in_children(full, function)


if __name__ == "__main__":
    main(sys.argv[1:])
