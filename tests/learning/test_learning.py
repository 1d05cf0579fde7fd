"""Learning dynamics of linear denoisers: against quadrature, exact descent, simulation and a trained network."""

import numpy as np
import pytest
import torch
from known import known
from scipy.integrate import quad

from idealscore._support.streams import normal_batch, stream
from idealscore.compare.measures import learning_curves, mode_gains
from idealscore.compare.measures.mode_learning import crossing_times
from idealscore.errors import ArgumentError, EstimateError, NoiseLevelError, ShapeError
from idealscore.theory import GaussianDenoiser
from idealscore.theory.learning import LinearLearning, early_stopping, minibatch_error, population_loss
from idealscore.theory.learning.minibatches import reference

SPECTRUM = np.array([6.0, 2.5, 1.0, 0.4, 0.16, 0.05])


def test_weights_solve_the_gradient_flow():
    theory = LinearLearning(SPECTRUM, 0.7, rate=0.3, initial=0.2)
    times = np.array([0.0, 0.3, 1.0, 4.0])
    solved = theory.reference(times)
    assert np.abs(theory.weights(times) - solved).max() < 1e-11
    assert np.array_equal(theory.weights(np.inf), theory.optimum)


def test_loss_is_the_expected_squared_error():
    theory = LinearLearning(SPECTRUM, 0.7, initial=0.1)
    w = theory.weights(0.4)
    brute = ((1 - w) ** 2 * SPECTRUM + 0.49 * w**2).sum()
    assert abs(theory.loss(0.4) - brute) < 1e-13
    denoiser = GaussianDenoiser(np.zeros(6), np.diag(SPECTRUM))
    wiener = 0.49 * np.trace(denoiser.covariance.dense().numpy() @ np.linalg.inv(np.diag(SPECTRUM + 0.49)))
    assert abs(theory.loss(np.inf) - wiener) < 1e-13


def test_descent_is_the_recursion_and_refuses_to_diverge():
    theory = LinearLearning(SPECTRUM, 0.7, rate=0.1)
    w = np.zeros(6)
    for _ in range(17):
        w = w - 2 * 0.1 * ((SPECTRUM + 0.49) * w - SPECTRUM)
    assert np.abs(theory.descent(17) - w).max() < 1e-13
    with pytest.raises(ArgumentError, match=r"rate: .*diverges; pass a rate below 0\.154"):
        LinearLearning(SPECTRUM, 0.7, rate=0.2).descent(3)


def test_times_scale_as_the_inverse_eigenvalue():
    slow, fast = LinearLearning([0.1, 10.0], 1e-4).time_to(0.5)
    assert abs(slow / fast - 100) < 1e-4
    transition = LinearLearning([1.0], 1.0, rate=0.01).emergence(0.9)[0]
    assert transition.noise is None and transition.unit == "training time"
    assert abs(transition.value - np.log(10) / 0.04) < 1e-10


def test_data_decide_the_modes():
    data = torch.from_numpy(stream(0, "data").standard_normal((20, 2, 3)))
    theory = LinearLearning.fit(data, 0.5)
    flat = data.flatten(1).numpy()
    expected = np.sort(np.linalg.eigvalsh(np.cov(flat.T, bias=True)))[::-1]
    assert np.abs(np.sort(theory.eigenvalues)[::-1] - expected).max() < 1e-12


# --- what the model generates --------------------------------------------------------------------------------


def brute_variance(eigenvalue, a, initial=0.0, low=0.002, high=80.0):
    """The probability flow d log x / d log sigma = 1 - w(sigma), by quadrature."""

    def slope(log_sigma):
        square = np.exp(2 * log_sigma)
        optimum = eigenvalue / (eigenvalue + square)
        return 1 - optimum - (initial - optimum) * np.exp(-2 * a * (square + eigenvalue))

    return high**2 * np.exp(-2 * quad(slope, np.log(low), np.log(high), limit=500, epsabs=1e-12)[0])


@pytest.mark.parametrize("eigenvalue", [1e-3, 0.1, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("a", [1e-3, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("initial", [0.0, 0.3])
def test_generated_variance_is_the_flow_by_quadrature(eigenvalue, a, initial):
    theory = LinearLearning([eigenvalue], 1.0, rate=0.5, initial=initial)
    assert theory.generated_variance(2 * a)[0] == pytest.approx(brute_variance(eigenvalue, a, initial), rel=1e-8)


def test_generated_variance_of_the_paper_and_its_ends():
    assert LinearLearning([10.0], 1.0).generated_variance(0.1)[0] == pytest.approx(1.696, rel=1e-3)
    assert LinearLearning([1.0], 1.0).generated_variance(1.0)[0] == pytest.approx(0.2319, rel=1e-3)
    start, end = LinearLearning([1.0, 0.0], 1.0, initial=0.2).generated_variance([0.0, np.inf])
    assert start == pytest.approx(80**2 * (0.002 / 80) ** 1.6, rel=1e-12)
    assert end == pytest.approx([80**2 * (1 + 4e-6) / (1 + 6400), 4e-6], rel=1e-9)


def test_generation_times_fall_as_the_inverse_eigenvalue():
    eigenvalues = np.geomspace(1e-3, 1e2, 11)
    slopes = {}
    for initial in (0.0, 0.1):
        found = LinearLearning(eigenvalues, 1.0, initial=initial).generation("geometric")
        slopes[initial] = np.polyfit(np.log(eigenvalues), np.log([known(t.value) for t in found]), 1)[0]
    assert slopes[0.0] == pytest.approx(-0.985, abs=0.002)
    assert slopes[0.1] == pytest.approx(-1.019, abs=0.002)
    for transition in LinearLearning([1.0], 1.0).generation("arithmetic"):
        variance = LinearLearning([1.0], 1.0).generated_variance([0.0, known(transition.value), np.inf])[:, 0]
        assert variance[1] == pytest.approx((variance[0] + variance[2]) / 2, rel=1e-9)


def test_a_mode_that_is_there_from_the_start_does_not_emerge():
    transition = LinearLearning([4e-6 * 0], 1.0).generation()[0]
    assert transition.value is None and "does not change" in transition.note


# --- mini-batches, finite sets, early stopping ------------------------------------------------------------------


def simulated_error(theory, steps, batch, replicas, seed):
    """Mini-batch descent of many replicas on Gaussian data: mean and standard error of (W - W*)^2."""
    rng, k = stream(seed, "descent"), len(theory.eigenvalues)
    weights = np.zeros((replicas, k, k))
    for _ in range(steps):
        x0 = rng.standard_normal((replicas, batch, k)) * np.sqrt(theory.eigenvalues)
        x = x0 + theory.sigma * rng.standard_normal(x0.shape)
        error = np.einsum("nij,nbj->nbi", weights, x) - x0
        weights = weights - 2 * theory.rate * np.einsum("nbi,nbj->nij", error, x) / batch
    squares = (weights - np.diag(theory.optimum)) ** 2
    return squares.mean(0), squares.std(0) / np.sqrt(replicas)


def test_minibatch_error_is_that_of_simulated_descent():
    """Nine numbers within 5.5 standard errors (false alarms below 1e-6); a batch of one half the size is seen."""
    theory = LinearLearning([2.0, 0.5, 0.1], 0.7, rate=0.05)
    mean, error = simulated_error(theory, 30, 4, 20_000, 0)
    assert (np.abs(mean - minibatch_error(theory, 30, 4)) < 5.5 * error).all()
    assert (np.abs(mean - minibatch_error(theory, 30, 2)) > 5.5 * error).any()


def test_minibatch_error_is_the_recursion_step_by_step():
    theory = LinearLearning([2.0, 0.5, 0.1], 0.7, rate=0.05, initial=0.3)
    for batch in (1, 2, 50):
        for steps in (0, 1, 40):
            assert np.abs(minibatch_error(theory, steps, batch) - reference(theory, steps, batch)).max() < 1e-13


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_minibatch_descent_diverges_where_the_largest_eigenvalue_passes_one(batch):
    def largest(rate):
        h = LinearLearning([2.0, 0.5, 0.1], 0.7, rate=rate).curvature
        noise = 4 * rate**2 / batch * (np.diag(h**2) + np.outer(h, h))
        return np.linalg.eigvalsh(np.diag((1 - 2 * rate * h) ** 2) + noise).max()

    for rate in np.linspace(0.01, 0.5, 60):
        theory = LinearLearning([2.0, 0.5, 0.1], 0.7, rate=rate)
        if largest(rate) < 1:
            assert np.isfinite(minibatch_error(theory, 3, batch)).all()
        else:
            with pytest.raises(ArgumentError, match="diverges"):
                minibatch_error(theory, 3, batch)


def test_minibatch_error_without_noise_is_descent():
    theory = LinearLearning([2.0, 0.5], 0.7, rate=0.05)
    exact = np.diag((theory.descent(12) - theory.optimum) ** 2)
    assert np.abs(minibatch_error(theory, 12, 10**9) - exact).max() < 1e-8
    assert minibatch_error(theory, [0, 3, 9], 8).shape == (3, 2, 2)
    with pytest.raises(ArgumentError, match="mini-batch descent diverges"):
        minibatch_error(LinearLearning([2.0, 0.5], 0.7, rate=0.3), 3, 1)


def test_population_loss_is_that_of_the_trained_matrix():
    rng = stream(1, "sets")
    data = torch.from_numpy(rng.standard_normal((5, 8)) * np.linspace(0.3, 2, 8))
    population = torch.diag(torch.linspace(0.3, 2, 8, dtype=torch.float64) ** 2)
    sample = np.cov(data.numpy().T, bias=True)
    matrix = np.zeros((8, 8))
    for _ in range(40_000):
        matrix = matrix - 2 * 1e-4 * (matrix @ (sample + 0.25 * np.eye(8)) - sample)
    left = np.eye(8) - matrix
    brute = np.trace(left @ population.numpy() @ left.T) + 0.25 * np.trace(matrix @ matrix.T)
    assert population_loss(1e-4, data, population, 0.5, 40_000) == pytest.approx(brute, rel=1e-4)


def test_early_stopping_is_the_best_time_and_absent_with_plenty_of_data():
    rng = stream(2, "sets")
    scales = np.full(40, 0.3)
    data = torch.from_numpy(rng.standard_normal((15, 40)) * scales)
    population = torch.diag(torch.from_numpy(scales**2))
    stop = early_stopping(0.01, data, population, 0.4)
    at = known(stop.value)
    best = population_loss(0.01, data, population, 0.4, at)
    for time in (0.7 * at, 1.4 * at, np.inf):
        assert population_loss(0.01, data, population, 0.4, time) > best
    plenty = torch.from_numpy(stream(3, "sets").standard_normal((4, 2)))
    own = np.cov(plenty.numpy().T, bias=True)
    assert early_stopping(0.01, plenty, torch.from_numpy(own), 0.4).value is None


# --- a trained linear denoiser --------------------------------------------------------------------------------


def trained(width=None, steps=2600, rate=1e-3, sigma=0.5, batch=2048):
    """(times, gains) of a linear layer trained by plain gradient descent on fresh noise at one level."""
    k = len(SPECTRUM)
    rotation = np.linalg.qr(stream(4, "basis").standard_normal((k, k)))[0]
    basis, root = torch.from_numpy(rotation), torch.from_numpy(rotation * np.sqrt(SPECTRUM))
    layer = torch.nn.Linear(k, k, bias=False).double()
    torch.nn.init.zeros_(layer.weight)
    optimiser = torch.optim.SGD(layer.parameters(), lr=rate)
    x = normal_batch(5, "points", range(4), (k,))
    times, gains = [], []
    for step in range(steps + 1):
        if step % 20 == 0:
            times.append(step)
            gains.append(mode_gains(lambda y, s: layer(y), basis, x, sigma).numpy())
        draws = torch.from_numpy(stream(6, "train", step).standard_normal((2, batch, k)))
        x0 = draws[0] @ root.T
        loss = (layer(x0 + sigma * draws[1]) - x0).square().sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return np.array(times), np.array(gains)


@pytest.fixture(scope="module")
def linear_run():
    with torch.random.fork_rng():
        return trained()


def test_measured_times_of_a_trained_linear_denoiser(linear_run):
    """Within 2 % mode by mode, and the slope against lambda + sigma^2 is -1."""
    times, gains = linear_run
    result = learning_curves(times, gains, LinearLearning(SPECTRUM, 0.5, rate=1e-3))
    assert result.attrs["n_learned"] == len(SPECTRUM)
    assert np.abs(result["ratio"].values - 1).max() < 0.02
    assert abs(result.attrs["slope"] + 1) < max(4 * result.attrs["slope_stderr"], 1e-3)
    assert result.attrs["slope_stderr"] < 0.01


def test_a_wrong_rate_is_seen(linear_run):
    times, gains = linear_run
    wrong = learning_curves(times, gains, LinearLearning(SPECTRUM, 0.5, rate=2e-3))
    assert np.abs(wrong["ratio"].values - 1).min() > 0.9


def test_crossing_times_of_exact_curves():
    theory = LinearLearning(SPECTRUM, 0.5, rate=0.01)
    times = np.linspace(0, 500, 26)
    progress = theory.weights(times) / theory.optimum
    assert np.abs(crossing_times(times, progress, 0.5) / theory.time_to(0.5) - 1).max() < 1e-9
    assert np.isnan(crossing_times(times[:2], progress[:2], 0.9)).any()


@pytest.mark.slow
def test_a_wide_network_on_gaussian_data_has_a_slope_with_an_error():
    """Two layers of 512: the spectral order is kept; the slope is reported, not assumed."""
    k, sigma = len(SPECTRUM), 0.5
    generator = torch.Generator().manual_seed(0)
    first = (torch.randn(512, k, generator=generator, dtype=torch.float64) / k**0.5).requires_grad_()
    second = torch.zeros(k, 512, dtype=torch.float64, requires_grad=True)
    net = lambda x, s: torch.tanh(x @ first.T / 4) @ second.T  # noqa: E731
    optimiser = torch.optim.SGD([first, second], lr=2e-4)
    root, basis = torch.from_numpy(np.diag(np.sqrt(SPECTRUM))), torch.eye(k, dtype=torch.float64)
    points = normal_batch(5, "points", range(16), (k,))
    times, gains = [], []
    for step in range(1500):
        if step % 10 == 0:
            times.append(step)
            gains.append(mode_gains(net, basis, points, sigma).numpy())
        draws = torch.from_numpy(stream(7, "train", step).standard_normal((2, 256, k)))
        x0 = draws[0] @ root
        loss = (net(x0 + sigma * draws[1], sigma) - x0).square().sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    result = learning_curves(times, gains, LinearLearning(SPECTRUM, sigma, rate=2e-4), fraction=0.3)
    assert result.attrs["slope"] < -0.3 and 0 < result.attrs["slope_stderr"] < 0.3


# --- bad input ------------------------------------------------------------------------------------------------


def test_bad_input_is_named():
    with pytest.raises(ArgumentError, match="eigenvalues: holds negative"):
        LinearLearning([-1.0], 1.0)
    with pytest.raises(NoiseLevelError, match="sigma"):
        LinearLearning([1.0], 0.0)
    with pytest.raises(ShapeError, match="initial"):
        LinearLearning([1.0, 2.0], 1.0, initial=[0.1])
    with pytest.raises(ArgumentError, match="times"):
        LinearLearning([1.0], 1.0).weights([-1.0])
    with pytest.raises(ArgumentError, match="criterion"):
        LinearLearning([1.0], 1.0).generation("mean")
    theory = LinearLearning([1.0, 2.0], 1.0)
    with pytest.raises(ShapeError, match="gains"):
        learning_curves([0.0, 1.0], np.zeros((2, 3)), theory)
    with pytest.raises(ArgumentError, match="increase"):
        learning_curves([1.0, 1.0], np.zeros((2, 2)), theory)
    with pytest.raises(EstimateError, match="only 0 modes"):
        learning_curves([0.0, 1.0], np.zeros((2, 2)), theory)
