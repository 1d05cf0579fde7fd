"""The sampled local optimum against the exact one: within its error, exact where all is seen, the same in any batch."""

import math

import numpy as np
import pytest
import torch

from idealscore import errors
from idealscore._support.streams import torch_stream
from idealscore.theory.local import LocalDenoiser, sampled, window_index

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
    """Everything is worth a sample, and samples are small: a fifth of 256 leaves, each of some thirty windows."""
    monkeypatch.setattr(sampled, "AFFORDABLE", 0)
    monkeypatch.setattr(sampled, "READING", 0)
    monkeypatch.setattr(sampled, "SHARES", (0.2, 0.2))
    monkeypatch.setattr(sampled, "DEEPER", 5)
    monkeypatch.setattr(sampled, "FEWEST", 16)
    monkeypatch.setattr(sampled, "COMPARED", 32)
    monkeypatch.setattr(window_index, "LEAF", 32)


def errors_over_stated(padding, sigmas, n):
    """|error| of each image over the one that is stated, on images that are not in the training set."""
    data, found = smooth(150) + 0.3, []
    sampled_one, exact = (
        LocalDenoiser(data, 5, padding=padding, tolerance=0.99),
        LocalDenoiser(data, 5, padding=padding),
    )
    for sigma in sigmas:
        x = noisy(smooth(n, seed=7) + 0.3, sigma)
        estimate = sampled_one.estimate(x, sigma)
        assert not estimate.exact.any()
        error = (estimate.mean - exact(x, sigma)).flatten(1).norm(dim=1)
        found.append(error / estimate.stderr.flatten(1).norm(dim=1))
    return torch.cat(found)


@pytest.mark.parametrize("padding", ["zeros", pytest.param("circular", marks=pytest.mark.slow)])
def test_the_stated_error_covers_the_true_one_and_is_not_much_larger(small, padding):
    """Of 24 images 19 or more lie within two stated errors: fewer do once in 10^7 where 98 of 100 should."""
    ratio = errors_over_stated(padding, (0.3, 1.0, 5.0), 8)
    assert (ratio <= 2).sum() >= 19, ratio
    assert ratio.median() > 0.1, ratio
    assert (5 * ratio <= 2).sum() < 19, "an error stated five times too small would pass"


def test_at_the_border_nothing_is_sampled(small):
    data = smooth(150) + 0.3
    x = noisy(smooth(1, seed=7), 1.0)
    found = LocalDenoiser(data, 5, tolerance=0.99).estimate(x, 1.0)
    assert (found.stderr[:, :, :2] == 0).all() and (found.stderr[:, :, 2:-2, 2:-2] > 0).any()
    torch.testing.assert_close(found.mean[:, :, :2], LocalDenoiser(data, 5)(x, 1.0)[:, :, :2], rtol=0, atol=1e-12)


def test_with_all_leaves_read_the_result_is_exact(small, monkeypatch):
    data = smooth(60)
    monkeypatch.setattr(sampled, "SHARES", (1.0, 1.0))
    monkeypatch.setattr(sampled, "COMPARED", 10**4)
    monkeypatch.setattr(sampled, "COMPARED_AGAIN", 10**4)
    x, sigma = noisy(data[:2], 0.4), torch.tensor([0.4, 2.0], dtype=F64)
    found = LocalDenoiser(data, 3, tolerance=0.99).estimate(x, sigma)
    assert not found.exact.any()
    torch.testing.assert_close(found.mean, LocalDenoiser(data, 3)(x, sigma), rtol=0, atol=1e-4)


def test_the_sample_does_not_depend_on_batch_or_threads_but_on_the_seed(small):
    data = smooth(100)
    x, before = noisy(data[:3], 0.5), torch.get_num_threads()
    denoiser = LocalDenoiser(data, 3, tolerance=0.99)
    whole = denoiser(x, 0.5)
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        parts = torch.cat([denoiser(row[None], 0.5) for row in x])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-9)
    other = LocalDenoiser(data, 3, tolerance=0.99, seed=1)(x, 0.5)
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
def test_derivatives_are_those_of_the_exact_mean(small):
    data = smooth(40, 1, 6)
    x = noisy(data[:1], 0.5).requires_grad_()
    gradients = []
    for tolerance in (0.0, 0.5):
        (gradient,) = torch.autograd.grad(LocalDenoiser(data, 3, tolerance=tolerance)(x, 0.5).sum(), x)
        gradients.append(gradient)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=1e-9)


def test_an_index_holds_every_window_once_and_knows_its_leaves():
    data = smooth(80)
    index = window_index.window_index(data, 3, False, 0)
    assert sorted(index.order.tolist()) == list(range(80 * 81)) and index.counts.sum() == 80 * 81
    windows = np.concatenate([index.windows(image) for image in index.images])[index.order.astype(int)]
    points = (windows.reshape(len(windows), -1) - np.tile(index.centre, 9)) @ index.basis
    leaf = int(index.counts.argmax())
    mine = slice(index.starts[leaf], index.starts[leaf + 1])
    np.testing.assert_allclose(points[mine].mean(0), index.mean[leaf], atol=1e-5)
    np.testing.assert_allclose(windows[mine, 1, 2:4].mean(0), index.centres[leaf], atol=1e-12)
    rows = index.basis.shape[1] + 1
    codes = index.codes[mine.start * rows : mine.stop * rows].reshape(rows, -1).T
    decoded = index.origin[leaf] + index.steps[leaf, 0] * codes[:, :-1]
    middles = index.middles[mine.start * 2 : mine.stop * 2].reshape(2, -1).T
    np.testing.assert_allclose(middles, windows[mine, 1, 2:4], atol=1e-6)
    close = np.abs(decoded - points[mine]) < index.steps[leaf, 0]
    assert close.mean() > 0.95


def test_windows_are_told_by_their_projections_as_far_as_these_tell_them():
    """What the components leave does not correlate with them, which it would where the middle is one of them."""
    data = smooth(60, 1, 14)
    index = window_index.window_index(data, 9, False, 0)
    assert index.basis.shape == index.regression.shape == (81, window_index.COMPONENTS)
    windows = np.concatenate([index.windows(image) for image in index.images])
    flat = windows.reshape(len(windows), -1) - np.tile(index.centre, 81)
    projections = flat @ index.basis

    def left_over(expected):
        left = flat - projections @ expected.T
        return np.abs(left.T @ projections).max() / np.abs(flat.T @ projections).max()

    assert left_over(index.regression) < 1e-10 < 1e-6 < left_over(index.basis)
    points, constant, left = index.project(windows)
    np.testing.assert_allclose((points**2).sum(1) + constant, (flat**2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(left**2, (flat**2).sum(1) - (projections**2).sum(1), atol=1e-9)


def test_leaves_of_equal_windows_are_split(monkeypatch):
    """Black images: all windows fall into one leaf, which is read in parts."""
    monkeypatch.setattr(window_index, "LARGEST", 50)
    index = window_index.window_index(torch.cat([torch.zeros(20, 1, 6, 6), smooth(5, 1, 6).float()]), 3, False, 0)
    assert index.counts.max() <= 50 and index.counts.sum() == 25 * 16 == index.starts[-1]
    assert len(index.counts) == len(index.steps) == len(index.centres) == len(index.starts) - 1


@pytest.mark.parametrize(("n", "side"), [(1, 5), (2, 3), (20, 3), (17, 4)])
def test_data_smaller_than_an_index_needs(small, n, side):
    """One window a leaf or fewer, a single window an image, fewer images than a group: the exact mean."""
    data = smooth(n, 1, side)
    found = LocalDenoiser(data, 3, tolerance=0.5).estimate(noisy(data[:1], 0.5), 0.5)
    exact = LocalDenoiser(data, 3)(noisy(data[:1], 0.5), 0.5)
    gap = (found.mean - exact).norm()
    assert bool(found.mean.isfinite().all()) and gap <= 1e-6 + 3 * found.stderr.norm()


@pytest.mark.parametrize(("tolerance", "flat", "share"), [(0.9, 1, 0.05), (1e-3, 1, 0.2), (0.9, 1e-6, 0.2)])
def test_few_leaves_are_read_where_the_tolerance_lets_them_and_none_matters_by_itself(
    small, monkeypatch, tolerance, flat, share
):
    data, shares = smooth(150), []
    monkeypatch.setattr(sampled, "SHARES", (0.05, 0.2))
    monkeypatch.setattr(sampled, "FLAT", flat)

    def spy(*arguments):
        shares.append((len(arguments[2]), arguments[5]))
        return survey(*arguments)

    survey = sampled.survey
    monkeypatch.setattr(sampled, "survey", spy)
    LocalDenoiser(data, 5, tolerance=tolerance)(noisy(smooth(1, seed=7), 1.0), 1.0)
    windows = sum(n for n, _ in shares if n > 8)
    assert windows >= 49 and {part for n, part in shares if n > 16} == {share}


def test_windows_read_again_tell_the_error_of_the_others():
    """In the mean over samples, whatever the errors; even chances for errors of one size, 1 for the largest of them."""
    generator = np.random.default_rng(0)
    errors = generator.standard_t(3, 300) ** 2
    guess = np.sqrt(errors) * generator.lognormal(0, 1, 300)
    chances = sampled._chances(guess, 50)
    assert chances.sum() == pytest.approx(50) and chances.min() >= 50 / 600 and chances.max() == 1
    told, true = [], []
    for _ in range(4000):
        drawn = generator.random(300) < chances
        told.append(((1 - chances) / chances * errors)[drawn].sum())
        true.append(errors[~drawn].sum())
        scale = sampled._scale(errors[drawn], chances[drawn], guess[~drawn])
        assert scale * guess[~drawn].sum() >= told[-1]
    gap = np.subtract(told, true)
    assert abs(gap.mean()) < 6 * gap.std() / math.sqrt(len(gap)) < 0.1 * np.mean(true)
    np.testing.assert_allclose(sampled._chances(np.zeros(40), 10), 0.25, rtol=0.3)
    np.testing.assert_array_equal(sampled._chances(np.zeros(4), 10), 1)


@pytest.mark.parametrize("shares", [(1e-3, 1e-3), (0.2, 0.5)])
def test_windows_for_which_no_leaf_was_drawn_are_compared(small, monkeypatch, shares):
    """A handful of leaves: for some window none is drawn, at first or when it is read again."""
    monkeypatch.setattr(sampled, "SHARES", shares)
    monkeypatch.setattr(sampled, "DEEPER", 0.5)
    monkeypatch.setattr(window_index, "LEAF", 400)
    data = smooth(40, 1, 8)
    x = noisy(data[:2], 0.5)
    found = LocalDenoiser(data, 3, tolerance=0.2).estimate(x, 0.5)
    assert found.exact.all()
    torch.testing.assert_close(found.mean, LocalDenoiser(data, 3)(x, 0.5), rtol=0, atol=1e-12)


def test_bad_tolerances_are_refused():
    for tolerance in (-0.1, 2.0, math.nan):
        with pytest.raises(errors.ArgumentError, match="tolerance"):
            LocalDenoiser(smooth(2), 3, tolerance=tolerance)


@pytest.mark.parametrize("keys", [np.zeros(64), np.arange(64.0)[::-1], np.repeat([3.0, 1.0, 2.0, -1e9], 16)])
def test_the_better_half_of_the_candidates_is_kept(keys):
    """Of equal ones some, of others the largest; each with its place."""
    from idealscore.theory.local._survey_kernels import prune

    kept, places, inverse = keys.copy(), np.arange(64), 1.0 * np.arange(64)
    left, least = prune(kept, places, inverse, 64)
    best = np.sort(keys)[32:]
    assert 28 <= left <= 32 and np.array_equal(places[:left], inverse[:left]) and len(set(places[:left])) == left
    np.testing.assert_array_equal(kept[:left], keys[places[:left]])
    np.testing.assert_array_equal(np.sort(kept[:left])[-28:], best[-28:])
    assert best[0] - 4 <= least <= best[-1]
