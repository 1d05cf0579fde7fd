"""Memorisation and reproducibility on constructed samples, on exact optima, and on the digits."""

import numpy as np
import pytest
import torch
from known import sklearn_digits

from idealscore._support.estimates import wilson_interval
from idealscore.compare import (
    exact_duplicates,
    memorisation,
    nearest_neighbours,
    paired_samples,
    pairwise_reproducibility,
    reproducibility,
)
from idealscore.errors import ArgumentError, EmptyDataError, ShapeError, UnknownNameError
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser


@pytest.fixture(scope="module")
def digits():
    return torch.tensor(sklearn_digits().images / 8 - 1)


# neighbours


def test_digits_distances(digits):
    distance, _ = nearest_neighbours(digits, digits, 1, exclude_self=True)
    assert distance.mean() == pytest.approx(2.05493, abs=1e-4)
    assert np.median(distance) == pytest.approx(2.01556, abs=1e-4)
    assert distance.min() == pytest.approx(0.66144, abs=1e-4)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_neighbours_by_brute_force(offset):
    generator = np.random.default_rng(0)
    queries, reference = generator.standard_normal((40, 3, 2)), generator.standard_normal((300, 3, 2))
    reference[7] = queries[5]
    distance, index = nearest_neighbours(queries + offset, reference + offset, 3, batch_size=7)
    brute = np.linalg.norm((queries[:, None] - reference[None]).reshape(40, 300, 6), axis=2)
    order = np.argsort(brute, axis=1)[:, :3]
    assert (index == order).all() and index[5, 0] == 7 and distance[5, 0] == 0
    assert distance == pytest.approx(np.take_along_axis(brute, order, 1), abs=1e-9)


def test_wilson_interval_covers():
    """Coverage of the 95 % interval over all outcomes of 50 trials."""
    from scipy.stats import binom

    outcomes = np.arange(51)
    low, high = wilson_interval(outcomes / 50, 50)
    for p in (0.02, 0.1, 0.5, 0.97):
        covered = binom.pmf(outcomes, 50, p)[(low <= p) & (p <= high)].sum()
        assert 0.9 < covered <= 1


# memorisation


def test_copies_are_found_and_new_images_are_not(digits):
    training, held_out = digits[:900], digits[900:]
    samples = torch.cat([training[:30], held_out[:70]])
    found = memorisation(samples, training, held_out=held_out[70:])
    assert found.memorised.sel(set="samples") == pytest.approx(0.3, abs=0.02)
    assert found.copies.sel(set="samples") == 0.3 and found.copies.sel(set="held-out") == 0
    assert (found.neighbour.values[:30] == np.arange(30)).all()
    assert found.memorised_low.sel(set="samples") < 0.3 < found.memorised_high.sel(set="samples")
    assert found.copies_high.sel(set="held-out") > 0  # zero of many is not zero
    assert found.memorised.sel(set="held-out") < 0.02
    null = nearest_neighbours(held_out[70:], training)[0][:, 0]
    assert found.nearest_distance.sel(set="held-out") == pytest.approx(null.mean())
    relative = null / held_out[70:].flatten(1).norm(dim=1).numpy()
    assert found.generalisation_distance.sel(set="held-out") == pytest.approx(relative.mean())


def test_duplicates_in_the_training_set_count_once(digits):
    training = torch.cat([digits[:200], digits[:200]])
    found = memorisation(digits[:50] + 1e-4, training)
    assert found.attrs["n_duplicates"] == 200 and found.memorised.item() == 1
    once = memorisation(digits[:50] + 1e-4, digits[:200])
    assert found.second_distance.values == pytest.approx(once.second_distance.values)
    assert (found.neighbour.values == np.arange(50)).all()


def test_training_images_among_the_held_out_are_reported(digits):
    assert exact_duplicates(digits[5:20], digits[10:100]) == 10
    with pytest.warns(UserWarning, match="10 of the held-out"):
        memorisation(digits[:5], digits[10:100], held_out=digits[5:20])


def test_generalisation_score_in_feature_space(digits):
    training = digits[:500]

    def features(x):
        return x.flatten(1) - training.mean(0).flatten()

    copies = memorisation(3 * (training[:40] - training.mean(0)) + training.mean(0), training, features=features)
    assert copies.generalisation_score.item() == 0  # the cosine does not see the contrast
    noise = torch.tensor(np.random.default_rng(0).standard_normal((40, 8, 8)))
    assert memorisation(noise, training, features=features).generalisation_score.item() == 1


# reproducibility


def test_pairs_by_hand():
    generator = np.random.default_rng(0)
    x, y = torch.tensor(generator.uniform(-1, 1, (2, 50, 3, 4)))
    found = pairwise_reproducibility({"x": x, "y": y}, threshold=0.1).sel(model="x", other="y")
    mu = (x.mean(0) + y.mean(0)) / 2
    cosine = torch.nn.functional.cosine_similarity((x - mu).flatten(1), (y - mu).flatten(1))
    assert found.cosine.item() == pytest.approx(float(cosine.mean()))
    assert found.cosine_stderr.item() == pytest.approx(float(cosine.std()) / 50**0.5)
    assert found.rp.item() == pytest.approx(float((cosine > 0.1).double().mean()))
    rmse = (x - y).flatten(1).square().mean(1).sqrt()
    assert found.rmse.item() == pytest.approx(float(rmse.mean()))


def test_mae_score_counts_grey_values():
    x = torch.zeros(4, 5, dtype=torch.float64)
    shift = torch.tensor([10.0, 14.9, 15.1, 100.0], dtype=torch.float64)[:, None] * 2 / 255
    found = pairwise_reproducibility({"a": x, "b": x + shift}).sel(model="a", other="b")
    assert found.mae.item() == 0.5
    assert pairwise_reproducibility({"a": x, "b": x + shift}, grey_values=10.5).mae.values[0, 1] == 0.25


def test_matrix_is_symmetric_and_one_on_the_diagonal(digits):
    parts = {"a": digits[:50], "b": digits[50:100], "c": digits[100:150]}
    found = pairwise_reproducibility(parts)
    for name in ("rp", "mae", "cosine", "rmse", "rp_chance", "cosine_chance"):
        assert found[name].values == pytest.approx(found[name].values.T)
    assert np.diag(found.rp) == pytest.approx(1) and np.diag(found.rmse) == pytest.approx(0)
    assert np.diag(found.cosine) == pytest.approx(1)


def test_unrelated_samples_are_at_chance(digits):
    """Draws with nothing in common: rp equals rp_chance within five errors; the same draws are far above it."""
    order = np.random.default_rng(1).permutation(1797)
    found = pairwise_reproducibility({"a": digits[order[:600]], "b": digits[order[600:1200]]}).sel(model="a", other="b")
    error = np.hypot(found.rp_stderr, found.rp_chance_stderr)
    assert abs(found.rp - found.rp_chance) < 5 * error
    same = pairwise_reproducibility({"a": digits[:600], "b": digits[:600] + 0.01}).sel(model="a", other="b")
    assert same.rp - same.rp_chance > 5 * same.rp_chance_stderr


def test_disjoint_halves_gaussian_optima_agree_and_memorising_ones_do_not(digits):
    """The dip and its two ends in closed form: two D_G agree, two D_M of disjoint halves do not, two equal ones do."""
    order = np.random.default_rng(0).permutation(1797)
    one, two = digits[order[:898]], digits[order[898:1796]]
    models = {
        "gaussian 1": GaussianDenoiser.fit(one),
        "gaussian 2": GaussianDenoiser.fit(two),
        "empirical 1": EmpiricalDenoiser(one),
        "empirical 2": EmpiricalDenoiser(two),
        "empirical 1 again": EmpiricalDenoiser(one.flip(0)),
    }
    found = reproducibility(models, (8, 8), 40, dtype=torch.float64)

    def rp(a, b):
        return float(found.rp.sel(model=a, other=b))

    assert rp("gaussian 1", "gaussian 2") > 0.9
    assert rp("empirical 1", "empirical 1 again") == 1
    assert rp("empirical 1", "empirical 2") < 0.75
    assert float(found.rp_chance.sel(model="empirical 1", other="empirical 2")) < 0.3
    samples = paired_samples({"empirical 1": models["empirical 1"]}, (8, 8), 40, dtype=torch.float64)["empirical 1"]
    assert memorisation(samples, one, held_out=two).memorised.sel(set="samples") > 0.9


def test_samples_do_not_depend_on_how_many_are_drawn(digits):
    gaussian = GaussianDenoiser.fit(digits)
    few, many = (paired_samples({"g": gaussian}, (8, 8), n, dtype=torch.float64)["g"] for n in (3, 9))
    assert torch.allclose(few, many[:3])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: memorisation(x, x[:1]), EmptyDataError),
        (lambda x: memorisation(x, torch.ones(4, 3)), EmptyDataError),
        (lambda x: memorisation(x, x[:, :2]), ShapeError),
        (lambda x: memorisation(x, x, ratio=2.0), ArgumentError),
        (lambda x: nearest_neighbours(x, x[:1]), ArgumentError),
        (lambda x: pairwise_reproducibility({"a": x}), EmptyDataError),
        (lambda x: pairwise_reproducibility({"a": x, "b": x[:3]}), ShapeError),
        (lambda x: reproducibility({}, (3,)), EmptyDataError),
        (lambda x: reproducibility({"a": lambda x, s: x}, (3,), method="ddpm"), UnknownNameError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error):
        call(torch.arange(18, dtype=torch.float64).reshape(6, 3))
