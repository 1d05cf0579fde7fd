"""Percolation against its peers: `pytest benchmarks/test_percolation.py --benchmark-sort=name`.

Curve: the largest cluster of one field of 1000 x 1000 sites at a hundred p (ours: at every n). Everything runs on one
thread; the peers label the field anew at each p.
"""

from typing import cast

import networkx as nx
import numpy as np
import pytest
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from idealscore._support.streams import stream
from idealscore.simulate.percolation import canonical, disks, sweep

SIZE, STEPS = 1000, 100
P = np.linspace(0.01, 1.0, STEPS)


@pytest.fixture(scope="module")
def field():
    return stream(0, "benchmark").random((SIZE, SIZE))


def test_curve_ours(benchmark):
    def curve():
        return sweep("square", "site", SIZE, 1, quantities=("largest",), show=False)

    benchmark.pedantic(curve, rounds=5, warmup_rounds=1)


def test_curve_cc3d(benchmark, field):
    import cc3d

    def curve():
        for p in P:
            np.bincount(cc3d.connected_components((field < p).astype(np.uint8), connectivity=4).ravel())[1:].max()

    benchmark.pedantic(curve, rounds=2)


def test_curve_scipy_ndimage(benchmark, field):
    def curve():
        for p in P:
            labels, _ = cast("tuple[np.ndarray, int]", ndimage.label(field < p))
            np.bincount(labels.ravel())[1:].max()

    benchmark.pedantic(curve, rounds=2)


def test_curve_scipy_csgraph(benchmark, field):
    """Ten values of p: multiply by ten."""
    sites = np.arange(SIZE * SIZE).reshape(SIZE, SIZE)
    pairs = np.concatenate([
        np.stack([sites[:, 1:].ravel(), sites[:, :-1].ravel()]), np.stack([sites[1:].ravel(), sites[:-1].ravel()])
    ], axis=1)  # fmt: skip

    def curve():
        for p in P[::10]:
            full = field.ravel() < p
            kept = pairs[:, full[pairs[0]] & full[pairs[1]]]
            graph = csr_array((np.ones(kept.shape[1], np.int8), (kept[0], kept[1])), shape=(SIZE**2,) * 2)
            np.bincount(connected_components(graph, directed=False)[1]).max()

    benchmark.pedantic(curve, rounds=1)


def test_curve_networkx(benchmark):
    """200 x 200 sites at five values of p: multiply by 500."""
    torus, field = nx.grid_2d_graph(200, 200, periodic=True), stream(1, "benchmark").random((200, 200))

    def curve():
        for p in P[::20]:
            kept = torus.subgraph(map(tuple, np.argwhere(field < p).tolist()))
            max(map(len, nx.connected_components(kept)))

    benchmark.pedantic(curve, rounds=1)


@pytest.mark.parametrize("quantities", [("wrapping",), ("largest", "wrapping"), None])
def test_ensemble_of_128(benchmark, quantities):
    """200 runs of 128 x 128 sites: 3.28 million sites, random numbers and wrapping included."""
    wanted = {} if quantities is None else {"quantities": quantities}

    def ensemble():
        return sweep("square", "site", 128, 200, show=False, **wanted)

    benchmark.pedantic(ensemble, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_replicas_over_cores(benchmark, workers):
    def ensemble():
        return sweep("square", "site", 256, 256, workers=workers, show=False, quantities=("wrapping", "largest"))

    benchmark.pedantic(ensemble, rounds=3, warmup_rounds=1)


BOX = (20_000 / 1.6 * np.pi / 4) ** 0.5


def test_disks_ours(benchmark):
    """20,000 disks on average, the whole curve and wrapping."""

    def curve():
        return disks(BOX, 1, show=False, quantities=("largest", "wrapping"))

    benchmark.pedantic(curve, rounds=5, warmup_rounds=1)


def test_disks_kdtree_and_csgraph(benchmark):
    centres = stream(2, "benchmark").random((20_000, 2)) * BOX

    def curve():
        pairs = KDTree(centres, boxsize=BOX).query_pairs(1.0, output_type="ndarray")
        for n in np.linspace(200, 20_000, 100).astype(int):
            kept = pairs[(pairs < n).all(axis=1)]
            graph = csr_array((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=(n, n))
            np.bincount(connected_components(graph, directed=False)[1]).max()

    benchmark.pedantic(curve, rounds=3)


def test_canonical_99_values_of_a_million(benchmark):
    q_n = stream(3, "benchmark").random(10**6 + 1)
    p = np.linspace(0, 1, 101)[1:-1]
    benchmark.pedantic(lambda: canonical(q_n, p), rounds=5, warmup_rounds=1)
