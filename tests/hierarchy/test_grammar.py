"""Grammars: unambiguous rules, counting, parsing, files, and refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idealscore.errors import ArgumentError, DataFileError, GrammarError, IdealScoreError, ShapeError
from idealscore.theory.grammar import Grammar


@given(
    v=st.integers(2, 9),
    s=st.integers(2, 4),
    depth=st.integers(1, 4),
    n_classes=st.integers(1, 9),
    m=st.integers(1, 8),
    seed=st.integers(0, 2**63 - 1),
)
def test_random_rules_are_distinct_symbols(v, s, depth, n_classes, m, seed):
    if max(n_classes, v if depth > 1 else 0) * m > v**s:
        with pytest.raises(GrammarError, match=r"^m: "):
            Grammar.random(v, m, s, depth, n_classes, seed)
        return
    grammar = Grammar.random(v, m, s, depth, n_classes, seed)
    assert (grammar.depth, grammar.m, grammar.s, grammar.v, grammar.n_classes) == (depth, m, s, v, n_classes)
    for rules in grammar.rules:
        tuples = rules.reshape(-1, s)
        assert len(np.unique(tuples, axis=0)) == len(tuples) and 0 <= tuples.min() <= tuples.max() < v
    assert grammar == Grammar.random(v, m, s, depth, n_classes, seed)
    assert grammar.entropy == pytest.approx(math.log(grammar.n_strings))


def test_tuples_are_uniform():
    # each of the 16 tuples of (v, s) = (4, 2) is used with probability 1/2 by (m v = 8); z < 5: rate 1e-6 over 16
    n = 4000
    used = np.zeros(16)
    for seed in range(n):
        rules = Grammar.random(4, 2, 2, 1, seed=seed).rules[0].reshape(-1, 2)
        used[4 * rules[:, 0] + rules[:, 1]] += 1
    z = (used - n / 2) / math.sqrt(n / 4)
    assert abs(z).max() < 5


def test_levels_and_seeds_differ():
    grammar = Grammar.random(8, 3, 2, 3)
    assert not np.array_equal(grammar.rules[0], grammar.rules[1])
    assert grammar != Grammar.random(8, 3, 2, 3, seed=1) and hash(grammar) == hash(Grammar.random(8, 3, 2, 3))


def test_large_vocabularies_are_not_enumerated():
    assert Grammar.random(256, 8, 3, 2).n_classes == 256
    assert Grammar.random(1000, 3, 6, 2).leaves == 36
    with pytest.raises(GrammarError, match=r"2\*\*62"):
        Grammar.random(256, 2, 8, 2)


def test_parse_inverts_production_and_marks_the_rest():
    grammar = Grammar.random(5, 2, 2, 2, n_classes=3, seed=4)
    string = grammar.rules[1][grammar.rules[0][2, 1], 1].reshape(1, -1)
    levels = grammar.parse(string)
    np.testing.assert_array_equal(levels[2], [[2]])
    np.testing.assert_array_equal(levels[1], [grammar.rules[0][2, 1]])
    known = {tuple(rule) for rule in grammar.rules[1].reshape(-1, 2)}
    foreign = next((a, b) for a in range(5) for b in range(5) if (a, b) not in known)
    broken = grammar.parse(np.concatenate([[foreign], string[:, 2:]], 1))
    assert broken[1][0, 0] == -1 and broken[1][0, 1] == levels[1][0, 1] and broken[2][0, 0] == -1


def test_below_is_the_grammar_of_a_subtree():
    grammar = Grammar.random(5, 2, 2, 3, n_classes=2)
    below = grammar.below(1)
    assert below.depth == 2 and below.n_classes == 5 and np.array_equal(below.rules[0], grammar.rules[1])


def test_files(tmp_path):
    grammar = Grammar.random(6, 3, 2, 3, n_classes=4)
    grammar.save(tmp_path / "grammar.json")
    assert Grammar.load(tmp_path / "grammar.json") == grammar
    text = (tmp_path / "grammar.json").read_text()
    for broken in (text[: len(text) // 2], "[]", "{}", '{"v": 2, "rules": [[[[0, 7]]]]}', "\x00"):
        (tmp_path / "broken.json").write_text(broken)
        with pytest.raises(DataFileError, match=r"broken\.json"):
            Grammar.load(tmp_path / "broken.json")
    with pytest.raises(DataFileError, match=r"missing\.json"):
        Grammar.load(tmp_path / "missing.json")


def test_rules_cannot_be_changed():
    grammar = Grammar.random(4, 2, 2, 2)
    with pytest.raises(ValueError, match="read-only"):
        grammar.rules[0][0, 0, 0] = 1


@pytest.mark.parametrize(
    ("call", "error", "argument"),
    [
        (lambda: Grammar.random(1, 1, 2, 2), ArgumentError, "v"),
        (lambda: Grammar.random(4, 1, 1, 2), ArgumentError, "s"),
        (lambda: Grammar.random(4, 1, 2, 0), ArgumentError, "depth"),
        (lambda: Grammar.random(4, 0, 2, 2), ArgumentError, "m"),
        (lambda: Grammar.random(4, 5, 2, 2), GrammarError, "m"),
        (lambda: Grammar.random(4, 2.0, 2, 2), ArgumentError, "m"),  # pyright: ignore[reportArgumentType]
        (lambda: Grammar.random(4, 2, 2, 2, n_classes=0), ArgumentError, "n_classes"),
        (lambda: Grammar.random(4, 4, 2, 2, n_classes=5), GrammarError, "m"),
        (lambda: Grammar.random(4, 2, 2, 2, seed=-1), ArgumentError, "seed"),
        (lambda: Grammar([], 3), ShapeError, "rules"),
        (lambda: Grammar([np.zeros((2, 2), int)], 3), ShapeError, "rules"),
        (lambda: Grammar([np.zeros((2, 1, 1), int)], 3), ShapeError, "rules"),
        (lambda: Grammar([np.zeros((1, 1, 2), int), np.zeros((2, 1, 2), int)], 3), ShapeError, "rules"),
        (lambda: Grammar([np.zeros((1, 1, 2))], 3), GrammarError, "rules"),
        (lambda: Grammar([np.full((1, 1, 2), 3)], 3), GrammarError, "rules"),
        (lambda: Grammar([np.zeros((2, 1, 2), int)], 3), GrammarError, "rules"),
        (lambda: Grammar.random(4, 2, 2, 2).below(2), ArgumentError, "depth"),
        (lambda: Grammar.random(4, 2, 2, 2).parse(np.zeros((1, 3), int)), ShapeError, "strings"),
        (lambda: Grammar.random(4, 2, 2, 2).parse(np.full((1, 4), 4)), ArgumentError, "strings"),
        (lambda: Grammar.random(4, 2, 2, 2).parse(np.zeros((1, 4))), ArgumentError, "strings"),
    ],
)
def test_bad_input(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == argument and isinstance(caught.value, IdealScoreError)
