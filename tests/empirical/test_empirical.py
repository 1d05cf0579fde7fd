"""The memorising optimum against dense posteriors, limits, automatic differentiation and measured entropies."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from idealscore import errors
from idealscore._support.streams import torch_stream
from idealscore.theory.denoiser import jacobian, posterior_covariance, score
from idealscore.theory.empirical import EmpiricalDenoiser

F64 = torch.float64


def normal(*shape, seed=0, purpose="test empirical", dtype=F64):
    return torch.randn(*shape, generator=torch_stream(seed, purpose), dtype=dtype)


def dense(data, x, sigma, prior=None):
    """Posterior weights and mean from all differences, in float64, the mean as an anchor plus differences."""
    data, x = data.double().flatten(1), x.double().flatten(1)
    sigma = torch.as_tensor(sigma, dtype=F64).expand(len(x))[:, None]
    energy = (x[:, None] - data).square().sum(2) / 2
    logits = -(energy - energy.amin(1, keepdim=True)) / sigma / sigma
    if prior is not None:
        logits = logits + prior.log()
    weights = torch.softmax(logits, 1)
    anchor = data[energy.argmin(1)]
    return weights, anchor + torch.einsum("bn,bnd->bd", weights, data - anchor[:, None])


SIGMAS = [1e-12, 1e-6, 1e-3, 0.03, 0.3, 1.0, 30.0, 1e4, 1e12]


@given(
    n=st.integers(1, 60),
    event=st.sampled_from([(1,), (3,), (2, 3), (1, 4, 4)]),
    block=st.sampled_from([None, 1, 7, 64]),
    weighted=st.booleans(),
    offset=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 10**6),
)
def test_dense_posterior_at_every_noise_level(n, event, block, weighted, offset, seed):
    data = normal(n, *event, seed=seed) + offset
    sigma = torch.tensor(SIGMAS, dtype=F64)
    x = data[[i % n for i in range(len(SIGMAS))]]
    x = x + normal(*x.shape, seed=seed + 1) * sigma.reshape(-1, *[1] * len(event))
    prior = torch.softmax(3 * normal(n, seed=seed + 2), 0) if weighted else None
    denoiser = EmpiricalDenoiser(data, prior, block_size=block)
    weights, mean = dense(data, x, sigma, prior)
    tolerance = 1e-10 * (1 + offset)
    torch.testing.assert_close(denoiser.weights(x, sigma), weights, rtol=0, atol=tolerance)
    torch.testing.assert_close(denoiser(x, sigma).flatten(1), mean, rtol=0, atol=tolerance)
    torch.testing.assert_close(denoiser.reference(x, sigma).flatten(1), mean, rtol=0, atol=tolerance)
    entropy = -torch.special.xlogy(weights, weights).sum(1)
    torch.testing.assert_close(denoiser.entropy(x, sigma), entropy, rtol=0, atol=tolerance * 10)


def test_log_density_is_that_of_the_mixture():
    data, x, sigma = normal(20, 3), normal(8, 3, seed=1), torch.linspace(0.05, 5, 8, dtype=F64)
    prior = torch.softmax(normal(20, seed=2), 0)
    covariance = sigma[:, None, None, None] ** 2 * torch.eye(3, dtype=F64)
    terms = torch.distributions.MultivariateNormal(data, covariance, validate_args=False).log_prob(x[:, None])
    for weights in (None, prior):
        log_prior = -math.log(20) if weights is None else weights.log()
        expected = torch.logsumexp(terms + log_prior, 1)
        torch.testing.assert_close(
            EmpiricalDenoiser(data, weights).log_density(x, sigma), expected, rtol=1e-12, atol=1e-11
        )


def test_gradient_of_the_log_density_is_the_score():
    denoiser, x = EmpiricalDenoiser(normal(30, 4)), normal(5, 4, seed=1).requires_grad_()
    for sigma in (0.01, 0.3, 4.0):
        (gradient,) = torch.autograd.grad(denoiser.log_density(x, sigma).sum(), x)
        torch.testing.assert_close(gradient, score(denoiser, x, sigma).detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.0, 1e-200, 1e-12])
def test_smallest_noise_gives_the_nearest_datum_and_the_average_of_ties(sigma):
    data = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [7.0, 7.0]], dtype=F64) + 100.1
    middle = (data[:1] + data[1:2]) / 2
    x = torch.cat([middle, data[3:] + 0.1])
    denoiser = EmpiricalDenoiser(data, block_size=1)
    expected = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 3]], dtype=F64) / 3
    torch.testing.assert_close(denoiser.weights(x, sigma), expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(denoiser(x, sigma), expected @ data, rtol=1e-15, atol=0)
    torch.testing.assert_close(denoiser.entropy(x, sigma).exp(), torch.tensor([3.0, 1.0], dtype=F64))
    weighted = EmpiricalDenoiser(data, [0.5, 0.25, 0.0, 0.25])
    torch.testing.assert_close(weighted.weights(x[:1], sigma)[0], torch.tensor([2, 1, 0, 0], dtype=F64) / 3)


@pytest.mark.parametrize("sigma", [math.inf, 1e200])
def test_largest_noise_gives_the_mean(sigma):
    data, x = normal(9, 3), normal(4, 3, seed=1)
    prior = torch.softmax(normal(9, seed=2), 0)
    torch.testing.assert_close(EmpiricalDenoiser(data)(x, sigma), data.mean(0).expand(4, 3))
    torch.testing.assert_close(EmpiricalDenoiser(data, prior)(x, sigma), (prior @ data).expand(4, 3))
    assert EmpiricalDenoiser(data).entropy(x, sigma).tolist() == pytest.approx([math.log(9)] * 4)
    far = EmpiricalDenoiser(data)(1e180 * x, sigma)
    torch.testing.assert_close(far, data.mean(0).expand(4, 3))


def test_prior_weights_so_small_that_exp_underflows_still_decide():
    data = torch.tensor([[0.0], [10.0]], dtype=F64)
    prior = torch.tensor([1e-300, 1 - 1e-300], dtype=F64)
    x = torch.tensor([[0.0]], dtype=F64)
    weights, _ = dense(data, x, 0.2688, prior)
    assert 0.01 < float(weights[0, 0]) < 0.99
    torch.testing.assert_close(EmpiricalDenoiser(data, prior, block_size=1).weights(x, 0.2688), weights)


def test_permutations_duplicates_and_rigid_motions():
    data, x, sigma = normal(40, 5), normal(6, 5, seed=1), 0.7
    denoised = EmpiricalDenoiser(data)(x, sigma)
    shuffled = data[torch.randperm(40, generator=torch_stream(0, "test permutation"))]
    torch.testing.assert_close(EmpiricalDenoiser(shuffled)(x, sigma), denoised)
    torch.testing.assert_close(EmpiricalDenoiser(data.repeat(3, 1))(x, sigma), denoised)
    rotation = torch.linalg.qr(normal(5, 5, seed=2)).Q
    moved = EmpiricalDenoiser(3 * data @ rotation + 50)(3 * x @ rotation + 50, 3 * sigma)
    torch.testing.assert_close(moved, 3 * denoised @ rotation + 50)


def test_shards_merge_exactly_ties_included():
    data = normal(31, 3).round(decimals=1)
    x = torch.cat([(data[:1] + data[30:]) / 2, data[5:9] + 0.2 * normal(4, 3, seed=1)])
    for sigma in (0.0, 1e-12, 0.05, 2.0, math.inf):
        whole = EmpiricalDenoiser(data)
        shards = [EmpiricalDenoiser(part).partial(x, sigma) for part in data.split([4, 20, 7])]
        for a, b, c in ((0, 1, 2), (2, 0, 1)):
            merged = shards[a].merge(shards[b]).merge(shards[c])
            torch.testing.assert_close(merged.mean, whole(x, sigma), rtol=0, atol=1e-12)
            torch.testing.assert_close(merged.entropy, whole.entropy(x, sigma), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.02, 0.5, 2.0])
@pytest.mark.sampled(0.5)
def test_derivatives(sigma):
    denoiser = EmpiricalDenoiser(normal(20, 2), torch.softmax(normal(20, seed=2), 0), block_size=6)
    x, sigma = normal(3, 2, seed=1).requires_grad_(), sigma * torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    for method in (EmpiricalDenoiser.__call__, EmpiricalDenoiser.log_density):
        function = partial(method, denoiser, sigma=sigma)
        with torch.random.fork_rng(devices=[]):  # gradgradcheck draws from the global stream
            assert torch.autograd.gradcheck(function, (x,))
            assert torch.autograd.gradgradcheck(function, (x,))


@pytest.mark.parametrize("sigma", [1e-3, 0.1, 0.8, 10.0])
def test_jacobian_is_the_posterior_covariance(sigma):
    data = normal(25, 4)
    x = data[:6] + sigma * normal(6, 4, seed=1)
    denoiser = EmpiricalDenoiser(data)
    weights, mean = dense(data, x, sigma)
    shifted = data - mean[:, None]
    covariance = torch.einsum("bn,bni,bnj->bij", weights, shifted, shifted)
    found = posterior_covariance(denoiser, x, sigma)
    torch.testing.assert_close(found, covariance, rtol=0, atol=1e-11)
    torch.testing.assert_close(found, found.mT, rtol=0, atol=1e-12)
    assert torch.linalg.eigvalsh(jacobian(denoiser, x, sigma)).min() > -1e-9


def test_third_derivative_is_the_third_cumulant():
    data, x, sigma = normal(12, 1), normal(1, 1, seed=1).requires_grad_(), 0.9
    denoised = EmpiricalDenoiser(data)(x, sigma).sum()
    (first,) = torch.autograd.grad(denoised, x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    weights, mean = dense(data, x.detach(), sigma)
    m2, m3, m4 = ((weights @ (data - mean) ** k).item() for k in (2, 3, 4))
    assert first.item() == pytest.approx(m2 / sigma**2, rel=1e-10)
    assert second.item() == pytest.approx(m3 / sigma**4, rel=1e-9)
    assert third.item() == pytest.approx((m4 - 3 * m2**2) / sigma**6, rel=1e-9)


@pytest.mark.parametrize("d", [784, 3072])
@pytest.mark.parametrize("sigma", [0.1, 0.02, 0.002])
@pytest.mark.parametrize("clusters", [1, 5])
def test_float32_on_near_duplicates_far_from_the_origin(d, sigma, clusters):
    n = 120
    centres = 1 + (normal(clusters, d) if clusters > 1 else torch.zeros(1, d, dtype=F64))
    data = (centres.repeat(n // clusters, 1) + 3 * sigma / math.sqrt(2 * d) * normal(n, d, seed=1)).float()
    x = data[:20] + sigma * normal(20, d, seed=2, dtype=torch.float32)
    denoiser = EmpiricalDenoiser(data)
    mean = denoiser.reference(x, sigma)
    error = (denoiser(x, sigma).double() - mean).norm(dim=1).max() / (3 * sigma)
    assert error < 1e-3
    naive = torch.softmax(-(torch.cdist(x, data, compute_mode="use_mm_for_euclid_dist") ** 2) / 2 / sigma**2, 1) @ data
    if sigma < 0.01:  # negative control: the expanded square fails
        assert (naive.double() - mean).norm(dim=1).max() / (3 * sigma) > 1e-3


def test_float32_images_at_every_noise_level():
    data = normal(500, 100, dtype=torch.float32).clamp(min=0) + 127.5
    sigma = torch.tensor([1e-12, 1e-3, 0.03, 0.1, 0.3, 1.0, 3.0, 30.0, 1e4, 1e12])
    x = data[:10] + sigma[:, None] * normal(10, 100, seed=1, dtype=torch.float32)
    _, mean = dense(data, x, sigma.double())
    denoised = EmpiricalDenoiser(data)(x, sigma)
    assert denoised.dtype == torch.float32
    error = (denoised.double() - mean).norm(dim=1) / data.std(0).norm()
    assert error.max() < 2e-5  # eps * 127.5 is 1.5e-5
    small = EmpiricalDenoiser(data, block_size=17)(x, sigma)
    torch.testing.assert_close(small, denoised, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kinds", [(torch.float32, F64), (F64, torch.float32), (torch.bfloat16, torch.float32)])
def test_mixed_dtypes_keep_that_of_x(kinds):
    data, x = normal(50, 6).to(kinds[0]), normal(4, 6, seed=1).to(kinds[1])
    denoiser = EmpiricalDenoiser(data)
    for sigma in (1e-12, 0.01, 0.5, 20.0):
        denoised = denoiser(x, sigma)
        assert denoised.dtype == x.dtype
        torch.testing.assert_close(
            denoised.double(), denoiser.reference(x, sigma), rtol=0, atol=1e-12 if x.dtype == F64 else 2e-6
        )
    assert EmpiricalDenoiser(data).to(F64)(x.double(), 0.5).dtype == F64


def test_memory_does_not_grow_with_the_training_set():
    x, sigma = normal(64, 8, dtype=torch.float32), 1.0
    largest = {}
    for n in (2**14, 2**16):
        denoiser = EmpiricalDenoiser(normal(n, 8, dtype=torch.float32), block_size=1024)
        with torch.profiler.profile(profile_memory=True) as profile:
            denoiser(x, sigma)
        recorded: Any = profile.profiler  # the events of the allocator have no public face
        running = np.cumsum([e.nbytes() for e in recorded.kineto_results.events() if e.name() == "[memory]"])
        largest[n] = int(running.max())
    assert largest[2**16] < 1.2 * largest[2**14]
    assert largest[2**16] < 8 * 64 * 1024 * 4  # a few blocks, far below 64 x 65536


def test_digits_entropies_and_wiener_bound():
    """Entropy of the posterior weights on the digits, against values computed elsewhere (4000 points)."""
    from sklearn.datasets import load_digits

    data = torch.from_numpy(load_digits(return_X_y=True)[0] / 8 - 1)
    denoiser = EmpiricalDenoiser(data)
    index = torch.arange(4000) % len(data)
    noise = normal(4000, 64, purpose="digits noise")
    expected = {0.8: (0.1959, 0.0076), 2.0: (0.7379, 0.0052)}
    for sigma, (value, four_stderr) in expected.items():
        x = data[index] + sigma * noise
        assert denoiser.entropy(x, sigma).mean().item() / math.log(len(data)) == pytest.approx(value, abs=four_stderr)
    error = (denoiser(data[index] + 0.8 * noise, 0.8) - data[index]).square().sum(1).mean().item()
    assert error == pytest.approx(2.51, abs=0.2)
    assert error < 7.7782  # the Wiener filter's


@pytest.mark.parametrize(
    ("data", "weights", "error"),
    [
        (torch.zeros(0, 3), None, errors.EmptyDataError),
        (torch.zeros(3), None, errors.ShapeError),
        (torch.tensor([[math.nan]]), None, errors.NotFiniteError),
        ("digits", None, errors.ArgumentError),
        (torch.zeros(2, 1), [0.5, 0.6], errors.WeightsError),
        (torch.zeros(2, 1), [1.5, -0.5], errors.WeightsError),
        (torch.zeros(2, 1), [1.0], errors.ShapeError),
    ],
)
def test_bad_data_is_refused(data, weights, error):
    with pytest.raises(error):
        EmpiricalDenoiser(data, weights)


@pytest.mark.parametrize(
    ("x", "sigma", "error"),
    [
        (torch.zeros(1, 3), 1.0, errors.ShapeError),
        (torch.zeros(1, 2, dtype=torch.int64), 1.0, errors.ArgumentError),
        (torch.zeros(1, 2), -1.0, errors.NoiseLevelError),
        (torch.zeros(1, 2), math.nan, errors.NoiseLevelError),
        (torch.zeros(2, 2), torch.ones(3), errors.ShapeError),
    ],
)
def test_bad_queries_are_refused(x, sigma, error):
    with pytest.raises(error):
        EmpiricalDenoiser(torch.zeros(3, 2))(x, sigma)


def test_density_has_no_limit_without_noise_and_block_size_is_positive():
    with pytest.raises(errors.NoiseLevelError, match="sigma"):
        EmpiricalDenoiser(torch.zeros(3, 2)).log_density(torch.zeros(1, 2), 0.0)
    with pytest.raises(errors.ArgumentError, match="block_size"):
        EmpiricalDenoiser(torch.zeros(3, 2), block_size=0)


def test_nan_in_one_row_stays_there_and_empty_batches_pass():
    denoiser = EmpiricalDenoiser(normal(30, 2))
    x = normal(3, 2, seed=1)
    x[1] = math.nan
    for sigma in (0.0, 0.01, 1.0):
        assert denoiser(x, sigma).isnan().any(1).tolist() == [False, True, False]
    assert denoiser(x[:0], 1.0).shape == (0, 2)
