"""Predicted transitions against brute force, simulation, and the numbers known for digits, two classes, two points.

Statistical tests have a fixed seed and allow five standard errors: a false-positive rate below 1e-6 for each.
"""

import math
import pkgutil

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import quad
from sklearn.datasets import load_digits

import idealscore.theory as theory
from idealscore.errors import (
    ArgumentError,
    CovarianceError,
    EmptyDataError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
)
from idealscore.simulate.diffusion import noised, sample
from idealscore.theory import MixtureDenoiser, NoiseLevel, karras_sigmas
from idealscore.theory.covariance import Covariance
from idealscore.theory.transitions import (
    OnsetLaw,
    class_information,
    class_speciation,
    cloning,
    cloning_probability,
    collapse,
    entropy_curve,
    gaussian_information,
    memorisation_onset,
    mixture_information,
    mode_emergence,
    rem_entropy,
    speciation,
    symmetry_breaking,
)
from idealscore.theory.transitions._cloning import SampledClasses
from idealscore.theory.transitions._spectrum import spectrum


@pytest.fixture(scope="module")
def digits():
    return torch.tensor(load_digits().images / 8 - 1)


@pytest.fixture(scope="module")
def labels():
    return torch.tensor(load_digits().target)


def two_gaussians(dim, weight=0.5):
    """+-m with |m|^2 = dim and variance 1."""
    m = torch.ones(1, dim, dtype=torch.float64)
    return MixtureDenoiser([weight, 1 - weight], torch.cat([m, -m]), [1.0, 1.0])


def two_points(a):
    return MixtureDenoiser([0.5, 0.5], [[-a], [a]], [0.0, 0.0])


def bootstrap(data, statistic, repeats=200, seed=0):
    generator = np.random.default_rng(seed)
    return np.std(
        [statistic(data[generator.integers(0, len(data), len(data))]) for _ in range(repeats)], axis=0, ddof=1
    )


# spectrum


def test_digits_spectrum(digits):
    found = spectrum(digits)
    assert found.eigenvalues.sum() == pytest.approx(18.773105, abs=1e-6)
    assert found.eigenvalues[:4] == pytest.approx([2.79542681, 2.55666626, 2.2142115, 1.57881429], abs=1e-7)
    assert found.eigenvalues.size == 61
    wiener = [float((found.eigenvalues / (1 + found.eigenvalues / s**2)).sum()) for s in (0.5, 0.8, 1, 2, 5, 10, 20)]
    assert wiener == pytest.approx([4.8029, 7.7782, 9.4085, 14.3279, 17.7859, 18.5110, 18.7066], abs=1e-4)


def test_digits_speciation_and_modes(digits):
    found = speciation(digits)
    assert found.noise.ou_time == pytest.approx(0.513992, abs=1e-6)
    assert found.value == pytest.approx(1.339935, abs=1e-6)
    modes = mode_emergence(digits)
    assert len(modes) == 61 and modes[0].value == pytest.approx(1.671953, abs=1e-6)
    assert [m.value for m in modes] == sorted((m.value for m in modes), reverse=True)
    assert len(mode_emergence(digits, n_modes=3)) == 3


def test_standard_errors_are_those_of_a_bootstrap(digits):
    flat = digits.flatten(1)[:, 17:31]

    def statistics(y):
        return [speciation(2 * y).value, collapse(y, len(flat)).value, *(m.value for m in mode_emergence(y, 4))]

    found = [speciation(2 * flat), collapse(flat), *mode_emergence(flat, 4)]
    assert statistics(flat) == pytest.approx([transition.value for transition in found])
    assert [transition.stderr for transition in found] == pytest.approx(bootstrap(flat, statistics), rel=0.25)


def test_standard_error_covers_the_truth():
    """Over 200 data sets of a known covariance the errors of sigma_S in standard errors have variance about 1."""
    true = torch.diag(torch.tensor([9.0, 2.0, 1.0], dtype=torch.float64))
    exact = speciation(true).value
    scores = []
    for k in range(200):
        y = np.random.default_rng(k).standard_normal((400, 3)) * np.sqrt([9.0, 2.0, 1.0])
        found = speciation(torch.tensor(y))
        scores.append((found.value - exact) / found.stderr)
    assert 0.6 < np.var(scores) < 1.6  # chi^2 with 200 degrees of freedom: five sigma is 1 +- 0.5


def test_data_covariance_and_mixture_agree(digits):
    flat = digits.flatten(1)
    matrix = torch.as_tensor(np.cov(flat.numpy().T, bias=True))
    one = MixtureDenoiser(torch.tensor([1.0], dtype=torch.float64), flat.mean(0)[None], matrix[None])
    for source in (matrix, Covariance.full(matrix), one):
        for transition in (speciation, lambda s: collapse(s, 1797)):
            assert transition(source).value == pytest.approx(transition(digits).value, rel=1e-9)
            assert transition(source).stderr == 0
    assert speciation(digits.float()).value == pytest.approx(speciation(digits).value, rel=1e-6)


def test_mixture_covariance_is_that_of_its_samples():
    mixture = MixtureDenoiser([0.3, 0.7], [[2.0, 0.0], [-1.0, 1.0]], [[[1.0, 0.5], [0.5, 2.0]], [[0.2, 0], [0, 0.1]]])
    draws = mixture.sample(4000, seed=1)
    found = speciation(draws)
    assert abs(found.value - speciation(mixture).value) < 5 * found.stderr


def test_few_data_in_many_dimensions():
    y = torch.tensor(np.random.default_rng(0).standard_normal((5, 300)))
    assert len(mode_emergence(y)) == 4  # one of five directions is the mean's
    assert collapse(y).value > 0 and np.isfinite(collapse(y).stderr)


def test_scale():
    """Modes and the Gaussian collapse scale with the data; speciation, which has a preferred variance 1, does not."""
    matrix = torch.diag(torch.tensor([5.0, 1.0, 0.5], dtype=torch.float64))
    assert mode_emergence(9 * matrix)[0].value == pytest.approx(3 * mode_emergence(matrix)[0].value)
    assert collapse(9 * matrix, 100).value == pytest.approx(3 * collapse(matrix, 100).value)
    assert speciation(9 * matrix).value == pytest.approx(math.sqrt(44))


def test_no_speciation_below_the_variance_of_the_noise():
    found = speciation(0.9 * torch.eye(3))
    assert found.value is None and found.noise is None and "0.9" in found.note and "no transition" in str(found)


# cloning


def test_cloning_probability_at_speciation():
    assert float(cloning_probability(1.0)) == pytest.approx(0.7752002454, abs=1e-9)


def test_cloning_probability_by_two_forms_and_another_quadrature():
    z, w = hermegauss(256)
    w = w / math.sqrt(2 * math.pi)
    for c in (0.0, 0.3, 1.0, 2.0, 5.0, 30.0):
        once = (1 + w @ np.tanh(c**2 + c * z)) / 2
        twice = (1 + w @ np.tanh(c**2 + c * z) ** 2) / 2
        assert float(cloning_probability(c**2)) == pytest.approx(once, abs=1e-9)
        assert once == pytest.approx(twice, abs=1e-8)
        information = math.log(2) - w @ np.logaddexp(0, -2 * (c**2 + c * z))
        assert float(class_information(c**2)) == pytest.approx(information, abs=1e-9)


def test_cloning_probability_is_the_integral_over_the_densities():
    """phi = int (G+^2 + G-^2) / (G+ + G-) du / 2 with G+- = N(+-1, 1 / c^2)."""

    def density(u, mean, variance):
        return math.exp(-((u - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    def integrand(u, v):
        plus, minus = density(u, 1, v), density(u, -1, v)
        return (plus**2 + minus**2) / (plus + minus) / 2 if plus + minus > 0 else 0.0

    for c_squared in (0.2, 1.0, 4.0):
        brute = quad(integrand, -15, 15, args=(1 / c_squared,), limit=200, points=[-1, 0, 1])[0]
        assert float(cloning_probability(c_squared)) == pytest.approx(brute, abs=1e-7)


TIMES = np.array([2, 2.5, 3, 3.5, 4, 4.5])


def test_cloning_of_two_gaussians():
    levels = NoiseLevel.from_ou_time(TIMES)
    found = cloning(two_gaussians(256), levels.sigma)
    assert found.phi.values == pytest.approx([0.977, 0.862, 0.707, 0.596, 0.540, 0.515], abs=1e-3)
    assert found.phi_stderr.values.max() == 0


def clone_experiment(sigma, n_pairs, seed, weight=0.5, steps=60):
    """Share of clone pairs in the same class: noise, run the backward SDE twice with other noise, compare signs.

    In 256 dimensions only the direction of m matters, where the data are N(+-16, 1); each of the 50 samples of
    `sample` holds n_pairs / 50 independent copies of this one-dimensional world.
    """
    line = MixtureDenoiser([weight, 1 - weight], [[16.0], [-16.0]], [1.0, 1.0])

    def denoiser(x, s):
        return line(x.reshape(-1, 1), float(s[0]) if isinstance(s, torch.Tensor) and s.ndim else s).reshape(x.shape)

    x = noised(line.sample(n_pairs, seed).reshape(50, -1), sigma, seed)
    grid = karras_sigmas(steps, 0.5, sigma)
    ends = [sample(denoiser, x, grid, "ddpm", seed=s).sign() for s in (seed + 1, seed + 2)]
    return float((ends[0] == ends[1]).double().mean())


@pytest.mark.parametrize("t", [2.5, 3.0, 3.5])
def test_clones_agree_as_predicted(t):
    sigma = float(NoiseLevel.from_ou_time(t).sigma)
    predicted = float(cloning(two_gaussians(256), [sigma]).phi[0])
    measured = clone_experiment(sigma, 10_000, seed=10)
    assert abs(measured - predicted) < 3 * math.sqrt(0.25 / 10_000)  # 3 sigma, 0.015; the seed is fixed
    wrong = float(cloning_probability(256 * math.exp(-2 * t) / 1.5))
    assert abs(measured - wrong) > 0.015  # negative control: a variance half as large again is seen


@pytest.mark.slow
def test_clones_agree_as_predicted_at_finer_steps():
    for t in (2, 3, 4):
        sigma = float(NoiseLevel.from_ou_time(t).sigma)
        predicted = float(cloning(two_gaussians(256), [sigma]).phi[0])
        error = math.sqrt(max(predicted * (1 - predicted), 1e-4) / 20_000)
        assert abs(clone_experiment(sigma, 20_000, seed=20, steps=240) - predicted) < 5 * error


@pytest.mark.parametrize("weight", [0.5, 0.2, 1.0])
def test_sampled_classes_agree_with_quadrature(weight):
    mixture = two_gaussians(8, weight)
    draws = SampledClasses(mixture, 5000, seed=3)
    for sigma in (0.5, 3.0, 6.0):
        exact = cloning(mixture, [sigma])
        for value, (mean, error) in (
            (exact.phi.item(), draws.agreement(sigma)),
            (exact.information.item(), draws.information(sigma)),
        ):
            assert abs(mean - value) <= 5 * error + 1e-12


def test_clones_of_unequal_classes_agree_as_simulated():
    line = MixtureDenoiser([0.2, 0.8], [[16.0], [-16.0]], [1.0, 1.0])
    predicted = float(cloning(line, [15.0]).phi[0])
    assert abs(clone_experiment(15.0, 10_000, seed=5, weight=0.2) - predicted) < 5 * math.sqrt(0.25 / 10_000)


# classes


def test_class_pair_of_isotropic_gaussians():
    """|m|^2 / (v + sigma^2) = 1."""
    mixture = MixtureDenoiser([0.2, 0.5, 0.3], [[4.0, 0], [0, 0], [0, 1.0]], [1.5, 1.5, 1.5])
    pairs = class_speciation(mixture)
    assert pairs[0, 1].value == pytest.approx(math.sqrt(4 - 1.5))
    assert pairs[0, 2].value == pytest.approx(math.sqrt(17 / 4 - 1.5))
    assert pairs[1, 2].value is None and "overlap" in pairs[1, 2].note
    at = cloning(MixtureDenoiser([0.5, 0.5], [[2.0, 0], [-2.0, 0]], [1.5, 1.5]), [pairs[0, 1].value])
    assert at.phi.item() == pytest.approx(0.7752002454)


def test_class_pair_of_points_parts_at_half_their_distance():
    mixture = MixtureDenoiser([0.5, 0.5], [[3.0, 4.0], [-3.0, -4.0]], [0.0, 0.0])
    assert class_speciation(mixture)[0, 1].value == pytest.approx(5.0)


def test_class_speciation_of_data(digits, labels):
    pairs = class_speciation(digits, labels)
    assert len(pairs) == 45
    latest = min(pairs, key=lambda pair: pairs[pair].value)
    assert latest == (1, 8)
    few = labels < 2
    flat, labels = digits.flatten(1)[few][:, 17:31], labels[few]
    generator = np.random.default_rng(0)
    values = []
    for _ in range(100):
        chosen = generator.integers(0, len(flat), len(flat))
        values.append(class_speciation(flat[chosen], labels[chosen])[0, 1].value)
    assert class_speciation(flat, labels)[0, 1].stderr == pytest.approx(np.std(values), rel=0.35)


def test_class_speciation_by_dense_linear_algebra(digits, labels):
    flat = digits.flatten(1).numpy()
    groups = [flat[labels.numpy() == k] for k in range(10)]
    within = sum((g - g.mean(0)).T @ (g - g.mean(0)) for g in groups) / len(flat)
    m = (groups[3].mean(0) - groups[8].mean(0)) / 2
    sigma = class_speciation(digits, labels)[3, 8].value
    assert m @ np.linalg.solve(within + sigma**2 * np.eye(64), m) == pytest.approx(1, abs=1e-9)


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
    assert gaussian_information(digits, found.value)[0] == pytest.approx(math.log(1797))


@pytest.mark.parametrize("dim, bulk, with_class", [(256, 1.2988, 1.3337), (1024, 1.9775, 2.0135)])
def test_collapse_of_two_gaussians(dim, bulk, with_class):
    n = 20_000
    closed = math.log(1 + 1 / (n ** (2 / dim) - 1)) / 2
    assert collapse(torch.eye(dim, dtype=torch.float64), n).noise.ou_time == pytest.approx(closed, abs=1e-9)
    assert closed == pytest.approx(bulk, abs=1e-4)
    found = collapse(two_gaussians(dim), n, "mixture")
    assert found.noise.ou_time == pytest.approx(with_class, abs=1e-4) and found.stderr == 0
    assert collapse(two_gaussians(dim), n).value > found.value  # the Gaussian bound


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
        brute = quad(integrand, -25, 28, args=(sigma,), limit=400, points=list(points))[0]
        value, error = mixture_information(mixture, [sigma], n=4000)[:, 0]
        assert 0 < error < 0.02 and abs(value - brute) < 5 * error


def test_mixture_collapse_with_sampled_classes():
    mixture = MixtureDenoiser([0.3, 0.3, 0.4], [[4.0, 0.0], [-4.0, 0.0], [0.0, 5.0]], [1.0, 0.5, 0.2])
    found = collapse(mixture, 100, "mixture", n_draws=4000)
    value, _ = mixture_information(mixture, [found.value], n=4000)[:, 0]
    assert value == pytest.approx(math.log(100), abs=1e-6)
    assert 0 < found.stderr < 0.05 * found.value and found.value <= collapse(mixture, 100).value
    other = collapse(mixture, 100, "mixture", n_draws=4000, seed=7)
    assert abs(other.value - found.value) < 5 * math.hypot(found.stderr, other.stderr)


def test_points_hold_too_little_information_to_collapse():
    found = collapse(two_points(1.0), 3, "mixture")
    assert found.value is None and found.noise is None and "log 3" in found.note


def test_random_energies_condense_at_the_collapse():
    """log n + zeta(1) - zeta'(1) = 0 by numerical differentiation of the generating function."""
    eigenvalues = np.array([5.0, 2.0, 1.0, 0.3])
    sigma = collapse(torch.diag(torch.tensor(eigenvalues)), 50).value
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
        brute = quad(integrand, -25, 28, args=(sigma,), limit=400, points=list(points))[0]
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
    assert abs(found.value - 1.298) < 5 * math.hypot(found.stderr, 0.005)
    other = collapse(digits, criterion="entropy", n_draws=600, seed=1)
    assert abs(found.value - other.value) < 5 * math.hypot(found.stderr, other.stderr)
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
    integral = np.trapezoid(loss, log_sigma) + tail
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
    critical = collapse(matrix, n).value
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


# symmetry breaking


@pytest.mark.parametrize("a, time", [(1.0, 0.4407), (2.0, 1.0474), (10.0, 2.6492)])
def test_two_points(a, time):
    sde = symmetry_breaking(two_points(a), "sde")
    assert sde.noise.ou_time == pytest.approx(time, abs=1e-4)
    v = math.exp(-2 * sde.noise.ou_time)
    assert v**2 + 2 * a**2 * v == pytest.approx(1, abs=1e-9)
    assert symmetry_breaking(two_points(a), "bimodality").value == pytest.approx(a, rel=1e-9)
    variance = symmetry_breaking(two_points(a), "variance")
    assert variance.value is None if a == 1 else variance.noise.ou_time == pytest.approx(math.log(a))
    half = symmetry_breaking(two_points(a), "half-clone")
    assert float(cloning_probability((a / half.value) ** 2)) == pytest.approx(0.75, abs=1e-7)


def test_two_points_at_the_critical_angle():
    assert math.exp(-symmetry_breaking(two_points(1.0), "sde").noise.ou_time) == pytest.approx(
        math.sqrt(math.sqrt(2) - 1), abs=1e-9
    )


def test_criteria_differ_by_half_a_log_2():
    a = 1000.0
    times = {
        c: symmetry_breaking(two_points(a), c).noise.ou_time for c in ("variance", "bimodality", "half-clone", "sde")
    }
    assert times["sde"] - times["variance"] == pytest.approx(math.log(2) / 2, abs=1e-5)
    assert max(times.values()) - min(times.values()) <= math.log(2) / 2 + 1e-5


@pytest.mark.parametrize("criterion", ["bimodality", "sde"])
def test_points_as_data_and_as_mixture(criterion):
    y = torch.tensor([[-2.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
    mixture = MixtureDenoiser([0.5, 0.5], y, [0.0, 0.0])
    assert symmetry_breaking(y, criterion).value == pytest.approx(symmetry_breaking(mixture, criterion).value)


def test_bimodality_of_two_gaussians_is_that_of_the_density():
    """p_sigma of +-m with variance v is bimodal iff |m|^2 > v + sigma^2."""
    mixture = MixtureDenoiser([0.5, 0.5], [[-2.0], [2.0]], [1.0, 1.0])
    critical = symmetry_breaking(mixture, "bimodality").value
    assert critical == pytest.approx(math.sqrt(3))
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)[:, None]
    for sigma, modes in ((0.98 * critical, 2), (1.02 * critical, 1)):
        density = mixture.log_density(x, sigma)
        rising = (density[1:] > density[:-1]).int()
        assert int((rising[1:] < rising[:-1]).sum()) == modes


def test_standard_error_of_the_bimodality_of_data():
    y = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [1.0, 0.3]).sample(300, seed=0)
    found = symmetry_breaking(y, "bimodality")
    spread = bootstrap(y, lambda sample: symmetry_breaking(sample, "bimodality").value, repeats=40)
    assert found.stderr == pytest.approx(spread, rel=0.5)


def test_gaussian_data_amplify_and_never_choose():
    matrix = torch.diag(torch.tensor([6.0, 1.0], dtype=torch.float64))
    assert symmetry_breaking(matrix, "bimodality").value is None
    assert symmetry_breaking(matrix, "sde").value == pytest.approx(2.0)
    assert symmetry_breaking(torch.eye(2), "sde").value is None
    one = MixtureDenoiser(torch.ones(1, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64), matrix[None])
    assert symmetry_breaking(one, "sde").value == pytest.approx(2.0)


def test_half_clone_with_sampled_classes():
    """Two components of nearly one covariance: sampling agrees with the quadrature of exactly one."""
    exact = symmetry_breaking(MixtureDenoiser([0.3, 0.7], [[-2.0], [2.0]], [1.0, 1.0]), "half-clone")
    near = symmetry_breaking(MixtureDenoiser([0.3, 0.7], [[-2.0], [2.0]], [1.0, 1.0 + 1e-9]), "half-clone")
    assert exact.stderr == 0 < near.stderr and abs(near.value - exact.value) < 5 * near.stderr
    overlapping = MixtureDenoiser([0.5, 0.5], [[-0.1], [0.1]], [1.0, 1.0])
    assert symmetry_breaking(overlapping, "half-clone").value is None


# training time


def test_memorisation_onset():
    law = OnsetLaw.fit([100, 1000, 10_000], [3e4, 3e5, 3e6])
    assert law.prefactor == pytest.approx(300) and law.exponent == pytest.approx(1)
    found = memorisation_onset(500, law)
    assert found.value == pytest.approx(1.5e5) and found.noise is None and found.unit == "steps"
    assert memorisation_onset(500, 300).value == 150_000
    quadratic = OnsetLaw.fit([100, 1000, 10_000], [1e4, 1e6, 1e8])
    assert quadratic.exponent == pytest.approx(2) and "n^(2" in memorisation_onset(10, quadratic).note


def test_onset_law_errors_cover_the_truth():
    scores = []
    for k in range(300):
        n = np.array([64, 128, 256, 512, 1024, 2048, 4096, 8192])
        law = OnsetLaw.fit(n, 300 * n * np.exp(0.2 * np.random.default_rng(k).standard_normal(8)))
        scores.append([(math.log(law.prefactor / 300)) * law.prefactor / law.prefactor_stderr, law.exponent - 1])
    assert abs(np.mean(scores, axis=0)[0]) < 5 * math.sqrt(1.4 / 300)  # Student t, 7 degrees of freedom
    assert 0.8 < np.var(np.array(scores)[:, 0]) < 2.2


# bad input


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: speciation(torch.ones(1, 4)), EmptyDataError),
        (lambda: speciation(torch.ones(5, 4)), CovarianceError),
        (lambda: speciation(torch.zeros(4, 4)), CovarianceError),
        (lambda: speciation(torch.full((5, 4), math.nan)), NotFiniteError),
        (lambda: speciation(torch.tensor([[1.0, 0.0], [0.0, -1.0]])), CovarianceError),
        (lambda: speciation([1.0, 2.0]), ShapeError),
        (lambda: mode_emergence(torch.eye(2), 0), ArgumentError),
        (lambda: collapse(torch.eye(2)), ArgumentError),
        (lambda: collapse(torch.eye(2), 1), ArgumentError),
        (lambda: collapse(torch.eye(2), 10, "speed"), UnknownNameError),
        (lambda: collapse(torch.eye(2), 10, "mixture"), ArgumentError),
        (lambda: collapse(torch.eye(2), 10, "entropy"), ArgumentError),
        (lambda: collapse(torch.rand(9, 2, generator=torch.Generator()), 5, "entropy"), ArgumentError),
        (lambda: collapse(torch.ones(5, 4), criterion="entropy"), CovarianceError),
        (lambda: gaussian_information(torch.eye(2), [0.0]), NoiseLevelError),
        (lambda: cloning(two_points(1.0), [-1.0]), NoiseLevelError),
        (lambda: cloning_probability(-1.0), ArgumentError),
        (lambda: class_information(1.0, 1.5), ArgumentError),
        (lambda: class_speciation(torch.eye(3)[:2]), ArgumentError),
        (lambda: class_speciation(torch.eye(3)[:2], [0]), ShapeError),
        (lambda: symmetry_breaking(torch.eye(2), "sudden"), UnknownNameError),
        (lambda: symmetry_breaking(torch.eye(2), "half-clone"), ArgumentError),
        (lambda: memorisation_onset(0, 300.0), ArgumentError),
        (lambda: memorisation_onset(10, -1.0), ArgumentError),
        (lambda: OnsetLaw.fit([10, 10], [1.0, 2.0]), EmptyDataError),
        (lambda: OnsetLaw.fit([10, 20], [1.0, 0.0]), ArgumentError),
        (lambda: OnsetLaw.fit([10, 20], [1.0]), ShapeError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error):
        call()


def test_no_public_name_is_hidden_by_a_module():
    modules = {module.name for module in pkgutil.iter_modules(theory.__path__)}
    assert not {"collapse", "cloning", "speciation", "symmetry_breaking", "class_speciation"} & modules
