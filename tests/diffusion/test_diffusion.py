from itertools import pairwise

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, NoiseLevelError, ShapeError, UnknownNameError
from idealscore.simulate import forward_backward, noised, sample, starting_noise, trajectory
from idealscore.theory import GaussianDenoiser, MixtureDenoiser, karras_sigmas

SPECTRUM = torch.tensor([25, 4, 1, 0.1, 0.01], dtype=torch.float64)
GAUSSIAN = GaussianDenoiser(torch.zeros(5, dtype=torch.float64), torch.diag(SPECTRUM))
PRINTED = {
    "euler": {10: 0.207, 18: 0.116, 40: 0.0522, 80: 0.0261, 160: 0.0131, 320: 0.0065},
    "heun": {10: 0.114, 18: 0.0294, 40: 0.00529, 80: 0.00126, 160: 3.08e-4, 320: 7.62e-5},
}


def relative_error(method, n):
    x = starting_noise(64, (5,), 80.0, seed=0)
    grid = karras_sigmas(n)
    exact = GAUSSIAN.trajectory(x, [80.0, 0.002])[-1]
    return float((sample(GAUSSIAN, x, grid, method) - exact).norm() / exact.norm())


@pytest.mark.parametrize(("method", "order"), [("euler", 1.0), ("heun", 2.0), ("ddim", 1.0)])
def test_order_of_convergence_against_the_exact_path(method, order):
    steps = np.array([80, 160, 320])
    errors = [relative_error(method, n) for n in steps]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(-order, abs=0.05 if order == 1 else 0.1)


@pytest.mark.parametrize("method", ["euler", "heun"])
def test_errors_on_the_edm_grid(method):
    for n, expected in PRINTED[method].items():
        assert relative_error(method, n) == pytest.approx(expected, rel=0.25)


def ancestral_variance(n):
    """Exact variance of ancestral sampling of N(0, 1) on an n-step grid: every step is linear."""
    variance = 80.0**2
    for sigma, end in pairwise([*karras_sigmas(n), 0.0]):
        gain, ratio = 1 / (1 + sigma**2), end / sigma
        variance = variance * (gain + ratio**2 * (1 - gain)) ** 2 + end**2 * (1 - ratio**2)
    return variance


def test_ancestral_sampling_has_a_weak_error_of_first_order():
    steps = [160, 320, 640]
    slope = np.polyfit(np.log(steps), np.log([abs(ancestral_variance(n) - 1) for n in steps]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)


def test_ancestral_sampling_has_the_variance_of_its_recursion():
    one = GaussianDenoiser(torch.zeros(1, dtype=torch.float64), torch.eye(1, dtype=torch.float64))
    draws = sample(one, starting_noise(4000, (1,), 80.0, seed=2), [*karras_sigmas(40), 0.0], "ddpm", seed=5)
    tolerance = 5 * (2 / 4000) ** 0.5  # five standard deviations: false positive rate 6e-7
    assert float(draws.var()) == pytest.approx(ancestral_variance(40), abs=tolerance)
    deterministic = sample(one, starting_noise(4000, (1,), 80.0, seed=2), [*karras_sigmas(4), 0.0], "euler")
    assert float(deterministic.var()) != pytest.approx(ancestral_variance(40), abs=tolerance)


@pytest.mark.parametrize("method", ["heun", "euler", "ddpm"])
def test_a_sample_does_not_depend_on_its_batch(method):
    x = starting_noise(6, (5,), 80.0, seed=3)
    grid = [*karras_sigmas(6), 0.0]
    together = sample(GAUSSIAN, x, grid, method, seed=4)
    alone = sample(GAUSSIAN, x[4:5], grid, method, seed=4, indices=[4])
    assert torch.allclose(together[4:5], alone, atol=1e-13)
    assert torch.equal(starting_noise(2, (5,), 80.0, seed=3), x[:2])


def test_noise_is_keyed_by_seed_index_and_draw():
    x0 = torch.zeros(4, 3, dtype=torch.float64)
    base = noised(x0, 2.0, seed=1)
    assert torch.equal(base[2:], noised(x0[2:], 2.0, seed=1, indices=[2, 3]))
    assert not torch.equal(base, noised(x0, 2.0, seed=2)) and not torch.equal(base, noised(x0, 2.0, seed=1, draw=1))
    per_sample = noised(x0, torch.tensor([0.0, 1.0, 2.0, 3.0]), seed=1)
    assert torch.allclose(per_sample, base / 2 * torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64))


def test_forward_backward_with_the_exact_denoiser_keeps_the_prior():
    prior = MixtureDenoiser([0.3, 0.7], [[-2.0], [2.0]], [0.04, 0.04])
    start = prior.sample(2000, seed=0)
    back = forward_backward(prior, start, 1.5, n_steps=40, seed=1)
    share = float((back < 0).double().mean())
    assert share == pytest.approx(0.3, abs=5 * (0.21 / 2000) ** 0.5 + 0.01)
    stay = float(((back < 0) == (start < 0)).double().mean())
    assert 0.6 < stay < 0.99
    near = forward_backward(prior, start, 0.3, n_steps=30, seed=1)
    assert bool(((near < 0) == (start < 0)).all())
    assert torch.equal(forward_backward(prior, start, 0.0), start)


def test_the_trajectory_passes_every_level_and_ends_at_the_denoised_point():
    x = starting_noise(2, (5,), 3.0, seed=0)
    levels = [sigma for sigma, _ in trajectory(GAUSSIAN, x, [3.0, 1.0, 0.0])]
    assert levels == [3.0, 1.0, 0.0]
    last = sample(GAUSSIAN, x, [1.0, 0.0], "euler")
    assert torch.allclose(last, GAUSSIAN(x, 1.0))


@pytest.mark.parametrize(
    ("error", "make"),
    [
        (NoiseLevelError, lambda: sample(GAUSSIAN, torch.zeros(1, 5), [1.0, 2.0])),
        (NoiseLevelError, lambda: sample(GAUSSIAN, torch.zeros(1, 5), [1.0])),
        (NoiseLevelError, lambda: sample(GAUSSIAN, torch.zeros(1, 5), [1.0, -1.0])),
        (NoiseLevelError, lambda: sample(GAUSSIAN, torch.zeros(1, 5), [float("inf"), 0.0])),
        (UnknownNameError, lambda: sample(GAUSSIAN, torch.zeros(1, 5), [1.0, 0.0], "huen")),
        (ShapeError, lambda: sample(GAUSSIAN, torch.zeros(1, 5), [1.0, 0.0], indices=[1, 2])),
        (ArgumentError, lambda: starting_noise(0, (5,), 1.0)),
        (ArgumentError, lambda: sample(GAUSSIAN, torch.zeros(1, 5), [1.0, 0.0], "ddpm", seed=-1)),
    ],
)
def test_bad_input_is_refused(error, make):
    with pytest.raises(error):
        make()
