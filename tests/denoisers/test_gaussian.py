from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from idealscore.errors import CovarianceError, EmptyDataError, NoiseLevelError, NotFiniteError, ShapeError
from idealscore.theory import GaussianDenoiser, posterior_covariance
from idealscore.theory.covariance import Covariance

from brute_force import random_covariance, tensor
from closed_forms import ClosedFormTests

DIGITS = torch.tensor(load_digits(return_X_y=True)[0] / 8 - 1)


class TestSurface(ClosedFormTests):
    def make(self):
        return GaussianDenoiser.fit(DIGITS[:5, :6].reshape(5, 1, 2, 3))


@given(st.integers(0, 10**6), st.integers(1, 9), st.floats(-6, 6), st.booleans())
def test_equals_the_dense_wiener_filter(seed, d, log10_sigma, singular):
    rng = np.random.default_rng(seed)
    sigma = 10**log10_sigma
    mean, covariance = rng.normal(size=d), random_covariance(rng, d, max(1, d // 2) if singular else d)
    x = mean + rng.normal(size=(4, d)) * (1 + sigma)
    denoiser = GaussianDenoiser(tensor(mean), tensor(covariance))
    ours = denoiser(tensor(x), sigma).numpy()
    values, vectors = np.linalg.eigh(covariance)
    values[values < d * 2.3e-16 * values.max()] = 0
    exact = mean + ((x - mean) @ vectors * (values / (values + sigma**2))) @ vectors.T
    assert np.abs(ours - exact).max() <= 1e-10 * (1 + np.abs(x - mean).max())
    if sigma > 1e-3:
        dense = denoiser.reference(tensor(x), sigma).numpy()
        assert np.abs(ours - dense).max() <= 1e-8 * (1 + np.abs(x - mean).max())


@pytest.mark.parametrize("sigma", [0.0, 1e-200, 1e-12, 1e-6, 1e-3, 1.0, 1e6, 1e12, 1e200, float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_limits_are_the_projection_and_the_mean(sigma, dtype):
    rng = np.random.default_rng(3)
    mean, covariance = tensor(rng.normal(size=5)), tensor(random_covariance(rng, 5, 2))
    D = GaussianDenoiser(mean, covariance)
    x = tensor(rng.normal(size=(6, 5))).to(dtype)
    out = D(x, sigma)
    assert out.dtype == dtype and bool(out.isfinite().all())
    if sigma <= 1e-6:
        basis = D.covariance.basis
        assert basis is not None
        projector = basis @ basis.T
        expected = mean + (x.double() - mean) @ projector
        assert torch.allclose(out.double(), expected, atol=1e-6 if dtype == torch.float32 else 1e-10)
    if sigma >= 1e12:
        assert torch.allclose(out.double(), mean.expand(6, 5), atol=1e-6)


def test_fit_recovers_the_digits():
    D = GaussianDenoiser.fit(DIGITS)
    assert D.covariance.trace == pytest.approx(18.773105, abs=1e-6)
    assert D.covariance.eigenvalues[:4].tolist() == pytest.approx(
        [2.79542681, 2.55666626, 2.2142115, 1.57881429], abs=1e-7
    )
    assert D.covariance.rank == 61
    centred = DIGITS - DIGITS.mean(0)
    assert torch.allclose(D.covariance.dense(), centred.T @ centred / len(DIGITS), atol=1e-12)


def test_fit_with_fewer_data_than_dimensions():
    data = DIGITS[:20].reshape(20, 1, 8, 8)
    D = GaussianDenoiser.fit(data)
    assert D.covariance.rank == 19
    assert D.covariance.basis is not None and D.covariance.basis.shape == (64, 19)
    flat = data.flatten(1)
    centred = flat - flat.mean(0)
    big = GaussianDenoiser(flat.mean(0), centred.T @ centred / 20)
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for sigma in (0.01, 0.5, 3.0):
        assert torch.allclose(D(x.reshape(5, 1, 8, 8), sigma).flatten(1), big(x, sigma), atol=1e-10)


@pytest.mark.parametrize(("sigma", "expected"), [(0.5, 4.8029), (0.8, 7.7782), (1, 9.4085), (2, 14.3279), (5, 17.7859)])
def test_wiener_error_on_the_digits(sigma, expected):
    spectrum = GaussianDenoiser.fit(DIGITS).covariance.spectrum
    assert float((spectrum * sigma**2 / (spectrum + sigma**2)).sum()) == pytest.approx(expected, abs=1e-4)


def test_trajectory_solves_the_probability_flow():
    D = GaussianDenoiser.fit(DIGITS[:30])
    x = 5 * torch.randn(3, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    grid = torch.from_numpy(np.geomspace(5.0, 0.5, 401))
    state = x
    for sigma, end in pairwise(grid):
        middle = (sigma + end) / 2
        slope = lambda y, s: (y - D(y, s)) / s  # noqa: E731
        k1 = slope(state, sigma)
        k2 = slope(state + (end - sigma) / 2 * k1, middle)
        k3 = slope(state + (end - sigma) / 2 * k2, middle)
        k4 = slope(state + (end - sigma) * k3, end)
        state = state + (end - sigma) / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    path = D.trajectory(x, [5.0, 0.5, 0.0])
    assert torch.allclose(path[0], x) and torch.allclose(path[1], state, atol=1e-9)
    assert bool(path.isfinite().all())


def test_log_density_is_that_of_scipy():
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(5)
    mean, covariance = rng.normal(size=4), random_covariance(rng, 4)
    D = GaussianDenoiser(tensor(mean), tensor(covariance))
    x = rng.normal(size=(7, 4))
    for sigma in (0.0, 0.1, 2.0):
        expected = multivariate_normal(mean, covariance + sigma**2 * np.eye(4)).logpdf(x)  # pyright: ignore[reportArgumentType]
        assert D.log_density(tensor(x), sigma).numpy() == pytest.approx(expected, abs=1e-10)


def test_posterior_covariance_is_the_conditional_one():
    rng = np.random.default_rng(6)
    covariance = random_covariance(rng, 4)
    D = GaussianDenoiser(torch.zeros(4, dtype=torch.float64), tensor(covariance))
    exact = np.linalg.inv(np.linalg.inv(covariance) + np.eye(4) / 0.49)
    ours = posterior_covariance(D, tensor(rng.normal(size=(3, 4))), 0.7)
    assert ours.numpy() == pytest.approx(np.broadcast_to(exact, (3, 4, 4)), abs=1e-10)


def test_samples_have_the_moments_and_do_not_depend_on_how_many():
    D = GaussianDenoiser(torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([[2.0, 0.6], [0.6, 0.5]]))
    many = D.sample(20_000, seed=1)
    torch.testing.assert_close(D.sample(5, seed=1), many[:5], rtol=1e-14, atol=1e-14)
    z = (many.mean(0) - D.mean) / (torch.diag(D.covariance.dense()) / 20_000).sqrt()
    assert float(z.abs().max()) < 5.1  # two-sided, two tests: false positive rate 7e-7
    correlated = (many - D.mean).T @ (many - D.mean) / 20_000
    assert torch.allclose(correlated, D.covariance.dense(), atol=5.3 * 2 * 2**0.5 / 20_000**0.5)


def test_one_sigma_per_sample():
    D = GaussianDenoiser.fit(DIGITS)
    x, sigmas = DIGITS[:3] + 0.3, torch.tensor([0.0, 0.7, float("inf")], dtype=torch.float64)
    together = D(x, sigmas)
    for i, sigma in enumerate(sigmas):
        assert torch.allclose(together[i], D(x[i : i + 1], sigma)[0], atol=1e-14)


def test_low_rank_plus_isotropic_is_the_full_one():
    rng = np.random.default_rng(7)
    factor = tensor(rng.normal(size=(6, 2)))
    lean = Covariance.low_rank(factor, 0.3)
    full = Covariance.full(factor @ factor.T + 0.3 * torch.eye(6, dtype=torch.float64))
    u, sigma = tensor(rng.normal(size=(4, 6))), torch.full((4,), 0.9, dtype=torch.float64)
    assert torch.allclose(lean.wiener(u, sigma), full.wiener(u, sigma), atol=1e-12)
    for ours, theirs in zip(lean.log_normal(u, sigma), full.log_normal(u, sigma), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-11)
    assert torch.allclose(lean.dense(), full.dense(), atol=1e-12)
    assert torch.allclose(lean.spectrum.sort().values, full.spectrum.sort().values, atol=1e-12)


@pytest.mark.parametrize(
    ("error", "make"),
    [
        (CovarianceError, lambda: GaussianDenoiser(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]]))),
        (CovarianceError, lambda: GaussianDenoiser(torch.zeros(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]]))),
        (ShapeError, lambda: GaussianDenoiser(torch.zeros(3), torch.eye(2))),
        (NotFiniteError, lambda: GaussianDenoiser(torch.tensor([0.0, float("nan")]), torch.eye(2))),
        (EmptyDataError, lambda: GaussianDenoiser.fit(torch.zeros(0, 3))),
        (NotFiniteError, lambda: GaussianDenoiser.fit([[0.0, 1.0], [np.inf, 0.0]])),
        (ShapeError, lambda: GaussianDenoiser(torch.zeros(2), torch.eye(2))(torch.zeros(4, 3), 1.0)),
        (NoiseLevelError, lambda: GaussianDenoiser(torch.zeros(2), torch.eye(2))(torch.zeros(4, 2), -1.0)),
        (NoiseLevelError, lambda: GaussianDenoiser(torch.zeros(2), torch.eye(2))(torch.zeros(4, 2), float("nan"))),
        (ShapeError, lambda: GaussianDenoiser(torch.zeros(2), torch.eye(2))(torch.zeros(4, 2), torch.ones(3))),
        (
            NoiseLevelError,
            lambda: GaussianDenoiser(torch.zeros(2), torch.zeros(2, 2)).log_density(torch.zeros(1, 2), 0.0),
        ),
        (
            NoiseLevelError,
            lambda: GaussianDenoiser(torch.zeros(2), torch.eye(2)).trajectory(torch.zeros(1, 2), [0.0, 1.0]),
        ),
    ],
)
def test_bad_input_is_refused(error, make):
    with pytest.raises(error):
        make()
