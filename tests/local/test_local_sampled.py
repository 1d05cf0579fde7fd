"""The sampled local optimum against the exact one: within its error, exact where all is seen, the same in any batch."""

import math

import numpy as np
import pytest
import torch

from idealscore import errors
from idealscore._support.streams import torch_stream
from idealscore.theory.local import LocalDenoiser, sampled
from idealscore.theory.local.window_index import window_index

F64 = torch.float64


def smooth(n, channels=2, side=11, seed=0):
    """Images with a spectrum that falls, so that their windows have few principal components."""
    coarse = torch.randn(n, channels, 4, 4, generator=torch_stream(seed, "test sampled windows"), dtype=F64)
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")


def noisy(data, sigma, seed=1):
    noise = torch.randn(data.shape, generator=torch_stream(seed, "test sampled noise"), dtype=F64)
    return data + sigma * noise


@pytest.fixture
def small(monkeypatch):
    """Everything is worth a sample, and samples are small: 2,000 of 7,350 windows are looked at, 500 compared."""
    monkeypatch.setattr(sampled, "AFFORDABLE", 0)
    monkeypatch.setattr(sampled, "SEEN", 2000)
    monkeypatch.setattr(sampled, "COMPARED", 500)


@pytest.mark.parametrize("padding", ["zeros", pytest.param("circular", marks=pytest.mark.slow)])
@pytest.mark.parametrize("sigma", [pytest.param(0.2, marks=pytest.mark.slow), 1.0, 5.0])
def test_the_error_is_that_of_the_exact_mean(small, padding, sigma, monkeypatch):
    """The error of an image is at most three times the stated one, which is at most what was asked for.

    At sigma = 0.2 the sample grows until all windows are compared; the error is that of rounding then.
    """
    monkeypatch.setattr(sampled, "SCREENING", 0)
    monkeypatch.setattr(sampled, "COMPARING", 0)
    data = smooth(150)
    x = noisy(smooth(2, seed=3), sigma)
    found = LocalDenoiser(data, 5, padding=padding, tolerance=0.3).estimate(x, sigma)
    exact = LocalDenoiser(data, 5, padding=padding)(x, sigma)
    assert not found.exact.any() and (found.relative_error <= 0.3).all()
    error = (found.mean - exact).flatten(1).norm(dim=1)
    stated = found.stderr.flatten(1).norm(dim=1)
    assert (error < 3 * stated + 1e-10).all(), (error / stated).tolist()
    if sigma >= 1:
        assert (error > 1e-10).all() and (found.stderr[:, :, 2:-2, 2:-2] > 0).any()
    if padding == "zeros":
        assert (found.stderr[:, :, :2] == 0).all()
        torch.testing.assert_close(found.mean[:, :, :2], exact[:, :, :2], rtol=0, atol=1e-12)


def test_with_all_windows_seen_the_result_is_exact(small, monkeypatch):
    data = smooth(60)
    monkeypatch.setattr(sampled, "SEEN", 10**6)
    monkeypatch.setattr(sampled, "COMPARED", 10**6)
    monkeypatch.setattr(sampled, "SCREENING", 0)
    monkeypatch.setattr(sampled, "COMPARING", 0)
    x, sigma = noisy(data[:2], 0.4), torch.tensor([0.4, 2.0], dtype=F64)
    found = LocalDenoiser(data, 3, tolerance=0.01).estimate(x, sigma)
    assert not found.exact.any() and float(found.stderr.max()) < 1e-6
    torch.testing.assert_close(found.mean, LocalDenoiser(data, 3)(x, sigma), rtol=0, atol=1e-8)


def test_the_sample_does_not_depend_on_batch_or_threads_but_on_the_seed(small, monkeypatch):
    monkeypatch.setattr(sampled, "SCREENING", 0)
    monkeypatch.setattr(sampled, "COMPARING", 0)
    data = smooth(100)
    x, before = noisy(data[:3], 0.5), torch.get_num_threads()
    denoiser = LocalDenoiser(data, 3, tolerance=0.5)
    whole = denoiser(x, 0.5)
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        parts = torch.cat([denoiser(row[None], 0.5) for row in x])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-9)
    other = LocalDenoiser(data, 3, tolerance=0.5, seed=1)(x, 0.5)
    assert (other - whole).abs().max() > 1e-6


def test_exact_where_it_costs_no_more(small):
    """Few windows, sigma = 0 and inf, a tolerance that no sample keeps, or rounding that float32 does not bear."""
    data = smooth(30, 1, 7)
    sigma = torch.tensor([0.0, 0.5, math.inf], dtype=F64)
    x = data[:3].clone()
    found = LocalDenoiser(data, 3, tolerance=1e-9).estimate(x, sigma)
    assert found.exact.all() and (found.stderr == 0).all()
    torch.testing.assert_close(found.mean, LocalDenoiser(data, 3)(x, sigma), rtol=0, atol=1e-12)


@pytest.mark.slow
def test_derivatives_are_those_of_the_exact_mean(small, monkeypatch):
    monkeypatch.setattr(sampled, "SCREENING", 0)
    monkeypatch.setattr(sampled, "COMPARING", 0)
    data = smooth(40, 1, 6)
    x = noisy(data[:1], 0.5).requires_grad_()
    gradients = []
    for tolerance in (0.0, 0.5):
        (gradient,) = torch.autograd.grad(LocalDenoiser(data, 3, tolerance=tolerance)(x, 0.5).sum(), x)
        gradients.append(gradient)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=1e-9)


def test_an_index_holds_every_window_once_and_knows_its_leaves():
    data = smooth(80)
    index = window_index(data, 3, False, 0)
    assert sorted(index.order.tolist()) == list(range(80 * 81)) and index.counts.sum() == 80 * 81
    windows = np.concatenate([index.windows(image) for image in index.images])[index.order.astype(int)]
    points, _ = index.project(windows)
    leaf = int(index.counts.argmax())
    mine = slice(index.starts[leaf], index.starts[leaf + 1])
    np.testing.assert_allclose(points[mine].mean(0), index.mean[leaf], atol=1e-5)
    np.testing.assert_allclose(windows[mine, 1, 2:4].mean(0), index.centres[leaf], atol=1e-12)
    decoded = index.origin[leaf] + index.steps[leaf, 0] * index.codes[mine, :-1]
    close = np.abs(decoded - points[mine]) < index.steps[leaf, 0]
    assert close.mean() > 0.95


def test_bad_tolerances_are_refused():
    for tolerance in (-0.1, 2.0, math.nan):
        with pytest.raises(errors.ArgumentError, match="tolerance"):
            LocalDenoiser(smooth(2), 3, tolerance=tolerance)
