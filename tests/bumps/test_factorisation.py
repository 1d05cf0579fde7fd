"""Factorisation of representations: references with exact values, negative controls, layers, topology, laws."""

import numpy as np
import pytest
import torch

from idealscore.compare.measures import mean_crossing, power_law
from idealscore.compare.representation import (
    CLIFFORD,
    additive_share,
    clifford_torus,
    factorisation,
    factorisation_of_values,
    participation_ratio,
    persistence,
    tangent_cosines,
    three_torus,
    three_torus_values,
    winding,
)
from idealscore.errors import EmptyDataError, MissingDependencyError, NotFiniteError, ShapeError, UnknownNameError
from idealscore.learned.networks import MLPDenoiser
from idealscore.simulate.bumps import BumpCanvas, bump_images


def rotated(values, dimension, seed=0):
    """The same points in `dimension` dimensions, turned and moved."""
    generator = np.random.default_rng(seed)
    frame = np.linalg.qr(generator.standard_normal((dimension, dimension)))[0][: values.shape[-1]]
    return 3.0 * values @ frame + generator.standard_normal(dimension)


def test_the_clifford_torus_is_exact():
    cosines = tangent_cosines(clifford_torus(16))
    assert np.abs(cosines["x_on_y"]).max() < 1e-15
    assert min(cosines[name].min() for name in ("x_parallel", "y_parallel")) > 1 - 1e-14
    assert participation_ratio(clifford_torus(16)) == pytest.approx(CLIFFORD.participation_ratio, abs=1e-12)
    assert additive_share(clifford_torus(16)) == pytest.approx(1.0, abs=1e-14)
    angle = 2 * np.pi * np.arange(16) / 16
    assert np.allclose(np.unique(cosines["x_on_x"].round(12)), np.unique(np.cos(angle[1:]).round(12)))


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.8])
def test_the_three_torus_has_the_values_of_the_formulas(ratio):
    values, exact = three_torus(24, ratio), three_torus_values(ratio)
    cosines = tangent_cosines(values)
    assert participation_ratio(values) == pytest.approx(exact.participation_ratio, rel=1e-12)
    assert additive_share(values) == pytest.approx(exact.additive_share, rel=1e-12)
    assert np.sqrt((cosines["x_on_y"] ** 2).mean()) == pytest.approx(0.5, abs=1e-12)
    assert cosines["x_parallel"].min() > 1 - 1e-12
    n = 24
    with_itself = (cosines["y_parallel"].mean() * (n - 1) + 1) / n  # the mean over all pairs, equal ones too
    assert with_itself == pytest.approx(exact.parallel_y, abs=1e-12)


def test_cosines_of_the_three_torus_point_by_point():
    """sin y' sin(x - x') for x on y, in the order of the grid."""
    n = 8
    angle = 2 * np.pi * np.arange(n) / n
    x, y = (side.ravel() for side in np.meshgrid(angle, angle, indexing="ij"))
    wanted = np.sin(y) * np.sin(x[:, None] - x)
    assert np.abs(tangent_cosines(three_torus(n))["x_on_y"].reshape(n * n, -1) - wanted).max() < 1e-12


@pytest.mark.parametrize("dimension", [6, 300])
def test_turning_and_scaling_change_nothing(dimension):
    for values in (clifford_torus(12), three_torus(12)):
        plain = factorisation_of_values(values, topology=False)
        moved = factorisation_of_values(rotated(values, dimension), topology=False)
        for name in ("participation_ratio", "additive_share", "orthogonality", "parallel_y", "distance", "winding"):
            assert np.allclose(plain[name], moved[name], atol=1e-9), name
        assert moved.spectrum.sum() == pytest.approx(1.0)


def test_the_nearer_torus_is_named():
    factorised = factorisation_of_values(rotated(clifford_torus(12), 30), topology=False).distance
    assert factorised[0] < 1e-9 and factorised[1] > 0.2
    coupled = factorisation_of_values(rotated(three_torus(12).transpose(1, 0, 2), 30), topology=False).distance
    assert coupled[1] < 1e-9 and coupled[0] > 0.2
    assert winding(three_torus(12).transpose(1, 0, 2)) == (0, 1)


def test_images_of_bumps_are_orthogonal_but_not_parallel():
    """The null that a network must beat: x-tangents at y and y' have the overlap of the bumps as cosine."""
    canvas = BumpCanvas(12, periodic=True)
    values = bump_images(canvas.centres(), canvas).reshape(12, 12, -1)
    found = factorisation_of_values(values, topology=False)
    profile = canvas.profile(canvas.positions)
    profile /= np.linalg.norm(profile, axis=1, keepdims=True)
    overlap = profile @ profile[0]
    assert float(found.parallel_x) == pytest.approx(overlap[1:].mean(), abs=1e-12)
    same_place = tangent_cosines(values)["x_on_y"].reshape(144, 144).diagonal()
    assert np.abs(same_place).max() < 1e-12
    assert found.additive_share < 0.5 and found.participation_ratio > 10


def test_a_random_cloud_is_neither():
    values = np.random.default_rng(0).standard_normal((12, 12, 50))
    found = factorisation_of_values(values, topology=False)
    assert abs(float(found.parallel_x)) < 0.1 and found.additive_share < 0.25
    assert found.distance.min() > 0.2


def test_grids_with_borders_use_neighbours_only():
    x, y = np.meshgrid(np.arange(7.0), np.arange(9.0), indexing="ij")
    found = factorisation_of_values(np.stack([x, y, 0 * x], -1), periodic=False, topology=False)
    assert float(found.parallel_x) == 1.0 and float(found.additive_share) == pytest.approx(1.0)
    assert np.isnan(found.distance).all()


def test_a_layer_is_read_where_it_is_named():
    network = MLPDenoiser((2,), width=16, depth=2)
    grid = torch.cartesian_prod(torch.arange(6.0), torch.arange(6.0)).reshape(6, 6, 2)
    found = factorisation(network, "enter", grid, periodic=False, topology=False)
    assert found.additive_share == pytest.approx(1.0, abs=1e-9)
    assert not network.enter._forward_hooks
    with pytest.raises(UnknownNameError, match=r"blocks.0.*") as caught:
        factorisation(network, "block.0", grid)
    assert "enter" in str(caught.value) and "leave" in str(caught.value)
    with pytest.raises(ShapeError, match="x"):
        factorisation(network, "enter", grid[0])


def test_unfit_representations_are_refused():
    with pytest.raises(ShapeError, match="values"):
        factorisation_of_values(np.zeros((4, 4, 3)))
    with pytest.raises(EmptyDataError, match="same at every point"):
        factorisation_of_values(np.ones((6, 6, 3)))
    with pytest.raises(NotFiniteError):
        factorisation_of_values(np.full((6, 6, 3), np.nan))


def test_topology_without_ripser_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ripser", None)
    with pytest.raises(MissingDependencyError, match="topology"):
        persistence(np.zeros((10, 2)))


def test_betti_numbers_of_known_shapes():
    pytest.importorskip("ripser")
    generator = np.random.default_rng(0)
    angle = np.arange(144) * 2 * np.pi / 144
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    two = np.concatenate([circle[::4], circle[::4] + np.array([5.0, 0.0])])
    shapes = {
        "clifford": (clifford_torus(12).reshape(-1, 4), (1, 2, 1)),
        "three": (three_torus(24).reshape(-1, 3), (1, 2, 1)),
        "circle": (circle, (1, 1, 0)),
        "two": (two, (2, 2, 0)),
    }
    for name, (points, betti) in shapes.items():
        assert persistence(points, 150).betti == betti, name
    cloud = persistence(generator.standard_normal((144, 4)), 100).betti
    assert cloud[1:] == (0, 0)


@pytest.mark.parametrize("size", [5, 8, 20])
@pytest.mark.parametrize("count", [2, 3, 9, 12, 16, 20])
def test_the_number_of_components_is_that_of_the_clusters(count, size):
    pytest.importorskip("ripser")
    generator = np.random.default_rng(count + 100 * size)
    centres = np.column_stack([100.0 * np.arange(count), np.zeros(count)])
    cloud = np.repeat(centres, size, 0) + 0.01 * generator.standard_normal((count * size, 2))
    assert persistence(cloud).betti[0] == count
    assert persistence(1e-6 * np.repeat(cloud, 2, 0)).betti[0] == count  # no scale, and duplicates are no clusters


def test_one_cloud_is_one_component():
    pytest.importorskip("ripser")
    generator = np.random.default_rng(0)
    clouds = [generator.standard_normal((n, d)) for n in (30, 60, 150) for d in (2, 3, 5)]
    assert [persistence(cloud).betti[0] for cloud in clouds] == [1] * len(clouds)


def test_crossings_and_power_laws():
    sizes = np.array([4.0, 8.0, 16.0, 32.0])
    for slope in (1.0, 2.0):
        noisy = 3 * sizes**slope * np.exp(0.05 * np.random.default_rng(1).standard_normal(4))
        value, error = power_law(sizes, noisy, 0.05 * noisy)
        assert abs(value - slope) < 4 * error and error < 0.1
    assert np.isnan(power_law(sizes, [1.0, np.nan, np.nan, np.nan], np.zeros(4))[0])
    value, error = mean_crossing([1, 10, 100], [[0.0, 0.1], [0.4, 0.5], [0.9, 1.0]], 0.6)
    assert 10 < value < 100 and 0 < error < value
    assert np.isnan(mean_crossing([1, 10], [[0.7], [0.9]], 0.6)[0]) and np.isnan(
        mean_crossing([1, 10], [[0.1], [0.2]], 0.6)[0]
    )
