"""The optimum of n samples from the spectrum alone: oracles, limits, simulations, and what is refused."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize

from idealscore._support.streams import stream
from idealscore.errors import (
    ArgumentError,
    CovarianceError,
    EmptyDataError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
)
from idealscore.theory import GaussianDenoiser
from idealscore.theory.covariance import Covariance
from idealscore.theory.finite_sample import (
    FiniteSampleDenoiser,
    agreement_size,
    errors,
    kappa,
    kurtosis_factor,
    overfitting_noise,
    reference,
    sample_cosine,
    sample_cosine_stderr,
    spiked_overlap,
)

from brute_force import random_covariance, tensor
from closed_forms import ClosedFormTests

STEPS = np.repeat([4.0, 1.0, 0.04], [10, 40, 150])
POWER = 10 / np.arange(1, 201)
NAMES = ("kappa", "df1", "df2", "test", "train", "optimum", "disagreement")


def values(found):
    return np.array([getattr(found, name) for name in NAMES])


@pytest.mark.parametrize(
    ("n", "sigma", "right"),
    [
        (50, 0.2, "0.51405964 46.10940086 26.0830368 23.23591685 1.84437603 4.93450114 23.79569969"),
        (50, 1.0, "1.89912623 23.67210288 9.42067826 47.77434592 23.67210288 33.76923077 22.57682668"),
        (200, 0.2, "0.07818328 97.67633457 61.21247758 6.93994983 3.90705338 4.93450114 3.28117341"),
        (200, 1.0, "1.18305499 30.94615113 14.50961477 36.93247515 30.94615113 33.76923077 5.95506794"),
        (1000, 0.2, "0.04537364 118.43096887 79.30781946 5.16688246 4.73723875 4.93450114 0.43881961"),
        (1000, 1.0, "1.03433236 33.19277716 16.18626282 34.36003802 33.19277716 33.76923077 1.16677406"),
    ],
)
def test_errors_to_the_digits_of_an_independent_solution(n, sigma, right):
    found = errors(STEPS, n, sigma)
    assert np.abs(values(found) - np.array(right.split(), float)).max() <= 0.51e-8
    assert kappa(STEPS, n, sigma) == pytest.approx(found.kappa, rel=1e-14)
    np.testing.assert_allclose(values(found), values(reference(STEPS, n, sigma)), rtol=1e-11)


@pytest.mark.parametrize("seed", range(6))
def test_errors_equal_the_literal_formulas_on_random_spectra(seed):
    draw = stream(seed, "finite sample spectra")
    spectrum = np.exp(4 * draw.standard_normal(12)) * (draw.random(12) < 0.8) + 0.0
    spectrum[0] = 1.0
    for n in (2, 5, 11, 12, 40):
        for sigma in (0.05, 1.0, 30.0):
            found, literal = errors(draw.permutation(spectrum), n, sigma), reference(spectrum, n, sigma)
            np.testing.assert_allclose(values(found), values(literal), rtol=1e-7)
            np.testing.assert_allclose(found.train, sigma**2 * found.df1, rtol=1e-10)
            assert found.kappa >= sigma**2 and found.train <= found.optimum * (1 + 1e-12) <= found.test * (1 + 2e-12)
            scaled = errors(9e8 * spectrum, n, 3e4 * sigma)
            units = np.array([9e8, 1, 1, 9e8, 9e8, 9e8, 9e8])
            np.testing.assert_allclose(values(scaled), units * values(found), rtol=1e-9)


def test_limits():
    rank, total = len(STEPS), STEPS.sum()
    for n in (50, 200, 400):
        silent, loud = errors(STEPS, n, 0.0), errors(STEPS, n, math.inf)
        assert loud.test == loud.train == loud.optimum == pytest.approx(total) and loud.disagreement == 0
        assert silent.train == silent.optimum == 0
        for sigma in (1e-200, 1e-100, 1e-30):
            np.testing.assert_allclose(values(errors(STEPS, n, sigma)), values(silent), rtol=1e-9, atol=1e-25)
        for sigma in (1e12, 1e100, 1e200):
            np.testing.assert_allclose(values(errors(STEPS, n, sigma))[3:], values(loud)[3:], rtol=1e-9, atol=1e-12)
    assert errors(STEPS, 50, 0.0).kappa == pytest.approx(0.425261756) and errors(STEPS, 50, 0.0).df1 == pytest.approx(
        50
    )
    assert errors(STEPS, rank, 0.0).kappa == errors(STEPS, 400, 0.0).test == errors(STEPS, 400, 0.0).disagreement == 0
    many = errors(STEPS, 10**9, 0.7)
    assert many.test == pytest.approx(many.optimum, rel=1e-6) == pytest.approx(many.train, rel=1e-6)
    assert many.disagreement == pytest.approx(0, abs=1e-5) and many.kappa == pytest.approx(0.49, rel=1e-6)
    assert sample_cosine(STEPS, 10**9) == pytest.approx(1, abs=1e-6)
    near_square = [errors(STEPS, rank, s).test / s for s in (1e-6, 1e-8)]  # kappa falls as sigma at n = rank
    assert near_square[0] == pytest.approx(near_square[1], rel=1e-3)


def test_zero_eigenvalues_and_order_change_nothing():
    padded = np.concatenate([np.zeros(7), STEPS[::-1], np.full(3, 1e-18)])
    np.testing.assert_allclose(values(errors(padded, 60, 0.5)), values(errors(STEPS, 60, 0.5)), rtol=1e-12)
    assert sample_cosine(padded, 60) == pytest.approx(sample_cosine(STEPS, 60), rel=1e-10)
    assert kappa(torch.tensor(STEPS, requires_grad=True), 60, 0.5) == pytest.approx(kappa(STEPS, 60, 0.5))


def sample_covariance(n, label):
    data = stream(label, "finite sample data").standard_normal((n, len(POWER))) * np.sqrt(POWER)
    return data.T @ data / n


@pytest.mark.parametrize("n", [60, 200])
def test_errors_against_simulated_training_sets(n):
    C, sigma, pairs, one = np.diag(POWER), 0.5, 12, np.eye(len(POWER))
    found = {"test": [], "train": [], "disagreement": []}
    for k in range(pairs):
        covariances = [sample_covariance(n, 1000 * n + 2 * k + j) for j in (0, 1)]
        gains = [S @ np.linalg.inv(S + sigma**2 * one) for S in covariances]
        for S, W in zip(covariances, gains, strict=True):
            noise = sigma**2 * np.square(W).sum()
            found["test"].append(np.trace((one - W) @ C @ (one - W)) + noise)
            found["train"].append(np.trace((one - W) @ S @ (one - W)) + noise)
        apart = gains[0] - gains[1]
        found["disagreement"].append(np.trace(apart @ (C + sigma**2 * one) @ apart))
    predicted = errors(POWER, n, sigma)
    for name, drawn in found.items():
        error = np.std(drawn, ddof=1) / math.sqrt(len(drawn))
        right = getattr(predicted, name)
        # 6.5 standard errors (t with 11 degrees of freedom: 5e-5 at worst, fixed seed), and the 1 / n of the theory
        assert abs(np.mean(drawn) - right) < 6.5 * error + 0.02 * right, name
        assert abs(np.mean(drawn) - getattr(errors(POWER, 2 * n, sigma), name)) > 6.5 * error  # another n is seen


def test_sample_cosine_to_the_digits_of_an_independent_solution():
    found = [round(sample_cosine(POWER, n), 5) for n in (50, 100, 400, 2000)]
    assert found == [0.56495, 0.71643, 0.9343, 0.98717]
    steps = [sample_cosine(STEPS, n) for n in (50, 200, 1000)]
    assert np.abs(np.array(steps) - [0.652854, 0.907694, 0.982290]).max() < 2e-6
    white = {0.5: 0.435057, 2.0: 0.870114}
    assert all(abs(sample_cosine(np.ones(40), round(40 * k)) - right) < 1.1e-6 for k, right in white.items())
    assert sample_cosine(np.ones(40), 40) == pytest.approx((8 / (3 * math.pi)) ** 2, rel=1e-9)


@pytest.mark.parametrize("n", [3, 8])
def test_sample_cosine_equals_adaptive_quadrature(n):
    spectrum = np.exp(np.linspace(-6, 3, 8))

    def root(c):
        def integrand(u):
            s = math.exp(u)
            k = optimize.brentq(
                lambda k: s * s + k / n * (spectrum / (spectrum + k)).sum() - k, s * s, s * s + spectrum.sum() / n
            )
            return s * c / (c + k)

        return 2 / math.pi * integrate.quad(integrand, -40, 40, limit=500, epsabs=1e-11, epsrel=1e-10)[0]

    literal = sum(root(c) ** 2 for c in spectrum) / spectrum.sum()
    assert sample_cosine(spectrum, n) == pytest.approx(literal, rel=1e-8)


@pytest.mark.parametrize("n", [60, 200])
def test_sample_cosine_against_simulated_training_sets(n):
    drawn = []
    for k in range(10):
        roots = []
        for j in (0, 1):
            levels, basis = np.linalg.eigh(sample_covariance(n, 5000 * n + 2 * k + j))
            roots.append(basis * np.sqrt(levels.clip(0)) @ basis.T)
        drawn.append((roots[0] * roots[1]).sum() / POWER.sum())
    error = np.std(drawn, ddof=1) / math.sqrt(len(drawn))
    assert abs(np.mean(drawn) - sample_cosine(POWER, n)) < 6.5 * error + 0.01
    assert abs(np.mean(drawn) - sample_cosine(POWER, 2 * n)) > 6.5 * error


def test_standard_errors_are_those_of_measured_spectra():
    d, N, draws = 12, 4000, 100
    spectrum = 3.0 * np.arange(1, d + 1) ** -0.7
    names = ("kappa", "df1", "test", "train", "optimum", "disagreement", "cosine")
    rows = []
    for k in range(draws):
        data = stream(k, "finite sample spectrum").standard_normal((N, d)) * np.sqrt(spectrum)
        measured = np.linalg.eigvalsh(data.T @ data / N)
        found = errors(measured, 20, 0.8)
        rows.append([*(getattr(found, name) for name in names[:-1]), sample_cosine(measured, 20)])
    exact = errors(spectrum, 20, 0.8, spectrum_n=N)
    predicted = [exact.stderr[name] for name in names[:-1]] + [sample_cosine_stderr(spectrum, 20, N)]
    # the scatter of a standard deviation of 100 normal draws is 7.1 %: 43 % is six of them
    np.testing.assert_allclose(np.std(rows, axis=0, ddof=1), predicted, rtol=0.43)
    assert errors(spectrum, 20, 0.8).stderr == {}
    assert errors(spectrum, 20, math.inf, spectrum_n=N).stderr["test"] == pytest.approx(
        math.sqrt(2 / N) * np.linalg.norm(spectrum)
    )


def test_standard_errors_come_from_the_slopes():
    spectrum = np.array([3.0, 1.0, 0.5, 0.2])
    h, total = 1e-6, np.zeros(7)
    for k, c in enumerate(spectrum):
        up, down = spectrum.copy(), spectrum.copy()
        up[k], down[k] = c * (1 + h), c * (1 - h)
        total += np.square((values(errors(up, 3, 0.4)) - values(errors(down, 3, 0.4))) / (2 * h))
    found = errors(spectrum, 3, 0.4, spectrum_n=50).stderr
    np.testing.assert_allclose([found[name] for name in NAMES], np.sqrt(2 / 50 * total), rtol=1e-6)


def test_size_of_agreement_and_noise_of_overfitting_solve_their_equations():
    found = agreement_size(STEPS, 0.9)
    assert found.value is not None and found.noise is None and found.unit == "samples"
    below, above = (sample_cosine(STEPS, n) for n in (math.floor(found.value), math.ceil(found.value)))
    assert below <= 0.9 <= above
    assert agreement_size(np.ones(30), (8 / (3 * math.pi)) ** 2).value == pytest.approx(30, rel=1e-6)
    assert agreement_size([1.0], 0.1).value is None
    over = overfitting_noise(STEPS, 50)
    assert over.value is not None and over.noise is not None
    at = errors(STEPS, 50, over.value)
    assert at.test == pytest.approx(2 * at.optimum, rel=1e-9)
    assert errors(STEPS, 50, 0.5 * over.value).test > 2 * errors(STEPS, 50, 0.5 * over.value).optimum
    scaled = overfitting_noise(100 * STEPS, 50).value
    assert scaled == pytest.approx(10 * over.value, rel=1e-9)
    assert overfitting_noise(STEPS, 1000).value is None


def test_spiked_overlap_against_samples():
    assert spiked_overlap(2.0, 1.0) == pytest.approx(0.5) and spiked_overlap(1.0, 1.0) == 0 == spiked_overlap(0.0, 9.0)
    d, n, spike, squares = 200, 200, 3.0, []
    for k in range(10):
        data = stream(k, "spike").standard_normal((n, d))
        data[:, 0] *= math.sqrt(1 + spike)
        squares.append(np.linalg.eigh(data.T @ data)[1][0, -1] ** 2)
    error = np.std(squares, ddof=1) / math.sqrt(len(squares))
    assert abs(np.mean(squares) - spiked_overlap(spike, n / d)) < 6.5 * error + 0.02


def test_kurtosis_factor_is_one_for_gaussian_data_and_sees_heavy_tails():
    draw = stream(0, "kurtosis")
    gaussian = draw.standard_normal((20_000, 8)) * np.sqrt(POWER[:8])
    found = kurtosis_factor(gaussian, 2000, 0.5)
    assert abs(found.value - 1) < 6 * found.stderr < 0.2 and found.is_valid
    # y = r z with E r^2 = 1, E r^4 = 5/2: E ab = 5/2 of its Gaussian value
    scale = np.where(draw.random(20_000) < 0.4, math.sqrt(2.5), 0.0)
    heavy = kurtosis_factor(gaussian * scale[:, None], 2000, 0.5)
    c = POWER[:8]
    g = 1 / (c + kappa(c, 2000, 0.5))
    crossed = (c**2 * g**3).sum()
    one = (c * g).sum() * (c * g**2).sum() + crossed
    right = (2.5 * (one + crossed) - crossed) / one
    assert abs(heavy.value - right) < 6 * heavy.stderr and heavy.value > found.value + 6 * heavy.stderr
    assert not kurtosis_factor(gaussian, 10, 0.5).is_valid


@pytest.mark.slow
def test_kurtosis_factor_corrects_the_disagreement_of_heavy_tailed_sets():
    c, n, sigma, apart = POWER[:20], 600, 0.7, []
    draw = stream(1, "kurtosis")

    def data(size):
        scale = np.where(draw.random(size) < 0.4, math.sqrt(2.5), 0.0)
        return draw.standard_normal((size, 20)) * np.sqrt(c) * scale[:, None]

    for _ in range(100):
        gains = []
        for _ in range(2):
            y = data(n)
            S = y.T @ y / n
            gains.append(S @ np.linalg.inv(S + sigma**2 * np.eye(20)))
        apart.append(np.einsum("ij,j,ij", gains[0] - gains[1], c + sigma**2, gains[0] - gains[1]))
    factor = kurtosis_factor(data(200_000), n, sigma)
    plain = errors(c, n, sigma).disagreement
    error = np.std(apart, ddof=1) / 10
    assert abs(np.mean(apart) - factor.value * plain) < 5 * error + 0.1 * plain
    assert np.mean(apart) > 1.5 * plain


class TestSurface(ClosedFormTests):
    def make(self):
        C = random_covariance(np.random.default_rng(0), 6, 6)
        return FiniteSampleDenoiser(torch.arange(6.0).double().reshape(1, 2, 3), tensor(C), 9)


def test_the_denoiser_is_the_mean_of_the_optima_of_training_sets():
    C = random_covariance(np.random.default_rng(1), 5, 5)
    C *= 5 / np.trace(C)
    n, sigma, factor = 60, 0.4, np.linalg.cholesky(C)
    mean_optimum = FiniteSampleDenoiser(torch.zeros(5).double(), tensor(C), n)
    x = torch.eye(5).double()
    drawn = []
    for k in range(2000):
        y = stream(k, "mean optimum").standard_normal((n, 5)) @ factor.T
        S = y.T @ y / n
        drawn.append(S @ np.linalg.inv(S + sigma**2 * np.eye(5)))
    error = np.std(drawn, axis=0, ddof=1) / math.sqrt(len(drawn))
    difference = np.abs(np.mean(drawn, axis=0) - mean_optimum(x, sigma).numpy())
    assert (difference < 6 * error + 0.003).all()  # the theory is exact up to 1 / n^2
    plain = GaussianDenoiser(torch.zeros(5).double(), tensor(C))(x, sigma).numpy()
    assert (np.abs(np.mean(drawn, axis=0) - plain) > 6 * error).any()


def test_limits_of_the_denoiser():
    C = random_covariance(np.random.default_rng(2), 5, 3)
    mean, x = torch.arange(5.0).double(), torch.randn(4, 5, generator=torch.Generator().manual_seed(0)).double()
    rich, poor = (FiniteSampleDenoiser(mean, tensor(C), n) for n in (3, 2))
    gaussian = GaussianDenoiser(mean, tensor(C))
    torch.testing.assert_close(rich(x, 0.0), gaussian(x, 0.0), rtol=1e-10, atol=1e-10)
    assert float((poor(x, 0.0) - gaussian(x, 0.0)).abs().max()) > 0.01  # two samples do not span three directions
    for sigma in (math.inf, 1e150):
        torch.testing.assert_close(poor(x, sigma), mean.expand(4, 5))
    many = FiniteSampleDenoiser(mean, tensor(C), 10**10)
    torch.testing.assert_close(many(x, 0.7), gaussian(x, 0.7), rtol=1e-8, atol=1e-8)
    for sigma in (1e-200, 1e-12, 1e-3, 1.0, 1e6, 1e12):
        assert bool(poor(x, sigma).isfinite().all()) and bool(rich.to(torch.float32)(x.float(), sigma).isfinite().all())


def test_derivatives_with_respect_to_sigma():
    D = FiniteSampleDenoiser(torch.zeros(4).double(), tensor(random_covariance(np.random.default_rng(3), 4, 4)), 7)
    x = torch.ones(3, 4).double()
    for s in (0.2, 1.0, 5.0):
        sigma = torch.full((3,), s, dtype=torch.float64, requires_grad=True)
        slope = torch.autograd.grad(D(x, sigma).sum(), sigma)[0]
        difference = (D(x, s + 1e-6) - D(x, s - 1e-6)).sum(1) / 2e-6
        torch.testing.assert_close(slope, difference, rtol=1e-6, atol=1e-8)


def test_fitted_on_many_it_predicts_the_optima_of_few():
    draw = stream(4, "finite sample data").standard_normal((6000, 30)) * np.sqrt(POWER[:30]) + 1.0
    n, sigma = 40, 0.6
    predicted = FiniteSampleDenoiser.fit(draw, n)
    assert (predicted.n, predicted.event_shape) == (n, (30,))
    x = torch.tensor(draw[:200] + sigma * stream(5, "finite sample data").standard_normal((200, 30)))
    sets = [GaussianDenoiser.fit(draw[k * n : (k + 1) * n])(x, sigma) for k in range(5, 105)]
    average = torch.stack(sets).mean(0)
    nearer = float((average - predicted(x, sigma)).square().sum())
    assert nearer < 0.2 * float((average - GaussianDenoiser.fit(draw)(x, sigma)).square().sum())


@pytest.mark.parametrize(
    ("spectrum", "n", "sigma", "error", "words"),
    [
        (STEPS, 1, 1.0, ArgumentError, "n: is 1"),
        (STEPS, 2.5, 1.0, ArgumentError, "n: is 2.5"),
        (np.zeros(4), 9, 1.0, EmptyDataError, "spectrum: holds zeros only"),
        ([1.0, -0.1], 9, 1.0, CovarianceError, "negative eigenvalue"),
        ([-1.0, -1.0], 9, 1.0, CovarianceError, "negative eigenvalue"),
        ([], 9, 1.0, ShapeError, "spectrum"),
        (np.eye(3), 9, 1.0, ShapeError, "eigenvalues of the covariance"),
        ([1.0, np.nan], 9, 1.0, NotFiniteError, "spectrum"),
        (STEPS, 9, -1.0, NoiseLevelError, "sigma"),
        (STEPS, 9, math.nan, NoiseLevelError, "sigma"),
    ],
)
def test_bad_input_is_refused(spectrum, n, sigma, error, words):
    for function in (kappa, errors):
        with pytest.raises(error, match=words):
            function(spectrum, n, sigma)
    if not words.startswith("sigma"):
        with pytest.raises(error, match=words):
            sample_cosine(spectrum, n)


def test_other_refusals():
    with pytest.raises(ArgumentError, match="spectrum_n"):
        errors(STEPS, 9, 1.0, spectrum_n=1)
    with pytest.raises(ArgumentError, match="cosine"):
        agreement_size(STEPS, 1.0)
    with pytest.raises(ArgumentError, match="excess"):
        overfitting_noise(STEPS, 9, 0.0)
    with pytest.raises(ArgumentError, match="samples_per_dimension"):
        spiked_overlap(1.0, 0.0)
    with pytest.raises(EmptyDataError, match="do not vary"):
        kurtosis_factor(np.ones((5, 3)), 9, 1.0)
    with pytest.raises(NoiseLevelError, match="sigma"):
        kurtosis_factor(np.eye(5), 9, 0.0)
    with pytest.raises(ShapeError, match="covariance"):
        FiniteSampleDenoiser(torch.zeros(3), torch.eye(2), 4)
    with pytest.raises(EmptyDataError, match="covariance"):
        FiniteSampleDenoiser(torch.zeros(2), Covariance.diagonal(torch.zeros(2)), 4)
    with pytest.raises(ArgumentError, match="n: is 1"):
        FiniteSampleDenoiser(torch.zeros(2), torch.eye(2), 1)
    assert kappa([1.0, 0.5, -1e-14], 9, 1.0) == pytest.approx(kappa([1.0, 0.5], 9, 1.0))
