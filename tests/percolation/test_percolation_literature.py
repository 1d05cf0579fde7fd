"""Large sweeps against the literature: thresholds, wrapping, exponents. Slow; one core, three minutes in all.

Seeds are fixed. Unless a comment says otherwise a tolerance is at least 4.9 standard errors of the measurement, which
a right value exceeds once in a million.
"""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from idealscore._support.streams import stream
from idealscore.simulate.percolation import (
    critical_exponents,
    disks,
    estimate_threshold,
    finite_size_scaling,
    graph,
    sweep,
)
from idealscore.theory.percolation import giant_component, threshold, wrapping_probabilities

pytestmark = pytest.mark.slow

WRAPPING = ("wrapping",)
SQUARE = threshold("square", "site").value


def test_site_threshold_of_the_square_lattice():
    sweeps = [sweep("square", "site", L, runs, 11, quantities=WRAPPING) for L, runs in ((128, 40_000), (256, 10_000))]
    estimate = estimate_threshold(sweeps)
    assert estimate.stderr < 6e-5 and abs(estimate.value - SQUARE) < 3e-4
    assert abs(estimate.value - 0.59325) > 3e-4  # negative control: a threshold 5e-4 off is seen


def test_wrapping_probabilities_at_the_threshold():
    found, exact = (
        sweep("square", "site", 64, 160_000, 12, quantities=WRAPPING).canonical(SQUARE),
        wrapping_probabilities(),
    )
    for event, tolerance in (("horizontal", 0.0065), ("either", 0.0072), ("both", 0.0076), ("one", 0.0036)):
        error = float(found[f"wrapping_{event}_stderr"][0])
        assert 4.9 * error < tolerance
        assert abs(float(found[f"wrapping_{event}"][0]) - getattr(exact, event)) < tolerance


def test_wrapping_on_a_rhombic_torus():
    found = sweep("triangular", "site", 64, 20_000, 13, quantities=WRAPPING).canonical(0.5)
    exact = wrapping_probabilities(0.5 + 0.75**0.5 * 1j)
    for event in ("horizontal", "either", "both", "one"):
        error = float(found[f"wrapping_{event}_stderr"][0])
        assert abs(float(found[f"wrapping_{event}"][0]) - getattr(exact, event)) < 5 * error
    assert abs(float(found.wrapping_both[0]) - wrapping_probabilities().both) > 0.05  # not the square torus


def test_bonds_of_the_square_lattice():
    estimate = estimate_threshold(sweep("square", "bond", 128, 40_000, 14, quantities=WRAPPING))
    assert estimate.stderr < 6e-5 and abs(estimate.value - 0.5) < 3e-4
    small = sweep("square", "bond", 64, 12_000, 15, quantities=("n_clusters",)).canonical(0.5)
    per_site, error = float(small.n_clusters[0]) / 64**2, float(small.n_clusters_stderr[0]) / 64**2
    assert abs(per_site - ((3 * 3**0.5 - 5) / 2 + 0.8835 / 64**2)) < 5 * error
    assert abs(per_site - (3 * 3**0.5 - 5) / 2) > 5 * error  # the excess of the torus is seen
    found = sweep("square", "bond", 256, 10_000, 15, quantities=("n_clusters", "largest")).canonical(0.5)
    per_site, error = float(found.n_clusters[0]) / 256**2, float(found.n_clusters_stderr[0]) / 256**2
    assert abs(per_site - ((3 * 3**0.5 - 5) / 2 + 0.8835 / 256**2)) < 5 * error
    fractal = float(found.largest[0]) * 256**2 / 256 ** (91 / 48)
    assert 4.9 * float(found.largest_stderr[0]) * 256 ** (2 - 91 / 48) < 0.01 and abs(fractal - 0.985) < 0.01


def test_exponents_of_two_dimensions():
    plan = ((32, 32_000), (64, 16_000), (128, 6000), (256, 2000))
    sweeps = [sweep("square", "site", L, runs, 16, quantities=("largest", "mean_size")) for L, runs in plan]
    found = critical_exponents(sweeps, SQUARE)
    assert abs(found["fractal_dimension"].value - 91 / 48) < 0.005
    assert abs(found["gamma_over_nu"].value - 43 / 24) < 0.01
    slopes = [sweep("square", "site", L, runs, 17, quantities=WRAPPING) for L, runs in ((16, 200_000), (64, 60_000))]
    assert abs(critical_exponents(slopes, SQUARE)["one_over_nu"].value - 0.75) < 0.02
    fit = finite_size_scaling(sweeps[1:], "largest", guess=(SQUARE, 0.75, -5 / 48), fixed=("threshold",), window=0.4)
    assert abs(float(fit.one_over_nu) - 0.75) < 5 * float(fit.one_over_nu_stderr)
    assert abs(float(fit.kappa) + 5 / 48) < 5 * float(fit.kappa_stderr)


@pytest.mark.parametrize(
    ("lattice", "kind"),
    [
        ("triangular", "site"),
        ("triangular", "bond"),
        ("honeycomb", "site"),
        ("honeycomb", "bond"),
        ("kagome", "site"),
        ("kagome", "bond"),
        ("three-twelve", "site"),
        ("four-eight", "bond"),
    ],
)
def test_thresholds_of_archimedean_lattices(lattice, kind):
    estimate = estimate_threshold(sweep(lattice, kind, 128, 6000, 18, quantities=WRAPPING))
    assert estimate.stderr < 2e-4 and abs(estimate.value - threshold(lattice, kind).value) < 1e-3


@pytest.mark.parametrize("kind", ["site", "bond"])
def test_thresholds_of_the_cubic_lattice(kind):
    sweeps = [sweep("cubic", kind, L, runs, 19, quantities=WRAPPING) for L, runs in ((16, 24_000), (32, 8000))]
    estimate = estimate_threshold(sweeps)
    assert estimate.stderr < 2e-4 and abs(estimate.value - threshold("cubic", kind).value) < 1e-3


def test_threshold_of_disks():
    estimate = estimate_threshold(disks(32, 12_000, 20, quantities=WRAPPING))
    assert estimate.stderr < 8e-4 and abs(estimate.value - 1.12808737) < 4e-3
    assert abs(4 * estimate.value - 4.5123) < 0.02  # mean degree of the random geometric graph


@pytest.mark.parametrize(
    ("name", "value", "tolerance"),
    [
        ("square8", 0.40725, 1e-3),
        ("square20", 0.1967293, 8e-4),
        ("square28", 0.1432551, 8e-4),
        ("square36", 0.11535, 5e-4),
    ],
)
def test_thresholds_of_extended_neighbourhoods(name, value, tolerance):
    estimate = estimate_threshold(sweep(name, "site", 96, 8000, 21, quantities=WRAPPING))
    assert 4.9 * estimate.stderr < tolerance and abs(estimate.value - value) < tolerance


def random_edges(n_nodes, n_edges, seed):
    edges = stream(seed, "edges").integers(0, n_nodes, (n_edges, 2))
    return edges[edges[:, 0] != edges[:, 1]]


def test_erdos_renyi_giant_component():
    n = 10**6
    curve = graph(random_edges(n, 3 * n // 2, 1), "bond", 1, 22, n_nodes=n, quantities=("largest",)).n.largest
    for c in (1.5, 2.0, 2.9):
        assert abs(float(curve.sel(n=int(c * n / 2), method="nearest")) - giant_component(c)) < 0.003
    assert abs(float(curve.sel(n=int(0.75 * n), method="nearest")) - giant_component(1.6)) > 0.003


def test_the_largest_cluster_at_the_erdos_renyi_threshold():
    means = []
    for n, repeats in ((10**4, 1200), (10**5, 300), (10**6, 60)):
        largest = [
            float(graph(random_edges(n, n // 2, 100 + r), "bond", 1, n_nodes=n, quantities=("largest",)).n.largest[-1])
            * n
            for r in range(repeats)
        ]
        means.append((np.log(n), np.log(np.mean(largest))))
    sizes, largest = np.array(means).T
    slope = np.polyfit(sizes, largest, 1)[0]
    assert abs(slope - 2 / 3) < 0.05
    assert abs(slope - 1) > 0.2


@pytest.mark.parametrize("size", [32, 64, 128])
def test_exactly_one_direction_is_likeliest_at_the_threshold(size):
    swept = sweep("square", "site", size, 40_000, 23, quantities=WRAPPING)
    p = np.linspace(SQUARE - 0.01, SQUARE + 0.01, 21)
    curve = swept.canonical(p).wrapping_one.values
    a, b, _ = np.polyfit(p - SQUARE, curve, 2)
    assert a < 0 and abs(-b / (2 * a)) < 6e-4
    best = minimize_scalar(lambda x: -float(swept.canonical(x).wrapping_one[0]), bounds=(0.55, 0.63), method="bounded")
    assert abs(best.x - SQUARE) < 3e-3


@pytest.mark.parametrize(("radius", "half"), [(1.0, 0.5889), (2**0.5, 0.4014)])
def test_half_of_the_kept_bumps_are_connected_where_found_before(radius, half):
    from idealscore.theory.percolation import extended_square

    curve = sweep(extended_square(radius), "site", 32, 2000, 24, periodic=False, quantities=("largest",))
    p = np.linspace(half - 0.02, half + 0.02, 41)
    ratio = curve.canonical(p).largest.values / p
    assert abs(np.interp(0.5, ratio, p) - half) < 4e-3
