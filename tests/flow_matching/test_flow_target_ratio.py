"""The share of the flow-matching target that can be learned: closed form, simulation, limits, and what is refused."""

import math

import numpy as np
import pytest
import torch

from idealscore.compare.flow_matching import flow_target, flow_target_of_pairs
from idealscore.errors import ArgumentError, CovarianceError, EmptyDataError, NoiseLevelError, ShapeError
from idealscore.learned.data import load
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser, MixtureDenoiser, NoiseLevel
from idealscore.theory.flow_matching import flow_target_ratio, gaussian_flow_target_ratio, reference

from brute_force import random_covariance, tensor

C = tensor(random_covariance(np.random.default_rng(0), 4))
MEAN = torch.tensor([1.0, -0.5, 0.0, 2.0], dtype=torch.float64)


def direct_ratio(sigma):
    """E|u*|^2 / E|u|^2 of a Gaussian by the covariance of u and x_f, without mmse and without sigma."""
    f = sigma / (1 + sigma)
    one = torch.eye(4, dtype=torch.float64)
    cross = f * one - (1 - f) * C  # Cov(n - x0, (1 - f) x0 + f n)
    noised = (1 - f) ** 2 * C + f**2 * one
    energy = torch.trace(cross @ torch.linalg.solve(noised, cross)) + MEAN @ MEAN
    return float(energy / (torch.trace(C) + MEAN @ MEAN + 4))


@pytest.mark.parametrize("sigma", [1e-4, 0.2, 1.0, 5.0, 1e4])
def test_gaussian_ratio_is_that_of_a_linear_regression(sigma):
    assert gaussian_flow_target_ratio(C, sigma, mean=MEAN)[0] == pytest.approx(direct_ratio(sigma), abs=1e-10)


def test_sources_of_a_gaussian_ratio_agree():
    rng = np.random.default_rng(1)
    data = torch.from_numpy(rng.standard_normal((500, 4)) @ np.diag([2.0, 1.0, 0.5, 0.1])) + MEAN
    cov = torch.cov(data.T, correction=0)
    mixture = MixtureDenoiser([1.0], data.mean(0)[None], cov[None])
    grid = [0.1, 1.0]
    wanted = gaussian_flow_target_ratio(cov, grid, mean=data.mean(0))
    np.testing.assert_allclose(gaussian_flow_target_ratio(data, grid), wanted, rtol=1e-9)
    np.testing.assert_allclose(gaussian_flow_target_ratio(mixture, grid), wanted, rtol=1e-9)


def test_limits():
    """At the data the Gaussian keeps its share, the collapsed optimum is 1; at noise only tr C is lost."""
    trace, square = float(torch.trace(C)), float(MEAN @ MEAN)
    low, high = gaussian_flow_target_ratio(C, [1e-7, 1e7], mean=MEAN)
    assert low == pytest.approx((trace + square) / (trace + square + 4), abs=1e-6)
    assert high == pytest.approx((square + 4) / (trace + square + 4), abs=1e-6)
    assert flow_target_ratio(0.0, 0.3, 1.0, 4)[0] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def digits():
    return load("digits").images.double()


@pytest.fixture(scope="module")
def measured(digits):
    flow_times = np.array([0.1, 0.3, 0.5, 0.7, 0.9])  # of the libraries in which 1 is the data
    sigmas = NoiseLevel.from_flow_time(1 - flow_times).sigma
    return flow_target(EmpiricalDenoiser(digits), digits, sigmas, n_draws=1000, seed=1)


def test_digits_agree_with_an_independent_computation(measured):
    """The oracle was computed by others with 4,000 draws, whose errors are at most 0.003."""
    oracle = np.array([0.7926, 0.7317, 0.8246, 0.9885, 1.0000])
    allowed = 5 * np.hypot(measured.ratio_stderr, 0.0015) + 1e-4
    assert (np.abs(measured.ratio - oracle) < allowed).all(), measured.ratio.values


def test_energy_and_loss_agree_for_the_optimum_and_not_for_another(digits, measured):
    z = np.abs(measured.gap / measured.gap_stderr)[:4]  # the last has nothing left to measure
    assert (z < 5).all()
    shrunk = flow_target(lambda x, s: 0.9 * EmpiricalDenoiser(digits)(x, s), digits, [1.0], n_draws=500)
    assert abs(float(shrunk.gap[0])) > 8 * float(shrunk.gap_stderr[0])


def test_null_lies_below_the_empirical_optimum(measured):
    assert (measured.ratio_gaussian < measured.ratio + 5 * measured.ratio_stderr).all()
    assert float(measured.ratio_gaussian[-1]) < 0.8 < float(measured.ratio[-1])


def test_closed_form_equals_the_literal_average():
    gaussian = GaussianDenoiser(MEAN, C)
    noise = torch.from_numpy(np.random.default_rng(3).standard_normal((40000, 4)))
    x0 = gaussian.sample(40000, seed=4)
    for sigma in (0.3, 2.0):
        literal = reference(gaussian, x0, noise, sigma)
        assert literal == pytest.approx(float(gaussian_flow_target_ratio(C, sigma, mean=MEAN)[0]), abs=0.02)


def test_pairs_of_a_training_loop(measured, digits):
    """The same draws as pairs give the same numbers, whatever the sign of the target."""
    rng = np.random.default_rng(0)
    x0, noise = digits[:200], torch.from_numpy(rng.standard_normal((200, *digits.shape[1:])))
    sigma = 1.0
    v = (x0 + sigma * noise - EmpiricalDenoiser(digits)(x0 + sigma * noise, sigma)) / sigma
    v = v - EmpiricalDenoiser(digits)(x0 + sigma * noise, sigma)
    found, other = flow_target_of_pairs(noise - x0, v), flow_target_of_pairs(x0 - noise, -v)
    assert float(found.ratio) == pytest.approx(float(other.ratio), rel=1e-12)
    assert abs(float(found.ratio) - float(measured.ratio[2])) < 6 * float(found.ratio_stderr)
    assert float(found.energy_ratio) == pytest.approx(reference(EmpiricalDenoiser(digits), x0, noise, sigma), rel=1e-9)


def test_draws_do_not_depend_on_the_batch(digits):
    one, other = (flow_target(GaussianDenoiser.fit(digits), digits, [0.5], n_draws=50, batch_size=b) for b in (50, 7))
    np.testing.assert_allclose(one.ratio, other.ratio, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: flow_target_ratio(-1.0, 1.0, 1.0, 3), ArgumentError),
        (lambda: flow_target_ratio(1.0, 0.0, 1.0, 3), NoiseLevelError),
        (lambda: flow_target_ratio(1.0, 1.0, -1.0, 3), ArgumentError),
        (lambda: flow_target_ratio(1.0, 1.0, 1.0, 0), ArgumentError),
        (lambda: flow_target(lambda x, s: x, torch.ones(4, 2), [1.0]), CovarianceError),
        (lambda: flow_target(lambda x, s: x, torch.ones(1, 2), [1.0]), EmptyDataError),
        (lambda: flow_target(lambda x, s: x, torch.eye(4), [math.nan]), NoiseLevelError),
        (lambda: flow_target_of_pairs(torch.ones(3, 2), torch.ones(2, 2)), ShapeError),
        (lambda: flow_target_of_pairs(torch.zeros(3, 2), torch.ones(3, 2)), ArgumentError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error):
        call()
