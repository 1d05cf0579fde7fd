"""Bumps and stripes: images, overlaps against brute force, held-out regions, the probe of the centre, recipes."""

import warnings

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, EmptyDataError, NotFiniteError, ShapeError, UnknownNameError
from idealscore.learned.probes import fit_centres
from idealscore.learned.training import BumpRecipe, TrainConfig, encode_centres
from idealscore.simulate.bumps import (
    REGIONS,
    SHAPES,
    BumpCanvas,
    HeldOut,
    aliasing,
    bump_images,
    bump_overlap,
    continuous_overlap,
    pixel_overlap,
    stripe_labels,
)
from idealscore.simulate.bumps.labels import random_share
from idealscore.simulate.concepts import concept_percolation


def random_centres(canvas, n, seed=0):
    return np.random.default_rng(seed).uniform(0, canvas.extent * (1 - 1e-12), (n, 2))


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("kind", ["bump", "sum"])
def test_images_are_what_the_formula_says(periodic, kind):
    canvas = BumpCanvas(7, width=1.3, spacing=1.0, periodic=periodic)
    [centre] = random_centres(canvas, 1)
    image = bump_images([centre], canvas, kind)[0, 0]
    copies = np.arange(-20, 21) * 7 if periodic else np.zeros(1)
    for row in range(7):
        for column in range(7):
            x, y = (
                np.exp(-((pixel - place + copies) ** 2) / (2 * 1.3**2)).sum()
                for pixel, place in ((column, centre[0]), (row, centre[1]))
            )
            assert image[row, column] == pytest.approx(x * y if kind == "bump" else (x + y) / 2, rel=1e-12)


def test_a_stripe_is_the_factor_of_a_bump():
    canvas = BumpCanvas(9, width=0.8)
    x, y = bump_images([[2.5, np.nan], [np.nan, 6.0]], canvas)
    assert np.allclose(x * y, bump_images([[2.5, 6.0]], canvas)[0], atol=1e-15)
    summed = bump_images([[2.5, np.nan], [np.nan, 6.0]], canvas, "sum")
    assert np.allclose(summed.sum(0), bump_images([[2.5, 6.0]], canvas, "sum")[0], atol=1e-15)


def test_the_lattice_of_centres():
    assert BumpCanvas(12, periodic=True).positions.tolist() == list(range(12))
    assert BumpCanvas(12, spacing=0.5).positions[-1] == 11.0
    assert len(BumpCanvas(10, spacing=2.5, periodic=True).positions) == 4
    assert np.isnan(stripe_labels(BumpCanvas(5))).sum() == 10
    with pytest.raises(ArgumentError, match="divide"):
        BumpCanvas(10, spacing=3.0, periodic=True)
    with pytest.raises(ArgumentError, match="spacing"):
        BumpCanvas(10, spacing=10.0)
    with pytest.raises(ArgumentError, match="width"):
        BumpCanvas(10, width=0.0)


@pytest.mark.parametrize("outside", [[[8.5, 2.0]], [[2.0, -0.1]], [[1.0, 1.0], [2.0, 99.0]]])
def test_a_bump_outside_the_canvas_is_refused(outside):
    with pytest.raises(ArgumentError, match="outside the canvas"):
        bump_images(outside, BumpCanvas(9))


def test_unfit_centres_are_refused():
    canvas = BumpCanvas(9)
    with pytest.raises(ArgumentError, match="no coordinate"):
        bump_images([[np.nan, np.nan]], canvas)
    with pytest.raises(EmptyDataError, match="centres"):
        bump_images(np.zeros((0, 2)), canvas)
    with pytest.raises(ShapeError, match="centres"):
        bump_images([1.0, 2.0], canvas)
    with pytest.raises(UnknownNameError, match="kind"):
        bump_images([[1.0, 2.0]], canvas, "blob")


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("width", [0.3, 0.5, 1.5])
def test_pixelised_overlaps_are_the_cosines_of_the_images(periodic, width):
    canvas = BumpCanvas(10, width, 0.5, periodic)
    first, second = random_centres(canvas, 40, 1), random_centres(canvas, 40, 2)
    a, b = (bump_images(centres, canvas).reshape(40, -1) for centres in (first, second))
    cosine = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    assert np.abs(bump_overlap(first, second, canvas, "pixels") - cosine).max() < 1e-12


@pytest.mark.parametrize("periodic", [False, True])
def test_continuous_overlaps_are_the_integrals(periodic):
    from scipy.integrate import quad

    canvas = BumpCanvas(6, 1.7, periodic=periodic)
    copies = np.arange(-12, 13) * 6 if periodic else np.zeros(1)

    def bump(x, centre):
        return np.exp(-((x - centre + copies) ** 2) / (2 * 1.7**2)).sum()

    def integral(a, b):
        return quad(lambda x: bump(x, a) * bump(x, b), 0, canvas.extent, epsabs=1e-13)[0]

    for a, b in ((0.3, 1.9), (4.0, 0.5), (2.0, 2.0)):
        wanted = integral(a, b) / np.sqrt(integral(a, a) * integral(b, b))
        found = bump_overlap([[a, 1.0]], [[b, 1.0]], canvas)[0]
        assert found == pytest.approx(wanted, abs=1e-11)


def test_overlaps_far_from_the_border_need_no_border():
    canvas = BumpCanvas(60, 1.0)
    first, second = np.array([[30.0, 30.0]]), np.array([[31.4, 29.2]])
    apart = np.hypot(1.4, 0.8)
    assert bump_overlap(first, second, canvas)[0] == pytest.approx(float(continuous_overlap(apart, 1.0)), abs=1e-12)
    near = np.array([[0.0, 0.5]])
    assert abs(bump_overlap(near, near + 1.4, canvas)[0] - continuous_overlap(1.4 * 2**0.5, 1.0)) > 0.01


def test_aliasing_falls_as_the_theta_series_says():
    for width, bound in ((1.5, 1e-9), (1.0, 2e-4), (0.75, 1.2e-2), (0.5, 0.2)):
        assert 0.5 * bound < aliasing(width) < bound
    assert np.log(aliasing(1.5) / aliasing(1.0)) == pytest.approx(-(np.pi**2) * 1.25, abs=0.2)
    assert pixel_overlap(0.0, 0.0, 0.5) == 1.0


def test_too_narrow_a_bump_warns_with_the_aliasing():
    canvas = BumpCanvas(8, width=0.2)
    with pytest.warns(UserWarning, match=r"below 0\.25 pixels: .* differ by up to 0\.\d+"):
        bump_overlap([[1.0, 1.0]], [[2.0, 1.0]], canvas, "pixels")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bump_overlap([[1.0, 1.0]], [[2.0, 1.0]], canvas, "continuous")
        bump_overlap([[1.0, 1.0]], [[2.0, 1.0]], BumpCanvas(8, width=0.25), "pixels")
    with pytest.raises(ArgumentError, match="stripes"):
        bump_overlap([[1.0, np.nan]], [[2.0, 1.0]], canvas)


def test_held_out_shapes_by_enumeration():
    centres = BumpCanvas(9).centres()
    inside = {tuple(c): (3 <= c[0] <= 5, 3 <= c[1] <= 5) for c in centres}
    wanted = {
        "band": lambda x, y: x or y,
        "lesion": lambda x, y: x,
        "interior": lambda x, y: x and y,
        "exterior": lambda x, y: not (x and y),
    }
    for shape in SHAPES:
        mask = HeldOut(3, 5, shape).mask(centres)
        assert mask.tolist() == [wanted[shape](*inside[tuple(c)]) for c in centres]
    region = HeldOut(3, 5).regions(centres)
    assert [REGIONS[k] for k in region[[0, 4, 36, 40]]] == ["neither", "y", "x", "both"]


def test_computed_centres_lie_where_they_should_whatever_their_last_bits():
    canvas = BumpCanvas(8, 0.5, spacing=0.14)
    centres = canvas.centres()
    assert centres.max() > 7 and len(canvas.check_centres(centres)) == 51**2  # 50 x 0.14 is above 7
    tenths = BumpCanvas(8, 0.5, spacing=0.1).centres()
    assert HeldOut(0.1, 0.3).regions(tenths)[:71].nonzero()[0].tolist() == [1, 2, 3]  # 3 x 0.1 is above 0.3


@pytest.mark.parametrize(("low", "high"), [(3.2, 3.8), (20, 30), (0, 8)])
def test_an_empty_held_out_band_is_refused(low, high):
    with pytest.raises(EmptyDataError, match="held_out"):
        HeldOut(low, high).mask(BumpCanvas(9).centres())
    with pytest.raises(ArgumentError, match="low"):
        HeldOut(4, 3)


def test_random_shares_are_nested_and_seeded():
    centres = BumpCanvas(9).centres()
    few, many = random_share(centres, 0.1, 3), random_share(centres, 0.6, 3)
    assert len(few) == 8 and np.array_equal(few, many[:8]) and len(np.unique(many, axis=0)) == len(many)
    assert not np.array_equal(few, random_share(centres, 0.1, 4))


def test_a_concept_matrix_percolates_at_its_threshold():
    """The critical probability is 1 / sqrt(|E| |K|), not that of either side alone."""
    critical = 1 / np.sqrt(8000 * 2000)
    found = concept_percolation(8000, 2000, [0.8 * critical, 1.5 * critical, 2 * critical], n_runs=6, seed=1)
    assert float(found.entities[0]) < 0.02
    for name in ("entities", "properties"):
        apart = (found[name] - found[f"predicted_{name}"])[1:]
        assert (abs(apart) < 5 * found[f"{name}_stderr"][1:] + 0.004).all()
    assert found.attrs["threshold"] == pytest.approx(critical)
    with pytest.raises(ArgumentError, match="probabilities"):
        concept_percolation(10, 10, [1.5])


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("kind", ["bump", "sum"])
@pytest.mark.parametrize("width", [0.7, 1.0, 1.5])
def test_the_probe_finds_centres_within_its_intervals(periodic, kind, width):
    canvas = BumpCanvas(16, width, periodic=periodic)
    wanted = random_centres(canvas, 1000, 5)
    noise = 0.03 * np.random.default_rng(6).standard_normal((1000, 1, 16, 16))
    fit = fit_centres(bump_images(wanted, canvas, kind) + noise, canvas, kind)
    apart = canvas.offset(fit.centres, wanted)
    assert fit.correct(wanted).mean() >= 0.99
    covered = (np.abs(apart) <= 1.96 * fit.stderr).mean()
    assert 0.92 < covered < 0.975  # 2000 intervals: +- 0.005 by chance, the rest is the curvature of the logarithm
    exact = fit_centres(bump_images(wanted, canvas, kind), canvas, kind)
    assert np.abs(canvas.offset(exact.centres, wanted)).max() < (1e-9 if kind == "bump" else 0.02)


def test_narrow_bumps_on_pixels_are_found():
    canvas = BumpCanvas(8, 0.35)
    centres = canvas.centres()
    fit = fit_centres(bump_images(centres, canvas), canvas)
    assert fit.correct(centres).all() and (fit.stderr > 0.1).all()


def test_the_probe_is_not_fooled():
    canvas = BumpCanvas(12)
    wanted = np.array([[5.0, 5.0]])
    two = bump_images([[5.0, 5.0], [9.0, 2.0]], canvas).sum(0, keepdims=True)
    noise = np.random.default_rng(0).standard_normal((50, 1, 12, 12))
    neighbour = bump_images([[6.0, 5.0]], canvas)
    assert not fit_centres(two, canvas).correct(wanted)[0]
    assert fit_centres(noise, canvas).correct(np.repeat(wanted, 50, 0)).sum() == 0
    assert not fit_centres(neighbour, canvas).correct(wanted)[0]
    assert fit_centres(neighbour, canvas).correct(wanted, radius=1.01)[0]
    dark = fit_centres(np.zeros((1, 1, 12, 12)), canvas)
    assert np.isnan(dark.centres).all() and not dark.correct(wanted)[0]
    around = BumpCanvas(12, periodic=True)
    assert fit_centres(bump_images([[11.9, 5.0]], around), around).correct([[0.0, 5.0]])[0]


def test_the_probe_refuses_unfit_input():
    canvas = BumpCanvas(8)
    with pytest.raises(ShapeError, match="images"):
        fit_centres(np.zeros((2, 8, 8)), canvas)
    with pytest.raises(NotFiniteError, match="images"):
        fit_centres(np.full((1, 1, 8, 8), np.nan), canvas)
    with pytest.raises(ArgumentError, match="canvas"):
        fit_centres(np.zeros((1, 1, 8, 8)), BumpCanvas(8, 0.2))
    with pytest.raises(ShapeError, match="wanted"):
        fit_centres(bump_images([[1.0, 1.0]], canvas), canvas).correct([[1.0, 1.0], [2.0, 2.0]])


def test_labels_as_a_code():
    canvas = BumpCanvas(8, periodic=True)
    code = encode_centres([[1.0, np.nan], [1.0, 3.0]], canvas, 2.0)
    assert code.shape == (2, 10) and torch.equal(code[0, :5], code[1, :5]) and not code[0, 5:].any()
    wrapped = encode_centres([[0.0, 8.0]], canvas, 2.0)
    assert torch.allclose(wrapped[:, :5], wrapped[:, 5:], atol=1e-6)
    with pytest.raises(ArgumentError, match="resolution"):
        encode_centres([[0.0, 1.0]], canvas, 0.0)


@pytest.mark.parametrize("head", ["edm", "eps"])
@pytest.mark.parametrize("network", ["mlp", "unet"])
def test_recipes_build_train_and_paint(head, network, tmp_path):
    options = {"width": 8, "depth": 1} if network == "mlp" else {"width": 4, "multipliers": (1, 2), "blocks": 1}
    recipe = BumpRecipe(network, options, head, train=TrainConfig(steps=3, batch=4, checkpoint_every=1), levels=3)
    canvas = BumpCanvas(6)
    sets = [canvas.centres(), stripe_labels(canvas)]
    first = recipe.generate(recipe.fit(canvas, sets, 1, tmp_path), canvas, [[1.0, 2.0], [3.0, 3.0]])
    again = recipe.generate(recipe.fit(canvas, sets, 1, tmp_path), canvas, [[1.0, 2.0], [3.0, 3.0]])
    assert first.shape == (2, 2, 1, 6, 6) and np.isfinite(first).all() and np.array_equal(first, again)
    with pytest.raises(UnknownNameError, match="network"):
        BumpRecipe("transformer")
