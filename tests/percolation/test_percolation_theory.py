"""Exact constants of percolation against independent routes, limits and simulation."""

import networkx as nx
import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose

from idealscore.errors import ArgumentError, EmptyDataError, LatticeError, ShapeError, UnknownNameError
from idealscore.simulate import percolation as simulated
from idealscore.theory import percolation as theory
from idealscore.theory.percolation import (
    LATTICES,
    Lattice,
    extended_square,
    graph_giant_component,
    hypercubic,
    wrapping,
)
from idealscore.theory.percolation.critical_data import extended_threshold
from idealscore.theory.percolation.thresholds import LITERATURE, star_triangle
from idealscore.theory.percolation.wrapping import dedekind_eta, pinson, theta3

ARCHIMEDEAN = ("square", "triangular", "honeycomb", "kagome", "three-twelve", "four-eight")


def test_pinson_numbers():
    exact = {"either": 0.6904737246, "horizontal": 0.5210582892, "both": 0.3516428539, "one": 0.1694154353}
    printed = {"either": 0.690473725, "horizontal": 0.521058290, "both": 0.351642855, "one": 0.169415435}
    from_sums, from_theta = theory.wrapping_probabilities(), pinson()
    for name, value in exact.items():
        assert abs(getattr(from_theta, name) - value) < 1e-10
        assert abs(getattr(from_theta, name) - printed[name]) < 2e-9
        assert abs(getattr(from_sums, name) - getattr(from_theta, name)) < 1e-14
    assert abs(from_sums.either - (2 * from_sums.horizontal - from_sums.both)) < 1e-14
    assert abs(from_sums.one - (from_sums.horizontal - from_sums.both)) < 1e-14


@pytest.mark.parametrize("tau", [1j, 2j, 0.3 + 0.7j, np.exp(1j * np.pi / 3), 0.1 + 5j])
def test_the_torus_does_not_care_which_periods_describe_it(tau):
    one = theory.wrapping_probabilities(tau)
    turned = theory.wrapping_probabilities(-1 / tau)
    assert_allclose([one.first, one.second, one.either], [turned.second, turned.first, turned.either], atol=1e-12)
    sheared = theory.wrapping_probabilities(tau + 1)
    assert_allclose([one.second, one.either], [sheared.second, sheared.either], atol=1e-12)
    mirrored = theory.wrapping_probabilities(-tau.conjugate())
    assert_allclose([one.first, one.both], [mirrored.first, mirrored.both], atol=1e-12)


@pytest.mark.parametrize("tau", [1j, 0.3 + 0.7j, np.exp(1j * np.pi / 3)])
def test_wrapping_is_the_literal_sum_over_classes_of_loops(tau):
    found, literal = theory.wrapping_probabilities(tau), wrapping.reference(tau)
    for name, value in literal.items():
        assert abs(getattr(found, name) - value) < 1e-12, name
    assert abs(literal["both"] - theory.wrapping_probabilities(tau + 0.1j).both) > 1e-3


def test_the_total_probability_is_one():
    tau, reach = 0.2 + 1.3j, np.arange(-60, 61)
    a, b = np.meshgrid(reach, reach)
    norm = (2 / 3) ** 0.5 / (tau.imag**0.5 * abs(dedekind_eta(np.exp(2j * np.pi * tau))) ** 2)
    z = norm * np.exp(-2 * np.pi * abs(a + b * tau) ** 2 / (3 * tau.imag))
    assert abs((z * np.cos(2 * np.pi * np.gcd(a, b) / 3)).sum() - 1) < 1e-13


def test_theta_and_eta_against_mpmath():
    mpmath = pytest.importorskip("mpmath")
    for q in (1e-3, 0.04, 0.3, 0.9):
        assert abs(theta3(q) - float(mpmath.jtheta(3, 0, q))) < 1e-12
        product = mpmath.nprod(lambda n, q=q: 1 - q**n, [1, mpmath.inf])
        assert abs(dedekind_eta(q).real - float(q ** (1 / 24) * product)) < 1e-12


def test_exact_thresholds_are_roots_and_dual_pairs():
    exact = theory.exact_thresholds()
    p = sympy.Symbol("p", positive=True)
    root = sympy.nsolve(star_triangle().subs(sympy.Symbol("p", positive=True), p), p, 0.35, prec=30)
    assert abs(sympy.N(exact["triangular", "bond"], 30) - root) < 1e-28
    assert sympy.simplify(exact["triangular", "bond"] + exact["honeycomb", "bond"] - 1) == 0
    assert sympy.simplify(exact["three-twelve", "site"] ** 2 - exact["kagome", "site"]) == 0
    printed = {
        ("triangular", "bond"): 0.347296355,
        ("kagome", "site"): 0.652703645,
        ("three-twelve", "site"): 0.807900764,
    }
    for key, value in printed.items():
        assert abs(theory.threshold(*key).value - value) < 1e-9


def test_the_star_triangle_polynomial_by_walking_the_graphs():
    """Corners 0, 1, 2 joined by a triangle of bonds p, or by a star of bonds 1 - p, all connected or all apart."""
    p = sympy.Symbol("p", positive=True)
    chances = {}
    for name, bonds, q in (("triangle", [(0, 1), (1, 2), (0, 2)], p), ("star", [(0, 3), (1, 3), (2, 3)], 1 - p)):
        together = 0
        for state in np.ndindex(2, 2, 2):
            graph = nx.Graph([bond for bond, kept in zip(bonds, state, strict=True) if kept])
            graph.add_nodes_from(range(3))
            if nx.has_path(graph, 0, 1) and nx.has_path(graph, 0, 2):
                together += q ** sum(state) * (1 - q) ** (3 - sum(state))
        chances[name] = together
    assert sympy.expand(chances["star"] - chances["triangle"] + star_triangle()) == 0 or (
        sympy.expand(chances["star"] - chances["triangle"] - star_triangle()) == 0
    )


def test_thresholds_are_ordered_and_sourced():
    for key, held in theory.all_thresholds().items():
        assert 0 < held.value < 6 and held.stderr >= 0 and held.reference, key
        assert (held.stderr == 0) == (held.exact() is not None), key
        lattice, kind = key
        if kind == "bond" and (lattice, "site") in theory.all_thresholds():
            assert held.value <= theory.threshold(lattice, "site").value, key  # p_bond <= p_site on any graph
    assert set(LITERATURE).isdisjoint(theory.exact_thresholds())
    with pytest.raises(UnknownNameError, match="did you mean 'honeycomb'"):
        theory.threshold("honeycom")
    with pytest.raises(UnknownNameError, match="kind"):
        theory.threshold("square", "sites")


@pytest.mark.parametrize("name", ARCHIMEDEAN)
def test_archimedean_lattices_have_equal_bonds_and_equivalent_sites(name):
    lattice = LATTICES[name]
    positions, vectors = np.array(lattice.positions), np.array(lattice.vectors)
    lengths = [np.linalg.norm((positions[v] + np.array(o) - positions[u]) @ vectors) for u, v, o in lattice.bonds]
    assert_allclose(lengths, lengths[0], rtol=1e-12)
    degree = np.bincount([site for u, v, _ in lattice.bonds for site in (u, v)])
    assert (degree == degree[0]).all() and degree[0] == lattice.coordination


def test_lattices_refuse_what_is_no_lattice():
    with pytest.raises(LatticeError, match="self-loop"):
        Lattice("bad", ((1.0, 0.0), (0.0, 1.0)), ((0.0, 0.0),), ((0, 0, (0, 0)),))
    with pytest.raises(LatticeError, match="bonds"):
        Lattice("bad", ((1.0, 0.0), (0.0, 1.0)), ((0.0, 0.0),), ((0, 1, (1, 0)),))
    with pytest.raises(ArgumentError, match="dimension"):
        hypercubic(7)
    with pytest.raises(ArgumentError, match="radius"):
        extended_square(0.5)


def test_exponents_obey_the_scaling_laws():
    two = theory.exponents(2)
    assert [str(e) for e in (two.nu, two.beta, two.gamma, two.tau, two.sigma)] == [
        "4/3",
        "5/36",
        "43/18",
        "187/91",
        "36/91",
    ]
    for d in (2, 3, 6):
        e = theory.exponents(d)
        assert_allclose(e.gamma.value + 2 * e.beta.value, d * e.nu.value, rtol=1e-12)
        assert_allclose(e.sigma.value * (e.beta.value + e.gamma.value), 1, rtol=1e-12)
        assert_allclose((e.tau.value - 1) * e.fractal_dimension.value, d, rtol=1e-12)
    assert_allclose([theory.exponents(3).nu.value, theory.exponents(3).beta.value], [0.8764, 0.4181], atol=1e-4)
    mean_field = theory.exponents(8)
    assert (mean_field.beta.value, mean_field.gamma.value, mean_field.nu.value) == (1, 1, 0.5)
    with pytest.raises(ArgumentError, match="dimension"):
        theory.exponents(4)


def test_erdos_renyi_three_ways():
    for c in (1.001, 1.5, 2.0, 3.0, 20.0):
        s = theory.giant_component(c)
        assert abs(s - (1 - np.exp(-c * s))) < 1e-12 and s > 0
        k = np.arange(0, 200)
        log_poisson = -c + k * np.log(c) - np.cumsum(np.log(np.maximum(k, 1)))
        sequence = np.repeat(k, np.rint(1e6 * np.exp(log_poisson)).astype(int))
        assert abs(theory.giant_component(sequence) - s) < 2e-3
    assert theory.giant_component(1.0) == 0.0 and theory.giant_component(0.0) == 0.0
    assert theory.graph_threshold(4.0) == 0.25


def test_a_single_number_of_nodes_keeps_the_bethe_closed_form():
    for p in (0.3, 0.5, 0.6, 0.9, 1.0):
        exact = max(0.0, p * (1 - ((1 - p) / p) ** 3))
        assert abs(theory.bethe_order_parameter(3, p) - exact) < 1e-12
        assert abs(theory.bethe_order_parameter(3, p, "bond") * p - exact) < 1e-12  # P_site = p P_bond
    assert theory.graph_threshold([5] * 7) == theory.bethe_threshold(5)


@pytest.mark.parametrize("kind", ["site", "bond"])
def test_giant_components_are_the_iterated_equation(kind):
    for degrees in ([3] * 4, [1, 3, 3, 4], [0, 1, 2, 5, 5], [1, 1, 2]):
        for p in (0.2, 0.8, 1.0):
            literal = graph_giant_component.reference(degrees, p, kind)
            assert abs(theory.giant_component(degrees, p, kind) - literal) < 1e-12, (degrees, p)


def test_rounding_makes_no_giant_component():
    for c in (3.0, 7.0, 49.0):
        assert theory.giant_component(c, 1 / c) < 1e-7
        assert theory.giant_component([int(c) + 1] * 3, 1 / c) < 1e-12
        assert theory.giant_component(c, 1.001 / c) > 1e-3


def test_the_configuration_threshold_is_where_mean_square_is_twice_the_mean():
    # <k^2> / <k> = 2 is sum k (k - 2) p_k = 0: three nodes of degree 1 for each of degree 3
    degrees = [1, 1, 1, 3]
    assert sum(k * (k - 2) for k in degrees) == 0
    assert theory.graph_threshold(degrees) == 1.0 and theory.giant_component(degrees) == 0.0
    assert theory.giant_component([1, 1, 3, 3]) > 0
    assert theory.graph_threshold([1, 1]) == float("inf")


def test_the_giant_component_of_a_random_graph_with_given_degrees():
    # Fluctuations are ~ N^{-1/2} ~ 0.005; seven of them is a false-positive rate below 1e-6.
    degrees = [1, 2, 3, 4] * 2500
    graph = nx.Graph(nx.configuration_model(degrees, seed=4))
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    for kind in ("site", "bond"):
        found = simulated.graph(graph, kind, n_runs=5, seed=1).canonical([0.6, 0.9]).largest.values
        exact = [theory.giant_component(degrees, p, kind) for p in (0.6, 0.9)]
        assert_allclose(found, exact, atol=0.035)
        wrong = [theory.giant_component([k + 1 for k in degrees], p, kind) for p in (0.6, 0.9)]
        assert (np.abs(found - wrong) > 0.035).all()


def test_bipartite_graphs_and_hypergraphs():
    for ratio, pair in ((1.5, (0.4130, 0.7103)), (2.0, (0.5967, 0.9081))):
        p = ratio * theory.bipartite_threshold(200_000, 50_000)
        assert_allclose(theory.bipartite_giant(200_000, 50_000, p), pair, atol=1e-4)
        s_e, s_k = theory.bipartite_giant(200_000, 50_000, p)
        assert abs(s_e - (1 - np.exp(-p * 50_000 * s_k))) < 1e-12
        assert abs(s_k - (1 - np.exp(-p * 200_000 * s_e))) < 1e-12
    assert theory.bipartite_giant(100, 100, 0.0099) == (0.0, 0.0)
    # pairs of size 2 are an ordinary graph
    degrees = [1, 2, 3, 4]
    nodes, _ = theory.hypergraph_giant(degrees, [2] * 5)
    assert abs(nodes - theory.giant_component(degrees)) < 1e-12
    assert abs(theory.hypergraph_branching(degrees, [2] * 5) - 1 / theory.graph_threshold(degrees)) < 1e-12


def test_a_concept_matrix_percolates_where_it_should():
    n_e, n_k, ratio = 20_000, 5_000, 1.5
    p = ratio * theory.bipartite_threshold(n_e, n_k)
    rng = np.random.default_rng(7)
    count = rng.binomial(n_e * n_k, p)
    cells = rng.integers(0, n_e * n_k, count)
    edges = np.column_stack([cells // n_k, n_e + cells % n_k])
    found = simulated.graph(edges, "bond", 1, n_nodes=n_e + n_k).n.largest.values[-1] * (n_e + n_k)
    s_e, s_k = theory.bipartite_giant(n_e, n_k, p)
    assert abs(found / (s_e * n_e + s_k * n_k) - 1) < 0.06


def test_refusals_of_random_graphs():
    with pytest.raises(LatticeError, match="directed"):
        theory.giant_component(nx.DiGraph([(0, 1)]))
    with pytest.raises(EmptyDataError, match="degrees"):
        theory.giant_component([])
    with pytest.raises(LatticeError, match="edges"):
        theory.giant_component([0, 0])
    with pytest.raises(ShapeError, match="degrees"):
        theory.giant_component(np.array([[1, 2]]))
    with pytest.raises(ArgumentError, match="degrees"):
        theory.giant_component([1, -1])
    with pytest.raises(ArgumentError, match=r"^p: "):
        theory.giant_component(2.0, 1.5)
    with pytest.raises(ArgumentError, match="n_entities"):
        theory.bipartite_threshold(0, 3)
    with pytest.raises(ArgumentError, match="tau"):
        theory.wrapping_probabilities(-1j)


def connected_fraction(spacing, width):
    value = theory.critical_data_fraction(spacing, width).value
    assert value is not None
    return value


def test_bump_percolation_is_extended_site_percolation():
    table = {
        0.25: (4, 0.593),
        0.35: (8, 0.407),
        0.5: (20, 0.197),
        0.75: (36, 0.1154),
        1.0: (68, 0.063),
        2.0: (260, 0.017),
    }
    for width, (z, value) in table.items():
        radius = theory.link_radius(width, 0.005)
        assert sum(0 < i * i + j * j <= radius**2 for i in range(-20, 21) for j in range(-20, 21)) == z
        found = theory.critical_data_fraction(1.0, width)
        assert f"z = {z}," in found.note and abs(connected_fraction(1.0, width) - value) < 5.5e-4
        assert theory.critical_data_fraction(3.0, 3 * width).value == found.value
    assert theory.critical_data_fraction(1.0, 0.2171).value is None
    assert theory.critical_data_fraction(1.0, 0.2173).value is not None
    widths = np.linspace(0.22, 3, 40)
    fractions = [connected_fraction(1.0, float(width)) for width in widths]
    assert (np.diff(fractions) <= 0).all()


def test_the_interpolation_and_its_limit():
    for z in (4, 8, 12, 20, 24, 28, 36):
        known = extended_threshold(z)[0]
        assert abs(4 * 1.12808737 / (z + 3.3) / known - 1) < 0.05
        assert z * known < 4 * 1.12808737
    # many neighbours: the number of images needed is that of overlapping disks
    canvas, width = 1000.0, 20.0
    fraction = connected_fraction(1.0, width)
    assert abs(fraction * canvas**2 / theory.critical_data_number(canvas, width) - 1) < 1e-3


def test_the_overlap_of_two_bumps_is_what_the_radius_assumes():
    x, y = np.meshgrid(np.arange(64.0), np.arange(64.0))
    sigma, theta = 2.0, 0.05
    distance = theory.link_radius(sigma, theta)
    a = np.exp(-((x - 25) ** 2 + (y - 32) ** 2) / (2 * sigma**2))
    b = np.exp(-((x - 25 - distance) ** 2 + (y - 32) ** 2) / (2 * sigma**2))
    assert abs((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()) - theta) < 1e-8


@pytest.mark.parametrize(("argument", "value"), [("width", 0.0), ("overlap", 1.0), ("overlap", 1.5), ("spacing", 0.0)])
def test_bump_refusals(argument, value):
    with pytest.raises(ArgumentError, match=argument):
        theory.critical_data_fraction(**({"spacing": 1.0, "width": 1.0, "overlap": 0.005} | {argument: value}))
