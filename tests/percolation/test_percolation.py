"""Sweeps, fields, graphs, the continuum and estimates: against other programs, limits and bad input."""

import json

import networkx as nx
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binom, poisson

from idealscore import cli
from idealscore._support.streams import stream
from idealscore.errors import (
    ArgumentError,
    DeviceMemoryError,
    EmptyDataError,
    EstimateError,
    LatticeError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
)
from idealscore.simulate import percolation
from idealscore.simulate.percolation import Objects, binomial_window, canonical, disk_clusters
from idealscore.simulate.percolation import inputs as _percolation_input
from idealscore.simulate.percolation._canonical_kernels import window
from idealscore.simulate.percolation._kernels import LARGEST, SECOND, grow, note_size, shuffle
from idealscore.simulate.percolation.tables import lattice_table, winding_code
from idealscore.theory.percolation import LATTICES

cc3d = pytest.importorskip("cc3d")


def sizes_of(labels):
    return np.sort(np.bincount(labels.ravel())[1:])[::-1]


# ---------------------------------------------------------------- curves against independent labelling


@pytest.mark.parametrize("periodic", [True, False])
def test_curves_are_those_of_another_labelling_at_a_hundred_p(periodic):
    field = stream(3, "test field").random((96, 80))
    curves = percolation.sweep_field(field, periodic=periodic).n
    for p in np.linspace(0.01, 1.0, 100):
        filled = (field < p).astype(np.uint8)
        if periodic:
            reference = cc3d.connected_components(filled, connectivity=4, periodic_boundary=True)
        else:
            reference, _ = ndimage.label(filled)
        expected = sizes_of(reference)
        row = curves.sel(n=int(filled.sum()))
        labels, n_clusters = percolation.label(field, p, periodic=periodic)
        assert_array_equal(sizes_of(labels), expected)
        assert n_clusters == len(expected) == int(row.n_clusters)
        assert float(row.largest) == expected[0] / field.size
        assert float(row.second_largest) == (expected[1] if len(expected) > 1 else 0) / field.size
        assert float(row.mean_size) == int((expected.astype(object) ** 2).sum()) / field.size


def test_three_dimensions_against_cc3d():
    field = stream(4, "test field").random((9, 10, 11))
    for p in (0.2, 0.3116, 0.5):
        reference = cc3d.connected_components((field < p).astype(np.uint8), connectivity=6, periodic_boundary=True)
        labels, _ = percolation.label(field, p, "cubic")
        assert_array_equal(sizes_of(labels), sizes_of(reference))
        assert len(np.unique(labels * 10_000 + reference)) == len(np.unique(labels))


def test_labels_follow_the_order_of_the_array():
    labels, n = percolation.label(stream(5, "test field").random((20, 20)), 0.5)
    first = [np.flatnonzero(labels.ravel() == k)[0] for k in range(1, n + 1)]
    assert first == sorted(first)


# ---------------------------------------------------------------- the convolution


@pytest.mark.parametrize("n_total", [1, 2, 50, 10**6])
def test_the_convolution_of_known_curves(n_total):
    p = np.linspace(0, 1, 101)
    n = np.arange(n_total + 1)
    assert_allclose(canonical(n / n_total, p), p, atol=1e-13)
    for m in (0, n_total // 3, n_total):
        assert_allclose(canonical((n >= m) * 1.0, p), binom.sf(m - 1, n_total, p), atol=1e-12)


def test_the_convolution_at_extreme_p_and_for_many_columns():
    q = stream(1, "test").random((41, 3, 2))
    found = canonical(q, [0.0, 1e-300, 0.3, 1 - 1e-16, 1.0])
    assert_allclose(found[0], q[0])
    assert_allclose(found[1], q[0])
    assert_allclose(found[-1], q[-1])
    assert_allclose(found[2], np.tensordot(binom.pmf(np.arange(41), 40, 0.3), q, 1), atol=1e-14)
    assert canonical(q, 0.3).shape == (3, 2)


@pytest.mark.parametrize("mean", [0.0, 1e-3, 1.0, 37.5, 1e4, 3e6])
def test_poisson_weights(mean):
    n_max = int(mean + 10 * mean**0.5 + 40)
    first, weights = window(n_max, mean, False)
    assert_allclose(weights, poisson.pmf(first + np.arange(len(weights)), mean), atol=1e-12)
    assert abs(weights.sum() - 1) < 1e-12


def test_sparse_marks_are_close_to_all_marks(monkeypatch):
    full = percolation.sweep("square", "site", 64, 4, seed=2).canonical([0.4, 0.59, 0.8])
    monkeypatch.setattr(_percolation_input, "MARK_BYTES", 2**17)
    sparse_sweep = percolation.sweep("square", "site", 64, 4, seed=2)
    assert len(sparse_sweep.marks) < 1100 and sparse_sweep.marks[-1] == 4096
    sparse = sparse_sweep.canonical([0.4, 0.59, 0.8])
    for name in ("largest", "second_largest", "mean_size", "n_clusters"):
        assert_allclose(sparse[name], full[name], rtol=1e-2)
    assert_array_equal(sparse.wrapping_both, full.wrapping_both)


def test_binomial_weights_of_one_p():
    first, weights = binomial_window(1000, 0.2)
    assert_allclose(weights, binom.pmf(first + np.arange(len(weights)), 1000, 0.2), rtol=1e-10, atol=1e-16)


# ---------------------------------------------------------------- seeds, workers, errors


def test_the_same_seed_gives_the_same_bits_for_any_number_of_workers():
    sweeps = [percolation.sweep("triangular", "bond", 12, 70, seed=9, workers=workers) for workers in (1, 2, 4)]
    for other in sweeps[1:]:
        assert_array_equal(sweeps[0].curves, other.curves)
        assert_array_equal(sweeps[0].wraps, other.wraps)
    assert not np.array_equal(sweeps[0].wraps, percolation.sweep("triangular", "bond", 12, 70, seed=10).wraps)


def test_replica_r_is_the_same_run_in_any_sweep():
    few = percolation.sweep("square", "site", 16, 10, seed=3).wraps
    many = percolation.sweep("square", "site", 16, 200, seed=3).wraps
    assert_array_equal(few, many[:10])


def test_the_shuffle_is_uniform():
    # 24 permutations, 48,000 draws: chi squared with 23 degrees of freedom; 80 has probability 3e-8.
    counts = {}
    for r in range(48_000):
        order = np.arange(4, dtype=np.int32)
        shuffle(order, np.uint64(r * 7919 + 13))
        counts[tuple(order)] = counts.get(tuple(order), 0) + 1
    chi2 = sum((c - 2000) ** 2 / 2000 for c in counts.values())
    assert len(counts) == 24 and 3 < chi2 < 80


def test_standard_errors_are_the_scatter_of_repeated_sweeps():
    p = [0.5, 0.5927, 0.65]
    sweeps = [percolation.sweep("square", "site", 16, 64, seed=s).canonical(p) for s in range(150)]
    for name in ("largest", "second_largest", "mean_size", "n_clusters", "wrapping_horizontal", "wrapping_one"):
        scatter = np.std([s[name].values for s in sweeps], axis=0, ddof=1)
        claimed = np.sqrt(np.mean([s[f"{name}_stderr"].values ** 2 for s in sweeps], axis=0))
        # relative error of a standard deviation from 150 values is 6 %: five of them
        assert_allclose(claimed, scatter, rtol=0.3, err_msg=name)


def test_a_single_run_has_no_standard_error():
    one = percolation.sweep("square", "site", 8, 1)
    assert np.isnan(one.canonical(0.5).largest_stderr).all() and np.isnan(one.canonical(0.5).wrapping_one_stderr).all()
    assert np.isfinite(one.canonical(0.5).largest).all() and np.isnan(one.n.largest_stderr).all()


def test_identities_of_the_wrapping_probabilities():
    found = percolation.sweep("square", "bond", 12, 300, seed=1).canonical(np.linspace(0.4, 0.6, 9))
    assert_allclose(found.wrapping_either, 2 * found.wrapping_horizontal - found.wrapping_both, atol=1e-12)
    assert_allclose(found.wrapping_one, found.wrapping_horizontal - found.wrapping_both, atol=1e-12)
    by_n = percolation.sweep("square", "bond", 12, 300, seed=1).n
    assert_allclose(by_n.wrapping_either, 2 * by_n.wrapping_horizontal - by_n.wrapping_both, atol=1e-12)
    assert float(by_n.wrapping_both[-1]) == 1.0 and float(by_n.wrapping_either[0]) == 0.0


def test_an_open_box_has_no_wrapping_and_its_clusters_are_smaller():
    for kind in ("site", "bond"):
        closed = percolation.sweep("honeycomb", kind, 8, 60, seed=1)
        opened = percolation.sweep("honeycomb", kind, 8, 60, seed=1, periodic=False)
        assert not any(name.startswith("wrapping") for name in opened.canonical(0.5))
        assert float(opened.canonical(0.7).largest[0]) < float(closed.canonical(0.7).largest[0])
        assert float(opened.canonical(1.0).largest[0]) == 1.0


def test_wrapping_alone_is_the_wrapping_of_the_full_sweep():
    full = percolation.sweep("kagome", "site", 8, 50, seed=2)
    alone = percolation.sweep("kagome", "site", 8, 50, seed=2, quantities=("wrapping",))
    assert_array_equal(full.wraps, alone.wraps)
    names = [f"wrapping_{event}" for event in ("horizontal", "either", "both", "one")]
    assert set(alone.canonical(0.6)) == {*names, *(f"{name}_stderr" for name in names)}


def test_unequal_sides():
    wide = percolation.sweep("square", "site", (32, 8), 400, seed=1, quantities=("wrapping",))
    assert wide.modulus == 0.25j
    assert (wide.wraps[:, 1] < wide.wraps[:, 0]).mean() > 0.9  # the short way closes first


# ---------------------------------------------------------------- range of the integers


def test_moments_of_clusters_above_65536_sites_do_not_overflow():
    field = np.linspace(0, 1, 300 * 300, endpoint=False).reshape(300, 300)
    rows = percolation.sweep_field(field, quantities=("largest", "mean_size"))
    n = np.arange(90_001, dtype=object)
    assert_array_equal(rows.curves[0, :, 1], (n**2).astype(float))  # one cluster that grows site by site
    assert (rows.curves[0, -1, 1]) == float(90_000**2) > 2**32


def test_sum_of_squares_fits_an_int64_at_the_largest_size():
    assert _percolation_input.MAX_SITES**2 < 2**63


def test_the_second_largest_when_sizes_tie():
    stats, count = np.zeros(4, np.int64), np.zeros(10, np.int32)
    for size in (3, 3, 2):
        count[size] += 1
        note_size(size, stats, count)
    assert (stats[LARGEST], stats[SECOND]) == (3, 3)
    count[3] -= 2
    count[6] += 1
    note_size(6, stats, count)
    assert (stats[LARGEST], stats[SECOND]) == (6, 2)


def test_winding_codes_have_room():
    assert winding_code(16_384**2, (16_384, 16_384), 1) == (16, np.dtype(np.int32))
    assert winding_code(32_768**2, (32_768, 32_768), 1) == (32, np.dtype(np.int64))
    assert winding_code(100**3, (100,) * 3, 1)[1] == np.dtype(np.int64)
    with pytest.raises(LatticeError, match="periodic=False"):
        winding_code(8**6, (8,) * 6, 1)


def test_a_spiral_wraps_once_and_far():
    """A path that winds many times around one direction before it closes is found, with a wide range of windings."""
    size = 64
    field = np.full((size, size), 0.9)
    for row in range(0, size, 2):  # one long thread: along each even row, then up a column to the next
        field[row] = 0.1
        field[row, (row // 2) % size] = 0.9
        field[row + 1, (row // 2 + 1) % size] = 0.1
    curves = percolation.sweep_field(field, quantities=("wrapping", "largest"))
    reference = cc3d.connected_components((field < 0.5).astype(np.uint8), connectivity=4, periodic_boundary=True)
    n = int((field < 0.5).sum())
    assert float(curves.n.largest.sel(n=n)) * size**2 == sizes_of(reference)[0]


# ---------------------------------------------------------------- graphs


def test_graphs_against_networkx():
    graph = nx.gnm_random_graph(60, 90, seed=1)
    field = stream(8, "test").permutation(60) / 60
    swept = percolation.graph(graph, "site", n_runs=1, seed=4)
    assert swept.n_sites == 60 and percolation.graph(graph, "bond", 1).n_total == 90
    table = percolation.graph_table(60, np.array(graph.edges))
    order = np.argsort(field).astype(np.int32)
    sums = np.zeros((61, 4))
    percolation._grow_ordered(
        table, order, percolation.CURVES, np.arange(61), sums, np.zeros(0, np.int32)
    )  # fmt: skip
    for n in range(61):
        sizes = sorted((len(c) for c in nx.connected_components(graph.subgraph(order[:n].tolist()))), reverse=True)
        assert sums[n].tolist() == [*[*sizes, 0, 0][:2], sum(s * s for s in sizes), len(sizes)]
    order = stream(9, "test").permutation(90).astype(np.int32)
    sums = np.zeros((91, 4))
    percolation._grow_ordered(
        table, order, percolation.CURVES, np.arange(91), sums, np.zeros(0, np.int32), "bond"
    )  # fmt: skip
    edges = np.array(graph.edges)
    for n in range(91):
        kept = edges[order[:n]]
        ones = csr_array((np.ones(n), (kept[:, 0], kept[:, 1])), shape=(60, 60))
        sizes = np.sort(np.bincount(connected_components(ones, directed=False)[1]))[::-1]
        assert sums[n].tolist() == [sizes[0], sizes[1], (sizes**2).sum(), len(sizes)]


def test_a_lattice_as_a_graph_percolates_alike():
    torus = nx.grid_2d_graph(8, 8, periodic=True)
    p = [0.3, 0.5, 0.7]
    for kind in ("site", "bond"):
        a = percolation.graph(torus, kind, 1500, seed=1).canonical(p)
        b = percolation.sweep("square", kind, 8, 1500, seed=2).canonical(p)
        # 24 comparisons at 6 standard errors: 5e-8
        for name in ("largest", "second_largest", "mean_size", "n_clusters"):
            error = np.hypot(a[f"{name}_stderr"], b[f"{name}_stderr"])
            assert (abs(a[name] - b[name]) < 6 * error).all(), name


def test_the_complete_graph_is_erdos_renyi():
    n = 300
    found = percolation.graph(nx.complete_graph(n), "bond", 40, seed=2).canonical([0.5 / n, 2 / n]).largest.values
    assert found[0] < 0.1 and abs(found[1] - 0.7968) < 0.06


def test_graph_refusals():
    with pytest.raises(LatticeError, match="directed"):
        percolation.graph(nx.DiGraph([(0, 1)]), "site", 1)
    with pytest.raises(LatticeError, match="self-loops"):
        percolation.graph(nx.Graph([(0, 0), (0, 1)]), "site", 1)
    for empty in (nx.Graph(), nx.empty_graph(4), np.zeros((0, 2), int), []):
        with pytest.raises(LatticeError, match="no edges"):
            percolation.graph(empty, "bond", 1)
    with pytest.raises(ShapeError, match="graph"):
        percolation.graph(np.zeros((3, 3), int), "bond", 1)
    with pytest.raises(ShapeError, match="graph"):
        percolation.graph([(0.5, 1.5)], "bond", 1)
    with pytest.raises(LatticeError, match="negative"):
        percolation.graph([(-1, 1)], "bond", 1)
    with pytest.raises(ArgumentError, match="n_nodes"):
        percolation.graph([(0, 5)], "bond", 1, n_nodes=3)
    assert percolation.graph([(0, 1)], "site", 1, n_nodes=10).n_sites == 10
    assert percolation.graph(nx.MultiGraph([(0, 1), (0, 1)]), "bond", 1).n_total == 2


# ---------------------------------------------------------------- the continuum


@pytest.mark.parametrize(("dimension", "size", "n"), [(2, 2.0, 25), (2, 5.7, 80), (3, 2.4, 40), (3, 4.1, 90)])
def test_touching_objects_are_found_with_every_image(dimension, size, n):
    objects = Objects(n, size, dimension)
    objects.place(77)
    first, jumps, seams = objects.table()
    found = sorted((i, i + int(jumps[k]), int(seams[k])) for i in range(n) for k in range(first[i], first[i + 1]))
    expected = []
    for i in range(n):
        for j in range(i):
            for image in np.ndindex(*(3,) * dimension):
                shift = np.zeros(3)
                shift[:dimension] = np.array(image) - 1
                if ((objects.positions[j] + shift * size - objects.positions[i]) ** 2).sum() < 1:
                    code = sum(int(c) << (objects.bits * a) for a, c in enumerate(shift[:dimension]))
                    expected.append((i, j, code))
    assert found == sorted(expected) and len(found) > n / 2


def test_a_crowd_in_few_cells_makes_room_for_its_pairs():
    objects = Objects(400, 2.0, 2)
    objects.place(1)
    first, _, _ = objects.table()
    assert first[-1] > 8 * 400 + 64  # more pairs than the arrays had room for at first


def test_disk_clusters_against_csgraph():
    from scipy.spatial import cKDTree

    centres, labels = disk_clusters(20.0, 1.0, seed=3)
    pairs = cKDTree(centres, boxsize=20.0).query_pairs(1.0, output_type="ndarray")
    graph = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(centres),) * 2)
    _, reference = connected_components(graph, directed=False)
    assert_array_equal(sizes_of(labels), np.sort(np.bincount(reference))[::-1])
    assert len(set(zip(labels, reference))) == labels.max()


def test_dilute_disks_have_the_exact_cluster_size():
    """Mean cluster size of a random disk to first order in eta: 1 + (mean number of neighbours) = 1 + 4 eta."""
    found = percolation.disks(30, 3000, seed=2, eta_max=0.05, quantities=("mean_size",)).canonical([0.01])
    second_order = 1 + 4 * 0.01 + 16 * 0.01**2  # a chain bound on what comes next
    assert 1.04 - 6 * float(found.mean_size_stderr[0]) < float(found.mean_size[0])
    assert float(found.mean_size[0]) < second_order + 6 * float(found.mean_size_stderr[0])


def test_continuum_refusals():
    with pytest.raises(ArgumentError, match="size"):
        percolation.disks(1.5, 1)
    with pytest.raises(ArgumentError, match="eta_max"):
        percolation.disks(4, 1, eta_max=0.0)
    with pytest.raises(ArgumentError, match="eta: reaches beyond"):
        percolation.disks(4, 1, eta_max=0.5).canonical(2.0)
    with pytest.raises(ArgumentError, match="eta"):
        percolation.disks(4, 1).canonical(-0.1)
    with pytest.raises(DeviceMemoryError, match="choose at most"):
        percolation.spheres(1e5, 1)
    with pytest.raises(DeviceMemoryError, match="GiB"):
        percolation.disks(2e4, 1)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (("squar", "site", 8, 1), UnknownNameError, "lattice: .*did you mean 'square'"),
        (("square", "sites", 8, 1), UnknownNameError, "kind: .*'site'"),
        (("square", "site", 1, 1), ArgumentError, "size: is 1"),
        (("square", "site", 8.0, 1), ArgumentError, "size"),
        (("square36", "site", 3, 1), ArgumentError, "size: is 3"),
        (("square", "site", (8, 8, 8), 1), ShapeError, "size"),
        (("square", "site", 8, 0), ArgumentError, "n_runs: is 0"),
        (("square", "site", 8, 1, -1), ArgumentError, "seed"),
        (("square", "site", 60_000, 1), DeviceMemoryError, "size"),
        (("cubic", "bond", 1000, 1), DeviceMemoryError, "size"),
    ],
)
def test_sweep_refusals(call, error, words):
    with pytest.raises(error, match=words):
        percolation.sweep(*call)


def test_work_that_does_not_fit_is_refused_with_the_estimate(monkeypatch):
    monkeypatch.setattr(_percolation_input, "available_memory", lambda: 2**30)
    with pytest.raises(DeviceMemoryError, match=r"needs about \d+\.\d GiB, 1.0 GiB are free"):
        percolation.sweep("square", "site", 16_384, 1)


def test_the_largest_lattice_of_the_promise_needs_less_than_6_gib(monkeypatch):
    monkeypatch.setattr(_percolation_input, "available_memory", lambda: 6 * 2**30)
    _percolation_input.require_memory(16_384**2, 16_384**2, 1, percolation.QUANTITIES, 1, 4)
    monkeypatch.setattr(_percolation_input, "available_memory", lambda: 3 * 2**30)
    with pytest.raises(DeviceMemoryError):
        _percolation_input.require_memory(16_384**2, 16_384**2, 1, percolation.QUANTITIES, 1, 4)


def test_other_refusals():
    result = percolation.sweep("square", "site", 4, 2)
    for p in (-0.1, 1.1, [0.5, np.nan]):
        with pytest.raises(ArgumentError, match="p: "):
            result.canonical(p)
        with pytest.raises(ArgumentError, match="p: "):
            canonical(np.arange(3.0), p)
    with pytest.raises(ShapeError, match="q_n"):
        canonical(np.ones(1), 0.5)
    with pytest.raises(NotFiniteError, match="q_n"):
        canonical(np.array([0.0, np.inf]), 0.5)
    with pytest.raises(UnknownNameError, match="quantities"):
        percolation.sweep("square", "site", 4, 1, quantities=("largets",))
    with pytest.raises(EmptyDataError, match="quantities"):
        percolation.sweep("square", "site", 4, 1, periodic=False, quantities=("wrapping",))
    with pytest.raises(ShapeError, match="field"):
        percolation.label(np.zeros(4), 0.5)
    with pytest.raises(ShapeError, match="last"):
        percolation.label(np.zeros((4, 4)), 0.5, "honeycomb")
    with pytest.raises(NotFiniteError, match="field"):
        percolation.label(np.full((4, 4), np.nan), 0.5)
    with pytest.raises(ArgumentError, match="p: "):
        percolation.label(np.zeros((4, 4)), 1.5)


# ---------------------------------------------------------------- estimates


def test_threshold_estimates_are_honest():
    """Twenty independent estimates of the bond threshold 1/2: their pulls have unit variance."""
    pulls = []
    for seed in range(20):
        swept = percolation.sweep("square", "bond", 32, 300, seed=seed, quantities=("wrapping",))
        estimate = percolation.estimate_threshold(swept)
        pulls.append((estimate.value - 0.5) / np.hypot(estimate.stderr, estimate.systematic))
    # sum of 20 squared unit normals: 4 < chi2 < 70 has probability 1 - 1e-4 below and 2e-7 above
    assert 4 < np.sum(np.square(pulls)) < 70


def test_estimates_that_cannot_be_trusted_are_refused():
    wrapping = {"quantities": ("wrapping",)}
    single = percolation.sweep("square", "site", 8, 1, **wrapping)
    with pytest.raises(ArgumentError, match="n_runs"):
        percolation.estimate_threshold(single)
    with pytest.raises(ArgumentError, match="wrapping"):
        percolation.estimate_threshold(percolation.sweep("square", "site", 8, 4, periodic=False))
    with pytest.raises(ArgumentError, match="different lattices"):
        percolation.estimate_threshold(
            [percolation.sweep(name, "site", 8, 4, **wrapping) for name in ("square", "kagome")]
        )
    with pytest.raises(ArgumentError, match="repeat a size"):
        percolation.estimate_threshold([percolation.sweep("square", "site", 8, 4, **wrapping)] * 2)
    with pytest.raises(ArgumentError, match="two sizes"):
        percolation.estimate_threshold(percolation.sweep("cubic", "site", 6, 4, **wrapping))
    with pytest.raises(EmptyDataError, match="sweeps"):
        percolation.estimate_threshold([])
    few = percolation.disks(4, 20, eta_max=0.3, **wrapping)
    with pytest.raises(EstimateError, match="does not cross"):
        percolation.estimate_threshold(few)


def test_sizes_that_disagree_raise_with_the_estimate():
    from dataclasses import replace

    small = percolation.sweep("square", "bond", 16, 2000, quantities=("wrapping",))
    large = percolation.sweep("square", "bond", 32, 2000, quantities=("wrapping",))
    shifted = replace(large, wraps=large.wraps + 100)
    with pytest.raises(EstimateError, match="disagree") as caught:
        percolation.estimate_threshold([small, shifted])
    assert 0.4 < caught.value.estimate.value < 0.6


def test_a_collapse_recovers_the_exponents_it_was_made_with():
    """Curves drawn from a known scaling function with noise: the fit returns what was put in, within its errors."""
    from idealscore.simulate.percolation.data_collapse import Curves, fit_collapse

    rng = np.random.default_rng(5)
    truth = (0.5, 0.8, -0.2)
    made = []
    for size in (16.0, 32.0, 64.0):
        p = np.linspace(0.5 - 0.5 / size**0.8, 0.5 + 0.5 / size**0.8, 30)
        exact = size ** truth[2] * (1 + np.tanh(1.5 * (p - 0.5) * size**0.8))
        noise = 0.003 * exact[:, None] * rng.standard_normal((30, 16))
        made.append(Curves(size, p, exact[:, None] + noise, np.ones(16, int), 0.003 * exact / 4))
    best = fit_collapse(made, (0.505, 0.75, -0.15), degree=7)
    assert_allclose(best.parameters, truth, atol=4e-3)
    assert 0.5 < best.misfit < 2
    wrong = fit_collapse(made, (0.5, 1.3, -0.2), degree=7, free=(True, False, True))
    assert wrong.misfit > 10 * best.misfit


def test_finite_size_scaling_of_real_sweeps():
    sweeps = [percolation.sweep("square", "bond", L, n, seed=3) for L, n in ((16, 1200), (32, 600))]
    fit = percolation.finite_size_scaling(sweeps, "wrapping_horizontal", guess=(0.5, 0.75, 0.0), degree=5)
    assert abs(float(fit.threshold) - 0.5) < 5 * float(fit.threshold_stderr)
    assert abs(float(fit.one_over_nu) - 0.75) < 5 * float(fit.one_over_nu_stderr) + 0.02
    assert float(fit.kappa) == 0 and float(fit.kappa_stderr) == 0
    with pytest.raises(UnknownNameError, match="quantity"):
        percolation.finite_size_scaling(sweeps, "larges", guess=(0.5, 0.75, -0.1))
    with pytest.raises(EmptyDataError, match="sweeps"):
        percolation.finite_size_scaling(sweeps[:1], guess=(0.5, 0.75, -0.1))


# ---------------------------------------------------------------- the command


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["percolate", "square", "--kind", "bond", "--size", "32", "--runs", "300", "--seed", "1"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "threshold" in printed and "0.500000" in printed and "Pinson1994" in printed
    from idealscore._support.results import load

    curves = load(tmp_path / "percolate-square-bond.nc")
    assert curves.sizes == {"size": 3, "p": 101} and curves.attrs["seed"] == "1"
    assert cli.main([*arguments, "--json", "--out", "other.nc"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["name"] == "threshold" and abs(rows[0]["value"] - 0.5) < 6 * rows[0]["stderr"]
    assert (tmp_path / "other.nc").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["squar"], "did you mean 'square'"),
        (["square", "--kind", "sites"], "did you mean 'site'"),
        (["square", "--size", "1"], "size: is 1"),
        (["square", "--runs", "0"], "n_runs: is 0"),
        (["disks"], "continuum"),
    ],
)
def test_the_command_refuses_in_one_line(arguments, words, capsys):
    assert cli.main(["percolate", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_the_kernels_see_each_lattice_once():
    assert len(grow.signatures) <= 8
    table = lattice_table(LATTICES["square"], (5, 7), True)
    assert table.rows.dtype == np.uint16 and table.rows.size == 35
