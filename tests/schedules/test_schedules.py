"""Exact errors of N steps and the best noise levels: oracles, the samplers themselves, limits, and what is refused."""

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
import torch
from scipy import integrate, optimize
from sklearn.datasets import load_digits

from idealscore._support.streams import stream
from idealscore.errors import (
    ArgumentError,
    CovarianceError,
    EmptyDataError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
)
from idealscore.simulate.diffusion import METHODS, noised, sample, starting_noise
from idealscore.theory import DiscreteSchedule, GaussianDenoiser, NoiseLevel
from idealscore.theory.covariance import Covariance
from idealscore.theory.schedules import (
    SCHEDULES,
    SOLVERS,
    best_karras_schedule,
    continuum_schedule,
    cosine_schedule,
    ddpm_schedule_steps,
    information_schedule,
    karras_schedule,
    linear_schedule,
    named_schedule,
    named_schedules,
    optimal_schedule,
    reference,
    sampled_gain,
    sampled_std,
    sampling_error,
    sampling_error_slopes,
    schedule_density,
    trailing_schedule,
)

STEPS = np.repeat([40.0, 4.0, 0.3, 0.01], [1, 5, 20, 40])
SPECTRUM = np.array([25.0, 4.0, 1.0, 0.1, 0.01])
GRIDS = [karras_schedule(18), karras_schedule(6)[:-1], np.array([3.0, 0.5]), cosine_schedule(4, 30.0)]


@pytest.fixture(scope="module")
def digits():
    images = load_digits(return_X_y=True)[0] / 8 - 1
    return np.linalg.eigvalsh(np.cov(images.T, bias=True))


def theta(spectrum, sigmas):
    return np.arctan2(np.asarray(sigmas)[:, None], np.sqrt(spectrum))


@pytest.mark.parametrize("sigmas", GRIDS, ids=len)
def test_euler_is_a_product_of_cosines(sigmas):
    product = np.cos(np.diff(theta(SPECTRUM, sigmas), axis=0)).prod(0)
    exact = np.hypot(np.sqrt(SPECTRUM), sigmas[-1])
    np.testing.assert_allclose(sampled_std(SPECTRUM, sigmas), exact * product, rtol=1e-12)
    np.testing.assert_allclose(reference(SPECTRUM, sigmas), exact * product, rtol=1e-12)


@pytest.mark.parametrize("solver", ["euler", "heun", "ddpm"])
@pytest.mark.parametrize("sigmas", GRIDS, ids=len)
def test_engine_equals_the_literal_steps(sigmas, solver):
    np.testing.assert_allclose(sampled_std(STEPS, sigmas, solver), reference(STEPS, sigmas, solver), rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 18, 40])
def test_one_mode_reaches_the_cosine_power(steps):
    right = {5: 0.77809321, 10: 0.88348518, 40: 0.96962057}
    angles = np.linspace(math.pi / 2, 0, steps + 1)
    found = sampled_std([4.0], [math.inf, *2 * np.tan(angles[1:])]) / 2
    assert found[0] == pytest.approx(math.cos(math.pi / (2 * steps)) ** steps, abs=1e-12)
    assert abs(found[0] - right.get(steps, found[0])) < 0.51e-8
    best = optimal_schedule([1.0], steps, sigma_max=5.0)
    np.testing.assert_allclose(np.arctan(best), np.linspace(math.atan(5), 0, steps + 1), atol=2e-6)


def gains_of_the_sampler(denoiser, sigmas, solver):
    """The sampler is linear around the mean: where it takes each axis."""
    return sample(denoiser, torch.eye(5, dtype=torch.float64), sigmas, solver).diagonal().numpy()


@pytest.mark.parametrize("solver", ["euler", "ddim", "heun"])
@pytest.mark.parametrize("sigmas", GRIDS, ids=len)
def test_gains_are_those_of_the_sampler(sigmas, solver):
    mean = torch.zeros(5, dtype=torch.float64)
    gaussian = GaussianDenoiser(mean, torch.diag(torch.from_numpy(SPECTRUM)))
    found = gains_of_the_sampler(gaussian, sigmas, solver)
    np.testing.assert_allclose(sampled_gain(SPECTRUM, sigmas, solver), found, rtol=1e-12)
    spread = np.hypot(np.sqrt(SPECTRUM), sigmas[0])
    np.testing.assert_allclose(sampled_std(SPECTRUM, sigmas, solver), found * spread, rtol=1e-12)
    from_noise = sampled_std(SPECTRUM, sigmas, solver, start="noise")
    np.testing.assert_allclose(from_noise, found * sigmas[0], rtol=1e-12)
    assert (sampled_gain(SPECTRUM, sigmas, solver) > 0).all()


@cache
def sampled_covariance(solver, start, n=4000):
    """Measured standard deviations of samples, and their standard errors."""
    gaussian = GaussianDenoiser(torch.zeros(5).double(), torch.diag(torch.from_numpy(SPECTRUM)))
    sigmas = karras_schedule(7, 30.0, 0.05)
    x = starting_noise(n, (5,), 30.0, seed=3) if start == "noise" else noised(gaussian.sample(n, seed=1), 30.0, seed=2)
    std = sample(gaussian, x, sigmas, solver, seed=4).std(0).numpy()
    return sigmas, std, std / math.sqrt(2 * n)


@pytest.mark.parametrize("start", ["data", "noise"])
def test_ancestral_samples_have_the_predicted_variance(start):
    sigmas, std, error = sampled_covariance("ddpm", start)
    predicted = sampled_std(SPECTRUM, sigmas, "ddpm", start=start)
    assert (abs(std - predicted) < 5.4 * error).all()  # false-positive rate 5 x 7e-8
    assert (abs(std - sampled_std(SPECTRUM, sigmas, "euler", start=start)) > 5.4 * error).any()  # control


def test_the_predicted_error_is_that_of_samples():
    sigmas, std, _ = sampled_covariance("ddpm", "data")
    measured = math.sqrt(np.square(std - np.sqrt(SPECTRUM)).sum() / SPECTRUM.sum())
    slope = (std - np.sqrt(SPECTRUM)) / (measured * SPECTRUM.sum())
    error = math.sqrt(np.square(slope * std / math.sqrt(8000)).sum())
    assert abs(measured - sampling_error(SPECTRUM, sigmas, "ddpm")) < 5.4 * error
    assert abs(measured - sampling_error(SPECTRUM, sigmas, "heun")) > 5.4 * error


def test_error_of_the_digits_is_that_of_the_sampler_with_their_gaussian():
    data = torch.from_numpy(load_digits(return_X_y=True)[0] / 8 - 1)
    gaussian = GaussianDenoiser.fit(data)
    basis = known_basis(gaussian.covariance)
    sigmas = optimal_schedule(gaussian.covariance.spectrum, 6, "heun")
    found = basis.T @ (sample(gaussian, gaussian.mean + basis.T, sigmas, "heun") - gaussian.mean).T
    np.testing.assert_allclose(found.diagonal(), sampled_gain(gaussian.covariance.eigenvalues, sigmas, "heun"), 1e-9)
    assert float((found - torch.diag(found.diagonal())).abs().max()) < 1e-12
    c = gaussian.covariance.eigenvalues
    spread = found.diagonal() * (c + sigmas[0] ** 2).sqrt()
    error = float(((spread - c.sqrt()).square().sum() / c.sum()).sqrt())
    assert sampling_error(gaussian.covariance.spectrum, sigmas, "heun") == pytest.approx(error, rel=1e-9)


def known_basis(covariance: Covariance):
    assert covariance.basis is not None
    return covariance.basis


def test_limits():
    assert sampling_error(STEPS, karras_schedule(3000, 1e3, 1e-3)) < 2e-3
    assert sampling_error(STEPS, karras_schedule(3000, 1e3, 1e-3), "heun") < 1e-5
    single = [5.0, 0.0]
    np.testing.assert_allclose(sampled_std(STEPS, single), STEPS / np.sqrt(STEPS + 25), rtol=1e-12)
    for solver in ("heun", "ddpm", "ddim"):
        np.testing.assert_allclose(sampled_std(STEPS, single, solver), sampled_std(STEPS, single), rtol=1e-11)
    still = sampled_std([1.0, 0.0], [9.0, 3.0, 1.0], "heun")  # where nothing varies, noise of the level is left
    assert still[1] == pytest.approx(1, rel=1e-13)
    for solver in SOLVERS:
        assert sampled_std([1.0, 0.0, 1e-30], [9.0, 3.0, 0.0], solver)[1:].max() == 0
        huge = sampled_std([1e200, 1e190], [1e100, 1e90, 0.0], solver)
        np.testing.assert_allclose(huge, 1e100 * sampled_std([1.0, 1e-10], [1.0, 1e-10, 0.0], solver), rtol=1e-11)
    for solver in ("euler", "ddpm"):
        far = sampled_std(SPECTRUM, [1e9, 4.0, 1.0, 0.0], solver)
        np.testing.assert_allclose(sampled_std(SPECTRUM, [math.inf, 4.0, 1.0, 0.0], solver), far, rtol=1e-8)


def test_euler_and_ancestral_steps_lose_variance_and_heun_steps_gain_it():
    grid = karras_schedule(12)[:-1]
    exact = np.hypot(np.sqrt(STEPS), grid[-1])
    assert (sampled_std(STEPS, grid) < exact).all() and (sampled_std(STEPS, grid, "ddpm") < exact).all()
    assert (sampled_std(STEPS, grid, "heun") > exact).all()


@pytest.mark.parametrize(("steps", "solver"), [(2, "euler"), (3, "heun"), (4, "ddpm"), (5, "euler"), (5, "heun")])
def test_the_optimum_is_that_of_a_search_without_derivatives(solver, steps):
    best = optimal_schedule(STEPS, steps, solver)
    assert len(best) == steps + 1 and best[0] == 80 and best[-1] == 0 and (np.diff(best) < 0).all()
    least = sampling_error(STEPS, best, solver)

    def error(logs):
        inside = np.exp(logs)
        return sampling_error(STEPS, [80.0, *inside, 0.0], solver) if (np.diff([80.0, *inside]) < 0).all() else 9.0

    begin = np.log(best[1:-1]) + 0.1 * stream(0, "start").standard_normal(steps - 1) * np.diff(np.log(best[:-1])).max()
    options = {"maxiter": 600, "maxfev": 600, "xatol": 1e-7, "fatol": 1e-12, "adaptive": True}
    found = optimize.minimize(error, begin, method="Nelder-Mead", options=options)
    assert found.fun >= least * (1 - 1e-7)
    draw = stream(1, "neighbours")
    for _ in range(20):
        near = best.copy()
        near[1:-1] *= np.exp(1e-3 * draw.standard_normal(steps - 1))
        assert sampling_error(STEPS, near, solver) >= least


@pytest.mark.parametrize(("steps", "solver"), [*product((5, 10, 18, 40), ("euler", "heun")), (10, "ddpm")])
def test_on_the_digits_nothing_is_better_than_the_optimum(digits, steps, solver):
    errors = {name: sampling_error(digits, g, solver) for name, g in named_schedules(digits, steps, solver).items()}
    assert list(errors) == list(SCHEDULES)
    assert all(errors["optimal"] <= error * (1 + 1e-9) for error in errors.values())
    assert errors["best karras"] <= errors["karras"]
    if steps >= 10:
        assert errors["optimal"] < 0.8 * errors["karras"] and errors["information"] > 2 * errors["optimal"]


def test_the_continuum_is_the_limit_of_many_steps(digits):
    sigma, density = schedule_density(digits)
    assert integrate.trapezoid(density, sigma) == pytest.approx(1, abs=1e-3)
    for solver, order in (("euler", 1), ("heun", 2)):
        error = {n: sampling_error(digits, continuum_schedule(digits, n, solver), solver) for n in (40, 160, 640)}
        best = sampling_error(digits, optimal_schedule(digits, 40, solver), solver)
        assert best <= error[40] < 1.1 * best
        slope = math.log(error[160] / error[640]) / math.log(4)
        assert slope == pytest.approx(order, abs=0.05 * order)


def test_scale_and_order_of_the_spectrum_change_nothing():
    best = optimal_schedule(STEPS, 7, "heun", 80.0)
    scaled = optimal_schedule(1e8 * STEPS[::-1], 7, "heun", 80e4)
    np.testing.assert_allclose(scaled, 1e4 * best, rtol=1e-5)
    padded = np.concatenate([np.zeros(5), STEPS])
    np.testing.assert_allclose(optimal_schedule(padded, 7, "heun"), best, rtol=1e-5)
    np.testing.assert_allclose(sampled_std(padded, best, "heun")[5:], sampled_std(STEPS, best, "heun"), rtol=1e-13)


@pytest.mark.parametrize("solver", ["euler", "heun", "ddpm"])
def test_no_level_lies_below_what_a_network_knows(solver):
    free = optimal_schedule(STEPS, 12, solver)
    for name in ("optimal", "best karras", "continuum", "karras", "information"):
        bound = named_schedule(name, STEPS, 12, solver, sigma_min=0.3)
        assert len(bound) == 13 and bound[-2] >= 0.3 * (1 - 1e-12) and bound[-1] == 0 and (np.diff(bound) < 0).all()
    assert free[-2] < 0.3
    bound = optimal_schedule(STEPS, 12, solver, sigma_min=0.3)
    assert sampling_error(STEPS, free, solver) < sampling_error(STEPS, bound, solver)
    draw = stream(2, "neighbours")
    for _ in range(20):
        near = bound.copy()
        near[1:-2] *= np.exp(1e-3 * draw.standard_normal(10))
        assert sampling_error(STEPS, near, solver) >= sampling_error(STEPS, bound, solver)


def test_slopes_are_the_derivatives():
    sigmas = karras_schedule(8, 80.0, 0.02)
    for solver in SOLVERS:
        found = sampling_error_slopes(SPECTRUM, sigmas, solver)
        for k, value in enumerate(SPECTRUM):
            step = 1e-5 * value * np.eye(5)[k]
            up, down = (sampling_error(SPECTRUM + s, sigmas, solver) for s in (step, -step))
            assert found[k] == pytest.approx((up - down) / (2e-5 * value), rel=1e-5, abs=1e-9)


def test_schedules_in_use():
    assert karras_schedule(1).tolist() == cosine_schedule(1).tolist() == linear_schedule(1).tolist() == [80.0, 0.0]
    assert trailing_schedule(1).tolist() == information_schedule([1.0], 1).tolist() == [80.0, 0.0]
    np.testing.assert_allclose(np.diff(np.arctan(cosine_schedule(6, 9.0))), -math.atan(9) / 6)
    linear = DiscreteSchedule.linear()
    for grid, last in ((linear_schedule(9), 1), (trailing_schedule(9), None)):
        steps = np.asarray(NoiseLevel(grid).step(linear))
        inside = steps[:-1] if last else steps
        np.testing.assert_allclose(np.diff(inside), np.diff(inside)[0], rtol=1e-9)
        assert last is None or steps[-2] == pytest.approx(last)
    c = np.array([4.0, 1.0])
    grid = information_schedule(c, 8)[:-1]
    information = np.log1p(c[:, None] / grid**2).sum(0) / 2
    np.testing.assert_allclose(np.diff(information), np.diff(information)[0], rtol=1e-4)
    best, rho = best_karras_schedule(c, 9, "heun")
    np.testing.assert_allclose(np.diff(best[:-1] ** (1 / rho)), np.diff(best[:-1] ** (1 / rho))[0], rtol=1e-6)


def test_whole_steps():
    linear = DiscreteSchedule.linear()
    for grid in (karras_schedule(40), karras_schedule(900, 150.0), linear_schedule(20)):
        steps = ddpm_schedule_steps(grid)
        assert len(steps) == len(grid) - 1 and (np.diff(steps) < 0).all() and steps[-1] >= 1 and steps[0] <= 1000
    levels = linear.sigmas[[900, 500, 3, 1]]
    assert ddpm_schedule_steps(levels).tolist() == [900, 500, 3, 1]
    assert ddpm_schedule_steps([0.01, 0.008, 0.002, 0.0]).tolist() == [3, 2, 1]


def test_solvers_are_those_of_the_samplers():
    assert set(SOLVERS) == set(METHODS)


BAD_SIGMAS = [[0.0, 1.0], [1.0, 1.0, 0.0], [2.0, 1.0, 1.5, 0.0], [1.0], [2.0, -1.0], [2.0, math.nan], [2.0, math.inf]]


@pytest.mark.parametrize("sigmas", BAD_SIGMAS, ids=str)
def test_levels_that_do_not_fall_are_refused(sigmas):
    for call in (sampled_std, sampled_gain, sampling_error, sampling_error_slopes):
        with pytest.raises(NoiseLevelError, match="sigmas"):
            call(SPECTRUM, sigmas)
    with pytest.raises(NoiseLevelError, match="sigmas"):
        ddpm_schedule_steps(sigmas)


@pytest.mark.parametrize(
    ("spectrum", "error"),
    [
        ([1.0, -0.1], CovarianceError),
        ([0.0, 0.0], EmptyDataError),
        ([], ShapeError),
        ([[1.0, 2.0]], ShapeError),
        ([1.0, math.nan], NotFiniteError),
        ("no", ArgumentError),
    ],
    ids=str,
)
def test_what_is_no_spectrum_is_refused(spectrum, error):
    for call in (
        lambda: sampled_std(spectrum, [1.0, 0.0]),
        lambda: sampling_error(spectrum, [1.0, 0.0]),
        lambda: optimal_schedule(spectrum, 4),
        lambda: schedule_density(spectrum),
        lambda: best_karras_schedule(spectrum, 4),
        lambda: information_schedule(spectrum, 4),
    ):
        with pytest.raises(error, match="spectrum"):
            call()


def test_other_bad_input_is_refused():
    for steps in (0, -1, 2.5, True):
        for name in SCHEDULES:
            with pytest.raises(ArgumentError, match="steps"):
                named_schedule(name, [1.0], steps)  # pyright: ignore[reportArgumentType]
    for call in (optimal_schedule, continuum_schedule, best_karras_schedule):
        with pytest.raises(UnknownNameError, match="did you mean 'heun'"):
            call([1.0], 4, "huen")
        with pytest.raises(NoiseLevelError, match="sigma_min"):
            call([1.0], 4, "heun", sigma_max=1.0, sigma_min=2.0)
        for bad in (0.0, -1.0, math.inf, math.nan):
            with pytest.raises(ArgumentError, match="sigma_max"):
                call([1.0], 4, "heun", sigma_max=bad)
    with pytest.raises(UnknownNameError, match="solver"):
        sampled_std([1.0], [1.0, 0.0], "rk45")
    with pytest.raises(UnknownNameError, match="start"):
        sampled_std([1.0], [1.0, 0.0], start="nothing")
    with pytest.raises(ArgumentError, match="draws noise"):
        sampled_gain([1.0], [1.0, 0.0], "ddpm")
    with pytest.raises(NoiseLevelError, match="inf"):
        sampled_std([1.0], [math.inf, 0.0], "heun")
    with pytest.raises(NoiseLevelError, match="inf"):
        sampled_gain([1.0], [math.inf, 0.0])
    with pytest.raises(UnknownNameError, match="name"):
        named_schedule("carras", [1.0], 4)
    with pytest.raises(NoiseLevelError, match="sigma_max"):
        linear_schedule(4, 1000.0)
    assert "linear" not in named_schedules([1.0], 4, sigma_max=1000.0)
    with pytest.raises(NoiseLevelError, match="last step"):
        ddpm_schedule_steps([1000.0, 1.0])
    with pytest.raises(NoiseLevelError, match="levels for"):
        ddpm_schedule_steps(np.linspace(9, 1, 30), DiscreteSchedule.linear(20, 0.1, 0.9))
