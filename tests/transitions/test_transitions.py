"""Predicted transitions against brute force, simulation, and the numbers known for digits, two classes, two points.

Statistical tests have a fixed seed and allow five standard errors: a false-positive rate below 1e-6 for each.
"""

import math

import numpy as np
import pytest
import torch
from known import ou_time_of, sklearn_digits, value_of
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import quad

from idealscore.simulate.diffusion import noised, sample
from idealscore.theory import MixtureDenoiser, NoiseLevel, karras_sigmas
from idealscore.theory.covariance import Covariance
from idealscore.theory.transitions import (
    class_information,
    class_speciation,
    cloning,
    cloning_probability,
    collapse,
    mode_emergence,
    speciation,
)
from idealscore.theory.transitions._cloning import SampledClasses
from idealscore.theory.transitions._spectrum import spectrum


@pytest.fixture(scope="module")
def digits():
    return torch.tensor(sklearn_digits().images / 8 - 1)


@pytest.fixture(scope="module")
def labels():
    return torch.tensor(sklearn_digits().target)


def two_gaussians(dim, weight=0.5):
    """+-m with |m|^2 = dim and variance 1."""
    m = torch.ones(1, dim, dtype=torch.float64)
    return MixtureDenoiser([weight, 1 - weight], torch.cat([m, -m]), [1.0, 1.0])


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
    assert ou_time_of(found) == pytest.approx(0.513992, abs=1e-6)
    assert found.value == pytest.approx(1.339935, abs=1e-6)
    modes = mode_emergence(digits)
    assert len(modes) == 61 and modes[0].value == pytest.approx(1.671953, abs=1e-6)
    values = [value_of(mode) for mode in modes]
    assert values == sorted(values, reverse=True)
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
    exact = value_of(speciation(true))
    scores = []
    for k in range(200):
        y = np.random.default_rng(k).standard_normal((400, 3)) * np.sqrt([9.0, 2.0, 1.0])
        found = speciation(torch.tensor(y))
        scores.append((value_of(found) - exact) / found.stderr)
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
    assert abs(value_of(found) - value_of(speciation(mixture))) < 5 * found.stderr


def test_few_data_in_many_dimensions():
    y = torch.tensor(np.random.default_rng(0).standard_normal((5, 300)))
    assert len(mode_emergence(y)) == 4  # one of five directions is the mean's
    assert value_of(collapse(y)) > 0 and np.isfinite(collapse(y).stderr)


def test_scale():
    """Modes and the Gaussian collapse scale with the data; speciation, which has a preferred variance 1, does not."""
    matrix = torch.diag(torch.tensor([5.0, 1.0, 0.5], dtype=torch.float64))
    assert mode_emergence(9 * matrix)[0].value == pytest.approx(3 * value_of(mode_emergence(matrix)[0]))
    assert collapse(9 * matrix, 100).value == pytest.approx(3 * value_of(collapse(matrix, 100)))
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
    at = cloning(MixtureDenoiser([0.5, 0.5], [[2.0, 0], [-2.0, 0]], [1.5, 1.5]), [value_of(pairs[0, 1])])
    assert at.phi.item() == pytest.approx(0.7752002454)


def test_class_pair_of_points_parts_at_half_their_distance():
    mixture = MixtureDenoiser([0.5, 0.5], [[3.0, 4.0], [-3.0, -4.0]], [0.0, 0.0])
    assert class_speciation(mixture)[0, 1].value == pytest.approx(5.0)


def test_class_speciation_of_data(digits, labels):
    pairs = class_speciation(digits, labels)
    assert len(pairs) == 45
    latest = min(pairs, key=lambda pair: value_of(pairs[pair]))
    assert latest == (1, 8)
    few = labels < 2
    flat, labels = digits.flatten(1)[few][:, 17:31], labels[few]
    generator = np.random.default_rng(0)
    values = []
    for _ in range(100):
        chosen = generator.integers(0, len(flat), len(flat))
        values.append(class_speciation(flat[chosen], labels[chosen])[0, 1].value)
    assert class_speciation(flat, labels)[0, 1].stderr == pytest.approx(np.std(values), rel=0.35)


def test_class_speciation_with_a_known_spectrum(digits, labels):
    found, again = class_speciation(digits, labels), class_speciation(digits, labels, spectrum(digits))
    assert found.keys() == again.keys()
    for pair, transition in found.items():
        assert again[pair].value == pytest.approx(transition.value, rel=1e-6)
        assert again[pair].stderr == pytest.approx(transition.stderr, rel=1e-6)


def test_class_speciation_by_dense_linear_algebra(digits, labels):
    flat = digits.flatten(1).numpy()
    groups = [flat[labels.numpy() == k] for k in range(10)]
    within = sum((g - g.mean(0)).T @ (g - g.mean(0)) for g in groups) / len(flat)
    m = (groups[3].mean(0) - groups[8].mean(0)) / 2
    sigma = value_of(class_speciation(digits, labels)[3, 8])
    assert m @ np.linalg.solve(within + sigma**2 * np.eye(64), m) == pytest.approx(1, abs=1e-9)
