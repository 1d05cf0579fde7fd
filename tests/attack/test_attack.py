"""Each public callable, one argument at a time, under every attack: right, a plain answer, or an error that names it.

The suite runs a sample that a fixed seed chooses, and what was found wrong once; `--run-slow` runs the whole product.
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
from table import KNOWN, MENDED, PAGE, block, summary, table_of
from valid_calls import EXEMPT, public

from idealscore.errors import ArgumentError

from checkout import ROOT, TESTS

PUBLIC = public()
ATTACKED = {name: value for name, value in PUBLIC.items() if name not in EXEMPT}


def sampled(parts, of):
    """Whether a fixed seed takes these words into the sample: one in `of`."""
    return int.from_bytes(hashlib.blake2b("\n".join(parts).encode(), digest_size=8).digest(), "big") % of == 0


def faults(name, chosen):
    """The outcomes beyond the three, of the chosen attacks."""
    lines = attacked(name, PUBLIC[name], lambda _, argument, attack: chosen(argument, attack))
    return [line[1:] for line in lines if line[3] not in (*ALLOWED, "not run")]


@pytest.mark.parametrize("name", sorted(MENDED))
def test_what_was_wrong_once_is_mended(name):
    assert not faults(name, lambda *pair: pair in MENDED[name])


@pytest.mark.parametrize("name", [name for name in sorted(ATTACKED) if name in KNOWN and sampled([name], 12)])
def test_a_sample_of_attacks(name):
    assert not faults(name, lambda *pair: pair not in KNOWN[name] and sampled([name, *pair], 4))


def test_each_public_callable_is_attacked_or_listed_with_its_reason():
    text = PAGE.read_text()
    missing = [name for name in ATTACKED if name not in KNOWN and f"`{name}`" not in text]
    assert not missing
    assert set(EXEMPT) <= set(PUBLIC)


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
    wrong = [line for line in lines if line[3] not in (*ALLOWED, "not run", "no valid call")]
    assert not [line for line in wrong if (line[1], line[2]) not in KNOWN.get(line[0], ())]
