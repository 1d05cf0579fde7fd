"""U-turns on exact optima, whose clones theory predicts, and the survival of features layer by layer."""

import numpy as np
import pytest
import torch
from known import value_of

from idealscore._support.crossing import with_error
from idealscore.compare import (
    clone_experiment,
    clones,
    feature_survival,
    image_agreement,
    measured_transitions,
    predicted_transition_times,
)
from idealscore.compare.measures.crossing import falling_crossing, image_bootstrap
from idealscore.errors import ArgumentError, DenoiserContractError, NoiseLevelError, ShapeError
from idealscore.theory import (
    EmpiricalDenoiser,
    GaussianDenoiser,
    MixtureDenoiser,
    class_speciation,
    cloning,
    collapse,
    speciation,
)

SIGMAS = [0.5, 1.0, 2.0, 4.0]


@pytest.fixture(scope="module")
def mixture():
    means = [[-2.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]
    return MixtureDenoiser([0.5, 0.3, 0.2], means, [[0.3] * 3, [0.3] * 3, [0.1, 0.5, 0.2]])


def component(mixture):
    return lambda x: mixture.responsibilities(x, 1e-3)


# clones of exact optima


@pytest.fixture(scope="module")
def mixture_clones(mixture):
    return clone_experiment(mixture, mixture.sample(500), component(mixture), SIGMAS, n_steps=100)


def test_clones_of_a_mixture_agree_as_theory_says(mixture, mixture_clones):
    """Within 4 standard errors and 0.01 that 100 steps cost; the chance level is sum pi_k^2."""
    expected = cloning(mixture, SIGMAS, n=20000)
    assert (abs(mixture_clones.agreement - expected.phi) < 4 * mixture_clones.agreement_stderr + 0.01).all()
    gap = abs(mixture_clones.agreement_chance - (0.25 + 0.09 + 0.04))
    assert (gap < 5 * mixture_clones.agreement_chance_stderr).all()


def test_a_clone_and_the_start_are_alike_in_law(mixture_clones):
    """Bayes' rule: kept = agreement for the optimum, within errors and the cost of the steps."""
    error = np.hypot(mixture_clones.kept_stderr, mixture_clones.agreement_stderr)
    assert (abs(mixture_clones.kept - mixture_clones.agreement) < 4 * error + 0.01).all()


def test_a_denoiser_that_is_no_optimum_is_told_from_one(mixture):
    """Negative control: a denoiser that takes the noise for a third of what it is agrees with itself too often."""
    x = mixture.sample(1500)
    found = clone_experiment(lambda x, sigma: mixture(x, sigma / 3), x, component(mixture), [2.0], n_steps=50)
    expected = cloning(mixture, [2.0], n=20000).phi.item()
    assert found.agreement.item() > expected + 5 * found.agreement_stderr.item()


@pytest.mark.slow
def test_clones_of_the_empirical_optimum_share_an_image_as_theory_says(mixture):
    training = mixture.sample(60)
    sigmas = [0.1, 0.3, 0.6, 1.0]
    found = clone_experiment(
        EmpiricalDenoiser(training), training.repeat(10, 1), component(mixture), sigmas, training=training, n_steps=100
    )
    value, error = image_agreement(training, sigmas, 4000)
    tolerance = 4 * np.hypot(found.image_agreement_stderr, error) + 0.01
    assert (abs(found.image_agreement - value) < tolerance).all()
    assert (abs(found.image_kept - value) < 4 * np.hypot(found.image_kept_stderr, error) + 0.01).all()


def test_image_agreement_by_brute_force():
    training = torch.tensor([[-1.0], [1.0], [4.0]], dtype=torch.float64)
    grid = torch.linspace(-8, 11, 3801, dtype=torch.float64)
    for sigma in (0.4, 1.0, 3.0):
        density = torch.exp(-((grid[:, None] - training.T) ** 2) / (2 * sigma**2)) + 1e-200
        expected = ((density / density.sum(1, keepdim=True)) ** 2 * density.mean(1, keepdim=True)).sum()
        expected = float(expected / density.mean(1).sum())
        value, error = image_agreement(training, sigma, 20000)
        assert abs(value[0] - expected) < 4 * error[0]


def test_clones_start_from_one_noisy_image_and_do_not_depend_on_the_batch(mixture):
    x = mixture.sample(8)
    many = clones(mixture, x, 1.0, 3, 10)
    torch.testing.assert_close(clones(mixture, x[:2], 1.0, 2, 10), many[:2, :2])
    assert not torch.allclose(many[0], many[1])
    # at low noise every clone is back at its start
    assert (clones(mixture, x, 1e-3, 2, 10) - x).abs().max() < 0.01


# predicted and measured times


@pytest.mark.slow
def test_predicted_and_measured_times_agree_for_two_classes():
    mixture = MixtureDenoiser([0.5, 0.5], [[-3.0, 0.0], [3.0, 0.0]], [0.2, 0.2])
    x = mixture.sample(2000)
    labels = (x[:, 0] > 0).long()
    found = measured_transitions(
        mixture, x, labels, lambda x: (x[:, 0] > 0).long(), np.geomspace(0.8, 12, 8), n_starts=1000, n_steps=60
    )
    exact = value_of(class_speciation(mixture)[0, 1])
    row = found.sel(transition="classes: c^2 = 1")
    assert row.predicted.sel(clock="sigma").item() == pytest.approx(exact, rel=0.03)
    gap = abs(row.measured - exact).sel(clock="sigma").item()
    assert gap < 4 * row.measured_stderr.sel(clock="sigma").item() + 0.05 * exact
    # c^2 = 1 and the speciation level of Gaussian clones are one criterion
    clones_row = found.sel(transition="classes: Gaussian clones, speciation level", clock="sigma")
    assert clones_row.predicted.item() == pytest.approx(row.predicted.sel(clock="sigma").item(), rel=0.05)


def test_clocks_are_those_of_the_noise_level(mixture):
    from idealscore import NoiseLevel

    x = mixture.sample(300)
    labels = mixture.responsibilities(x, 1e-3).argmax(1)
    found = measured_transitions(mixture, x, labels, component(mixture), SIGMAS, n_starts=100, n_steps=10, training=x)
    row = found.sel(transition="classes: variance rule")
    level = NoiseLevel(value_of(speciation(x)))
    assert row.predicted.sel(clock="OU time").item() == pytest.approx(level.ou_time)
    assert row.predicted.sel(clock="SNR").item() == pytest.approx(level.snr)
    sigma, error = (row[name].sel(clock="sigma").item() for name in ("predicted", "predicted_stderr"))
    slope = sigma / (1 + sigma**2)  # t = log(1 + sigma^2) / 2
    assert row.predicted_stderr.sel(clock="OU time").item() == pytest.approx(slope * error, rel=1e-3)
    bound = found.sel(transition="images: Gaussian bound", clock="sigma")
    assert bound.predicted.item() == pytest.approx(collapse(x).value)
    assert found.ratio.sel(clock="sigma").values == pytest.approx(
        (found.measured / found.predicted).sel(clock="sigma").values, nan_ok=True
    )


def test_rows_without_training_images_are_those_of_the_classes(mixture):
    x = mixture.sample(300)
    labels = mixture.responsibilities(x, 1e-3).argmax(1)
    rows = predicted_transition_times(x, labels)
    assert len(rows) == 3 and all(name.startswith("classes") for name in rows)


def test_crossings():
    grid = np.geomspace(0.1, 10, 41)
    curve = 1 / (1 + grid**2)
    assert falling_crossing(grid, curve, 0.5) == pytest.approx(1.0, rel=1e-3)
    assert np.isnan(falling_crossing(grid, curve, 0.001)) and np.isnan(falling_crossing(grid, curve, 0.999))
    generator = np.random.default_rng(0)
    draws = (generator.random((400, 41)) < curve).astype(float)
    found, error = with_error(lambda y: falling_crossing(grid, y, 0.5), image_bootstrap(draws, 0 * draws, 0))
    assert abs(found - 1) < 4 * error and 0.01 < error < 0.15


# layers


def test_survival_of_layers_by_hand(mixture):
    """Two layers that read the first or the second coordinate forget where that coordinate's spread ends."""
    wide = GaussianDenoiser(torch.zeros(4), torch.diag(torch.tensor([9.0, 9.0, 0.25, 0.25])))
    x = wide.sample(400)
    grid = np.geomspace(0.05, 50, 12)
    found = feature_survival(wide, x, lambda x: {"wide": x[:, :2], "narrow": x[:, 2:]}, grid, n_steps=40)
    assert found.layer.values.tolist() == ["pixels", "wide", "narrow"]
    half = found.half_sigma
    assert half.sel(layer="wide") / half.sel(layer="narrow") == pytest.approx(6.0, rel=0.25)
    assert found.cosine.isel(sigma=0).values == pytest.approx(1.0, abs=0.04)
    ends = found.isel(sigma=-1)
    assert (abs(ends.cosine - ends.cosine_chance) < 5 * np.hypot(ends.cosine_stderr, ends.cosine_chance_stderr)).all()


def test_unrelated_images_are_the_null(mixture):
    x = mixture.sample(300)
    found = feature_survival(mixture, x, lambda x: x, [0.01, 0.02], n_steps=5, labeller=component(mixture))
    assert (found.cosine > 0.99).all() and (abs(found.cosine_chance) < 0.2).all()
    assert (found.class_kept == 1).all()
    assert found.class_kept_chance.values == pytest.approx(0.38, abs=0.1)


def test_survival_does_not_depend_on_the_batch(mixture):
    x = mixture.sample(20)
    one, two = (
        feature_survival(mixture, x, lambda x: {"h": x**2}, [0.5, 2.0], n_steps=5, batch_size=b) for b in (3, 20)
    )
    np.testing.assert_allclose(one.cosine, two.cosine, atol=1e-6)


def test_classifier_and_module_as_extractors():
    from idealscore.learned import Classifier, LayerFeatures, data

    images = data.load("digits").images[:16]
    net = Classifier((1, 8, 8), 10, width=8, depth=2).requires_grad_(False)
    gaussian = GaussianDenoiser.fit(images)
    whole = feature_survival(gaussian, images, net, [0.1, 1.0], n_steps=5)
    assert whole.layer.values.tolist() == ["pixels", "stage 1", "stage 2", "pooled", "logits"]
    some = feature_survival(gaussian, images, LayerFeatures(net, ["stages.stage 2"]), [0.1, 1.0], n_steps=5)
    np.testing.assert_allclose(some.cosine[1], whole.cosine.sel(layer="stage 2"))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m, x: clone_experiment(m, x, lambda x: x[:2, 0], [1.0]), ShapeError),
        (lambda m, x: clone_experiment(m, x, lambda x: x, [-1.0]), NoiseLevelError),
        (lambda m, x: clone_experiment(m, x, lambda x: x, [1.0], n_clones=1), ArgumentError),
        (lambda m, x: clone_experiment(lambda x, s: x * torch.nan, x, lambda x: x, [1.0]), DenoiserContractError),
        (lambda m, x: feature_survival(lambda x, s: x * torch.nan, x, lambda x: x, [1.0]), DenoiserContractError),
        (lambda m, x: measured_transitions(m, x, torch.zeros(5), lambda x: x), ShapeError),
        (lambda m, x: measured_transitions(m, x, torch.zeros(len(x)), lambda x: x), ArgumentError),
        (lambda m, x: measured_transitions(m, x, torch.zeros(len(x)), lambda x: x, [2.0, 1.0]), ArgumentError),
        (lambda m, x: measured_transitions(m, x[:1], torch.zeros(1), lambda x: x), ArgumentError),
    ],
)
def test_bad_input_is_refused(call, error, mixture):
    with pytest.raises(error):
        call(mixture, mixture.sample(10))
