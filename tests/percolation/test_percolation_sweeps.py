"""Sweeps and fields on lattices: against other programs, limits, seeds, errors and the range of the integers."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from scipy.stats import binom, poisson

from idealscore._support.streams import stream
from idealscore.errors import LatticeError
from idealscore.simulate import percolation
from idealscore.simulate.percolation import canonical, inputs
from idealscore.simulate.percolation._canonical import binomial_window
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
            labelled: Any = ndimage.label(filled)
            reference, _ = labelled
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
    monkeypatch.setattr(inputs, "MARK_BYTES", 2**17)
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
        assert not any(str(name).startswith("wrapping") for name in opened.canonical(0.5))
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
    assert inputs.MAX_SITES**2 < 2**63


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


def test_the_kernels_see_each_lattice_once():
    kernel: Any = grow
    assert len(kernel.signatures) <= 8
    table = lattice_table(LATTICES["square"], (5, 7), True)
    assert table.rows.dtype == np.uint16 and table.rows.size == 35
