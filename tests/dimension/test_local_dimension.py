"""The local dimension: closed forms, their limits, probes against the whole Jacobian, and memorised images."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate

from idealscore.compare import local_dimension, spectral_gaps
from idealscore.errors import (
    ArgumentError,
    CovarianceError,
    DenoiserContractError,
    EmptyDataError,
    NoiseLevelError,
    ShapeError,
)
from idealscore.learned.data import load
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser, MixtureDenoiser
from idealscore.theory.dimension import (
    circle_dimension,
    gaussian_dimension,
    gaussian_mean_dimension,
    reference,
    subspace_dimension,
)

from brute_force import random_covariance, tensor


def circle(n=400, radius=1.0):
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


# --- closed forms ----------------------------------------------------------------------------------------------


def test_circle_to_the_digits_of_an_independent_computation():
    found = circle_dimension([0.3, 0.1, 0.05])
    assert np.abs(found - [1.02488070, 1.00252540, 1.00062657]).max() < 0.51e-8


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_circle_is_that_of_many_points_on_it(sigma):
    """Points far closer than sigma are a circle to all digits, and their optimum has a Jacobian of its own."""
    y = circle(radius=1.5)
    found = reference(EmpiricalDenoiser(y), y[:3], sigma)
    np.testing.assert_allclose(found, circle_dimension(sigma, radius=1.5)[0], rtol=1e-9)


def test_circle_is_smooth_where_the_series_begins_and_exact_at_its_limits():
    sigma = 1 / np.sqrt(200 * np.array([1 - 1e-9, 1 + 1e-9]))
    below, above = circle_dimension(sigma)
    assert below == pytest.approx(above, rel=1e-11)
    np.testing.assert_allclose(circle_dimension([1e-12, 1e-150, 1e9]), [1, 1, 0], atol=1e-12)
    assert circle_dimension(100.0)[0] == pytest.approx(2e-4, rel=1e-3)


def test_gaussian_to_the_digits_of_an_independent_computation():
    flat = GaussianDenoiser(torch.zeros(6, dtype=torch.float64), torch.diag(tensor([1.0, 1, 1, 0, 0, 0])))
    x = [[1.0, 1, 1, 0, 0, 0]]
    assert gaussian_dimension(flat, x, 0.1)[0, 0] == pytest.approx(2.99970591, abs=0.51e-8)
    assert subspace_dimension(3, 0.1)[0] == pytest.approx(2.99970591, abs=0.51e-8)


def test_gaussian_is_the_literal_formula_also_off_the_data():
    rng = np.random.default_rng(0)
    for rank in (2, 5):
        gaussian = GaussianDenoiser(tensor(rng.normal(size=5)), tensor(random_covariance(rng, 5, rank)))
        x = tensor(rng.normal(size=(4, 5)))
        for sigma in (0.05, 1.0, 20.0):
            wanted = reference(gaussian, x, sigma)
            np.testing.assert_allclose(gaussian_dimension(gaussian, x, sigma)[0], wanted, rtol=1e-8)
    isotropic = GaussianDenoiser(torch.zeros(5), 2.0 * torch.eye(5)).double()
    np.testing.assert_allclose(gaussian_dimension(isotropic, x, 1.0)[0], reference(isotropic, x, 1.0), rtol=1e-6)


def test_means_of_a_gaussian_by_quadrature_and_their_limits():
    """E over u ~ N(0, lambda) of the pointwise form, one mode at a time."""
    variances, sigma = [3.0, 0.4, 0.01], 0.5

    def mode(variance, spread):
        def density(u):
            return math.exp(-(u**2) / (2 * spread)) / math.sqrt(2 * math.pi * spread)

        def integrand(u):
            return density(u) * (variance / (variance + sigma**2) + (sigma * u / (variance + sigma**2)) ** 2)

        end = 12 * math.sqrt(spread)
        return integrate.quad(integrand, -end, end)[0]

    wanted = sum(mode(v, v) for v in variances)
    assert gaussian_mean_dimension(torch.diag(tensor(variances)), sigma)[0] == pytest.approx(wanted, rel=1e-9)
    assert sum(mode(v, v + sigma**2) for v in variances) == pytest.approx(3, rel=1e-9)  # noised: all dimensions
    flat = torch.diag(tensor([1.0, 2.0, 0.0]))
    np.testing.assert_allclose(gaussian_mean_dimension(flat, [1e-9, 1e9]), [2, 0], atol=1e-12)
    df = gaussian_mean_dimension(torch.diag(tensor(variances)), sigma, noised=True)[0]
    assert df == pytest.approx(sum(v / (v + 0.25) for v in variances))


# --- probes ----------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(1)
GAUSSIAN = GaussianDenoiser(tensor(RNG.normal(size=30)), tensor(random_covariance(RNG, 30, 12)))
POINTS = GAUSSIAN.sample(40, seed=2)
SIGMAS = [0.05, 0.5, 3.0]


@pytest.fixture(scope="module")
def probed():
    return local_dimension(GAUSSIAN, POINTS, SIGMAS, n_probes=20, seed=5)


def test_probes_agree_with_the_closed_form_within_their_errors(probed):
    wanted = gaussian_dimension(GAUSSIAN, POINTS, SIGMAS)
    z = (probed.dimension - wanted) / probed.dimension_stderr
    # 120 estimates of 20 probes each: Student's t with 19 degrees of freedom exceeds 8 once in 10^7
    assert float(abs(z).max()) < 8 and 0.5 < float(z.std()) < 2
    assert float(probed.dimension_stderr.min()) > 0


def test_as_many_probes_as_dimensions_are_exact():
    found = local_dimension(GAUSSIAN, POINTS[:4], SIGMAS, n_probes=30)
    np.testing.assert_allclose(found.dimension, gaussian_dimension(GAUSSIAN, POINTS[:4], SIGMAS), rtol=1e-8)
    assert not found.dimension_stderr.any()


def test_without_a_graph_differences_take_over():
    plain = local_dimension(lambda x, s: GAUSSIAN(x, s).detach(), POINTS[:4], SIGMAS, n_probes=30)
    wanted = gaussian_dimension(GAUSSIAN, POINTS[:4], SIGMAS)
    np.testing.assert_allclose(plain.dimension, wanted, rtol=1e-6)


def test_noised_points_give_all_dimensions_whatever_the_data(probed):
    """The negative test: the usual mistake, the expression at noised points, is d for data of any dimension."""
    z = (probed.noised_dimension - 30) / probed.noised_dimension_stderr
    assert float(abs(z).max()) < 7
    assert float(probed.mean_dimension[0]) == pytest.approx(12, abs=1)
    halves = MixtureDenoiser([0.5, 0.5], [[0.0] * 6, [4.0] + [0.0] * 5], [0.01, 0.01])
    found = local_dimension(halves, halves.sample(300, seed=0), [0.3, 2.0], n_probes=6)
    assert float(abs((found.noised_dimension - 6) / found.noised_dimension_stderr).max()) < 7
    wrong = local_dimension(lambda x, s: 0 * x, halves.sample(300, seed=0), [2.0], n_probes=6)
    assert abs(float(wrong.noised_dimension[0]) - 6) > 7 * float(wrong.noised_dimension_stderr[0])


def test_average_dimension_is_the_mean_trace(probed):
    wanted = gaussian_mean_dimension(GAUSSIAN.covariance, SIGMAS, noised=True)
    z = (probed.error_dimension - wanted) / probed.error_dimension_stderr
    assert float(abs(z).max()) < 7


def test_probes_do_not_depend_on_batch_or_order(probed):
    other = local_dimension(GAUSSIAN, POINTS, SIGMAS, n_probes=20, seed=5, batch_size=7)
    np.testing.assert_allclose(other.dimension, probed.dimension, rtol=1e-9)


# --- memorised images ------------------------------------------------------------------------------------------


def test_copies_are_seen_image_by_image():
    """An image that is there many times is a point at noise levels at which its neighbours still spread."""
    digits = load("digits").images.double()
    copied, once, unseen = digits[:8], digits[8:200], digits[600:630]
    optimum = EmpiricalDenoiser(torch.cat([copied.repeat(50, 1, 1, 1), once]))
    points = torch.cat([copied, once[:30], unseen])
    found = local_dimension(optimum, points, [1.0, 0.2], n_probes=8, population=digits)
    of_copies, of_once, of_unseen = np.split(found.dimension.sel(sigma=1.0).values, [8, 38])
    assert np.median(of_copies) < 0.5 * np.median(of_once) and np.median(of_once) < np.median(of_unseen)
    low = found.dimension.sel(sigma=0.2).values
    assert low[:38].max() < 0.1 and low[38:].min() > 10


def test_gaps_count_the_directions_of_a_manifold():
    near = spectral_gaps(EmpiricalDenoiser(circle()), circle(8), [0.05, 0.2])
    np.testing.assert_allclose(near.gap_dimension, 1)
    assert float(near.gap[0]) > 0.9 and not near.gap_dimension_stderr.any()
    flat = spectral_gaps(GAUSSIAN, POINTS[:3], [0.01], population=POINTS)
    assert float(flat.gap_dimension[0]) == 12 and float(flat.gap_dimension_gaussian[0]) == 12
    collapsed = spectral_gaps(EmpiricalDenoiser(circle(4)), circle(4), [0.01])
    assert float(collapsed.gap_dimension[0]) == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: circle_dimension(0.0), NoiseLevelError),
        (lambda: circle_dimension(1.0, radius=0.0), ArgumentError),
        (lambda: subspace_dimension(0, 1.0), ArgumentError),
        (lambda: subspace_dimension(2, 1.0, variance=-1.0), ArgumentError),
        (lambda: gaussian_dimension(GAUSSIAN, torch.zeros(2, 3), 1.0), ShapeError),
        (lambda: gaussian_mean_dimension(torch.ones(5, 3), 1.0), CovarianceError),
        (lambda: local_dimension(GAUSSIAN, POINTS[:1], [1.0]), EmptyDataError),
        (lambda: local_dimension(GAUSSIAN, POINTS, [1.0], n_probes=1), ArgumentError),
        (lambda: local_dimension(GAUSSIAN, POINTS, [-1.0]), NoiseLevelError),
        (lambda: local_dimension(GAUSSIAN, POINTS, [1.0], population=torch.eye(3)), ShapeError),
        (lambda: local_dimension(GAUSSIAN, torch.ones(3, 30), [1.0]), CovarianceError),
        (lambda: spectral_gaps(lambda x, s: x.detach(), POINTS, [1.0]), DenoiserContractError),
        (lambda: spectral_gaps(GAUSSIAN, POINTS, [1.0], population=torch.eye(3)), ShapeError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error):
        call()
