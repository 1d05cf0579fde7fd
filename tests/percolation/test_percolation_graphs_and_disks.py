"""Percolation of graphs and of disks and spheres: against networkx, scipy and limits."""

from typing import Any

import networkx as nx
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from idealscore._support.streams import stream
from idealscore.errors import ArgumentError, DeviceMemoryError, LatticeError, ShapeError
from idealscore.simulate import percolation
from idealscore.simulate.percolation import disk_clusters
from idealscore.simulate.percolation.placed_objects import Objects
from idealscore.simulate.percolation.runs import grow_ordered
from idealscore.simulate.percolation.sweep_result import CURVES
from idealscore.simulate.percolation.tables import graph_table


def sizes_of(labels):
    return np.sort(np.bincount(labels.ravel())[1:])[::-1]


# ---------------------------------------------------------------- graphs


def test_graphs_against_networkx():
    graph = nx.gnm_random_graph(60, 90, seed=1)
    field = stream(8, "test").permutation(60) / 60
    swept = percolation.graph(graph, "site", n_runs=1, seed=4)
    assert swept.n_sites == 60 and percolation.graph(graph, "bond", 1).n_total == 90
    table = graph_table(60, np.array(graph.edges))
    order = np.argsort(field).astype(np.int32)
    sums = np.zeros((61, 4))
    grow_ordered(
        table, order, CURVES, np.arange(61), sums, np.zeros(0, np.int32)
    )  # fmt: skip
    for n in range(61):
        sizes = sorted((len(c) for c in nx.connected_components(graph.subgraph(order[:n].tolist()))), reverse=True)
        assert sums[n].tolist() == [*[*sizes, 0, 0][:2], sum(s * s for s in sizes), len(sizes)]
    order = stream(9, "test").permutation(90).astype(np.int32)
    sums = np.zeros((91, 4))
    grow_ordered(
        table, order, CURVES, np.arange(91), sums, np.zeros(0, np.int32), "bond"
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
    from scipy.spatial import KDTree

    centres, labels = disk_clusters(20.0, 1.0, seed=3)
    pairs = KDTree(centres, boxsize=20.0).query_pairs(1.0, output_type="ndarray")
    graph = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(centres),) * 2)
    _, reference = connected_components(graph, directed=False)
    assert_array_equal(sizes_of(labels), np.sort(np.bincount(reference))[::-1])
    assert len(set(zip(labels, reference, strict=True))) == labels.max()


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


def test_the_clusters_of_a_mask_are_those_of_its_true_sites():
    ndimage = pytest.importorskip("scipy.ndimage")
    mask = np.random.default_rng(0).random((12, 17)) < 0.5
    right: Any = ndimage.label(mask)
    for given in (mask, mask.tolist(), np.asfortranarray(mask)):
        labels, n_clusters = percolation.label(given, periodic=False)
        assert n_clusters == right[1]
        np.testing.assert_array_equal(labels > 0, mask)
    assert percolation.label(~mask)[1] == percolation.label(mask.astype(float), 0.5)[1]
    cubes = np.random.default_rng(1).random((5, 6, 7)) < 0.3
    assert percolation.label(cubes, None, "cubic", periodic=False)[1] == ndimage.label(cubes)[1]


@pytest.mark.parametrize(
    ("field", "p", "words"),
    [
        (np.eye(4, dtype=bool), 0.5, "p: is 0.5, but the field is a mask"),
        (np.eye(4, dtype=np.uint8), 0.5, "field: holds only the integers 0 and 1"),
        (np.eye(4, dtype=int), 1, "field: holds only the integers 0 and 1"),
        (np.eye(4), None, "p: is missing"),
        (np.eye(4), np.nan, "p: is nan"),
    ],
)
def test_a_field_that_may_be_meant_otherwise_is_refused(field, p, words):
    with pytest.raises(ArgumentError, match=words):
        percolation.label(field, p)


def test_a_mask_has_no_order_to_sweep():
    with pytest.raises(ArgumentError, match=r"label\(mask\)"):
        percolation.sweep_field(np.eye(4, dtype=bool))


def test_a_field_may_have_any_range():
    field = np.random.default_rng(0).normal(size=(16, 16))
    for p in (-0.3, 0.0, 2.5, 40.0):
        labels, n_clusters = percolation.label(field, p)
        np.testing.assert_array_equal(labels > 0, field < p)
        scaled = percolation.label(1e4 * (field + 7), 1e4 * (p + 7))[1]
        assert n_clusters == scaled == len(np.unique(labels[labels > 0]))


def test_edges_listed_both_ways_are_warned_about():
    import networkx as nx

    grid = nx.grid_2d_graph(6, 6, periodic=True)
    adjacency = nx.to_numpy_array(grid)
    both = np.argwhere(adjacency)
    scattered = np.random.default_rng(0).permutation(both)
    for edges in (both, scattered, both.astype(np.uint16)):
        with pytest.warns(UserWarning, match="both directions"):
            percolation.graph(edges, "bond", 2)
    once = both[both[:, 0] < both[:, 1]]
    turned = np.where(np.arange(len(once))[:, None] % 2, once, once[:, ::-1])
    for edges in (once, turned, np.concatenate([once, once[:3, ::-1]])):  # true parallel edges may stand beside others
        percolation.graph(edges, "bond", 2)
