"""Mean field of grammars: symbolic derivation, limits, regression constants; density evolution."""

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from known import known

from idealscore.errors import ArgumentError, EstimateError, GrammarError, IdealScoreError, NoiseLevelError
from idealscore.theory.belief_propagation import channels as leaf_channels
from idealscore.theory.hierarchy import HierarchyTheory
from idealscore.theory.hierarchy.density_evolution import Population, Threshold, threshold
from idealscore.theory.hierarchy.sums_over_rules import reference

v, m, p, q = sp.symbols("v m p q", positive=True)
CASES = [(32, 8, 2), (32, 4, 2), (16, 4, 2), (8, 3, 2), (8, 6, 3), (6, 12, 4)]


def upward_map(s):
    """F from counting rules: the true tuple has weight p^s, the other v^s - 1 share 1 - p^s."""
    other = (1 - p**s) / (v**s - 1)
    return (p**s + (m - 1) * other) / (p**s + (m * v - 1) * other)


def downward_map(s):
    """G from counting rules: numerator, rules with the true child; denominator, all v children.

    The true rule gives q prod_siblings = q p^{s-1} to the true child. All other rules, of total parent weight
    (m - 1) q + m (1 - q), are random tuples unlike the true one: v^{s-1} - 1 of them have the true child, with sibling
    weights that sum to 1 - p^{s-1}; for each other child all v^{s-1} siblings are possible, with sum 1.
    """
    weight = ((m - 1) * q + m * (1 - q)) / (v**s - 1)
    true = q * p ** (s - 1) + weight * (1 - p ** (s - 1))
    return true / (true + (v - 1) * weight)


@pytest.mark.parametrize("s", [2, 3, 4])
def test_maps_equal_their_derivation(s):
    f, g = sp.lambdify((v, m, p), upward_map(s)), sp.lambdify((v, m, q, p), downward_map(s))
    theory, grid = HierarchyTheory(7, 5, s), np.linspace(0, 1, 9)
    np.testing.assert_allclose(theory.upward(grid), f(7, 5, grid), rtol=1e-14)
    np.testing.assert_allclose(theory.downward(grid[:, None], grid), g(7, 5, grid[:, None], grid), rtol=1e-14)


@pytest.mark.parametrize("case", [(5, 2, 2), (4, 3.5, 2), (3, 4, 3), (2, 1, 4)], ids=str)
def test_profiles_are_the_sums_over_all_tuples(case):
    theory = HierarchyTheory(*case)
    for epsilon in (0.0, 0.3, 0.8, 1.0):
        np.testing.assert_allclose(theory.profile(4, epsilon), reference(theory, 4, epsilon), rtol=1e-12)
    assert abs(theory.profile(4, 0.8)[0] - reference(theory, 4, 0.75)[0]) > 1e-4


@pytest.mark.parametrize("s", [2, 3, 4])
def test_slopes_and_fixed_points_in_symbols(s):
    f = upward_map(s)
    slope = sp.diff(f, p)
    assert sp.simplify(f.subs(p, 1) - 1) == 0 and sp.simplify(f.subs(p, 1 / v) - 1 / v) == 0
    assert sp.simplify(slope.subs(p, 1) - s * m * (v - 1) / (v**s - 1)) == 0
    assert sp.simplify(slope.subs(p, 1 / v) - s * v ** (s - 1) * (v - 1) / (m * (v**s - 1))) == 0
    numerator = sp.numer(sp.together(f - p))
    claimed = (p - 1) * (v * p - 1) * sum((v**k - m) * p**k for k in range(s))
    assert sp.simplify(sp.rem(sp.expand(numerator), sp.expand(claimed), p)) == 0
    dual = slope.subs(p, 1).subs(m, v ** (s - 1) / m)
    assert sp.simplify(dual - slope.subs(p, 1 / v)) == 0


def test_two_symbols_per_rule_in_symbols():
    star = (m - 1) / (v - m)
    f, g = upward_map(2), downward_map(2)
    assert sp.simplify(f.subs(p, star) - star) == 0
    slope: Any = sp.factor(sp.simplify(sp.diff(f, p).subs(p, star)))
    assert sp.simplify(slope - 2 * (v - m) * (m - 1) * (v + 1) / (m * (v - 1) ** 2)) == 0
    critical = v * (v + 1 - 2 * m) / ((v - m) * (v - 1))
    assert sp.simplify((1 - star) / (1 - 1 / v) - critical) == 0
    assert sp.simplify(g.subs({p: star, q: m / v}) - m / v) == 0
    assert sp.simplify(sp.diff(g, q).subs({p: star, q: m / v}) - slope / 2) == 0
    assert sp.simplify(slope.subs(m, v / m) - slope) == 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_numerical_slopes_and_duality(case):
    theory = HierarchyTheory(*case)
    star, h = known(theory.fixed_point), 1e-6
    assert theory.upward(star) == pytest.approx(star, abs=1e-12)
    for x, slope in [(1 / theory.v, theory.lost_slope), (star, float(theory.upward_slope(star)))]:
        assert (theory.upward(x + h) - theory.upward(x - h)) / (2 * h) == pytest.approx(slope, rel=1e-6)
    assert (1 - theory.upward(1 - h)) / h == pytest.approx(theory.recovered_slope, rel=1e-4)
    dual = theory.dual
    assert dual.recovered_slope == pytest.approx(theory.lost_slope, rel=1e-12)
    assert dual.correlation_exponent == pytest.approx(theory.correlation_exponent, abs=1e-10)
    assert theory.decay_exponent == pytest.approx(2 * (1 - 1 / known(theory.correlation_exponent)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_downward_slope_at_the_transition_is_the_upward_slope_over_s(case):
    theory = HierarchyTheory(*case)
    star, message = known(theory.fixed_point), 1 / theory.v
    for _ in range(4000):
        message = float(theory.downward(message, star))
    h = 1e-6
    slope = (theory.downward(message + h, star) - theory.downward(message - h, star)) / (2 * h)
    assert slope == pytest.approx(float(theory.upward_slope(star)) / theory.s, abs=1e-6)
    if theory.s == 2:
        assert message == pytest.approx(theory.m / theory.v, abs=1e-10)


@pytest.mark.parametrize(
    ("case", "epsilon", "nu"),
    [
        ((32, 8, 2), 0.7311828, 1.89280),
        ((32, 4, 2), 0.9216590, 1.89280),
        ((16, 4, 2), 0.8, 2.25425),
        ((8, 3, 2), 0.6857143, 3.42254),
        ((8, 6, 3), 0.826429, 2.5942),
    ],
)
def test_critical_epsilon_and_exponent(case, epsilon, nu):
    theory = HierarchyTheory(*case)
    assert theory.critical_epsilon == pytest.approx(epsilon, abs=1e-6)
    assert theory.correlation_exponent == pytest.approx(nu, abs=1e-4)


def test_window_edges():
    low, high = HierarchyTheory(32, 8, 2).window
    assert (low, high) == (pytest.approx(1.9393939), pytest.approx(16.5))
    for rules in (1, 1.9, 17, 32):
        theory = HierarchyTheory(32, rules, 2)
        assert theory.fixed_point is theory.critical_epsilon is theory.crossing(3) is None
        assert theory.correlation_exponent is theory.decay_exponent is None
        for channel in ("epsilon", "masking", "uniform", "gaussian"):
            transition = theory.critical_noise(channel)
            assert transition.value is None and "(1.939, 16.5)" in transition.note
    assert float(HierarchyTheory(32, 1, 2).class_belief(60, 0.99)) > 0.999  # below: always recovered
    assert float(HierarchyTheory(32, 17, 2).class_belief(500, 0.01)) < 0.05  # above: always lost


def test_the_edges_of_the_window_lie_outside_on_any_processor():
    for v, s in [(3, 2), (7, 2), (6, 3), (5, 4)]:
        for edge in HierarchyTheory(v, 2, s).window:
            for m in (edge, np.nextafter(edge, 0), np.nextafter(edge, np.inf)):
                assert not HierarchyTheory(v, float(m), s).has_transition
        low, high = HierarchyTheory(v, 2, s).window
        assert "recovered" in HierarchyTheory(v, low, s).reason and "lost" in HierarchyTheory(v, high, s).reason
        assert known(HierarchyTheory(v, low * (1 + 1e-9), s).correlation_exponent) > 0


def test_regression_constants():
    theory = HierarchyTheory(32, 8, 2)
    for epsilon, belief, message, leaf in [
        (0.5, 0.9980619971, 0.6066471700, 0.9807300040),
        (0.7, 0.9182882511, 0.3630052102, 0.8934498606),
    ]:
        beliefs, messages = theory.beliefs(10, epsilon)
        assert beliefs[-1] == pytest.approx(belief, abs=1e-9) and messages[0] == pytest.approx(message, abs=1e-9)
        assert theory.profile(10, epsilon)[0] == pytest.approx(leaf, abs=1e-9)
    assert HierarchyTheory(16, 4, 2).class_belief(6, 0.6) == pytest.approx(0.9477377783, abs=1e-9)
    assert theory.crossing(10) == pytest.approx(0.72549, abs=1e-5)
    gaps = [known(theory.critical_epsilon) - known(theory.crossing(depth)) for depth in (20, 21)]
    assert gaps[0] / gaps[1] == pytest.approx(float(theory.upward_slope(known(theory.fixed_point))), rel=1e-3)


def test_susceptibility():
    theory = HierarchyTheory(32, 8, 2)
    np.testing.assert_allclose(theory.susceptibility(9, [0.5, 0.7312, 0.9]), [1.73, 7.98, 1.46], atol=0.01)
    grid = np.arange(0.72, 0.745, 5e-4)
    assert grid[theory.susceptibility(9, grid).argmax()] == pytest.approx(0.7315, abs=0.001)
    correlations = theory.correlations(30, known(theory.critical_epsilon))
    slope = float(theory.upward_slope(known(theory.fixed_point))) / 2
    assert correlations[5] / correlations[4] == pytest.approx(slope**2, abs=1e-3)
    assert 1 - theory.profile(9, 0.8)[0] == pytest.approx(0.558, abs=0.001)


@given(
    v=st.integers(2, 20), s=st.integers(2, 4), share=st.floats(0, 1), depth=st.integers(1, 12), epsilon=st.floats(0, 1)
)
def test_everything_is_a_probability_and_finite(v, s, share, depth, epsilon):
    theory = HierarchyTheory(v, 1 + share * (v ** (s - 1) - 1), s)
    profile = theory.profile(depth, epsilon)
    assert profile.shape == (depth + 1,) and ((profile >= 0) & (profile <= 1 + 1e-12)).all()
    assert np.isfinite(theory.susceptibility(depth, epsilon))
    if theory.has_transition:
        assert 1 / v < known(theory.fixed_point) < 1 and 0 < known(theory.critical_epsilon) < 1
        assert known(theory.correlation_exponent) > 0


def test_limits_of_the_noise():
    theory = HierarchyTheory(16, 4, 2)
    np.testing.assert_allclose(theory.profile(5, 0.0), 1)
    assert theory.susceptibility(5, 0.0) == 1
    assert theory.class_belief(5, 1.0) == pytest.approx(1 / 16)


def test_sample_complexities():
    theory = HierarchyTheory(32, 8, 2)
    predicted = [theory.sample_complexity(level) for level in (1, 2, 3, 4)]
    np.testing.assert_allclose(predicted, [2731, 21845, 174763, 1.398e6], rtol=1e-3)
    assert (
        theory.sample_complexity(2, "tokens") == predicted[1] and theory.sample_complexity(3, "tokens") > predicted[2]
    )
    assert theory.class_sample_complexity(3) == 32 * 8**3
    assert HierarchyTheory(4, 4, 2).sample_complexity(1) == math.inf


def averaged_belief_noise(channel, theory, noises):
    """The noise at which the mean leaf belief in the truth equals p*: the shortcut that real channels refute."""
    found = []
    for noise in noises:
        population = Population(theory.v, theory.m, theory.s, channel, 400, 1, 0, 0)
        belief = population.truth_belief(population.leaf_messages(noise))
        found.append(1 / theory.v + belief * (1 - 1 / theory.v))
    return float(np.interp(-known(theory.fixed_point), -np.array(found), noises))


def test_density_evolution_is_not_the_averaged_belief():
    theory = HierarchyTheory(16, 4, 2)
    shortcut = averaged_belief_noise(leaf_channels.masking, theory, np.linspace(0.5, 1, 51))
    assert shortcut == pytest.approx(theory.critical_epsilon, abs=0.02)
    found = theory.critical_noise("masking", relative_error=0.05, size=100, seed=1)
    assert found.value == pytest.approx(0.517, abs=4 * math.hypot(found.stderr, 0.003))
    assert shortcut - known(found.value) > 10 * found.stderr and found.noise is None


@pytest.mark.slow
def test_density_evolution_does_not_depend_on_workers():
    one, two = (threshold(6, 2, 2, "masking", fixed_point=0.25, relative_error=0.3, size=20, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.samples, two.samples)


def test_density_evolution_gives_up_with_its_estimate():
    with pytest.raises(EstimateError, match="max_sequences") as caught:
        threshold(6, 2, 2, "uniform", fixed_point=0.25, relative_error=1e-4, size=20, max_sequences=8)
    estimate = caught.value.estimate
    assert isinstance(estimate, Threshold) and estimate.samples.shape == (8,)


REFERENCE = {  # value and tolerance of an independent density evolution with finite populations
    (32, 8, 2): {
        "epsilon": (0.731, 0.002),
        "masking": (0.2725, 0.006),
        "uniform": (0.156, 0.008),
        "gaussian": (6.65, 0.1),
    },
    (16, 4, 2): {"masking": (0.517, 0.01), "uniform": (0.307, 0.01), "gaussian": (3.585, 0.08)},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "channel"), [(case, name) for case, row in REFERENCE.items() for name in row], ids=str
)
def test_density_evolution_thresholds(case, channel):
    value, tolerance = REFERENCE[case][channel]
    theory = HierarchyTheory(*case)
    v, m, s = case
    found = threshold(v, m, s, channel, fixed_point=known(theory.fixed_point), relative_error=0.01)
    if channel == "gaussian":
        noise = theory.critical_noise(channel, relative_error=0.05).noise
        assert noise is not None and noise.sigma > 0
    assert found.value == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize(
    ("call", "error", "argument"),
    [
        (lambda: HierarchyTheory(1, 1, 2), ArgumentError, "v"),
        (lambda: HierarchyTheory(4, 2, 1), ArgumentError, "s"),
        (lambda: HierarchyTheory(4, 0.5, 2), ArgumentError, "m"),
        (lambda: HierarchyTheory(4, 5, 2), GrammarError, "m"),
        (lambda: HierarchyTheory(4, math.nan, 2), ArgumentError, "m"),
        (lambda: HierarchyTheory(4, 2, 2).profile(0, 0.5), ArgumentError, "depth"),
        (lambda: HierarchyTheory(4, 2, 2).profile(2, 1.5), NoiseLevelError, "epsilon"),
        (lambda: HierarchyTheory(4, 2, 2).profile(2, math.nan), NoiseLevelError, "epsilon"),
        (lambda: HierarchyTheory(4, 2, 2).sample_complexity(0), ArgumentError, "level"),
        (lambda: HierarchyTheory(4, 2, 2).critical_noise("blur"), ArgumentError, "channel"),
        (lambda: HierarchyTheory(8, 2.5, 2).critical_noise("masking"), ArgumentError, "m"),
        (lambda: threshold(8, 3, 2, "masking", fixed_point=0.4, relative_error=0.0), ArgumentError, "relative_error"),
        (lambda: threshold(8, 3, 2, "masking", fixed_point=0.4, size=1), ArgumentError, "size"),
    ],
)
def test_bad_input(call, error, argument):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == argument and isinstance(caught.value, IdealScoreError)
