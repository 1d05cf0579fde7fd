"""The collapse, the information and the entropy curve against brute force and quadrature."""

import math

import numpy as np
import pytest
import torch
from known import ou_time_of, sklearn_digits, value_of
from scipy import integrate

import idealscore.theory as theory
from idealscore.simulate.diffusion import noised
from idealscore.theory import MixtureDenoiser, NoiseLevel
from idealscore.theory.transitions import (
    collapse,
    entropy_curve,
    gaussian_information,
    mixture_information,
    rem_entropy,
)
from idealscore.theory.transitions._entropy import NoisyData


@pytest.fixture(scope="module")
def digits():
    return torch.tensor(sklearn_digits().images / 8 - 1)


def two_gaussians(dim, weight=0.5):
    """+-m with |m|^2 = dim and variance 1."""
    m = torch.ones(1, dim, dtype=torch.float64)
    return MixtureDenoiser([weight, 1 - weight], torch.cat([m, -m]), [1.0, 1.0])


def two_points(a):
    return MixtureDenoiser([0.5, 0.5], [[-a], [a]], [0.0, 0.0])


# collapse


def test_gaussian_information_is_the_log_determinant():
    root = np.random.default_rng(0).standard_normal((6, 4))
    matrix = torch.tensor(root @ root.T)
    for sigma in (0.1, 1.0, 30.0):
        brute = np.linalg.slogdet(np.eye(6) + matrix.numpy() / sigma**2)[1] / 2
        assert gaussian_information(matrix, sigma)[0] == pytest.approx(brute, rel=1e-10)


def test_digits_gaussian_collapse(digits):
    found = collapse(digits)
    assert found.value == pytest.approx(0.8889, abs=1e-4)
    assert gaussian_information(digits, value_of(found))[0] == pytest.approx(math.log(1797))


@pytest.mark.parametrize(("dim", "bulk", "with_class"), [(256, 1.2988, 1.3337), (1024, 1.9775, 2.0135)])
def test_collapse_of_two_gaussians(dim, bulk, with_class):
    n = 20_000
    closed = math.log(1 + 1 / (n ** (2 / dim) - 1)) / 2
    assert ou_time_of(collapse(torch.eye(dim, dtype=torch.float64), n)) == pytest.approx(closed, abs=1e-9)
    assert closed == pytest.approx(bulk, abs=1e-4)
    found = collapse(two_gaussians(dim), n, "mixture")
    assert ou_time_of(found) == pytest.approx(with_class, abs=1e-4) and found.stderr == 0
    assert value_of(collapse(two_gaussians(dim), n)) > value_of(found)  # the Gaussian bound


def test_mixture_information_of_one_component_is_gaussian():
    matrix = torch.diag(torch.tensor([3.0, 1.0, 0.0], dtype=torch.float64))
    mixture = MixtureDenoiser([0.4, 0.6], torch.zeros(2, 3, dtype=torch.float64), torch.stack([matrix, matrix]))
    assert mixture_information(mixture, [0.3, 2.0])[0] == pytest.approx(gaussian_information(matrix, [0.3, 2.0]))
    assert collapse(mixture, 50, "mixture").value == pytest.approx(collapse(matrix, 50).value, rel=1e-9)


def test_mixture_information_of_points_by_quadrature():
    """Three points: I = H(i) - E H(w) in one dimension, integrated over x."""
    points, weights = np.array([-2.0, 0.0, 3.0]), np.array([0.5, 0.2, 0.3])

    def integrand(x, sigma):
        joint = weights * np.exp(-((x - points) ** 2) / (2 * sigma**2)) / math.sqrt(2 * math.pi * sigma**2)
        posterior = joint / joint.sum() if joint.sum() > 0 else np.array([1.0, 0, 0])
        return float(joint.sum() * (posterior * np.log(np.where(posterior > 0, posterior / weights, 1))).sum())

    mixture = MixtureDenoiser(weights, points[:, None], np.zeros(3))
    for sigma in (0.7, 2.0):
        brute = integrate.quad(integrand, -25, 28, args=(sigma,), limit=400, points=list(points))[0]
        value, error = mixture_information(mixture, [sigma], n=4000)[:, 0]
        assert 0 < error < 0.02 and abs(value - brute) < 5 * error


def test_mixture_collapse_with_sampled_classes():
    mixture = MixtureDenoiser([0.3, 0.3, 0.4], [[4.0, 0.0], [-4.0, 0.0], [0.0, 5.0]], [1.0, 0.5, 0.2])
    found = collapse(mixture, 100, "mixture", n_draws=4000)
    value, _ = mixture_information(mixture, [value_of(found)], n=4000)[:, 0]
    assert value == pytest.approx(math.log(100), abs=1e-6)
    assert 0 < found.stderr < 0.05 * value_of(found) and value_of(found) <= value_of(collapse(mixture, 100))
    other = collapse(mixture, 100, "mixture", n_draws=4000, seed=7)
    assert abs(value_of(other) - value_of(found)) < 5 * math.hypot(found.stderr, other.stderr)


def test_points_hold_too_little_information_to_collapse():
    found = collapse(two_points(1.0), 3, "mixture")
    assert found.value is None and found.noise is None and "log 3" in found.note


def test_random_energies_condense_at_the_collapse():
    """log n + zeta(1) - zeta'(1) = 0 by numerical differentiation of the generating function."""
    eigenvalues = np.array([5.0, 2.0, 1.0, 0.3])
    sigma = value_of(collapse(torch.diag(torch.tensor(eigenvalues)), 50))
    s = eigenvalues / sigma**2

    def zeta(q):
        return -(np.log(1 + q * s) + q * (1 + s) / (1 + q * s)).sum() / 2

    derivative = (zeta(1 + 1e-5) - zeta(1 - 1e-5)) / 2e-5
    assert math.log(50) + zeta(1) - derivative == pytest.approx(0, abs=1e-8)


def test_zeta_is_the_generating_function_of_the_energies():
    """E_y exp(-q |x - y|^2 / 2 sigma^2) at |x_k|^2 = lambda_k + sigma^2, by sampling y."""
    eigenvalues, sigma, q = np.array([2.0, 0.5]), 1.0, 0.7
    s = eigenvalues / sigma**2
    y = np.random.default_rng(0).standard_normal((400_000, 2)) * np.sqrt(eigenvalues)
    weight = np.exp(-q * ((np.sqrt(eigenvalues + sigma**2) - y) ** 2).sum(1) / (2 * sigma**2))
    zeta = -(np.log(1 + q * s) + q * (1 + s) / (1 + q * s)).sum() / 2
    assert abs(weight.mean() - math.exp(zeta)) < 5 * weight.std() / math.sqrt(len(weight))


def test_entropy_curve_of_three_points_by_quadrature():
    points = np.array([-2.0, 0.0, 3.0])

    def integrand(x, sigma):
        joint = np.exp(-((x - points) ** 2) / (2 * sigma**2)) / math.sqrt(2 * math.pi * sigma**2) / 3
        posterior = joint / joint.sum() if joint.sum() > 0 else np.array([1.0, 0, 0])
        return -float(joint.sum() * (posterior * np.log(np.where(posterior > 0, posterior, 1))).sum())

    curve = entropy_curve(torch.tensor(points[:, None]), [0.7, 2.0], n_draws=5000)
    for sigma in (0.7, 2.0):
        brute = integrate.quad(integrand, -25, 28, args=(sigma,), limit=400, points=list(points))[0]
        found = curve.sel(sigma=sigma)
        assert abs(float(found.entropy) - brute) < 5 * float(found.entropy_stderr)


ENTROPIES = {0.5: 0.0359, 0.8: 0.1959, 1: 0.3289, 2: 0.7379, 5: 0.9514, 10: 0.9876, 20: 0.9969}
ENTROPY_ERRORS = {0.5: 0.0009, 0.8: 0.0019, 1: 0.0020, 2: 0.0013, 5: 0.0003, 10: 0.0001, 20: 0.00005}


def test_digits_entropy_curve(digits):
    curve = entropy_curve(digits, list(ENTROPIES), n_draws=600)
    for sigma, value in ENTROPIES.items():
        found = curve.sel(sigma=sigma)
        assert abs(float(found.relative) - value) < 5 * math.hypot(float(found.relative_stderr), ENTROPY_ERRORS[sigma])
    assert (np.diff(curve.relative) > 0).all()
    theory_ = rem_entropy(digits, 1797, [5.0, 10.0, 20.0]) / math.log(1797)
    assert curve.relative.values[-3:] == pytest.approx(theory_, abs=0.002)


def test_digits_entropy_collapse(digits):
    found = collapse(digits, criterion="entropy", n_draws=600)
    assert abs(value_of(found) - 1.298) < 5 * math.hypot(found.stderr, 0.005)
    other = collapse(digits, criterion="entropy", n_draws=600, seed=1)
    assert abs(value_of(found) - value_of(other)) < 5 * math.hypot(found.stderr, other.stderr)
    assert found.value == collapse(digits, criterion="entropy", n_draws=600).value


@pytest.mark.slow
def test_digits_entropy_collapse_to_five_thousandths(digits):
    assert collapse(digits, criterion="entropy", n_draws=6000).value == pytest.approx(1.298, abs=0.006)


@pytest.mark.slow
def test_entropy_is_the_integral_of_the_denoising_error(digits):
    """log n - E H(w) = int_sigma^inf mmse(s) s^-3 ds of the empirical measure, both sides sampled."""
    denoiser = theory.EmpiricalDenoiser(digits)
    y = digits[torch.from_numpy(np.random.default_rng(0).integers(0, 1797, 1000))]
    log_sigma = np.linspace(math.log(0.8), math.log(60), 60)
    loss = []
    for k, s in enumerate(np.exp(log_sigma)):
        x = noised(y, float(s), seed=k)
        loss.append(float((denoiser(x, float(s)) - y).flatten(1).square().sum(1).mean()) / s**2)
    tail = 18.773105 / (2 * 60**2)
    integral = integrate.trapezoid(loss, log_sigma) + tail
    curve = entropy_curve(digits, [0.8], n_draws=2000)
    assert integral == pytest.approx(math.log(1797) - float(curve.entropy[0]), abs=0.06)
    assert math.log(1797) - float(curve.entropy[0]) == pytest.approx(6.0175, abs=5 * float(curve.entropy_stderr[0]))


def test_entropy_of_two_gaussians_near_collapse():
    sigma = float(NoiseLevel.from_ou_time(2.12).sigma)
    curve = entropy_curve(two_gaussians(256).sample(20_000, seed=0), [sigma], n_draws=300)
    assert abs(float(curve.relative[0]) - 0.7487) < 5 * math.hypot(float(curve.relative_stderr[0]), 0.0016)


def test_random_energies_give_the_entropy_above_the_collapse():
    """A power-law Gaussian: 1 - I / log n to 0.01 at twice the collapse, and a rounded corner below it."""
    eigenvalues = torch.tensor(10 / np.arange(1, 201))
    matrix, n = torch.diag(eigenvalues), 5000
    critical = value_of(collapse(matrix, n))
    assert critical == pytest.approx(1.637, abs=1e-3)
    y = torch.tensor(np.random.default_rng(0).standard_normal((n, 200))) * eigenvalues.sqrt()
    grid = [0.5 * critical, critical, 2 * critical, 4 * critical]
    curve = entropy_curve(y, grid, n_draws=400)
    predicted = rem_entropy(matrix, n, grid) / math.log(n)
    assert predicted == pytest.approx([0, 0, 0.708, 0.922], abs=1e-3)
    for k in (2, 3):
        assert abs(curve.relative[k] - predicted[k]) < 5 * curve.relative_stderr[k] + 0.003
    assert curve.relative[0] < 0.01 and 0.1 < curve.relative[1] < 0.25


def test_copies_never_collapse():
    y = torch.tensor([[1.0], [1.0], [1.0], [2.0]])
    found = collapse(y, criterion="entropy", n_draws=50)
    assert found.value is None and "copies" in found.note


def test_the_tables_of_products_give_the_entropy_of_the_sums_over_the_data(digits):
    draws = NoisyData(digits[:300], 40, seed=3)
    sigmas = [0.02, 0.3, 1.0, 4.0]
    before = [draws.entropy(sigma) for sigma in sigmas]
    draws.prepare()
    assert draws.tables is not None
    assert draws.lowest < 0.02
    assert np.allclose(before, [draws.entropy(sigma) for sigma in sigmas], rtol=1e-6, atol=1e-6)
    draws.lowest = np.inf
    assert before[1] == pytest.approx(draws.entropy(sigmas[1]), rel=1e-12)
    assert draws.entropy(1.0, 7)[0] != pytest.approx(draws.entropy(1.0)[0], rel=1e-6)
