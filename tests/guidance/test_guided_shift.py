"""The universal equation of guidance: oracles, limits, the literal formula, guided sampling, and what is refused."""

import math

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError
from idealscore.simulate.diffusion import sample, starting_noise
from idealscore.theory import GaussianDenoiser, MixtureDenoiser, cloning_probability, karras_sigmas
from idealscore.theory.guidance import class_shift, guided_shift, reference, shift_share

INF = math.inf


@pytest.mark.parametrize(
    ("w", "u_max", "mean", "variance"),
    [
        (1, 0.5, 0.42984235, 0.80486319),
        (1, 1, 0.61254243, 0.58026934),
        (1, 2, 0.64901820, 0.51799219),
        (1, INF, 0.64911298, 0.51777852),
        (3, 0.5, 1.12282141, 0.55581740),
        (3, 1, 1.34848231, 0.35552632),
        (3, 2, 1.36326983, 0.33947983),
        (3, INF, 1.36327513, 0.33947183),
        (10, INF, 2.76890541, 0.22439864),
    ],
)
def test_shift_to_the_digits_of_an_independent_solution(w, u_max, mean, variance):
    assert np.abs(np.subtract(guided_shift(w, u_max), (mean, variance))).max() <= 0.51e-8


def test_shares_to_the_digits_of_an_independent_solution():
    cuts = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
    right = {1.0: (0.3698, 0.6622, 0.8482, 0.9437, 0.9957, 0.9999), 3.0: (0.5076, 0.8236, 0.9516, 0.9891, 0.9997, 1.0)}
    for w, shares in right.items():
        found = [shift_share(w, (0.0, u)) for u in cuts]
        assert np.abs(np.subtract(found, shares)).max() < 0.51e-4
    assert round(shift_share(1.0, (1.0, INF)), 4) == 0.2256
    assert round(guided_shift(3.0, interval=(1.0, INF)).variance, 3) == 0.495
    assert round(shift_share(3.0, (2.0, INF)), 2) == 0.02


@pytest.mark.parametrize(("w", "u_max", "interval"), [(1, 0.7, (0, INF)), (4, 3, (0.3, 1.2)), (0.5, 2, (1, 9))])
def test_engine_equals_the_literal_formula(w, u_max, interval):
    np.testing.assert_allclose(guided_shift(w, u_max, interval), reference(w, u_max, interval), atol=2e-6)


def test_limits():
    assert guided_shift(0.0) == pytest.approx((0.0, 1.0)) and guided_shift(2.0, 0.0) == pytest.approx((0.0, 1.0))
    small = guided_shift(1e-6, 1.0).mean / 1e-6  # to first order E int (1 - tanh(u^2 + u y)) du = 2 int (1 - phi) du
    grid = (np.arange(2000) + 0.5) / 2000
    assert small == pytest.approx(2 * float((1 - cloning_probability(grid**2)).mean()), rel=1e-4)
    shifts = [guided_shift(2.0, u).mean for u in (0.1, 0.5, 1.0, 2.0, 4.0, 400.0)]
    assert all(np.diff(shifts) > -1e-12)
    near, far = guided_shift(1.0, weight=1 - 1e-9), guided_shift(1.0, weight=1e-9)
    assert near.mean < 1e-4 and far.mean > guided_shift(1.0).mean
    parts = [shift_share(3.0, one) for one in ((0.0, 1.0), (1.0, INF))]
    assert sum(parts) > 1.1  # guidance that came late finds what early guidance would have left nothing of


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.2, 0.8)])
def test_equation_equals_guided_sampling_of_a_mixture(weights):
    d, a, w, n = 5, 2.0, 3.0, 4000
    means = torch.zeros(2, d, dtype=torch.float64)
    means[0, 1], means[1, 1] = a, -a
    mixture = MixtureDenoiser(weights, means, [1.0, 1.0])
    own = GaussianDenoiser(means[0], torch.eye(d, dtype=torch.float64))

    def guided(x, sigma):
        return own(x, sigma) + w * (own(x, sigma) - mixture(x, sigma))

    sigmas = np.append(karras_sigmas(60, 0.002, 200.0), 0.0)
    end = sample(guided, means[0] + starting_noise(n, (d,), 200.0, 3), sigmas) - means[0]
    interval = (a / math.hypot(1.0, 200.0), INF)
    mean, variance = guided_shift(w, a, interval, weight=weights[0])
    error = math.sqrt(variance / n)
    assert abs(float(end[:, 1].mean()) - mean) < 5 * error + 2e-3  # 60 steps of Heun
    assert abs(float(end[:, 1].var()) - variance) < 5 * variance * math.sqrt(2 / n) + 2e-3
    others = end[:, [0, 2, 3, 4]]
    assert float(others.mean(0).abs().max()) < 5 / math.sqrt(n)
    assert float((others.var(0) - 1).abs().max()) < 5 * math.sqrt(2 / n)
    assert (
        abs(float(end[:, 1].mean()) - guided_shift(2.5, a, interval, weight=weights[0]).mean) > 8 * error
    )  # another w is seen


def test_classes_of_any_covariance_equal_guided_sampling():
    draw = np.random.Generator(np.random.Philox(5))
    root = draw.standard_normal((3, 3))
    C = torch.from_numpy(root @ root.T / 3 + 0.05 * np.eye(3))
    means = torch.from_numpy(2 * draw.standard_normal((3, 3)))
    mixture = MixtureDenoiser([0.2, 0.3, 0.5], means, torch.stack([C] * 3))
    own = [GaussianDenoiser(mean, C) for mean in means]
    w, interval, n = 2.0, (0.3, 6.0), 3000

    def guided(x, sigma):
        on = w if interval[0] < float(torch.as_tensor(sigma).flatten()[0]) <= interval[1] else 0.0
        return own[1](x, sigma) + on * (own[1](x, sigma) - mixture(x, sigma))

    # the ends of the interval are levels of the grid: the equation does not know of steps
    above, inside, below = np.geomspace(300, 6, 20), np.geomspace(6, 0.3, 50), np.geomspace(0.3, 0.003, 15)
    sigmas = np.concatenate([above, inside[1:], below[1:], [0.0]])
    end = (sample(guided, means[1] + starting_noise(n, (3,), 300.0, 1), sigmas) - means[1]).numpy()
    found = class_shift(mixture, 1, w, interval=interval, n=n, seed=4)
    error = end.std(0, ddof=1) / math.sqrt(n)
    assert np.all(np.abs(end.mean(0) - found.displacement) < 5 * math.sqrt(2) * error + 0.01)
    spread = end.var(0, ddof=1).sum() / float(C.trace())
    assert abs(spread - found.spread) < 5 * math.sqrt(2 / n) + 0.01
    other = class_shift(mixture, 1, w, interval=(0.3, 2.0), n=n).displacement  # another interval is seen
    assert np.any(np.abs(end.mean(0) - other) > 8 * error)


def test_classes_on_a_line_in_full_covariances_equal_the_universal_equation():
    mixture = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], torch.eye(2, dtype=torch.float64).expand(2, 2, 2))
    exact = class_shift(mixture, 1, 3.0)
    assert (exact.shift, exact.variance) == pytest.approx(guided_shift(3.0, 2.0)) and exact.shift_stderr == 0.0
    assert exact.spread == pytest.approx((1 + exact.variance) / 2)
    # a third class without weight to speak of turns Monte Carlo on
    three = MixtureDenoiser([0.5 - 5e-7, 0.5 - 5e-7, 1e-6], [[-2.0, 0.0], [2.0, 0.0], [0.0, 9.0]], [1.0] * 3)
    drawn = class_shift(three, 1, 3.0, n=2000)
    assert abs(drawn.shift - exact.shift) < 6 * drawn.shift_stderr + 1e-4 and drawn.shift_stderr < 1e-3
    assert abs(drawn.variance - exact.variance) < 6 * drawn.variance_stderr + 1e-3
    assert abs(drawn.spread - exact.spread) < 6 * drawn.spread_stderr + 1e-3


def test_errors_of_the_shift_are_those_of_repetition():
    means = [[-1.0, 0.5], [1.5, 0.0], [0.0, 1.0]]
    mixture = MixtureDenoiser([0.3, 0.3, 0.4], means, [[[1.0, 0.3], [0.3, 0.5]]] * 3)
    drawn = [class_shift(mixture, 0, 1.0, n=64, seed=seed) for seed in range(40)]
    exactly = class_shift(mixture, 0, 1.0, n=4000, seed=99)
    for name in ("shift", "variance", "spread"):
        values = np.array([getattr(one, name) for one in drawn])
        errors = np.array([getattr(one, f"{name}_stderr") for one in drawn])
        assert 0.5 < values.std(ddof=1) / errors.mean() < 1.6, name
        exact = getattr(exactly, name)
        assert abs(values.mean() - exact) < 6 * values.std(ddof=1) / math.sqrt(40) + 1e-3, name


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: guided_shift(-1.0), "w"),
        (lambda: guided_shift(math.nan), "w"),
        (lambda: guided_shift(1.0, -1.0), "u_max"),
        (lambda: guided_shift(1.0, 1.0, (2.0, 1.0)), "interval"),
        (lambda: guided_shift(1.0, 1.0, (2.0, 3.0)), "interval"),
        (lambda: guided_shift(1.0, 1.0, (-1.0, 3.0)), "interval"),
        (lambda: guided_shift(1.0, 1.0, 3.0), "interval"),  # pyright: ignore[reportArgumentType]
        (lambda: guided_shift(1.0, weight=0.0), "weight"),
        (lambda: shift_share(0.0, (0.0, 1.0)), "w"),
    ],
)
def test_bad_input_is_refused(call, argument):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert caught.value.argument == argument
