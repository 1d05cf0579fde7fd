"""Guided sampling: exact for Gaussian priors, close for mixtures, refused where the operator is not linear."""

import numpy as np
import pytest
import torch

from idealscore.compare import controlled_reproducibility
from idealscore.errors import ArgumentError, DenoiserContractError, ShapeError, UnknownNameError
from idealscore.simulate import EmpiricalPosterior, GuidedDenoiser, blurring, inpainting, measure, sample
from idealscore.simulate.diffusion import starting_noise
from idealscore.simulate.inverse_problems._conjugate_gradients import conjugate_gradients
from idealscore.theory import EmpiricalDenoiser, GaussianDenoiser, MixtureDenoiser, karras_sigmas, with_condition

SHAPE = (1, 4, 5)
D = 20
KNOWN = torch.arange(D).reshape(SHAPE) % 3 > 0


@pytest.fixture(scope="module")
def prior():
    generator = np.random.default_rng(0)
    root = torch.from_numpy(generator.standard_normal((D, D)) / 4)
    mean = torch.from_numpy(generator.standard_normal(SHAPE))
    return GaussianDenoiser(mean, root @ root.T + 0.02 * torch.eye(D, dtype=torch.float64))


def averaging(x):
    return x.flatten(1).unflatten(1, (10, 2)).mean(2)


OPERATORS = {"inpainting": inpainting(KNOWN), "blurring": blurring(0.8), "averaging": averaging}


def matrix(operator):
    basis = torch.eye(D, dtype=torch.float64).reshape(D, *SHAPE)
    return operator(basis).flatten(1).T


def conditioned(prior, operator, y, noise):
    """The Gaussian p(x0 | y) by the textbook."""
    a, c = matrix(operator), prior.covariance.dense()
    gain = c @ a.T @ torch.linalg.inv(a @ c @ a.T + noise**2 * torch.eye(len(a), dtype=a.dtype))
    mean = prior.mean.flatten() + gain @ (y.flatten() - a @ prior.mean.flatten())
    posterior = c - gain @ a @ c
    return GaussianDenoiser(mean.reshape(SHAPE), (posterior + posterior.T) / 2)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("sigma", [0.03, 1.0, 40.0])
def test_guidance_is_exact_for_a_gaussian_prior(prior, name, sigma):
    """E[x0 | x, y] of a Gaussian prior is the Wiener filter of the Gaussian posterior given y."""
    operator, noise, x0 = OPERATORS[name], 0.1, prior.sample(4)
    y = measure(operator, x0, noise)
    x = x0 + sigma * starting_noise(4, SHAPE, 1.0, seed=3)
    found = GuidedDenoiser(prior, operator, y, noise, tolerance=1e-12)(x, sigma)
    for i in range(4):
        exact = conditioned(prior, operator, y[i], noise)(x[i : i + 1], sigma)
        torch.testing.assert_close(found[i : i + 1], exact, atol=1e-8, rtol=0)
        assert (found[i : i + 1] - prior(x[i : i + 1], sigma)).abs().max() > 1e-4


@pytest.mark.slow
def test_samples_are_those_of_the_posterior(prior):
    """Mean and covariance of ancestral samples given one y, within 5 standard errors and the cost of the steps."""
    operator, noise = OPERATORS["inpainting"], 0.2
    y = measure(operator, prior.sample(1), noise)[0]
    n, grid = 4000, [*karras_sigmas(60, 0.01, 30.0), 0.0]
    drawn = sample(
        GuidedDenoiser(prior, operator, y, noise), starting_noise(n, SHAPE, 30.0), grid, "ddpm", show=False
    ).flatten(1)
    exact = conditioned(prior, operator, y, noise)
    spread = exact.covariance.dense()
    error = (spread.diagonal() / n).sqrt()
    assert ((drawn.mean(0) - exact.mean.flatten()).abs() < 5 * error + 0.01).all()
    assert (drawn.var(0) / spread.diagonal() - 1).abs().max() < 0.2
    # negative control: unguided samples have the prior's mean
    assert ((prior.mean - exact.mean).flatten().abs() > 10 * error).any()


def test_isotropic_covariance_is_exact_for_isotropic_data():
    prior = GaussianDenoiser(torch.zeros(SHAPE, dtype=torch.float64), 0.25 * torch.eye(D, dtype=torch.float64))
    y = measure(averaging, prior.sample(3), 0.1)
    x = starting_noise(3, SHAPE, 2.0)
    found = [
        GuidedDenoiser(prior, averaging, y, 0.1, covariance=kind, sigma_data=0.5, tolerance=1e-12)(x, 1.5)
        for kind in ("jacobian", "isotropic")
    ]
    torch.testing.assert_close(*found, atol=1e-9, rtol=0)


def test_mixture_prior_is_close_but_not_exact(prior):
    """Beyond Gaussian priors the guided denoiser approximates: better than the prior's, worse than the truth."""
    means = torch.stack([prior.mean - 1, prior.mean + 1])
    mixture = MixtureDenoiser([0.5, 0.5], means, [prior.covariance, prior.covariance])
    operator, noise, sigma, x0 = OPERATORS["inpainting"], 0.3, 3.0, mixture.sample(200)
    y = measure(operator, x0, noise)
    x = x0 + sigma * starting_noise(200, SHAPE, 1.0, seed=5)
    a, c = matrix(operator), prior.covariance.dense()
    joint = a @ c @ a.T + noise**2 * torch.eye(len(a), dtype=a.dtype)
    evidence = [torch.distributions.MultivariateNormal(a @ m.flatten(), joint).log_prob(y) for m in means]
    exact = torch.empty_like(x)
    for i in range(len(x)):
        parts = [conditioned(GaussianDenoiser(m, prior.covariance), operator, y[i], noise) for m in means]
        weights = torch.stack(
            [e[i] + p.log_density(x[i : i + 1], sigma)[0] for e, p in zip(evidence, parts, strict=True)]
        ).softmax(0)
        exact[i] = sum(w * p(x[i : i + 1], sigma)[0] for w, p in zip(weights, parts, strict=True))
    found = GuidedDenoiser(mixture, operator, y, noise)(x, sigma)
    error, plain = ((d - exact).square().mean() for d in (found, mixture(x, sigma)))
    assert 1e-8 < error < plain / 3


def test_a_sample_does_not_depend_on_its_batch(prior):
    y = measure(averaging, prior.sample(6), 0.1)
    x = starting_noise(6, SHAPE, 2.0)
    whole = GuidedDenoiser(prior, averaging, y, 0.1, tolerance=1e-12)(x, torch.linspace(0.5, 3, 6))
    alone = GuidedDenoiser(prior, averaging, y[2:3], 0.1, tolerance=1e-12)(x[2:3], torch.linspace(0.5, 3, 6)[2:3])
    torch.testing.assert_close(whole[2:3], alone)
    assert torch.equal(measure(averaging, x, 0.1)[4:], measure(averaging, x[4:], 0.1, indices=[4, 5]))


def test_a_guided_denoiser_says_in_one_line_what_it_is(prior):
    guided = GuidedDenoiser(prior, averaging, measure(averaging, prior.sample(2), 0.1), 0.1)
    assert repr(guided) == "GuidedDenoiser(GaussianDenoiser, y=(2, 10), noise=0.1, jacobian)"


def test_no_noise_in_x_leaves_nothing_to_guide(prior):
    y = measure(averaging, prior.sample(2), 0.1)
    x = prior.sample(2, seed=1)
    torch.testing.assert_close(GuidedDenoiser(prior, averaging, y, 0.1)(x, 0.0), x)


def test_conjugate_gradients_solve(prior):
    c = prior.covariance.dense()
    right = starting_noise(5, (D,), 1.0)
    found = conjugate_gradients(lambda u: u @ c + 0.1 * u, right, 1e-12)
    exact = torch.linalg.solve(c + 0.1 * torch.eye(D, dtype=c.dtype), right.T).T
    torch.testing.assert_close(found, exact, atol=1e-8, rtol=0)


def test_blur_of_a_point_is_the_kernel():
    image = torch.zeros(1, 2, 11, 11, dtype=torch.float64)
    image[:, :, 5, 5] = 1
    found = blurring(1.0)(image)
    assert found.sum().item() == pytest.approx(2.0)
    torch.testing.assert_close(found, found.transpose(2, 3), rtol=1e-14, atol=1e-16)
    assert (found[0, 0, 5, 6] / found[0, 0, 5, 5]).item() == pytest.approx(np.exp(-0.5))


# reproducibility under a condition


def test_a_condition_alone_makes_samples_alike_and_the_null_shows_it():
    """Tight measurements: two unrelated priors agree, and the null with other noise says that the noise is not why."""
    noise, operator = 0.01, inpainting(KNOWN)
    flat = 0.3 * torch.eye(D, dtype=torch.float64)
    priors = [GaussianDenoiser(torch.zeros(SHAPE, dtype=torch.float64), k * flat) for k in (1.0, 1.02)]
    y = measure(operator, priors[0].sample(40), noise)
    guided = {name: GuidedDenoiser(p, operator, y, noise) for name, p in zip("ab", priors, strict=True)}
    options = {"n": 40, "dtype": torch.float64, "centre": torch.zeros(SHAPE, dtype=torch.float64)}
    whole = controlled_reproducibility(guided, SHAPE, **options).sel(model="a", other="b")
    assert whole.rp > 0.9 and whole.rp_other_noise > 0.4 and whole.rp_chance < 0.1
    hidden = controlled_reproducibility(guided, SHAPE, features=lambda x: x[:, ~KNOWN], **options).sel(
        model="a", other="b"
    )
    assert hidden.rp > 0.9 and hidden.rp_other_noise < 0.2


def test_conditions_by_class():
    def model(x, sigma, condition):
        centres = torch.tensor([-1.0, 1.0], dtype=x.dtype)[condition]
        return centres[:, None] + (x - centres[:, None]) * 0.01 / (0.01 + torch.as_tensor(sigma) ** 2)

    labels = torch.arange(20) // 2 % 2
    found = controlled_reproducibility(
        {"a": with_condition(model, labels), "b": with_condition(model, labels)}, (6,), n=20, dtype=torch.float64,
        centre=torch.zeros(6, dtype=torch.float64),
    ).sel(model="a", other="b")  # fmt: skip
    assert found.rp == 1 and found.rp_other_noise == 1 and 0.3 < found.rp_chance < 0.7


def test_the_empirical_optimum_can_be_guided():
    data = starting_noise(30, SHAPE, 1.0)
    y = measure(averaging, data[:3], 0.05)
    guided = GuidedDenoiser(EmpiricalDenoiser(data), averaging, y, 0.05)
    drawn = sample(guided, starting_noise(3, SHAPE, 20.0), [*karras_sigmas(30, 0.01, 20.0), 0.0], show=False)
    assert (drawn - data[:3]).flatten(1).norm(dim=1).max() < 0.5


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda p, x: GuidedDenoiser(p, lambda x: x.flatten(1) + 1, x.flatten(1), 0.1)(x, 1.0), ArgumentError),
        (lambda p, x: GuidedDenoiser(p, lambda x: x.flatten(1) ** 2, x.flatten(1), 0.1)(x, 1.0), ArgumentError),
        (lambda p, x: GuidedDenoiser(p, averaging, x, 0.1)(x, 1.0), ShapeError),
        (lambda p, x: GuidedDenoiser(p, averaging, averaging(x), 0.0), ArgumentError),
        (lambda p, x: GuidedDenoiser(p, averaging, averaging(x), 0.1, covariance="full"), UnknownNameError),
        (
            lambda p, x: GuidedDenoiser(lambda x, sigma: x.detach(), averaging, averaging(x), 0.1)(x, 1.0),
            DenoiserContractError,
        ),
        (lambda p, x: inpainting(torch.zeros(3, dtype=torch.bool)), ArgumentError),
        (lambda p, x: inpainting(torch.zeros(3)), ArgumentError),
        (lambda p, x: blurring(0.0), ArgumentError),
        (lambda p, x: blurring(1.0, 4), ArgumentError),
        (lambda p, x: blurring(1.0)(x[0]), ShapeError),
    ],
)
def test_bad_input_is_refused(call, error, prior):
    with pytest.raises(error):
        call(prior, prior.sample(2))


def test_a_denoiser_that_is_no_optimum_does_not_blow_up(prior):
    """A Jacobian with negative directions, as a network may have, is met with a warning and a bounded answer."""
    y = measure(averaging, prior.sample(3), 0.1)
    x = starting_noise(3, SHAPE, 20.0)

    def odd(x, sigma):
        return prior(x, sigma) - 1e-2 * x.flip(-1) - 1e-2 * x

    with pytest.warns(UserWarning, match="not positive everywhere"):
        found = GuidedDenoiser(odd, averaging, y, 0.1)(x, 20.0)
    plain = odd(x, 20.0)
    fit, before = ((averaging(d) - y).norm() for d in (found, plain))
    assert found.isfinite().all() and fit < 2 * before


@pytest.fixture(scope="module")
def few():
    return torch.from_numpy(np.random.default_rng(5).standard_normal((30, *SHAPE)))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("sigma", [0.05, 1.5, 8.0])
def test_the_empirical_posterior_is_an_optimum_of_data_and_measurement(few, name, sigma):
    """Measuring y with noise s is seeing (sigma / s) A x0 with noise sigma: one more part of the event."""
    operator, noise = OPERATORS[name], 0.8
    y = measure(operator, few[:6] + 0.3, noise)
    x = few[4:10] + sigma * starting_noise(6, SHAPE, 1.0, seed=3)
    scale = sigma / noise
    joined = EmpiricalDenoiser(torch.cat([few.flatten(1), scale * operator(few).flatten(1)], 1))
    expected = joined(torch.cat([x.flatten(1), scale * y.flatten(1)], 1), sigma)[:, :D].reshape(x.shape)
    found = EmpiricalPosterior(few, operator, y, noise)(x, sigma)
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    plain = EmpiricalDenoiser(few)(x, sigma)
    assert sigma < 0.1 or (found - plain).abs().max() > 0.1  # negative control: the measurement counts


def test_the_empirical_posterior_at_the_ends_of_the_noise(few):
    """sigma = 0: the nearest datum, a tie by likelihood; sigma = inf: p(x_i | y); s -> inf: the plain optimum."""
    operator = OPERATORS["averaging"]
    y, x = operator(few[:5]), few[10:15]
    tight = EmpiricalPosterior(few, operator, y, 1e-3)
    torch.testing.assert_close(tight(x, 0.0), x)
    torch.testing.assert_close(tight(x, 1e-160), x)
    torch.testing.assert_close(tight(x, torch.inf), few[:5])
    middle = (few[:1] + few[1:2]) / 2
    torch.testing.assert_close(EmpiricalPosterior(few[:2], operator, y[0], 1e-3)(middle, 0.0), few[:1])
    loose = EmpiricalPosterior(few, operator, y, 1e6)
    torch.testing.assert_close(loose(x, 1.3), EmpiricalDenoiser(few)(x, 1.3), atol=1e-9, rtol=0)


def test_the_empirical_posterior_of_many_points_is_that_of_each(few, monkeypatch):
    y = measure(averaging, few[:6], 0.5)
    x, levels = few[6:12] + 0.1, torch.linspace(0.1, 3, 6, dtype=torch.float64)
    whole = EmpiricalPosterior(few, averaging, y, 0.5)(x, levels)
    monkeypatch.setattr("idealscore.simulate.inverse_problems._empirical_posterior.NUMBERS", 64)
    torch.testing.assert_close(EmpiricalPosterior(few, averaging, y, 0.5)(x, levels), whole, atol=1e-12, rtol=0)
    for i in range(6):
        one = EmpiricalPosterior(few, averaging, y[i], 0.5)(x[i : i + 1], levels[i])
        torch.testing.assert_close(one, whole[i : i + 1], atol=1e-12, rtol=0)


def test_guidance_around_the_empirical_optimum_comes_near_its_posterior_at_low_noise(few):
    """One pass of a linearised posterior: exact where x singles out one datum, off where several compete."""
    y = measure(averaging, few[:6], 0.8)
    guided = GuidedDenoiser(EmpiricalDenoiser(few), averaging, y, 0.8)
    exact = EmpiricalPosterior(few, averaging, y, 0.8)
    noise = starting_noise(6, SHAPE, 1.0, seed=3)

    def gap(sigma):
        x = few[:6] + sigma * noise
        return float((guided(x, sigma) - exact(x, sigma)).abs().max())

    assert gap(0.1) < 1e-6 < 0.05 < gap(1.5)


def test_an_empirical_posterior_refuses_what_does_not_fit(few):
    y = averaging(few[:3])
    with pytest.raises(ShapeError, match=r"^y: has shape"):
        EmpiricalPosterior(few, averaging, y[:, :4], 0.1)
    with pytest.raises(ArgumentError, match=r"^noise: "):
        EmpiricalPosterior(few, averaging, y, 0.0)
    with pytest.raises(ArgumentError, match=r"^operator: "):
        EmpiricalPosterior(few, None, y, 0.1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match=r"^x: is a batch of 4; pass 3 samples"):
        EmpiricalPosterior(few, averaging, y, 0.1)(few[:4], 1.0)
