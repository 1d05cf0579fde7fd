"""Random features: constants, bulks, the full resolvent and the times of learning, against oracles and simulation."""

import math
from typing import Any

import numpy as np
import pytest

from idealscore.errors import (
    ArgumentError,
    CovarianceError,
    EmptyDataError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
)
from idealscore.simulate.random_features import gradient_flow
from idealscore.theory.noise import NoiseLevel
from idealscore.theory.random_features import (
    bulk_edges,
    eigenvalue_density,
    feature_constants,
    feature_resolvent,
    generalisation_time,
    memorisation_ratio,
    memorisation_time,
    memorising_bulk,
    population_bulk,
    reference,
)

EARLY, LATE = NoiseLevel.from_ou_time(0.01), NoiseLevel.from_ou_time(0.1)
MIXED = [4.0, 1.0, 0.5, 0.04, 0.0]


@pytest.mark.parametrize(
    ("noise", "right"),
    [
        (EARLY, (0.6057055096, 0.0852331754, 0.0255417764, 0.0018735496, 0.0198013267)),
        (LATE, (0.6057055096, 0.2578835199, 0.0138414537, 0.0135738723, 0.1812692469)),
    ],
)
def test_constants_to_the_digits_of_an_independent_quadrature(noise, right):
    found = feature_constants(noise)
    assert (found.a, found.b, found.v2, found.s2, found.noise) == pytest.approx(right, abs=0.51e-10)


@pytest.mark.parametrize("activation", ["tanh", "erf", "sin", "silu"])
def test_constants_are_the_parts_of_the_variance(activation):
    for sigma, variance in ((0.2, 1.0), (1.0, 0.3), (3.0, 2.5)):
        found = feature_constants(sigma, activation, variance)
        assert min(found.v2, found.s2) > 0 and found.signal**2 + found.noise == pytest.approx(1)
    plain = feature_constants(0.7, lambda x: 2.0 * x + 1.0, 0.5)
    assert plain.a == pytest.approx(2) and plain.v2 == pytest.approx(0, abs=1e-12)
    assert plain.s2 == pytest.approx(0, abs=1e-12)
    # sin: E sin(Gamma g) g = Gamma e^-Gamma^2/2, and the noise multiplies sin(c u) by e^-Delta/2
    c2, delta = 1 / (1 + 0.6**2), 0.6**2 / (1 + 0.6**2)
    found = feature_constants(0.6, "sin")
    square = math.exp(-delta) * (1 - math.exp(-2 * c2)) / 2
    assert found.a == pytest.approx(math.exp(-0.5)) and found.v2 == pytest.approx(square - math.exp(-1) * c2)


@pytest.mark.parametrize(
    ("samples", "edges", "end"),
    [(2.0, (0.0598, 0.2164), 1475), (4.0, (0.0274, 0.1381), 3220), (8.0, (0.0159, 0.0942), 5534)],
)
def test_closed_edges_and_times_to_the_digits_printed(samples, edges, end):
    constants = feature_constants(LATE)
    assert memorising_bulk(constants, samples, 16.0) == pytest.approx(edges, abs=0.51e-4)
    assert memorising_bulk(constants, 100 * samples, 1600) == memorising_bulk(constants, samples, 16.0)
    assert memorisation_time(constants, samples, 16.0).end.value == pytest.approx(end, abs=0.51)


def test_limits_of_the_times():
    constants = feature_constants(EARLY)
    assert memorisation_ratio(constants, 1.0) == pytest.approx(14.36, abs=0.005)
    limit = memorisation_time(constants, 20.0).end.value
    assert limit == pytest.approx(20 / (constants.noise * constants.v2))
    assert memorisation_time(constants, 20.0, 1e9).end.value == pytest.approx(limit, rel=1e-3)
    assert memorisation_time(constants, 40.0).end.value == pytest.approx(2 * limit)  # proportional to n  # pyright: ignore[reportOperatorIssue]
    shared = generalisation_time(constants, MIXED)
    slow, fast = (1 / constants.noise / (constants.b**2 + (constants.a * constants.signal) ** 2 * l) for l in (0, 4))
    assert (shared.begin.value, shared.end.value) == pytest.approx((fast, slow))
    assert generalisation_time(constants, MIXED, 1e10).end.value == pytest.approx(slow, rel=1e-4)
    one = generalisation_time(constants, [1.0]).end.value
    assert limit / one == pytest.approx(memorisation_ratio(constants, 20.0))  # pyright: ignore[reportOperatorIssue]
    assert round(generalisation_time(feature_constants(LATE), [1.0]).end.value, 1) == 15.0  # pyright: ignore[reportArgumentType, reportCallIssue]
    for none in (memorisation_time(constants, 16.0, 16.0), memorisation_time(constants, math.inf)):
        assert none.begin.value is None and none.end.value is None and none.end.note in str(none)
    straight = feature_constants(0.5, lambda x: x)
    assert memorisation_time(straight, 4.0, 8.0).end.note == "the features are linear in the data"


@pytest.mark.parametrize("samples", [0.5, 3.0, 40.0])
@pytest.mark.parametrize("features", [0.7, 5.0, 24.0])
def test_the_resolvent_solves_the_equations_of_the_theorem(samples, features):
    constants = feature_constants(0.5, "silu", float(np.mean(MIXED)))
    for z in (0.02 + 0.01j, 0.2 + 0.05j, 1.0 + 0.3j):
        q = feature_resolvent(z, MIXED, constants, samples, features)
        assert q.imag > 0 and abs(reference(q, z, MIXED, constants, samples, features)) < 1e-7 * (1 + abs(1 / q))
        wrong = reference(q * 1.01, z, MIXED, constants, samples, features)
        assert abs(wrong) > 1e-4


def test_infinitely_many_data_leave_a_marchenko_pastur_law():
    constants = feature_constants(LATE)
    g, psi = constants.b**2 + (constants.a * constants.signal) ** 2, 16.0
    z = 5.0 + 0.5j
    q = feature_resolvent(z, [1.0], constants, math.inf, psi)
    assert 1 / q == pytest.approx(constants.s2 + constants.v2 - z + g / (1 + psi * q * g), rel=1e-10)
    assert feature_resolvent(z, [1.0], constants, 1e9, psi) == pytest.approx(q, rel=1e-6)
    bulks = bulk_edges([1.0], constants, 1e6, psi)
    assert bulks[-1] == pytest.approx(population_bulk(constants, [1.0], psi), rel=1e-4)


def test_the_bulks_hold_all_eigenvalues_and_closed_edges_are_their_limit():
    constants = feature_constants(LATE)
    bulks = bulk_edges([1.0], constants, 8.0, 16.0)
    assert len(bulks) == 2
    shares = []
    for low, high in bulks:
        angle = (np.arange(60) + 0.5) * np.pi / 60  # places dense at the edges, where the slope is infinite
        x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
        density = eigenvalue_density(x, [1.0], constants, 8.0, 16.0)
        shares.append(float((density * np.sin(angle)).sum()) * (high - low) / 2 * np.pi / 60)
    assert shares == pytest.approx([8 / 16, 1 / 16], rel=2e-3)  # n and d of p
    apart, exact, _ = bulk_edges([1.0], constants, 1000.0, 20000.0)
    closed = memorising_bulk(constants, 1000.0, 20000.0)
    assert exact == pytest.approx(closed, rel=0.005)
    share = constants.b**2 / (constants.b**2 + (constants.a * constants.signal) ** 2)
    assert apart[0] < constants.s2 + constants.v2 * 19 * share < apart[1]  # d directions more
    late = memorisation_time(constants, 1000.0, 20000.0, spectrum=[1.0])
    assert late.end.value == pytest.approx(20000 / constants.noise / exact[0])
    assert str(memorisation_time(constants, 8.0, 16.0)) == "memorisation: 936.5 to 5534 gradient-flow time"


@pytest.fixture(scope="module")
def flows():
    times = np.geomspace(0.5, 1e6, 40)
    return {
        samples: gradient_flow(
            samples * 24, 16 * 24, times, spectrum=[1.0] * 24, noise=LATE, draws=9600, repeats=2, seed=3
        )
        for samples in (2, 8)
    }


def test_simulated_eigenvalues_follow_the_resolvent_and_not_that_of_other_data(flows):
    """Finite dimension (24) shifts the trace by some per cent: the tolerance is 12 %, the control misses by more."""
    constants = feature_constants(LATE)
    for samples, flow in flows.items():
        for z in (0.03 + 0.02j, 0.15 + 0.02j):
            measured = (1 / (flow.eigenvalues.values - z)).mean()
            right = feature_resolvent(z, [1.0], constants, samples, 16.0)
            assert abs(measured - right) < 0.12 * abs(right)
        z = 0.03 + 0.02j
        measured = (1 / (flow.eigenvalues.values - z)).mean()
        other = feature_resolvent(z, [1.0], constants, 1e6, 16.0)
        assert abs(measured - other) > 0.25 * abs(other)


def test_memory_comes_in_the_predicted_time_and_later_for_more_data(flows):
    for samples, flow in flows.items():
        predicted = memorisation_time(feature_constants(LATE), samples, 16.0, spectrum=[1.0])
        half = flow.half_gap_time.values
        assert ((predicted.begin.value < half) & (half < predicted.end.value)).all()
        assert (flow.best_test_time.values < 60).all()  # tau_gen is 15, whatever n
        assert (flow.train.values[:-1] >= flow.train.values[1:] - 1e-9).all()
        assert float(flow.gap[-1]) > 0.3 and abs(float(flow.gap[0])) < 0.1
        assert float(abs(flow.null_gap).max()) < float(flow.gap[-1]) / 4  # without memory hardly a gap
    assert (flows[8].half_gap_time.min() > 1.3 * flows[2].half_gap_time.max()).item()


def test_a_flow_starts_at_doing_nothing_and_ends_at_the_least_squares():
    flow = gradient_flow(4, 6, [0.0, 1e12], spectrum=[2.0, 0.5], noise=0.7, draws=400, repeats=1)
    assert float(flow.train[0]) == pytest.approx(1, abs=0.2) and float(flow.train[1]) < float(flow.train[0])
    again = gradient_flow(4, 6, [0.0, 1e12], spectrum=[2.0, 0.5], noise=0.7, draws=400, repeats=1)
    np.testing.assert_allclose(flow.train, again.train, rtol=1e-12)
    assert math.isnan(float(flow.train_stderr[0]))


CONSTANTS = feature_constants(0.5)
FLOW: dict[str, Any] = {"n": 4, "features": 6, "times": [1.0], "spectrum": [1.0, 1.0], "noise": 0.5, "draws": 40}


def flow(**changes: Any) -> object:
    """The flow of a tiny model with other arguments."""
    whole: dict[str, Any] = FLOW | changes
    return gradient_flow(**whole)


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: feature_constants(0.0), NoiseLevelError, "noise"),
        (lambda: feature_constants(math.inf), NoiseLevelError, "noise"),
        (lambda: feature_constants(1.0, "relu6"), UnknownNameError, "activation"),
        (lambda: feature_constants(1.0, lambda x: np.full_like(x, np.nan)), ArgumentError, "activation"),
        (lambda: feature_constants(1.0, variance=0.0), ArgumentError, "variance"),
        (lambda: memorising_bulk(CONSTANTS, 0.0, 2.0), ArgumentError, "samples"),
        (lambda: memorising_bulk(CONSTANTS, 2.0, -1.0), ArgumentError, "features"),
        (lambda: memorisation_time(CONSTANTS, -2.0), ArgumentError, "samples"),
        (lambda: memorisation_time(CONSTANTS, 2.0, math.nan), ArgumentError, "features"),
        (lambda: memorisation_time(CONSTANTS, 2.0, 4.0, spectrum=[0.0, 0.0]), EmptyDataError, "spectrum"),
        (lambda: memorisation_ratio(CONSTANTS, 0.0), ArgumentError, "samples"),
        (lambda: memorisation_ratio(CONSTANTS, 1.0, -1.0), ArgumentError, "eigenvalue"),
        (lambda: population_bulk(CONSTANTS, [1.0], 1.0), ArgumentError, "features"),
        (lambda: generalisation_time(CONSTANTS, [1.0, -0.5]), CovarianceError, "spectrum"),
        (lambda: generalisation_time(CONSTANTS, [0.0]), EmptyDataError, "spectrum"),
        (lambda: bulk_edges([1.0, math.nan], CONSTANTS, 2.0, 4.0), NotFiniteError, "spectrum"),
        (lambda: bulk_edges([[1.0]], CONSTANTS, 2.0, 4.0), ShapeError, "spectrum"),
        (lambda: eigenvalue_density([0.0], [1.0], CONSTANTS, 2.0, 4.0), ArgumentError, "places"),
        (lambda: eigenvalue_density([1.0], [1.0], CONSTANTS, 2.0, math.inf), ArgumentError, "features"),
        (lambda: feature_resolvent(1.0, [1.0], CONSTANTS, 2.0, 4.0), ArgumentError, "z"),
        (lambda: flow(n=1), ArgumentError, "n"),
        (lambda: flow(features=0), ArgumentError, "features"),
        (lambda: flow(draws=3), ArgumentError, "draws"),
        (lambda: flow(times=[2.0, 1.0]), ArgumentError, "times"),
        (lambda: flow(times=[]), ShapeError, "times"),
        (lambda: flow(noise=0.0), ArgumentError, "noise"),
        (lambda: flow(spectrum=[0.0]), EmptyDataError, "spectrum"),
        (lambda: flow(activation="tan"), UnknownNameError, "activation"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(call, error, word):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.argument == word
