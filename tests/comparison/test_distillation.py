"""Linearity and linear distillation: exact for affine maps, the Wiener filter for every exact posterior mean.

Statistical tests have a fixed seed and allow five standard errors: a false-positive rate below 1e-6 for each.
"""

import numpy as np
import pytest
import torch
from known import sklearn_digits

from idealscore.compare import AffineDenoiser, distill_linear, fit_affine, linearity
from idealscore.errors import EmptyDataError, NoiseLevelError, ShapeError, UnknownNameError
from idealscore.simulate.diffusion import noised
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser, MixtureDenoiser
from idealscore.theory.covariance import Covariance


@pytest.fixture(scope="module")
def digits():
    return torch.tensor(sklearn_digits().images / 8 - 1)


@pytest.fixture(scope="module")
def mixture():
    """Four components in six dimensions, strongly non-Gaussian."""
    generator = np.random.default_rng(0)
    means = 2.0 * generator.standard_normal((4, 6))
    roots = 0.4 * generator.standard_normal((4, 6, 6))
    return MixtureDenoiser([0.1, 0.2, 0.3, 0.4], means, roots @ roots.transpose(0, 2, 1))


def power_law(seed=0):
    eigenvalues = 10 * torch.arange(1, 51, dtype=torch.float64) ** -1.5
    mean = torch.tensor(np.random.default_rng(seed).standard_normal(50))
    return GaussianDenoiser(mean * (2.04 * eigenvalues.sum()).sqrt() / mean.norm(), Covariance.diagonal(eigenvalues))


# linearity


def test_raw_linearity_of_an_affine_denoiser_is_below_one():
    gaussian = power_law()
    x0 = gaussian.sample(2000)
    found = linearity(gaussian, x0, [0.01, 0.3, 1.0, 3.0, 10.0, 80.0], variant="raw", n_pairs=1000)
    expected = [1.0, 0.9956, 0.9930, 0.9959, 0.9991, 1.0]
    assert found.linearity.values[0] == pytest.approx(expected, abs=1e-3)
    centred = linearity(gaussian, x0, [0.01, 0.3, 1.0, 3.0, 10.0, 80.0], centre=gaussian.mean)
    assert centred.linearity.values[0] == pytest.approx(1, abs=1e-9)
    assert centred.nonlinearity.values.max() < 1e-9


def test_linearity_of_a_zero_mean_gaussian_is_one():
    gaussian = GaussianDenoiser(torch.zeros(3, dtype=torch.float64), torch.diag(torch.tensor([3.0, 1.0, 0.1]).double()))
    x0 = gaussian.sample(50)
    for share in (0.5, 0.99):
        found = linearity(gaussian, x0, [0.1, 1.0], variant="raw", alpha_squared=share)
        assert found.linearity.values == pytest.approx(1, abs=1e-6)


def test_linearity_keeps_the_sign():
    """A map that is even about the mean has D(a u1 + b u2) with no relation to the sum; -|u| shows the sign."""
    x0 = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)

    def even(x, sigma):
        return x.abs()

    found = linearity(even, x0, [1.0], n_pairs=4000, centre=torch.zeros(1, dtype=torch.float64))
    assert found.linearity.item() == 1.0  # positive numbers, parallel
    assert found.nonlinearity.item() > 0.3

    def parity(x, sigma):
        return torch.cos(2 * x)

    signed = linearity(parity, x0, [1.0], n_pairs=4000, centre=torch.zeros(1, dtype=torch.float64))
    raw = linearity(parity, x0, [1.0], n_pairs=4000, variant="raw")
    assert raw.linearity.item() == 1.0 and signed.linearity.item() < 0.5


def test_linearity_by_hand(mixture):
    """A direct average over the same kind of pairs, drawn another way."""
    x0 = mixture.sample(4000)
    mu = x0.mean(0)
    found = linearity(mixture, x0, [1.0], alpha_squared=[0.5, 0.9], n_pairs=2000)
    x = noised(x0, 1.0, seed=9)
    first, second = x[:2000], x[2000:]
    for share in (0.5, 0.9):
        a, b = share**0.5, (1 - share) ** 0.5
        whole = mixture(mu + a * (first - mu) + b * (second - mu), 1.0) - mu
        parts = a * (mixture(first, 1.0) - mu) + b * (mixture(second, 1.0) - mu)
        cosine = torch.nn.functional.cosine_similarity(whole, parts)
        at = found.sel(alpha_squared=share)
        error = np.hypot(at.linearity_stderr.item(), float(cosine.std()) / 2000**0.5)
        assert abs(at.linearity.item() - float(cosine.mean())) < 5 * error
        assert at.linearity.item() < 0.99
    assert found.linearity.values[1] > found.linearity.values[0]  # equal shares are the hardest


def test_linearity_does_not_depend_on_the_grid(mixture):
    x0 = mixture.sample(20)
    both = linearity(mixture, x0, [0.5, 2.0])
    assert linearity(mixture, x0, [2.0]).linearity.item() == both.linearity.values[0, 1]


# distillation


def test_affine_maps_are_recovered():
    generator = np.random.default_rng(0)
    weight, bias = torch.tensor(generator.standard_normal((4, 4))), torch.tensor(generator.standard_normal(4))
    x0 = 100 + torch.tensor(generator.standard_normal((60, 2, 2)))

    def affine(x, sigma):
        return (x.flatten(1) @ weight.T + bias).reshape(x.shape)

    found = fit_affine(affine, x0, 0.7)
    assert torch.allclose(found.weight, weight, atol=1e-8) and torch.allclose(found.bias, bias, atol=1e-6)
    assert torch.allclose(found(x0, 0.7), affine(x0, 0.7))


def test_fit_is_least_squares(mixture):
    x0 = mixture.sample(500)
    found = fit_affine(mixture, x0, 1.0, n_noise=2, seed=3, batch_size=77)
    x = torch.cat([noised(x0, 1.0, 3, draw=k) for k in (0, 1)])
    design = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    solution = torch.linalg.lstsq(design, mixture(x, 1.0)).solution
    assert torch.allclose(found.weight, solution[:-1].T, atol=1e-10)
    assert torch.allclose(found.bias, solution[-1], atol=1e-10)


def distance_to_wiener(mixture, n_noise, sigma):
    """Relative distance of the distilled posterior mean to the true Wiener filter, and the non-linear residual."""
    weights, means = mixture.log_weights.exp(), mixture.means
    offsets = means - weights @ means
    total = (
        sum(w * c.dense() for w, c in zip(weights, mixture.covariances, strict=True)) + (weights * offsets.T) @ offsets
    )
    wiener = total @ torch.linalg.inv(total + sigma**2 * torch.eye(6, dtype=torch.float64))
    x0 = mixture.sample(50_000)
    found = fit_affine(mixture, x0, sigma, n_noise=n_noise, batch_size=10_000)
    x = noised(x0[:5000], sigma, seed=1)
    residual = (mixture(x, sigma) - found(x, sigma)).square().mean(1).sqrt().mean()
    return float((found.weight - wiener).norm() / wiener.norm()), float(residual)


@pytest.mark.slow
def test_distilled_mixture_is_the_wiener_filter(mixture):
    distance, residual = distance_to_wiener(mixture, 1, 1.0)
    assert distance < 0.012 and residual > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0])
def test_distilled_mixture_is_the_wiener_filter_of_many_points(mixture, sigma):
    distance, residual = distance_to_wiener(mixture, 10, sigma)
    assert distance < 0.008 and residual > 0.1


def test_affine_errors_differ_by_the_mmse(mixture):
    """E|A - x0|^2 - E|A - D*|^2 is the same for every affine A, and is E|x0 - D*|^2."""
    x0 = mixture.sample(4000)
    x = noised(x0, 1.0)
    optimum = mixture(x, 1.0)
    mmse = (optimum - x0).square().sum(1)
    for scale in (0.0, 0.5, 1.0):
        guess = 0.3 + scale * x
        gap = (guess - x0).square().sum(1) - (guess - optimum).square().sum(1) - mmse
        assert abs(float(gap.mean())) < 5 * float(gap.std()) / 4000**0.5
    wrong = 0.9 * optimum  # negative control: only the posterior mean is orthogonal
    guess = 0.3 + 0.5 * x
    gap = (guess - x0).square().sum(1) - (guess - wrong).square().sum(1) - (wrong - x0).square().sum(1)
    assert abs(float(gap.mean())) > 5 * float(gap.std()) / 4000**0.5


def test_memorising_optimum_looks_gaussian_on_its_training_images_only(digits):
    """At sigma = 0.5 and 1: the Wiener filter on training inputs, 0.293 and 0.144 away from it on held-out ones."""
    order = np.random.default_rng(0).permutation(1797)
    training, held_out = digits[order[:300]], digits[order[300:600]]
    found = distill_linear(EmpiricalDenoiser(training), training, [0.5, 1.0], held_out=held_out, n_noise=8)
    inside, outside = found.isel(model=0).sel(inputs="training"), found.isel(model=0).sel(inputs="held-out")
    assert (inside.weight_distance < 5 * inside.weight_distance_stderr).all()
    assert (outside.weight_distance > 5 * outside.weight_distance_stderr).all()
    assert outside.weight_distance.values == pytest.approx([0.293, 0.144], rel=0.2)
    assert outside.rmse_linear_gaussian.values[0] == pytest.approx(0.0902, rel=0.2)
    assert outside.rmse_model_gaussian.values == pytest.approx([0.317, 0.286], rel=0.1)


@pytest.mark.slow
def test_memorising_optimum_on_held_out_images_to_ten_percent(digits):
    order = np.random.default_rng(0).permutation(1797)
    training, held_out = digits[order[:300]], digits[order[300:]]
    found = distill_linear(EmpiricalDenoiser(training), training, [0.5, 1.0, 2.0], held_out=held_out, n_noise=40)
    outside = found.isel(model=0).sel(inputs="held-out")
    assert outside.weight_distance.values == pytest.approx([0.293, 0.144, 0.042], rel=0.1)


def test_null_curve_of_the_gaussian_is_zero(mixture):
    x0 = mixture.sample(200)
    gaussian = GaussianDenoiser.fit(x0)
    found = distill_linear(mixture, x0, [0.3, 3.0], theories={"gaussian": gaussian}, n_noise=4)
    null = found.sel(model="gaussian")
    for name in ("weight_distance", "rmse_linear_gaussian", "rmse_model_linear", "mode_distance"):
        assert float(abs(null[name]).max()) < 1e-9
    assert null.gain.values == pytest.approx(null.wiener_gain.values)
    variances = gaussian.covariance.eigenvalues.numpy()
    assert null.wiener_gain.values[0, 1] == pytest.approx(variances / (variances + 9))
    assert (found.sel(model="network").rmse_model_linear > 0.1).any()


def test_correction_for_noise_is_unbiased_and_its_error_right(mixture):
    """Distances of a non-linear map far from the Wiener filter, over 40 independent noises."""
    x0 = mixture.sample(60)

    def map_(x, sigma):
        return torch.tanh(x) + 0.3 * x.roll(1, 1)

    runs = [distill_linear(map_, x0, [1.0], n_noise=8, seed=k) for k in range(40)]
    values = np.array([r.weight_distance.item() for r in runs])
    errors = np.array([r.weight_distance_stderr.item() for r in runs])
    exact = distill_linear(map_, x0, [1.0], n_noise=400, seed=99).weight_distance.item()
    assert abs(values.mean() - exact) < 5 * values.std(ddof=1) / 40**0.5 + 0.1 * values.std()
    assert 0.5 < errors.mean() / values.std(ddof=1) < 2


def test_affine_denoiser_refuses_other_noise_levels():
    found = AffineDenoiser(torch.eye(2).double(), torch.zeros(2).double(), 0.5)
    with pytest.raises(NoiseLevelError, match="sigma"):
        found(torch.zeros(1, 2), 0.6)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: linearity(lambda x, s: x, x[:1], [1.0]), EmptyDataError),
        (lambda x: linearity(lambda x, s: x, x, [1.0], alpha_squared=1.0), NoiseLevelError),
        (lambda x: linearity(lambda x, s: x, x, [0.0]), NoiseLevelError),
        (lambda x: linearity(lambda x, s: x, x, [1.0], variant="cooked"), UnknownNameError),
        (lambda x: linearity(lambda x, s: x, x, [1.0], centre=torch.zeros(7)), ShapeError),
        (lambda x: fit_affine(lambda x, s: x, x[:3], 1.0), EmptyDataError),
        (lambda x: distill_linear(lambda x, s: x, x[:1], [1.0]), EmptyDataError),
        (lambda x: distill_linear(lambda x, s: x, x, [1.0], held_out=x[:, :2]), ShapeError),
        (lambda x: distill_linear(lambda x, s: x, x, [1.0], theories={"network": lambda x, s: x}), UnknownNameError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error):
        call(torch.arange(80, dtype=torch.float64).reshape(20, 4))
