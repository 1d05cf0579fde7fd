"""The entropy profile: brute force, the chain rule, belief propagation with errors, the loss curve and its area."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import integrate

from idealscore.errors import ArgumentError, EmptyDataError, GrammarError, NoiseLevelError, ShapeError, WeightsError
from idealscore.simulate.hierarchy import exact_predictor, sample
from idealscore.theory import Grammar
from idealscore.theory.belief_propagation.enumeration import derivations
from idealscore.theory.identities import check_masked
from idealscore.theory.masked_diffusion import entropy_profile, exit_curve, masked_log_likelihood, reference


def grammar(v=4, m=2, s=2, depth=2, seed=0):
    return Grammar.random(v, m, s, depth, seed=seed)


@pytest.mark.parametrize("shape", [(4, 2, 2, 2), (3, 2, 2, 2), (8, 2, 2, 3), (3, 1, 3, 2)])
def test_profile_equals_the_definition_and_sums_to_the_entropy(shape):
    rules = grammar(*shape)
    profile, strings = entropy_profile(rules), derivations(rules)[0].numpy()
    if rules.leaves <= 4:
        np.testing.assert_allclose(profile.values, reference(strings), atol=1e-12)
    assert profile.values.sum() == pytest.approx(rules.entropy, abs=1e-12) and profile.entropy_stderr == 0
    assert np.all(np.diff(profile.values) < 1e-12)


def test_weighted_strings_equal_sums_over_sets():
    draw = np.random.Generator(np.random.Philox(3))
    strings, p = draw.integers(0, 3, (40, 5)), draw.random(40)
    p /= p.sum()

    def entropy(positions):
        mass = {}
        for row, weight in zip(strings[:, list(positions)].tolist(), p, strict=True):
            mass[tuple(row)] = mass.get(tuple(row), 0.0) + weight
        return -sum(one * math.log(one) for one in mass.values())

    right = [np.mean([entropy(S) for S in combinations(range(5), a)]) for a in range(6)]
    np.testing.assert_allclose(entropy_profile(strings, p).values, np.diff(right), atol=1e-12)
    words = ["aab", "aba", "baa"]
    np.testing.assert_allclose(entropy_profile(words).values, reference(np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])))
    assert entropy_profile([[7, 7]]).values.tolist() == [0.0, 0.0]
    with_ghost = entropy_profile([[0, 0], [1, 1], [0, 1]], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(with_ghost.values, [math.log(2), 0.0], atol=1e-15)


def test_twenty_positions_are_enumerated():
    draw = np.random.Generator(np.random.Philox(4))
    strings = np.unique(draw.integers(0, 4, (24, 20)), axis=0)
    values = entropy_profile(strings).values
    assert values.sum() == pytest.approx(math.log(len(strings)), abs=1e-10) and len(values) == 20


@pytest.mark.parametrize("shape", [(4, 2, 2, 2), (8, 2, 2, 3)])
def test_belief_propagation_agrees_with_enumeration_within_its_errors(shape):
    rules = grammar(*shape)
    exact, drawn = entropy_profile(rules), entropy_profile(rules, method="propagation", n=400, seed=2)
    assert drawn.known.tolist() == list(range(rules.leaves)) and drawn.n == 400
    # 12 comparisons at 5.5 standard errors of 400 strings: a false alarm in 2e6
    assert np.all(np.abs(drawn.values - exact.values) <= 5.5 * drawn.stderr + 1e-12)
    other = entropy_profile(grammar(*shape, seed=5)).values
    assert np.any(np.abs(other - exact.values) > 8 * drawn.stderr + 1e-6)  # another grammar is seen
    again = entropy_profile(rules, method="propagation", n=400, seed=2)
    assert np.array_equal(again.values, drawn.values)


def test_a_long_string_has_the_entropy_of_its_grammar():
    rules = grammar(8, 3, 2, 8)
    profile = entropy_profile(rules, n=16, points=24)
    assert profile.length == 256 and len(profile.known) == 24 and profile.full.shape == (256,)
    assert abs(profile.entropy - rules.entropy) < 5 * profile.entropy_stderr + 0.002 * rules.entropy
    assert profile.entropy_stderr < 0.02 * rules.entropy
    curve = exit_curve(profile)
    assert curve.loss.values[0] == pytest.approx(profile.full[-1]) and (curve.loss_stderr >= 0).all()


def test_the_area_under_the_loss_is_the_entropy():
    profile = entropy_profile(grammar(8, 2, 2, 3))

    def loss(share):
        return float(exit_curve(profile, share).loss[0])

    area, _ = integrate.quad(loss, 0.0, 1.0, epsabs=1e-12)
    assert area == pytest.approx(profile.entropy / 8, abs=1e-10)
    curve = exit_curve(profile, [0.0, 0.5, 1.0])
    assert curve.loss.values[[0, 2]] == pytest.approx([profile.values[-1], profile.values[0]])
    assert float(curve.slope[1]) == pytest.approx((loss(0.5001) - loss(0.4999)) / 0.0002, rel=1e-6)


def test_the_loss_of_the_exact_posterior_is_the_curve():
    rules = grammar(4, 2, 2, 3)
    strings, predict = sample(rules, 600, 3)[0], exact_predictor(rules, "masking")
    share = 0.6
    hidden = np.random.Generator(np.random.Philox(5)).random(strings.shape) < share
    probabilities = predict(np.where(hidden, -1, strings), share).numpy()
    loss = -np.log(np.take_along_axis(probabilities, strings[..., None], -1)[..., 0]) * hidden
    value = loss.sum() / hidden.sum()
    error = np.std(loss.sum(1) - value * hidden.sum(1)) * math.sqrt(600) / hidden.sum()
    curve = exit_curve(entropy_profile(rules), [share, 0.8])
    assert abs(value - float(curve.loss[0])) < 5.5 * error < abs(value - float(curve.loss[1]))


def test_identities_hold_for_the_exact_posterior_and_break_for_others():
    rules = grammar(8, 2, 2, 3)
    strings, predict = sample(rules, 300, 1)[0], exact_predictor(rules, "masking")
    found = {one.identity: one for one in check_masked(predict, strings, entropy=rules.entropy)}
    assert not any(one.broken for one in found.values()) and found["exchange"].residual < 1e-12

    def doubtful(observed, share):
        return 0.7 * predict(observed, share) + 0.3 / 8

    report = check_masked(doubtful, strings, entropy=rules.entropy)
    assert {one.identity for one in report.broken} == {"exchange", "area"} and report.headline == "area"
    unknown = check_masked(predict, strings[:20])
    assert unknown.findings[1].verdict == "not applicable" and "needs entropy" in str(unknown)
    assert "at string" in str(unknown.findings[0]) and "nan" not in str(report)


def test_log_likelihood_is_that_of_the_strings_along_every_order():
    rules = grammar(4, 2, 2, 3)
    strings = sample(rules, 5, 0)[0]
    found = masked_log_likelihood(exact_predictor(rules, "masking"), strings, n_orders=3)
    np.testing.assert_allclose(found, -rules.entropy, atol=1e-11)
    fewer = masked_log_likelihood(exact_predictor(rules, "masking"), strings, n_orders=1, batch=2)
    np.testing.assert_allclose(fewer[:, 0], found[:, 0], atol=1e-12)


RULES = grammar(4, 2, 2, 5)


@pytest.mark.parametrize(
    ("call", "error", "argument"),
    [
        (lambda: entropy_profile([[0, 1], [0, 1, 2]]), ShapeError, "source"),
        (lambda: entropy_profile(["ab", "abc"]), ShapeError, "source"),
        (lambda: entropy_profile(np.zeros((3, 21), int)), ArgumentError, "source"),
        (lambda: entropy_profile(np.zeros((3, 2))), ArgumentError, "source"),
        (lambda: entropy_profile(np.zeros((0, 2), int)), EmptyDataError, "source"),
        (lambda: entropy_profile(3), ShapeError, "source"),
        (lambda: entropy_profile([[0], [1]], [1.5, -0.5]), WeightsError, "probabilities"),
        (lambda: entropy_profile([[0], [1]], [0.5]), ShapeError, "probabilities"),
        (lambda: entropy_profile(RULES, [0.5]), ArgumentError, "probabilities"),
        (lambda: entropy_profile(RULES, method="enumeration"), ArgumentError, "source"),
        (lambda: entropy_profile(grammar(4, 2, 2, 4), method="enumeration"), GrammarError, "grammar"),
        (lambda: entropy_profile([[0], [1]], method="propagation"), ArgumentError, "method"),
        (lambda: entropy_profile(RULES, n=1), ArgumentError, "n"),
        (lambda: exit_curve(entropy_profile([[0], [1]]), [1.5]), NoiseLevelError, "masked"),
        (lambda: masked_log_likelihood(lambda x, s: x, [[0, 1]]), ArgumentError, "predict"),  # pyright: ignore[reportArgumentType]
        (lambda: masked_log_likelihood(lambda x, s: np.full((*x.shape, 2), 0.4), [[0, 1]]), ArgumentError, "predict"),  # pyright: ignore[reportArgumentType]
        (lambda: masked_log_likelihood(lambda x, s: np.full((*x.shape, 2), 0.5), [[0, 2]]), ArgumentError, "strings"),  # pyright: ignore[reportArgumentType]
        (lambda: check_masked(lambda x, s: x, [[0, 1], [0]]), ShapeError, "strings"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_bad_input_is_refused(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == argument


def test_too_many_positions_name_what_to_use_instead():
    with pytest.raises(ArgumentError, match=r"21 positions.*pass a Grammar"):
        entropy_profile(np.zeros((3, 21), int))
    with pytest.raises(ArgumentError, match=r'32 leaves.*method="propagation"'):
        entropy_profile(RULES, method="enumeration")
