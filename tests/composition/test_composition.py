"""Concept graphs and the laws of composition against brute force, Monte Carlo and the published numbers."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idealscore.errors import ArgumentError, EmptyDataError, ShapeError
from idealscore.theory import ConceptGraph, additive_law, concept_signal, emergence_time, multiplicative_law
from idealscore.theory.composition import joint_bounds, predicted_emergence, toy_law

TRAIN1 = ["000", "001", "100", "010"]


@pytest.mark.parametrize("counts", [(2, 2, 2), (3, 2), (4,), (2, 3, 4), (2, 2, 2, 2)])
def test_concept_distance_is_the_length_of_shortest_paths(counts):
    graph = ConceptGraph(counts)
    paths = dict(nx.all_pairs_shortest_path_length(graph.graph))
    assert len(graph) == len(graph.classes) == graph.graph.number_of_nodes()
    assert all(graph.distance(a, b) == paths[a][b] for a, b in product(graph.classes, repeat=2))


def test_binary_concepts_make_a_cube():
    assert nx.is_isomorphic(ConceptGraph((2, 2, 2)).graph, nx.hypercube_graph(3))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_distance_to_a_set_is_the_smallest(counts, data):
    graph = ConceptGraph(counts)
    chosen = data.draw(st.lists(st.sampled_from(graph.classes), min_size=1, max_size=5))
    expected = [min(graph.distance(node, one) for one in chosen) for node in graph.classes]
    assert graph.distances(chosen).tolist() == expected
    shells = graph.shells(chosen)
    assert sorted(node for shell in shells for node in shell) == graph.classes


def test_changes_name_the_concepts_on_the_way():
    graph = ConceptGraph((2, 2, 2))
    assert sorted(graph.changes("111", TRAIN1)) == [(0, 1), (0, 2), (1, 2)]
    assert graph.changes("010", TRAIN1) == [()]


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda g: g.training(["000", "001"]), ArgumentError, "shape = triangle"),
        (lambda g: g.training([]), EmptyDataError, "no training class"),
        (lambda g: g.parse("002"), ArgumentError, "color has 2 values"),
        (lambda g: g.parse("00"), ArgumentError, "one value number"),
        (lambda g: g.distances([]), EmptyDataError, "training"),
        (lambda g: ConceptGraph({}), ArgumentError, "values"),
        (lambda g: ConceptGraph({"a": ("x", "x")}), ArgumentError, "different names"),
        (lambda g: ConceptGraph((1000, 1000, 1000)), ArgumentError, "classes"),
    ],
)
def test_bad_graphs_and_classes_are_refused(act, error, words):
    graph = ConceptGraph({"shape": ("circle", "triangle"), "size": 2, "color": 2})
    with pytest.raises(error, match=words):
        act(graph)


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.5, (14, 24, 31, 36, 49)), (0.8, (32, 44, 52, 57, 71))], ids=["half", "most"]
)
def test_emergence_times_of_the_toy_law(threshold, expected):
    assert tuple(emergence_time(n, 0.05, threshold) for n in (1, 2, 3, 4, 8)) == expected


@given(st.integers(1, 6), st.floats(0.001, 0.9), st.floats(0.01, 0.99))
def test_emergence_time_is_the_first_step_and_the_closed_form(n, p, threshold):
    t = emergence_time(n, p, threshold)
    assert toy_law(n, p, t) >= threshold * (1 - 1e-13)  # the same number on every processor, up to rounding
    assert t == 0 or toy_law(n, p, t - 1) < threshold
    closed = np.log(-np.expm1(np.log(threshold) / n)) / np.log1p(-p)
    assert t == np.ceil(closed) or abs(closed - round(closed)) < 1e-6


def test_a_threshold_that_is_met_exactly_is_reached():
    assert emergence_time(1, 0.5, 0.5) == 1 and emergence_time(1, 0.5, 0.75) == 2
    assert emergence_time(2, 0.5, 0.25) == 1 and emergence_time(2, [0.5, 0.75], 0.375) == 1
    assert emergence_time(1, 0.5, 0.5 + 1e-12) == 2


def test_no_ability_is_known_from_the_start():
    assert toy_law(0, 0.1, [0, 3]).tolist() == [1.0, 1.0] and emergence_time(0, 0.1) == 0


def test_many_abilities_take_only_logarithmically_longer():
    n, p = 10**6, 1e-3
    assert emergence_time(n, p) * p == pytest.approx(np.log(n) - np.log(np.log(2)), rel=2e-3)


@pytest.mark.parametrize("rates", [[0.05, 0.05, 0.05], [0.02, 0.1, 0.3]])
def test_toy_law_against_geometric_variables(rates):
    """4 sigma: false alarms of the 3 x 2 comparisons below 4e-4."""
    learned = np.random.default_rng(3).geometric(rates, (200_000, 3)).max(1)
    for t in (10, 30, 90):
        expected = float(toy_law(3, rates, t))
        assert abs((learned <= t).mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 200_000)


def test_predicted_order_follows_the_distance_and_unequal_rates_change_it():
    graph = ConceptGraph((2, 2, 2))
    equal = predicted_emergence(graph, TRAIN1, 0.05)
    for d, shell in enumerate(graph.shells(TRAIN1)):
        assert {equal[node] for node in shell} == {emergence_time(d, 0.05)}
    slow = predicted_emergence(graph, TRAIN1, [0.2, 0.01, 0.2])
    assert slow[0, 1, 1] == emergence_time(1, 0.2) < emergence_time(1, 0.01)
    assert slow[1, 1, 1] == emergence_time(2, 0.2)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=4))
def test_the_laws_stay_between_the_bounds(curves):
    low, high = joint_bounds(curves)
    product_, mean = multiplicative_law(curves).value, additive_law(curves).value
    assert (low <= product_ + 1e-12).all() and (product_ <= high + 1e-12).all() and (mean >= high - 1e-12).all()
    assert np.allclose(mean, np.mean(curves, axis=0), atol=1e-12)


def test_errors_of_the_laws_against_independent_binomials():
    p, n, draws = np.array([0.3, 0.8, 0.95]), 50, 40_000
    found = np.random.default_rng(0).binomial(n, p, (draws, 3)) / n
    errors = np.sqrt(p * (1 - p) / n)
    for law, measured in ((multiplicative_law, found.prod(1)), (additive_law, found.mean(1))):
        assert float(law(p, errors).stderr) == pytest.approx(measured.std(), rel=0.02)
    assert float(multiplicative_law([0.0, 0.5], [0.1, 0.0]).stderr) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("curves", "error", "words"),
    [
        ([[0.5, 1.2]], ArgumentError, "0.5 to 1.2"),
        ([[0.5, -0.1]], ArgumentError, r"\[0, 1\]"),
        ([[0.5, 1.0], [0.5]], ShapeError, "unequal length"),
        ([[0.5, np.nan]], ArgumentError, "NaN"),
        (0.5, ShapeError, "curve per concept"),
    ],
)
def test_bad_curves_are_refused(curves, error, words):
    for law in (multiplicative_law, additive_law, joint_bounds):
        with pytest.raises(error, match=words):
            law(curves)


@pytest.mark.parametrize(
    "call", [lambda: emergence_time(2, 1.0), lambda: emergence_time(2, [0.1]), lambda: toy_law(1, 0.1, -1)]
)
def test_bad_rates_and_times_are_refused(call):
    with pytest.raises(ArgumentError):
        call()


def test_concept_signal_of_a_linear_map_is_the_norm_of_its_columns():
    A = np.random.default_rng(1).normal(size=(7, 3))
    assert np.allclose(concept_signal(lambda z: A @ z, [0.3, -2.0, 5.0]), np.linalg.norm(A, axis=0), atol=1e-9)
