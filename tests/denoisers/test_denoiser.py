import pytest
import torch

from idealscore import cite
from idealscore.errors import ArgumentError, NoiseLevelError
from idealscore.theory import (
    EmpiricalDenoiser,
    GaussianDenoiser,
    MixtureDenoiser,
    noise_prediction,
    posterior_covariance,
    score,
    velocity,
    with_condition,
)
from idealscore.theory.denoiser import Denoiser, jacobian

MIXTURE = MixtureDenoiser([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.5]], [0.1, 0.2])
X = torch.tensor([[0.3, -0.2], [2.0, 1.0], [-4.0, 0.1]], dtype=torch.float64)


def test_the_score_is_the_gradient_of_the_log_density():
    x = X.clone().requires_grad_()
    gradient = torch.autograd.grad(MIXTURE.log_density(x, 0.7).sum(), x)[0]
    assert torch.allclose(score(MIXTURE, X, 0.7), gradient, atol=1e-12)


def test_all_parameterisations_are_one_prediction():
    sigma = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
    level = sigma[:, None]
    denoised, noise = MIXTURE(X, sigma), noise_prediction(MIXTURE, X, sigma)
    assert torch.allclose(denoised + level * noise, X)
    assert torch.allclose(score(MIXTURE, X, sigma), -noise / level)
    flow_time = level / (1 + level)
    x_flow = X / (1 + level)
    assert torch.allclose(x_flow - flow_time * velocity(MIXTURE, X, sigma, "flow"), denoised, atol=1e-12)
    root = torch.sqrt(1 + level**2)
    x_vp = X / root
    assert torch.allclose(x_vp / root - level / root * velocity(MIXTURE, X, sigma, "v"), denoised, atol=1e-12)


def test_second_order_tweedie_against_finite_differences():
    step = 1e-5
    columns = [(MIXTURE(X + step * e, 0.6) - MIXTURE(X - step * e, 0.6)) / (2 * step) for e in torch.eye(2).double()]
    numeric = torch.stack(columns, dim=2)
    assert torch.allclose(jacobian(MIXTURE, X, 0.6), numeric, atol=1e-8)
    covariance = posterior_covariance(MIXTURE, X, 0.6)
    assert torch.allclose(covariance, 0.36 * numeric, atol=1e-8)
    assert torch.allclose(covariance, covariance.mT, atol=1e-12)
    assert float(torch.linalg.eigvalsh(covariance).min()) > -1e-12


def test_posterior_covariance_by_enumeration():
    data = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    D = EmpiricalDenoiser(data)
    weights = torch.softmax(-((X[:, None] - data) ** 2).sum(2) / (2 * 0.8**2), dim=1)
    mean = weights @ data
    centred = data - mean[:, None]
    exact = torch.einsum("bn,bni,bnj->bij", weights, centred, centred)
    assert torch.allclose(posterior_covariance(D, X, 0.8), exact, atol=1e-12)


def test_a_condition_is_bound():
    def conditional(x, sigma, condition):
        return x * condition

    assert torch.equal(with_condition(conditional, 2.0)(X, 1.0), 2 * X)


def test_plain_functions_and_modules_are_denoisers():
    assert isinstance(MIXTURE, Denoiser) and isinstance(lambda x, sigma: x, Denoiser)


@pytest.mark.parametrize("sigma", [0.0, float("inf"), -1.0, float("nan")])
@pytest.mark.parametrize("derived", [score, noise_prediction, velocity, posterior_covariance])
def test_quotients_without_a_limit_are_refused(derived, sigma):
    with pytest.raises(NoiseLevelError, match="sigma"):
        derived(MIXTURE, X, sigma)


def test_cite_finds_the_papers_of_objects_classes_and_functions():
    assert "@inproceedings{Li2024," in cite(GaussianDenoiser)
    assert cite(GaussianDenoiser) == cite(GaussianDenoiser(torch.zeros(1), torch.eye(1)))
    assert "Efron2011" in cite(score)
    with pytest.raises(ArgumentError, match="names no paper"):
        cite(len)
