"""Deliberately wrong denoisers: the kit must flag every one and name the identity or the mistake.

Each mutant states beforehand what the kit should say: a word of the contract error, or the headline identity (the
first broken one of the catalogue), and where the mistake is a known one, a word of the cause.
"""

import math
from functools import cache

import numpy as np
import pytest
import torch

from idealscore.errors import DenoiserContractError, IdentityViolation
from idealscore.theory import DiscreteSchedule, EmpiricalDenoiser, GaussianDenoiser, MixtureDenoiser
from idealscore.theory.identities import Report, Symmetry, assert_identities

MEANS = torch.tensor([[2.0, 0.4], [-2.0, 0.4], [0.0, -1.5]], dtype=torch.float64)
TRUE = MixtureDenoiser([0.3, 0.3, 0.4], MEANS, [0.2, 0.2, 0.05])
FLIP = Symmetry("left-right", lambda x: x * torch.tensor([-1.0, 1.0], dtype=x.dtype))
SIGMAS = (0.8,)
SCHEDULE = DiscreteSchedule.linear(100, 1e-3, 0.1)


def column(sigma, x):
    return torch.as_tensor(sigma, dtype=x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def at(factor):
    return lambda x, sigma: TRUE(x, factor * torch.as_tensor(sigma, dtype=x.dtype))


def with_sigma(change):
    return lambda x, sigma: TRUE(x, change(torch.as_tensor(sigma, dtype=x.dtype)))


def other(weights=(0.3, 0.3, 0.4), means=MEANS, variances=(0.2, 0.2, 0.05)):
    return MixtureDenoiser(list(weights), means, list(variances))


def detached_mean(x, sigma):
    denoised = TRUE(x, sigma)
    return denoised - TRUE.means.mean(0) + TRUE.means.mean(0) + 0.2 * (x.detach() - x)


def kernel_without_half(x, sigma):
    """softmax(-|x - y|^2 / sigma^2) for the component weights, everything else right."""
    variance = torch.tensor([0.2, 0.2, 0.05], dtype=x.dtype)
    level = column(sigma, x) ** 2
    total = variance + level
    square = (x[:, None] - TRUE.means).square().sum(-1)
    logits = TRUE.log_weights - square / total - total.log()
    posterior = TRUE.means + (variance / total)[..., None] * (x[:, None] - TRUE.means)
    return (torch.softmax(logits, 1)[..., None] * posterior).sum(1)


def previous_step(x, sigma):
    levels = SCHEDULE.sigmas
    shifted = np.interp(np.asarray(sigma), levels[1:], levels[:-1])
    return TRUE(x, torch.as_tensor(shifted, dtype=x.dtype))


def rotated(x, sigma):
    denoised = TRUE(x, sigma)
    return denoised + 0.05 * torch.stack([-denoised[:, 1], denoised[:, 0]], 1)


def per_coordinate(x, sigma):
    """Posterior weights computed coordinate by coordinate: the Jacobian is no longer a covariance."""
    level = column(sigma, x) ** 2
    total = torch.tensor([0.2, 0.2, 0.05], dtype=x.dtype) + level
    logits = TRUE.log_weights[:, None] - (x[:, None] - TRUE.means).square() / (2 * total[..., None])
    return (torch.softmax(logits, 1) * TRUE.means).sum(1) + 0.1 * TRUE(x, sigma).flip(1)


MUTANTS = {
    # what the contract forbids: the word of the error
    "changes the shape": (lambda x, s: TRUE(x, s).flatten(), "shape"),
    "computes in float32": (lambda x, s: TRUE(x, s).float(), "dtype"),
    "divides zero by zero": (lambda x, s: TRUE(x, s) * torch.where(x[:, :1] > -9, x[:, :1] * 0 / 0, 1.0), "NaN"),
    "ignores sigma": (lambda x, s: TRUE(x, 1.0), "ignores sigma"),
    "mixes the batch": (lambda x, s: TRUE(x, s) - TRUE(x, s).mean(0), "other samples"),
    "writes into its input": (lambda x, s: x.copy_(TRUE(x, s)), "writes into"),
    "reads one sigma per batch": (lambda x, s: TRUE(x, torch.as_tensor(s).reshape(-1)[0]), "tensor (batch,)"),
    # what an identity catches: its name, and the cause where it is a known one
    "detached mean": (detached_mean, "derivative"),
    "detached weights": (lambda x, s: TRUE(x.detach(), s) + 0 * x, "derivative"),
    "turned by a rotation": (rotated, "symmetry"),
    "weights per coordinate": (per_coordinate, "symmetry"),
    "sign of the score": (lambda x, s: 2 * x - TRUE(x, s), "high_noise_limit", "sign of the score"),
    "negated": (lambda x, s: -TRUE(x, s), "positivity", "-1 times"),
    "noise prediction": (
        lambda x, s: (x - TRUE(x, s)) / column(s, x),
        "positivity",
        "noise prediction",
    ),
    "score": (lambda x, s: (TRUE(x, s) - x) / column(s, x) ** 2, "positivity", "this is the score"),
    "asymmetric weights": (other((0.35, 0.25, 0.4)), "equivariance"),
    "asymmetric means": (other(means=MEANS + torch.tensor([0.1, 0.0])), "equivariance"),
    "score over sigma": (
        lambda x, s: x + (TRUE(x, s) - x) / column(s, x),
        "high_noise_limit",
        "multiplied by sigma instead of sigma^2",
    ),
    "output by 0.95": (lambda x, s: 0.95 * TRUE(x, s), "low_noise_limit", "0.95 times the true one"),
    "shifted": (lambda x, s: TRUE(x, s) + torch.tensor([0.0, 0.1], dtype=x.dtype), "low_noise_limit"),
    "smallest sigma": (with_sigma(lambda s: s.clamp(min=0.7)), "low_noise_limit"),
    "largest sigma": (with_sigma(lambda s: s.clamp(max=1.2)), "high_noise_limit"),
    "clamp": (lambda x, s: TRUE(x, s).clamp(-1.0, 1.0), "symmetry", "clamped to"),
    "kernel without its half": (kernel_without_half, "denoiser_equation"),
    "kernel too wide": (at(math.sqrt(2)), "denoiser_equation", "factor two too much"),
    "kernel too narrow": (at(1 / math.sqrt(2)), "denoiser_equation", "factor two is missing"),
    "sigma squared": (with_sigma(torch.square), "denoiser_equation", "sigma^2 is used"),
    "root of sigma": (with_sigma(torch.sqrt), "high_noise_limit", "sqrt(sigma) is used"),
    "off by one step": (previous_step, "high_noise_limit"),
    "input not rescaled": (
        lambda x, s: TRUE(x * torch.sqrt(1 + column(s, x) ** 2), s),
        "high_noise_limit",
        "not rescaled",
    ),
    "input on the other clock": (
        lambda x, s: TRUE(x / torch.sqrt(1 + column(s, x) ** 2), s),
        "denoiser_equation",
        "x is divided",
    ),
    "output on the other clock": (
        lambda x, s: TRUE(x, s) / torch.sqrt(1 + column(s, x) ** 2),
        "denoiser_equation",
        "the output is divided",
    ),
    "score by 1.1": (lambda x, s: x + 1.1 * (TRUE(x, s) - x), "high_noise_limit", "1.1 times the true one"),
    "Gaussian shortcut": (
        GaussianDenoiser(torch.tensor([0.0, -0.36]), torch.diag(torch.tensor([2.54, 0.9464]))).double(),
        "tweedie",
    ),
    "too broad components": (other(variances=(0.4, 0.4, 0.1)), "tweedie"),
    "other weights": (other((0.25, 0.25, 0.5)), "tweedie"),
    "a memorised training set": (EmpiricalDenoiser(TRUE.sample(40, 9)), "equivariance"),
}

PRIOR = cache(TRUE.sample)


def verdict(name):
    """(names the right thing, what the kit said) for a mutant; the kit must refuse it."""
    denoiser, expected, *cause = MUTANTS[name]
    with pytest.raises((DenoiserContractError, IdentityViolation)) as caught:
        assert_identities(
            denoiser,
            (2,),
            SIGMAS,
            prior=PRIOR,
            log_density=TRUE.log_density,
            symmetries=[FLIP],
            n_samples=256,
            n_probes=4,
            batch=3,
        )
    error = caught.value
    if isinstance(error, DenoiserContractError):
        return expected in str(error), str(error)
    assert isinstance(error.report, Report)
    causes = " ".join(finding.cause for finding in error.report.broken)
    said = f"{error.report.headline}: {causes}"
    return error.report.headline == expected and all(word in causes for word in cause), said


def test_the_true_denoiser_passes():
    report = assert_identities(
        TRUE,
        (2,),
        SIGMAS,
        prior=PRIOR,
        log_density=TRUE.log_density,
        symmetries=[FLIP],
        n_samples=256,
        n_probes=4,
        batch=3,
    )
    assert all(finding.verdict == "holds" for finding in report)


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.sampled(0.2, "ignores sigma", "sign of the score", "detached mean", "score over sigma")
def test_mutant_is_flagged_and_named(name):
    right, said = verdict(name)
    assert right, said
