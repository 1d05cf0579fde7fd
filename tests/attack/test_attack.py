"""Each public callable, one argument at a time, under every attack: right, a plain answer, or an error that names it.

The suite runs all attacks on the callables that a fixed seed chooses, within a few seconds; `--run-slow` runs the rest.
"""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from attacks import ARRAY, kind
from outcomes import ALLOWED, attacked, outcome
from table import KNOWN, PAGE, SPENT, block, summary, table_of
from valid_calls import CALLS, EXEMPT, NAN_MEANS, public

from idealscore.errors import ArgumentError

from checkout import ROOT, TESTS

PUBLIC = public()
ATTACKED = {name: value for name, value in PUBLIC.items() if name not in EXEMPT}
SECONDS = 8.0  # of processor time for the sample
DEAREST = 0.25


def sample():
    """Callables in the order of a hash of their names, as many as the time is enough for."""
    chosen, left = [], SECONDS
    for name in sorted(SPENT, key=lambda name: hashlib.blake2b(name.encode()).digest()):
        if name in ATTACKED and SPENT[name] <= min(left, DEAREST):
            chosen.append(name)
            left -= SPENT[name]
    return sorted(chosen)


@pytest.mark.parametrize("name", sample())
def test_a_sample_of_callables(name):
    lines = attacked(name, PUBLIC[name], lambda _, *pair: pair not in KNOWN[name])
    assert not [line[1:] for line in lines if line[3] not in (*ALLOWED, "not run")]


def not_attacked(counts):
    """The public callables that the committed outcomes lack, or for which no valid call was found."""
    return sorted(name for name in ATTACKED if "no valid call" in counts.get(name, {"no valid call": 1}))


def test_each_public_callable_is_attacked():
    assert not not_attacked(summary()["counts"])
    assert set(EXEMPT) <= set(PUBLIC)
    assert not (set(CALLS) | {name.rpartition(".")[0] for name in NAN_MEANS}) - set(ATTACKED)


def test_a_callable_without_outcomes_or_without_a_valid_call_is_noticed():
    counts = summary()["counts"]
    one, other = sorted(counts)[:2]
    spoilt = {name: count for name, count in counts.items() if name != one} | {other: {"no valid call": 1}}
    assert not_attacked(spoilt) == sorted({one, other, *not_attacked(counts)})


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda x: float(x[0]), "foreign TypeError"),
        (lambda x: np.sqrt(np.asarray(x, dtype=float)), "silent NaN"),
        (lambda x: 1.0, "swallowed"),
    ],
)
def test_a_careless_function_is_caught(function, found):
    attack = {"foreign TypeError": "complex", "silent NaN": "NaN", "swallowed": "str"}[found]
    assert outcome(function, {"x": [1.0, 2.0]}, [], "x", attack).startswith(found)


def test_an_error_that_names_another_argument_is_caught():
    def careless(x):
        raise ArgumentError("y", f"is {x}", "pass another")

    assert outcome(careless, {"x": 1.0}, [], "x", "NaN").startswith("refused without the name")


@pytest.mark.parametrize("attack", ["non-contiguous", "expanded", "numpy", "list", "read-only", "requires_grad"])
@pytest.mark.parametrize("value", [torch.arange(6.0).view(2, 3), np.arange(6.0).reshape(2, 3), [1.0, 2.0, 4.0]])
def test_what_is_put_differently_has_the_same_value(attack, value):
    assert kind(value) == "array"
    other = ARRAY[attack](value)
    other = other.detach().numpy() if isinstance(other, torch.Tensor) else other
    np.testing.assert_array_equal(other, np.asarray(value))


def test_the_table_on_the_page_is_that_of_the_committed_outcomes():
    assert table_of(summary()) in block(PAGE.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["theory", "simulate", "learned", "compare", "sweeping"])
def test_the_whole_product(layer):
    script = TESTS / "attack" / "outcomes.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), layer],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [line for line in lines if line[3] not in (*ALLOWED, "not run") and line[2] != "seconds"]
    assert not [line for line in wrong if (line[1], line[2]) not in KNOWN.get(line[0], ())]
