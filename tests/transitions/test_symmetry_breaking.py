"""Symmetry breaking by its four criteria, the onset of memorisation, and the refusal of bad input."""

import math
import pkgutil

import numpy as np
import pytest
import torch
from known import ou_time_of, value_of

import idealscore.theory as theory
from idealscore.errors import (
    ArgumentError,
    CovarianceError,
    EmptyDataError,
    NoiseLevelError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
)
from idealscore.theory import MixtureDenoiser
from idealscore.theory.transitions import (
    OnsetLaw,
    class_information,
    class_speciation,
    cloning,
    cloning_probability,
    collapse,
    gaussian_information,
    memorisation_onset,
    mode_emergence,
    speciation,
    symmetry_breaking,
)


def two_points(a):
    return MixtureDenoiser([0.5, 0.5], [[-a], [a]], [0.0, 0.0])


def bootstrap(data, statistic, repeats=200, seed=0):
    generator = np.random.default_rng(seed)
    return np.std(
        [statistic(data[generator.integers(0, len(data), len(data))]) for _ in range(repeats)], axis=0, ddof=1
    )


# symmetry breaking


@pytest.mark.parametrize(("a", "time"), [(1.0, 0.4407), (2.0, 1.0474), (10.0, 2.6492)])
def test_two_points(a, time):
    sde = symmetry_breaking(two_points(a), "sde")
    assert ou_time_of(sde) == pytest.approx(time, abs=1e-4)
    v = math.exp(-2 * ou_time_of(sde))
    assert v**2 + 2 * a**2 * v == pytest.approx(1, abs=1e-9)
    assert symmetry_breaking(two_points(a), "bimodality").value == pytest.approx(a, rel=1e-9)
    variance = symmetry_breaking(two_points(a), "variance")
    assert variance.value is None if a == 1 else ou_time_of(variance) == pytest.approx(math.log(a))
    half = symmetry_breaking(two_points(a), "half-clone")
    assert float(cloning_probability((a / value_of(half)) ** 2)) == pytest.approx(0.75, abs=1e-7)


def test_two_points_at_the_critical_angle():
    assert math.exp(-ou_time_of(symmetry_breaking(two_points(1.0), "sde"))) == pytest.approx(
        math.sqrt(math.sqrt(2) - 1), abs=1e-9
    )


def test_criteria_differ_by_half_a_log_2():
    a = 1000.0
    times = {
        c: ou_time_of(symmetry_breaking(two_points(a), c)) for c in ("variance", "bimodality", "half-clone", "sde")
    }
    assert times["sde"] - times["variance"] == pytest.approx(math.log(2) / 2, abs=1e-5)
    assert max(times.values()) - min(times.values()) <= math.log(2) / 2 + 1e-5


@pytest.mark.parametrize("criterion", ["bimodality", "sde"])
def test_points_as_data_and_as_mixture(criterion):
    y = torch.tensor([[-2.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
    mixture = MixtureDenoiser([0.5, 0.5], y, [0.0, 0.0])
    assert symmetry_breaking(y, criterion).value == pytest.approx(symmetry_breaking(mixture, criterion).value)


def test_bimodality_of_two_gaussians_is_that_of_the_density():
    """p_sigma of +-m with variance v is bimodal iff |m|^2 > v + sigma^2."""
    mixture = MixtureDenoiser([0.5, 0.5], [[-2.0], [2.0]], [1.0, 1.0])
    critical = value_of(symmetry_breaking(mixture, "bimodality"))
    assert critical == pytest.approx(math.sqrt(3))
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)[:, None]
    for sigma, modes in ((0.98 * critical, 2), (1.02 * critical, 1)):
        density = mixture.log_density(x, sigma)
        rising = (density[1:] > density[:-1]).int()
        assert int((rising[1:] < rising[:-1]).sum()) == modes


def test_standard_error_of_the_bimodality_of_data():
    y = MixtureDenoiser([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [1.0, 0.3]).sample(300, seed=0)
    found = symmetry_breaking(y, "bimodality")
    spread = bootstrap(y, lambda sample: symmetry_breaking(sample, "bimodality").value, repeats=40)
    assert found.stderr == pytest.approx(spread, rel=0.5)


def test_gaussian_data_amplify_and_never_choose():
    matrix = torch.diag(torch.tensor([6.0, 1.0], dtype=torch.float64))
    assert symmetry_breaking(matrix, "bimodality").value is None
    assert symmetry_breaking(matrix, "sde").value == pytest.approx(2.0)
    assert symmetry_breaking(torch.eye(2), "sde").value is None
    one = MixtureDenoiser(torch.ones(1, dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64), matrix[None])
    assert symmetry_breaking(one, "sde").value == pytest.approx(2.0)


def test_half_clone_with_sampled_classes():
    """Two components of nearly one covariance: sampling agrees with the quadrature of exactly one."""
    exact = symmetry_breaking(MixtureDenoiser([0.3, 0.7], [[-2.0], [2.0]], [1.0, 1.0]), "half-clone")
    near = symmetry_breaking(MixtureDenoiser([0.3, 0.7], [[-2.0], [2.0]], [1.0, 1.0 + 1e-9]), "half-clone")
    assert exact.stderr == 0 < near.stderr and abs(value_of(near) - value_of(exact)) < 5 * near.stderr
    overlapping = MixtureDenoiser([0.5, 0.5], [[-0.1], [0.1]], [1.0, 1.0])
    assert symmetry_breaking(overlapping, "half-clone").value is None


# training time


def test_memorisation_onset():
    law = OnsetLaw.fit([100, 1000, 10_000], [3e4, 3e5, 3e6])
    assert law.prefactor == pytest.approx(300) and law.exponent == pytest.approx(1)
    found = memorisation_onset(500, law)
    assert found.value == pytest.approx(1.5e5) and found.noise is None and found.unit == "steps"
    assert memorisation_onset(500, 300).value == 150_000
    quadratic = OnsetLaw.fit([100, 1000, 10_000], [1e4, 1e6, 1e8])
    assert quadratic.exponent == pytest.approx(2) and "n^(2" in memorisation_onset(10, quadratic).note


def test_onset_law_errors_cover_the_truth():
    scores = []
    for k in range(300):
        n = np.array([64, 128, 256, 512, 1024, 2048, 4096, 8192])
        law = OnsetLaw.fit(n, 300 * n * np.exp(0.2 * np.random.default_rng(k).standard_normal(8)))
        assert law.exponent is not None
        scores.append([(math.log(law.prefactor / 300)) * law.prefactor / law.prefactor_stderr, law.exponent - 1])
    assert abs(np.mean(scores, axis=0)[0]) < 5 * math.sqrt(1.4 / 300)  # Student t, 7 degrees of freedom
    assert 0.8 < np.var(np.array(scores)[:, 0]) < 2.2


# bad input


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: speciation(torch.ones(1, 4)), EmptyDataError),
        (lambda: speciation(torch.ones(5, 4)), CovarianceError),
        (lambda: speciation(torch.zeros(4, 4)), CovarianceError),
        (lambda: speciation(torch.full((5, 4), math.nan)), NotFiniteError),
        (lambda: speciation(torch.tensor([[1.0, 0.0], [0.0, -1.0]])), CovarianceError),
        (lambda: speciation([1.0, 2.0]), ShapeError),
        (lambda: mode_emergence(torch.eye(2), 0), ArgumentError),
        (lambda: collapse(torch.eye(2)), ArgumentError),
        (lambda: collapse(torch.eye(2), 1), ArgumentError),
        (lambda: collapse(torch.eye(2), 10, "speed"), UnknownNameError),
        (lambda: collapse(torch.eye(2), 10, "mixture"), ArgumentError),
        (lambda: collapse(torch.eye(2), 10, "entropy"), ArgumentError),
        (lambda: collapse(torch.rand(9, 2, generator=torch.Generator()), 5, "entropy"), ArgumentError),
        (lambda: collapse(torch.ones(5, 4), criterion="entropy"), CovarianceError),
        (lambda: gaussian_information(torch.eye(2), [0.0]), NoiseLevelError),
        (lambda: cloning(two_points(1.0), [-1.0]), NoiseLevelError),
        (lambda: cloning_probability(-1.0), ArgumentError),
        (lambda: class_information(1.0, 1.5), ArgumentError),
        (lambda: class_speciation(torch.eye(3)[:2]), ArgumentError),
        (lambda: class_speciation(torch.eye(3)[:2], [0]), ShapeError),
        (lambda: symmetry_breaking(torch.eye(2), "sudden"), UnknownNameError),
        (lambda: symmetry_breaking(torch.eye(2), "half-clone"), ArgumentError),
        (lambda: memorisation_onset(0, 300.0), ArgumentError),
        (lambda: memorisation_onset(10, -1.0), ArgumentError),
        (lambda: OnsetLaw.fit([10, 10], [1.0, 2.0]), EmptyDataError),
        (lambda: OnsetLaw.fit([10, 20], [1.0, 0.0]), ArgumentError),
        (lambda: OnsetLaw.fit([10, 20], [1.0]), ShapeError),
    ],
)
def test_bad_input_is_refused(call, error):
    with pytest.raises(error):
        call()


def test_no_public_name_is_hidden_by_a_module():
    modules = {module.name for module in pkgutil.iter_modules(theory.__path__)}
    assert not {"collapse", "cloning", "speciation", "symmetry_breaking", "class_speciation"} & modules
