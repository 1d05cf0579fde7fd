import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits

from idealscore.errors import CovarianceError, EmptyDataError, NoiseLevelError, ShapeError, WeightsError
from idealscore.theory import GaussianDenoiser, MixtureDenoiser
from idealscore.theory.covariance import Covariance

from brute_force import random_covariance, tensor
from closed_forms import ClosedFormTests

INF = float("inf")


class TestSurface(ClosedFormTests):
    def make(self):
        rng = np.random.default_rng(9)
        covariances = [random_covariance(rng, 6, 2), random_covariance(rng, 6), np.zeros((6, 6))]
        return MixtureDenoiser([0.2, 0.5, 0.3], rng.normal(size=(3, 2, 3)), np.stack(covariances))


def random_mixture(rng, d, k, kind):
    weights = rng.dirichlet(np.ones(k))
    means = rng.normal(size=(k, d))
    if kind == "isotropic":
        given = rng.uniform(0.1, 1, size=k)
        dense = [c * np.eye(d) for c in given]
    elif kind == "diagonal":
        given = rng.uniform(0.1, 1, size=(k, d))
        dense = [np.diag(c) for c in given]
    elif kind == "full":
        given = np.stack([random_covariance(rng, d) + 0.01 * np.eye(d) for _ in range(k)])
        dense = list(given)
    else:
        factors = [rng.normal(size=(d, 1)) for _ in range(k)]
        given = [Covariance.low_rank(tensor(f), 0.2) for f in factors]
        dense = [f @ f.T + 0.2 * np.eye(d) for f in factors]
        return weights, means, dense, MixtureDenoiser(weights, means, given)
    return weights, means, dense, MixtureDenoiser(weights, means, given)


@given(
    st.integers(0, 10**6),
    st.integers(1, 6),
    st.integers(1, 5),
    st.floats(-3, 4),
    st.sampled_from(["isotropic", "diagonal", "full", "low rank"]),
)
def test_equals_the_dense_posterior(seed, d, k, log10_sigma, kind):
    rng = np.random.default_rng(seed)
    sigma = 10**log10_sigma
    weights, means, dense, D = random_mixture(rng, d, k, kind)
    x = rng.normal(size=(3, d)) * (1 + sigma)
    for held, given_covariance in zip(D.covariances, dense, strict=True):
        assert held.dense().numpy() == pytest.approx(given_covariance, abs=1e-13)
    mean = D.reference(tensor(x), sigma)
    assert float((D(tensor(x), sigma) - mean).abs().max()) <= 1e-10 * (1 + np.abs(x).max())
    logs = [
        np.log(weight) + multivariate_normal(mu, covariance + sigma**2 * np.eye(d)).logpdf(x).reshape(-1)
        for weight, mu, covariance in zip(weights, means, dense, strict=True)
    ]
    log_density = logsumexp(logs, axis=0)
    assert D.log_density(tensor(x), sigma).numpy() == pytest.approx(log_density, abs=1e-9, rel=1e-10)


def test_one_component_is_the_gaussian():
    rng = np.random.default_rng(0)
    mean, covariance = tensor(rng.normal(size=4)), tensor(random_covariance(rng, 4, 2))
    one, gaussian = MixtureDenoiser([1.0], mean[None], covariance[None]), GaussianDenoiser(mean, covariance)
    x = tensor(rng.normal(size=(5, 4)))
    for sigma in (0.0, 1e-12, 0.3, 1e12, INF):
        assert torch.allclose(one(x, sigma), gaussian(x, sigma), atol=1e-12)


@pytest.mark.parametrize("sigma", [0.0, 1e-200, 1e-100, 1e-12, 1e-6, 1e-3, 1.0, 1e6, 1e12, 1e200, INF])
def test_no_nan_at_any_noise_level_even_far_away(sigma):
    rng = np.random.default_rng(1)
    for kind in ("isotropic", "diagonal", "full", "low rank"):
        _, _, _, D = random_mixture(rng, 3, 4, kind)
        x = tensor(np.concatenate([rng.normal(size=(4, 3)), 100 * rng.normal(size=(4, 3)), 1e6 * np.ones((1, 3))]))
        assert bool(D(x, sigma).isfinite().all())
        shares = D.responsibilities(x, sigma)
        assert torch.allclose(shares.sum(1), torch.ones(9, dtype=torch.float64))


def test_a_hundred_standard_deviations_off_the_nearest_component_wins():
    D = MixtureDenoiser([0.5, 0.5], [[-1.0], [1.0]], [[[0.01]], [[0.01]]])
    x = torch.tensor([[11.0], [-11.0]], dtype=torch.float64)
    exact = torch.sign(x) + 0.01 / 0.0101 * (x - torch.sign(x))
    assert torch.allclose(D(x, 0.01), exact, atol=1e-12)


def test_points_as_components_tie_halfway_and_select_the_nearest():
    D = MixtureDenoiser([0.25, 0.75], [[-1.0], [1.0]], [0.0, 0.0])
    x = torch.tensor([[0.0], [0.2], [-0.2]], dtype=torch.float64)
    for sigma in (0.0, 1e-12):
        assert D(x, sigma).flatten().tolist() == pytest.approx([0.5, 1.0, -1.0], abs=1e-12)


def test_at_no_noise_a_broad_component_yields_to_a_point_only_on_the_point():
    D = MixtureDenoiser([0.5, 0.5], [[0.0], [0.0]], [0.0, 1.0])
    shares = D.responsibilities(torch.tensor([[0.0], [0.3]], dtype=torch.float64), 0.0)
    assert shares.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_zero_weight_components_never_win():
    D = MixtureDenoiser([0.0, 1.0], [[0.0], [5.0]], [0.0, 0.0])
    for sigma in (0.0, 1e-12, 1.0, INF):
        assert D(torch.zeros(1, 1, dtype=torch.float64), sigma).item() == pytest.approx(5.0)


def test_fit_by_label_and_by_expectation_maximisation():
    pixels, target = load_digits(return_X_y=True)
    data, target = np.asarray(pixels) / 8 - 1, np.asarray(target)
    by_label = MixtureDenoiser.fit(data, target)
    assert by_label.means.shape == (10, 64)
    assert torch.allclose(by_label.means[3], torch.tensor(data[target == 3].mean(0)))
    by_em = MixtureDenoiser.fit(data, n_components=3, seed=1)
    assert torch.equal(by_em.means, MixtureDenoiser.fit(data, n_components=3, seed=1).means)
    x = torch.tensor(data[:50])
    gaussian = GaussianDenoiser.fit(data)
    for D in (by_label, by_em):
        assert float(D.log_density(x, 0.5).mean()) > float(gaussian.log_density(x, 0.5).mean())


def test_samples_follow_the_mixture():
    D = MixtureDenoiser([0.2, 0.8], [[-10.0], [10.0]], [1.0, 0.25])
    draws = D.sample(10_000, seed=3)
    torch.testing.assert_close(D.sample(7, seed=3), draws[:7], rtol=1e-14, atol=1e-14)
    left = draws[draws < 0]
    assert abs(len(left) / 10_000 - 0.2) < 5 * (0.16 / 10_000) ** 0.5  # false positive rate 6e-7
    assert float(left.mean()) == pytest.approx(-10, abs=5 / len(left) ** 0.5)
    assert float(draws[draws > 0].std()) == pytest.approx(0.5, abs=5 * 0.5 / (2 * 8000) ** 0.5)


@pytest.mark.parametrize(
    ("error", "make"),
    [
        (WeightsError, lambda: MixtureDenoiser([0.5, 0.6], [[0.0], [1.0]], [1.0, 1.0])),
        (WeightsError, lambda: MixtureDenoiser([1.5, -0.5], [[0.0], [1.0]], [1.0, 1.0])),
        (ShapeError, lambda: MixtureDenoiser([1.0], [[0.0], [1.0]], [1.0, 1.0])),
        (ShapeError, lambda: MixtureDenoiser([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0, 1.0])),
        (ShapeError, lambda: MixtureDenoiser([0.5, 0.5], [[0.0], [1.0]], np.ones((2, 1, 1, 1)))),
        (CovarianceError, lambda: MixtureDenoiser([0.5, 0.5], [[0.0], [1.0]], [1.0, -1.0])),
        (NoiseLevelError, lambda: MixtureDenoiser([1.0], [[0.0]], [1.0]).log_density(torch.zeros(1, 1), 0.0)),
        (ShapeError, lambda: MixtureDenoiser.fit(np.zeros((4, 2)) + np.arange(4)[:, None], [0, 1])),
        (EmptyDataError, lambda: MixtureDenoiser.fit(np.arange(8.0).reshape(4, 2), n_components=5)),
    ],
)
def test_bad_input_is_refused(error, make):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_one_covariance_of_all_components_is_not_taken_for_rows_of_variances(dim):
    factor = np.random.default_rng(dim).normal(size=(dim, dim))
    shared = factor @ factor.T
    means, weights = np.eye(dim), np.full(dim, 1 / dim)
    for square in (shared, torch.tensor(shared), np.diag(np.arange(1.0, dim + 1)), shared + 1e-17 * factor):
        with pytest.raises(ShapeError, match="share"):
            MixtureDenoiser(weights, means, square)
    with pytest.raises(ShapeError, match="share"):
        MixtureDenoiser([0.5, 0.5], np.zeros((2, 4)), np.eye(4))
    rows = np.random.default_rng(0).random((dim, dim)) + 0.1
    assert len(MixtureDenoiser(weights, means, rows).covariances) == dim
    assert len(MixtureDenoiser(weights, means, np.ones((dim, dim))).covariances) == dim
    understood = MixtureDenoiser(weights, means, [Covariance.full(shared)] * dim)
    tensor = MixtureDenoiser(weights, means, np.stack([shared] * dim))
    x = torch.randn(3, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(understood(x, 0.7), tensor(x, 0.7))
